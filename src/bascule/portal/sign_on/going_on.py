"""Where somebody goes after signing on: back to the page that asked for it, never to another site."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def safe_next(request: HttpRequest) -> str:
    """ "" where none was asked for, or it is elsewhere."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_https = settings.BASCULE.url.startswith("https://")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=is_https) else ""
