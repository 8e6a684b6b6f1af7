"""A link for a phone: shown as a QR code, good once, for ten minutes."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from io import BytesIO

from django.db.models import QuerySet
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
    """What ``token`` carries, to the phone (its session's secret) that begins with it first; None: nothing any more."""
    _there(token).filter(session_hash="").update(session_hash=hashed(phone))
    return arrived(token, phone)


def arrived(token: str, phone: str) -> Carry | None:
    """What ``token`` carries, to the phone that began with it; None: it is over, or another's, or nobody's yet."""
    return _there(token).filter(session_hash=hashed(phone)).select_related("mailbox__wave", "by").first()


def is_waiting(token: str) -> bool:
    """Whether no phone began with it yet."""
    return _there(token).filter(session_hash="").exists()


def _there(token: str) -> QuerySet[Carry]:
    return Carry.objects.filter(token_hash=hashed(token), ends_at__gt=datetime.now(UTC))


def picture(text: str) -> SafeString:
    """``text`` as a QR code, SVG."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=2)
    code.add_data(text)
    out = BytesIO()
    code.make_image(image_factory=SvgPathImage).save(out)
    svg = out.getvalue().decode()
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308 - drawn here, of squares only
