"""A TCP proxy between a client and a server on loopback that delays, cuts, stalls, garbles and holds back, as told.

Each fault is drawn or counted in octets on the wire, so that a trial can be repeated.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from support.lesser import Sieve, Without


@dataclass(slots=True)
class Faults:
    """``cut_up``/``cut_down``: end the connection when so many octets went to the server / to the client, over all
    connections. ``rewrite_down``: changes what the server says. ``lesser``: takes capabilities away. ``late_seconds``: when the
    client goes, what it had sent reaches the server that much later. ``delay_seconds``: one way. ``stall_down``: say nothing more after so many."""

    delay_seconds: float = 0.0
    cut_up: int = -1
    cut_down: int = -1
    stall_down: int = -1
    late_seconds: float = 0.0
    hold_up_from: int = -1
    rewrite_down: Callable[[bytes], bytes] | None = None
    on_up: Callable[[int], None] | None = None
    lesser: Without | None = None


@dataclass(slots=True)
class Proxy:
    """Runs on its own thread; ``port`` is where clients connect. Use as a context manager."""

    target_port: int
    faults: Faults = field(default_factory=Faults)
    port: int = 0
    up: int = 0
    down: int = 0
    connections: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _ready: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(self._loop.create_server(lambda: _Down(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.close()


class _Down(asyncio.Protocol):
    """The side of the client."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport | None = None
        self.server: asyncio.Transport | None = None
        self.early = bytearray()
        self.held = bytearray()
        self.gone = False
        lesser = proxy.faults.lesser
        self.sieve: Sieve | None = lesser.sieve() if lesser else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.connections += 1
        asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            server, _ = await loop.create_connection(lambda: _Up(self), "127.0.0.1", self.proxy.target_port)
        except OSError:
            if self.transport:
                self.transport.close()
            return
        self.server = server
        if self.early:
            server.write(bytes(self.early))
            self.early.clear()

    def data_received(self, data: bytes) -> None:
        faults, before = self.proxy.faults, self.proxy.up
        if self.sieve:
            data, back = self.sieve.up(data)
            if back and self.transport:
                self.transport.write(back)
            if self.sieve.is_broken:
                self.cut()
        self.proxy.up += len(data)
        if faults.on_up:
            faults.on_up(self.proxy.up)
        if 0 <= faults.cut_up <= self.proxy.up:
            data = data[: max(0, faults.cut_up - before)]
            faults.cut_up = -1
            self.send_up(data)
            self.cut()
            return
        if faults.hold_up_from >= 0 and self.proxy.up >= faults.hold_up_from:
            self.held += data
            return
        self.send_up(data)

    def send_up(self, data: bytes) -> None:
        delay = self.proxy.faults.delay_seconds
        if delay:
            asyncio.get_running_loop().call_later(delay, self._write_up, data)
        else:
            self._write_up(data)

    def _write_up(self, data: bytes) -> None:
        if self.server is None:
            self.early += data
        elif not self.server.is_closing():
            self.server.write(data)

    def cut(self) -> None:
        self.gone = True
        for transport in (self.transport, self.server):
            if transport:
                transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if self.proxy.faults.late_seconds and self.server:
            asyncio.get_running_loop().call_later(self.proxy.faults.late_seconds, self._finish_late)
        elif self.server:
            self.server.close()

    def _finish_late(self) -> None:
        if self.server:
            self.server.write(bytes(self.held))
            asyncio.get_running_loop().call_later(3, self.server.close)


class _Up(asyncio.Protocol):
    """The side of the server."""

    def __init__(self, other: _Down) -> None:
        self.other = other

    def data_received(self, data: bytes) -> None:
        proxy, faults = self.other.proxy, self.other.proxy.faults
        if faults.rewrite_down:
            data = faults.rewrite_down(data)
        if self.other.sieve:
            data = self.other.sieve.down(data)
        before = proxy.down
        proxy.down += len(data)
        if 0 <= faults.stall_down <= proxy.down:
            return
        if 0 <= faults.cut_down <= proxy.down:
            data = data[: max(0, faults.cut_down - before)]
            faults.cut_down = -1
            self._write(data)
            self.other.cut()
            return
        if faults.delay_seconds:
            asyncio.get_running_loop().call_later(faults.delay_seconds, self._write, data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self.other.transport and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other.transport:
            self.other.transport.close()
