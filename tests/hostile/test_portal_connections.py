"""A stranger sends requests slowly, and opens connections and leaves them: the portal's pages are there for others."""

import contextlib
import resource
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from bascule.portal import limits
from support.portal_server import PortalServer

SLOW, LEFT = 40, 1500
SECONDS = 60.0
_POST = (
    b"POST /sign-on HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: bascule-csrf=abcdefghijklmnopqrstuvwxyz012345\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\nusername=a"
)
"""With a cookie, as anybody is given one: without it nothing of the body is read."""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with PortalServer(tmp_path_factory.mktemp("portal"), {"main": "2027-04-27 09:00"}, []) as running:
        yield running
    resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))


def _page(portal: PortalServer) -> int:
    with urllib.request.urlopen(portal.url_of("/sign-on"), timeout=SECONDS) as page:
        return int(page.status)


@pytest.mark.parametrize(("count", "octets"), [(SLOW, _POST), (LEFT, b""), (LEFT, b"GET / HTTP/1.1\r\nHo")])
def test_a_page_is_there_meanwhile(portal: PortalServer, count: int, octets: bytes) -> None:
    with contextlib.ExitStack() as stack:
        left = []
        for _ in range(count):
            left.append(stack.enter_context(socket.create_connection(("127.0.0.1", portal.web), timeout=SECONDS)))
            left[-1].sendall(octets)
        assert [_page(portal) for _ in range(5)] == [200] * 5
        if octets != _POST:
            assert left[0].recv(1) == b"", f"it is closed after {limits.HEADER_SECONDS} s"


def test_what_is_too_large_is_refused_unread(portal: PortalServer) -> None:
    with socket.create_connection(("127.0.0.1", portal.web), timeout=SECONDS) as connection:
        connection.sendall(_POST.replace(b"10000", b"%d" % (limits.BODY_OCTETS + 1)))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert _page(portal) == 200
