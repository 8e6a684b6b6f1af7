"""A CAS server that is away, or answers what is no answer: nobody comes in, and the log tells a server that is away from a bug."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from support.portal import Portal

EMPTY = b'<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"/>'


class Provider(http.server.BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)


@pytest.fixture
def provider(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    """The portal signs on by this CAS server."""
    from django.conf import settings
    from django.test import override_settings
    from django.urls import path

    from bascule.portal import urls
    from bascule.portal.sign_on import cas

    addresses = ModuleType("with_cas")
    addresses.urlpatterns = [*urls.urlpatterns, path("sign-on/cas", cas.sign_on, name="sign-on-cas")]  # type: ignore[attr-defined]
    with http.server.HTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/cas/"
        monkeypatch.setattr(settings, "BASCULE", replace(settings.BASCULE, cas_url=url))
        with override_settings(ROOT_URLCONF=addresses):
            yield server
        server.shutdown()


def say(answer: bytes) -> Callable[[http.server.HTTPServer], None]:
    return lambda server: setattr(Provider, "answer", answer)


def be_away(server: http.server.HTTPServer) -> None:
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("does", "is_bug"),
    [(be_away, False), (say(b"<html><p>busy"), False), (say(EMPTY), True)],
    ids=["away", "no-xml", "not-understood"],
)
def test_whatever_cas_says_nobody_comes_in_and_what_is_not_its_absence_is_logged_with_its_traceback(
    does: Callable[[http.server.HTTPServer], None], is_bug: bool, provider: http.server.HTTPServer, portal: Portal
) -> None:
    does(provider)
    with capture_logs() as logged:
        answer = portal.client().get("/sign-on/cas?ticket=ST-1")
    assert answer.status_code == 502
    [told] = [each for each in logged if each["event"] == "cas-away"]
    assert told["exc_info"] is is_bug
