"""How each process that `bascule.platform.supervisor` forks begins and ends.

It is told what to do by `Orders`, and has a `Link` to its parent: by it the parent tells that it wants the process to stop, or is gone itself (what is due
is finished then, and the process ends), and the process tells that it serves, or why it can't.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from bascule.platform import limits
from bascule.terms.errors import BasculeError

OPEN_FILES = 65_536
"""Asked for by a process, where it may have that many: each connection is one, each open mailbox several."""


@dataclass(frozen=True, slots=True)
class Orders:
    """``settings``: the file. ``accounts``: see `bascule.platform.accounts.opening`. ``sockets``: file descriptors of listening sockets, by service."""

    settings: Path
    accounts: str
    sockets: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Link:
    """A process's ends of two pipes."""

    end: int
    """To be read: when it has an end, the process is to end."""
    told: int
    """To be written to."""

    def say_serving(self) -> None:
        """Once what this process is for is being done."""
        self._say(SERVING)

    def say_failed(self, why: str) -> None:
        self._say(b"-" + why.encode("utf-8", "replace")[:WHY_OCTETS])

    def _say(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):  # the parent is gone
            os.write(self.told, octets)

    def wait_for_end(self) -> None:
        """Until the parent is gone, or wants this process to stop. Blocks."""
        while os.read(self.end, 1024):
            pass


SERVING = b"+"
WHY_OCTETS = 2000
"""Of what a process says that failed: a pipe takes twice as much at once."""
Serve = Callable[[Orders, asyncio.Event, Callable[[], None]], Awaitable[None]]
"""Works until the event is set; calls the function once it does."""


def raise_file_limit() -> int:
    """How many files this process may have open, after it took as many as it is allowed to, up to `OPEN_FILES`."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return allowed


class Program(NamedTuple):
    """What a process is for."""

    name: str
    """By which ``ps -e`` and ``top`` show it, 15 characters at most."""
    run: Callable[[Orders, Link], None]
    """Says by the link that it serves."""
    listens: bool = False
    """It has the sockets."""


def begin(name: str) -> None:
    """Call right after the fork, of a process that takes signals as its parent does."""
    os.setsid()  # Ctrl-C is for the parent, which stops them in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Path("/proc/self/comm").write_text(name)
    raise_file_limit()


def carry_out(program: Program, orders: Orders, link: Link) -> None:
    """``program``, in its own process. What ends it is told in the log, as one event, and to the parent. Raises SystemExit then."""
    try:
        program.run(orders, link)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this process, and is told
        why = _why(error)
        structlog.get_logger().error("process-failed", program=program.name, error=why, exc_info=error)
        link.say_failed(why)
        raise SystemExit(1) from None


def _why(error: Exception) -> str:
    """In words where they are ours or the system's. Those of a bug may be anybody's: of that only the kind is told."""
    if isinstance(error, BasculeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__qualname__


def run_on_loop(serve: Serve) -> Callable[[Orders, Link], None]:
    """``serve`` on an event loop of the process."""

    def run(orders: Orders, link: Link) -> None:
        sys.setswitchinterval(limits.SWITCH_SECONDS)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(serve, orders, link))

    return run


async def _run(serve: Serve, orders: Orders, link: Link) -> None:
    loop = asyncio.get_running_loop()
    until = asyncio.Event()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(link.end, "rb"))
    task = asyncio.ensure_future(serve(orders, until, link.say_serving))
    ended = loop.create_task(reader.read())
    await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
    until.set()
    await task
    ended.cancel()
