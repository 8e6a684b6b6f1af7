"""A link for a phone: shown as a QR code, good once, for ten minutes."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from io import BytesIO

from django.utils.safestring import SafeString, mark_safe
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.svg import SvgPathImage

from bascule.portal.directory.models import Carry, Mailbox, Member

MINUTES = 10


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def begin(mailbox: Mailbox, by: Member) -> str:
    """The link's secret."""
    Carry.objects.filter(ends_at__lt=datetime.now(UTC)).delete()
    token = secrets.token_urlsafe(24)
    Carry.objects.create(token_hash=hashed(token), mailbox=mailbox, by=by, ends_at=datetime.now(UTC) + timedelta(minutes=MINUTES))  # fmt: skip
    return token


def arrive(token: str, phone: str) -> Carry | None:
    """What ``token`` carries, to the phone (its session's secret) that opened it first; None: nothing any more."""
    carry = Carry.objects.filter(token_hash=hashed(token), ends_at__gt=datetime.now(UTC)).select_related("mailbox__wave", "by").first()  # fmt: skip
    if carry is None:
        return None
    mine = hashed(phone)
    taken = Carry.objects.filter(pk=carry.pk, session_hash="").update(session_hash=mine)
    if not taken:
        carry.refresh_from_db()
        if carry.session_hash != mine:
            return None
    return carry


def picture(text: str) -> SafeString:
    """``text`` as a QR code, SVG."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=2)
    code.add_data(text)
    out = BytesIO()
    code.make_image(image_factory=SvgPathImage).save(out)
    svg = out.getvalue().decode()
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308 - drawn here, of squares only
