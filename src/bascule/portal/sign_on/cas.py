"""Sign-on by CAS, protocol 3.0: the browser goes there and comes back with a ticket, which is then validated server to server."""

from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from cas import CASClient
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from requests.adapters import HTTPAdapter

from bascule.portal.sign_on.going_on import safe_next
from bascule.portal.sign_on.outside import let_in

SECONDS = 5


class _WithDeadline(HTTPAdapter):
    """python-cas sets none: a provider that hangs must not hold a page's thread."""

    def send(self, request: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().send(request, **{**kwargs, "timeout": SECONDS})


def _service(request: HttpRequest, then: str) -> str:
    url = settings.BASCULE.url.rstrip("/") + reverse("sign-on-cas")
    return f"{url}?{urlencode({'next': then})}" if then else url


def sign_on(request: HttpRequest) -> HttpResponse:
    """Without a ticket: to CAS. With one: in, if CAS says whose it is."""
    then = safe_next(request)
    ticket = request.GET.get("ticket", "")
    client = CASClient(version=3, service_url=_service(request, then), server_url=settings.BASCULE.cas_url)
    if not ticket:
        return redirect(client.get_login_url())
    client.session = requests.Session()
    client.session.mount("http://", _WithDeadline())
    client.session.mount("https://", _WithDeadline())
    try:
        user, _, _ = client.verify_ticket(ticket)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody is let in
        is_away = isinstance(error, requests.RequestException | SyntaxError)  # the latter: it answered no XML
        structlog.get_logger().warning("cas-away", error=type(error).__name__, exc_info=not is_away)
        return render(request, "sign_on/provider_failed.html", status=502)
    if not user:
        return render(request, "sign_on/provider_failed.html", {"is_refused": True}, status=403)
    return let_in(request, str(user), then=then or None)
