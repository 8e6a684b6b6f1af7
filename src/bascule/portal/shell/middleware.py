"""What happens around every page."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import get_user, logout
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from bascule.platform.accounts import Account, AccountsUnavailable
from bascule.portal.shell import autoconfig
from bascule.portal.shell import health as health_pages
from bascule.portal.shell.doors import accounts

_Next = Callable[[HttpRequest], HttpResponse]
MAILBOX_SESSION = "mailbox"
"""In a session that began with a mailbox's password: its id, and the password's stamp."""


def health(get_response: _Next) -> _Next:
    """Pages that machines ask for need no host name and no session: health, and the settings of mail programs. All others are counted and timed."""

    def answer(request: HttpRequest) -> HttpResponse:
        page = health_pages.PAGES.get(request.path) or autoconfig.PAGES.get(request.path)
        if page is not None:
            return page(request)
        with health_pages.SECONDS.time():
            response = get_response(request)
        health_pages.REQUESTS.labels(str(response.status_code)).inc()
        return response

    return answer


def language(get_response: _Next) -> _Next:
    """What the reader chose; otherwise the browser's, if it is one of ours; otherwise French."""
    known = [code for code, _ in settings.LANGUAGES]

    def answer(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        code = chosen if chosen in known else translation.get_language_from_request(request)
        code = code if code in known else settings.LANGUAGE_CODE
        with translation.override(code):
            request.LANGUAGE_CODE = code
            response = get_response(request)
        response.headers.setdefault("Content-Language", code)
        return response

    return answer


def signed_on(get_response: _Next) -> _Next:
    """Django's AuthenticationMiddleware, but at once: every page says who signed on, and asking through its lazy object is dear."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.user = get_user(request)
        return get_response(request)

    return answer


def mailbox_session(get_response: _Next) -> _Next:
    """A session that began with a mailbox's password ends with it: another password, a lock, a switch taken back."""

    def answer(request: HttpRequest) -> HttpResponse:
        told = request.session.get(MAILBOX_SESSION)
        if told is not None and request.user.is_authenticated and not _goes_on(Account(told["id"], "", stamp=told["stamp"])):  # fmt: skip
            logout(request)
        return get_response(request)

    return answer


def _goes_on(account: Account) -> bool:
    """Where nobody can say now, what went on until now does: what it would show needs the database too."""
    try:
        return accounts().may_go_on(account)
    except AccountsUnavailable:
        return True
