"""Pages that belong to no room: the look, the language, errors."""

import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from bascule.portal.sign_on.going_on import safe_next


@require_GET
@cache_control(max_age=300)
def look(request: HttpRequest) -> HttpResponse:
    """The institution's accent, as CSS: style attributes are not allowed in pages."""
    colour = settings.BASCULE.colour
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    darker = "#" + "".join(f"{int(part * 0.82):02x}" for part in (red, green, blue))
    paler = "#" + "".join(f"{int(part + (255 - part) * 0.55):02x}" for part in (red, green, blue))
    css = (
        f":root{{--accent:{colour};--accent-rgb:{red},{green},{blue};--accent-strong:{darker};--accent-pale:{paler}}}\n"
    )
    return HttpResponse(css, "text/css")


@require_GET
@cache_control(max_age=3600)
def logo(request: HttpRequest) -> FileResponse:
    file = settings.BASCULE.logo
    if file is None or not file.is_file():
        raise Http404
    kind = "image/svg+xml" if file.suffix.lower() == ".svg" else "image/png"
    return FileResponse(file.open("rb"), content_type=kind)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    code = request.POST.get("language", "")
    response = redirect(safe_next(request) or "home")
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, code, max_age=365 * 24 * 3600, secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True, samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        )  # fmt: skip
    return response


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "shell/csrf_failed.html", status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "shell/error.html", {"kind": "bad"}, status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "shell/error.html", {"kind": "forbidden"}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "shell/error.html", {"kind": "missing"}, status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """Without anything that may itself be broken. 503 where it is the database that is away: it comes back by itself."""
    is_away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    return render(None, "shell/failed.html", {"is_away": is_away}, status=503 if is_away else 500)
