"""What every template knows."""

from django.conf import settings
from django.http import HttpRequest

from bascule import __version__
from bascule.portal.directory.models import Banner, Member, Role
from bascule.portal.shell import words
from bascule.portal.shell.doors import now


def shell(request: HttpRequest) -> dict[str, object]:
    institution = settings.BASCULE
    banner = Banner.objects.filter(is_shown=True).first()
    language = getattr(request, "LANGUAGE_CODE", "fr")
    member = request.user if isinstance(getattr(request, "user", None), Member) else None
    return {
        "institution": institution,
        "version": __version__,
        "banner": banner,
        "banner_text": (banner.text_fr if language == "fr" else banner.text_en) if banner else "",
        "member": member,
        "is_operator": member is not None and member.role == Role.OPERATOR,
        "sees_control": member is not None and member.role in (Role.OPERATOR, Role.AUDITOR, Role.TECHNICIAN),
        "is_rehearsal": institution.platform.rehearsal_clock is not None,
        "rehearsal_now": words.when(now(), now()),
        "other_language": "en" if language == "fr" else "fr",
    }
