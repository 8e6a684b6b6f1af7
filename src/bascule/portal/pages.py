"""Requests for pages, whole, into Django; and its pages, whole, to whoever asked.

A page has one of few threads. Were a request's body read there, as WSGI has it, whoever sends one slowly would keep a thread, and a few of them all pages from
everybody; and so would who takes a page slowly. So a body is awaited here, on the event loop of granian (RSGI), up to an end of its octets and its time, before a thread
is asked for; networks have these in turn. WSGI: PEP 3333.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Protocol

from bascule.platform.admission import network_of
from bascule.platform.fair_threads import FairThreads
from bascule.portal import limits

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Wsgi = Callable[[Environ, Callable[..., None]], Iterable[bytes]]


class Scope(Protocol):
    """What granian says of a request (RSGI 1.5). ``path``: without percent signs. ``client``, ``server``: address and port."""

    proto: str
    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Any: ...


class Exchange(Protocol):
    """Gives the body in pieces, and takes the answer."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Headers
    octets: bytes


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = _Answer(status, [("content-type", "text/plain"), ("connection", "close")], f"{text}\n".encode())


_TOO_LARGE = (413, "that is larger than this server takes")
_TOO_MANY = (503, "too much is being sent at once; try again in a minute")
_TOO_SLOW = (408, "the request did not come to its end in time")


@dataclass(slots=True)
class _LargeBodies:
    """Those on their way."""

    of: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one_of(self, network: str) -> Iterator[None]:
        """Raises _Refused where there are too many."""
        if self.of.total() >= limits.LARGE_BODIES or self.of[network] >= limits.LARGE_BODIES_OF_ONE_NETWORK:
            raise _Refused(*_TOO_MANY)
        self.of[network] += 1
        try:
            yield
        finally:
            self.of[network] -= 1
            self.of += Counter()  # those that are nobody's any more are forgotten


class Pages:
    """``threads``: pages at once. ``peer``: from which address a request comes, by its environment."""

    def __init__(self, application: Wsgi, threads: int, peer: Callable[[Environ], str]) -> None:
        self._application = application
        self._threads = FairThreads(threads, threads)
        self._peer = peer
        self._large = _LargeBodies()

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        if scope.proto != "http":
            return
        environ = environ_of(scope)
        network = network_of(self._peer(environ))
        try:
            async with asyncio.timeout(limits.BODY_SECONDS):
                body = await self._body(environ, network, exchange)
        except TimeoutError:
            answer = _Refused(*_TOO_SLOW).answer
        except _Refused as refused:
            answer = refused.answer
        else:
            answer = await self._threads.run(network, lambda: self._asked(environ, body))
        exchange.response_bytes(answer.status, answer.headers, answer.octets)

    async def _body(self, environ: Environ, network: str, exchange: Exchange) -> bytes:
        """Raises _Refused."""
        announced = environ.get("CONTENT_LENGTH", "")
        if announced.isdecimal() and int(announced) > limits.BODY_OCTETS:
            raise _Refused(*_TOO_LARGE)
        pieces: list[bytes] = []
        octets = 0
        coming = _pieces(exchange)
        if not announced.isdecimal() or int(announced) <= limits.SMALL_BODY_OCTETS:
            async for piece in coming:
                pieces.append(piece)
                octets += len(piece)
                if octets > limits.SMALL_BODY_OCTETS:
                    break
            else:
                return b"".join(pieces)
        with self._large.one_of(network):
            async for piece in coming:
                pieces.append(piece)
                octets += len(piece)
                if octets > limits.BODY_OCTETS:
                    raise _Refused(*_TOO_LARGE)
        return b"".join(pieces)

    def _asked(self, environ: Environ, body: bytes) -> _Answer:
        """In a thread. What goes wrong within a page Django answers; what is left is a bug."""
        told: list[tuple[str, Headers]] = []
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        given = self._application(environ, lambda status, headers, error=None: told.append((status, headers)))
        try:
            octets = b"".join(given)
        finally:
            if hasattr(given, "close"):
                given.close()
        status, headers = told[-1]
        return _Answer(int(status.partition(" ")[0]), headers, octets)


async def _pieces(exchange: Exchange) -> AsyncIterator[bytes]:
    """For one who goes on after a pause: granian gives its own iterator once."""
    async for piece in exchange:
        yield bytes(piece)


def environ_of(scope: Scope) -> Environ:
    """PEP 3333, without the body. A field whose name has ``_`` is left out: it would pass for one that a web server in front has written."""
    address, _, port = scope.server.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": address.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        if "_" not in name:
            environ[key] = f"{environ[key]}{';' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    return environ
