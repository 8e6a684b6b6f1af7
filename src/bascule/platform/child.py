"""How each process that `bascule.platform.supervisor` forks begins and ends.

It is told what to do by `Orders`, and has one end of a pipe of which its parent has the other. When that is closed, the parent is gone or wants it
to stop: what is due is finished, and the process ends.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bascule.platform import limits

OPEN_FILES = 65_536
"""Asked for by a process, where it may have that many: each connection is one, each open mailbox several."""


@dataclass(frozen=True, slots=True)
class Orders:
    """``settings``: the file. ``accounts``: see `bascule.platform.accounts.opening`. ``sockets``: file descriptors of listening sockets, by service."""

    settings: Path
    accounts: str
    sockets: dict[str, list[int]]


Serve = Callable[[Orders, asyncio.Event], Awaitable[None]]
"""Works until the event is set."""


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
    run: Callable[[Orders, int], None]
    """With the process's end of the pipe."""
    listens: bool = False
    """It has the sockets."""


def begin(name: str) -> None:
    """Call right after the fork, of a process that takes signals as its parent does."""
    os.setsid()  # Ctrl-C is for the parent, which stops them in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Path("/proc/self/comm").write_text(name)
    raise_file_limit()


def run_on_loop(serve: Serve) -> Callable[[Orders, int], None]:
    """``serve`` on an event loop of the process."""

    def run(orders: Orders, link: int) -> None:
        sys.setswitchinterval(limits.SWITCH_SECONDS)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(serve, orders, link))

    return run


def wait_for_end(link: int) -> None:
    """Until the parent is gone, or wants this process to stop. Blocks."""
    while os.read(link, 1024):
        pass


async def _run(serve: Serve, orders: Orders, link: int) -> None:
    loop = asyncio.get_running_loop()
    until = asyncio.Event()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(link, "rb"))
    task = asyncio.ensure_future(serve(orders, until))
    ended = loop.create_task(reader.read())
    await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
    until.set()
    await task
    ended.cancel()
