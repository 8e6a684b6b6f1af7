"""What every template knows."""

import time

from django.conf import settings
from django.http import HttpRequest

from bascule import __version__
from bascule.portal.directory.models import Banner, Member, Role
from bascule.portal.shell import words
from bascule.portal.shell.doors import now

BANNER_SECONDS = 1.0
"""How late a banner may be."""
_banner: tuple[float, Banner | None] = (0.0, None)


def shown_banner() -> Banner | None:
    """What everybody is told, looked up once a second and not for each page."""
    global _banner
    looked_at, banner = _banner
    if time.monotonic() - looked_at > BANNER_SECONDS:
        banner = Banner.objects.filter(is_shown=True).first()
        _banner = (time.monotonic(), banner)
    return banner


def banner_changed() -> None:
    """In this process it is seen at once: whoever set it looks at it."""
    global _banner
    _banner = (0.0, None)


def shell(request: HttpRequest) -> dict[str, object]:
    institution = settings.BASCULE
    banner = shown_banner()
    language = getattr(request, "LANGUAGE_CODE", "fr")
    member = request.user if isinstance(getattr(request, "user", None), Member) else None
    is_rehearsal = institution.platform.rehearsal_clock is not None
    return {
        "institution": institution,
        "version": __version__,
        "banner": banner,
        "banner_text": (banner.text_fr if language == "fr" else banner.text_en) if banner else "",
        "member": member,
        "is_operator": member is not None and member.role == Role.OPERATOR,
        "sees_control": member is not None and member.role in (Role.OPERATOR, Role.AUDITOR, Role.TECHNICIAN),
        "may_lift": member is not None and member.role in (Role.OPERATOR, Role.TECHNICIAN),
        "is_rehearsal": is_rehearsal,
        "rehearsal_now": words.when(now(), now()) if is_rehearsal else "",
        "other_language": "en" if language == "fr" else "fr",
    }
