"""A request comes whole before a page's thread is asked for it, and ends where it is too large or too slow."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bascule.portal import limits
from bascule.portal.pages import Environ, Headers, Pages, environ_of

_OK: Headers = [("content-type", "text/plain")]


class _Fields:
    def __init__(self, *fields: tuple[str, str]) -> None:
        self._fields = fields

    def items(self) -> Iterable[tuple[str, str]]:
        return self._fields


@dataclass
class _Scope:
    headers: dict[str, str] | _Fields = field(default_factory=dict)
    client: str = "192.0.2.1:5"
    path: str = "/"
    method: str = "POST"
    proto: str = "http"
    http_version: str = "1.1"
    server: str = "127.0.0.1:8025"
    scheme: str = "http"
    query_string: str = ""


class _Exchange:
    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self._pieces, self._ends = pieces, ends
        self._is_new = True
        self.begun = asyncio.Event()
        self.answer: tuple[int, Headers, bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._is_new, "granian gives the body once"
        self._is_new = False
        return self._body()

    async def _body(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        self.begun.set()
        if not self._ends:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self.answer = status, headers, body


def _echo(environ: Environ, start: Callable[..., None]) -> list[bytes]:
    start("200 OK", _OK)
    return [environ["wsgi.input"].read()]


def _pages(application: Any = _echo, threads: int = 1) -> Pages:
    return Pages(application, threads, lambda environ: str(environ["REMOTE_ADDR"]))


def _status(exchange: _Exchange) -> int:
    assert exchange.answer is not None
    return exchange.answer[0]


def test_a_body_is_given_whole() -> None:
    async def run() -> None:
        exchange = _Exchange(b"a", b"b" * limits.SMALL_BODY_OCTETS, b"c")
        await _pages().__rsgi__(_Scope(), exchange)
        assert exchange.answer == (200, _OK, b"a" + b"b" * limits.SMALL_BODY_OCTETS + b"c")

    asyncio.run(run())


def test_bodies_that_do_not_end_leave_the_threads_to_others() -> None:
    async def run() -> None:
        pages = _pages()
        slow = [_Exchange(b"a", ends=False) for _ in range(20)]
        tasks = [asyncio.create_task(pages.__rsgi__(_Scope(), each)) for each in slow]
        for each in slow:
            await each.begun.wait()
        honest = _Exchange(b"form")
        await asyncio.wait_for(pages.__rsgi__(_Scope(), honest), 30)
        assert _status(honest) == 200
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_who_is_too_slow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)

    async def run() -> None:
        exchange = _Exchange(b"a", ends=False)
        await _pages().__rsgi__(_Scope(), exchange)
        assert _status(exchange) == 408

    asyncio.run(run())


def test_what_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_OCTETS", 100_000)

    async def run() -> None:
        announced, unannounced = _Exchange(ends=False), _Exchange(*[b"x" * 50_000] * 3, ends=False)
        await _pages().__rsgi__(_Scope({"content-length": "100001"}), announced)
        await _pages().__rsgi__(_Scope(), unannounced)
        assert (_status(announced), _status(unannounced)) == (413, 413)

    asyncio.run(run())


def test_one_network_leaves_places_for_large_bodies_to_others() -> None:
    async def run() -> None:
        pages, large = _pages(), {"content-length": str(limits.SMALL_BODY_OCTETS + 1)}
        slow = [_Exchange(b"a", ends=False) for _ in range(limits.LARGE_BODIES_OF_ONE_NETWORK)]
        tasks = [asyncio.create_task(pages.__rsgi__(_Scope(large), each)) for each in slow]
        for each in slow:
            await each.begun.wait()
        again, small, other, later = _Exchange(b"x"), _Exchange(b"x"), _Exchange(b"x"), _Exchange(b"x")
        await pages.__rsgi__(_Scope(large), again)
        await pages.__rsgi__(_Scope(), small)
        await pages.__rsgi__(_Scope(large, client="192.0.2.2:5"), other)
        assert [_status(each) for each in (again, small, other)] == [503, 200, 200]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pages.__rsgi__(_Scope(large), later)
        assert _status(later) == 200

    asyncio.run(run())


def test_networks_have_the_threads_in_turn() -> None:
    """One that asks for a great deal waits behind nobody but itself."""
    order: list[str] = []
    over, begun = threading.Event(), threading.Event()

    def noted(environ: Environ, start: Callable[..., None]) -> list[bytes]:
        begun.set()
        over.wait()
        order.append(environ["REMOTE_ADDR"])
        return _echo(environ, start)

    async def run() -> None:
        pages = _pages(noted)
        many = [asyncio.create_task(pages.__rsgi__(_Scope(), _Exchange())) for _ in range(10)]
        await asyncio.to_thread(begun.wait)
        other = asyncio.create_task(pages.__rsgi__(_Scope(client="192.0.2.2:5"), _Exchange()))
        for _ in range(20):
            await asyncio.sleep(0)
        over.set()
        await asyncio.gather(*many, other)

    asyncio.run(run())
    assert order.index("192.0.2.2") <= 2


def test_what_a_page_left_open_is_closed() -> None:
    closed = []

    class Given:
        def __iter__(self) -> Any:
            return iter((b"a", b"b"))

        def close(self) -> None:
            closed.append(True)

    def given(environ: Environ, start: Callable[..., None]) -> Given:
        start("201 Created", _OK)
        return Given()

    async def run() -> None:
        exchange = _Exchange()
        await _pages(given).__rsgi__(_Scope(), exchange)
        assert exchange.answer == (201, _OK, b"ab")

    asyncio.run(run())
    assert closed == [True]


def test_the_environment() -> None:
    fields = _Fields(
        ("content-type", "text/plain"), ("cookie", "a=b"), ("cookie", "c=d"), ("x-forwarded-for", "198.51.100.1"),
        ("x_forwarded_for", "203.0.113.1"), ("x-forwarded-for", "198.51.100.2"), ("accept-language", "fr"),
    )  # fmt: skip
    environ = environ_of(_Scope(fields, client="[2001:db8::1]:7", path="/été"))
    assert environ["REMOTE_ADDR"] == "2001:db8::1"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", "8025")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/été"
    assert environ["HTTP_COOKIE"] == "a=b;c=d"
    assert environ["HTTP_X_FORWARDED_FOR"] == "198.51.100.1,198.51.100.2"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_ACCEPT_LANGUAGE"] == "fr"
