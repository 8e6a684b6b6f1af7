"""Wake-ups between the processes of one machine: “this account's mailbox changed”.

Each process has a UNIX datagram socket in one folder, named after its process id; whoever changed a mailbox sends its account's id to all of
them. A wake-up is a hint: the mailbox's file says what changed. None is lost as long as its process lives: where a process is busy and its queue full
(Linux lets ten wait, or some hundreds), what it did not take is sent again a moment later.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

ACCOUNT_OCTETS = 255
RELEASE = "release:"
"""Before an account: close its mailbox, if nobody is just using it."""
SUFFIX = ".wake"
AGAIN_SECONDS = 0.02
"""Before what a full queue did not take is sent again."""
FULL_SECONDS = 2.0
"""That who has no event loop goes on trying."""
ADDRESS_OCTETS = 100
"""Of a socket's path; systems take 108 at most, or 104 (unix(7), sun_path)."""


class Wakeups:
    """``woken`` is called on the event loop with an account's id; also for this process's own `send`."""

    def __init__(self, folder: Path, woken: Callable[[str], None]) -> None:
        self._folder = folder
        self._woken = woken
        self._loop = asyncio.get_running_loop()
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / f"{os.getpid()}{SUFFIX}"
        self._own.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with _reaching(folder) as place:
            self._socket.bind(f"{place}/{self._own.name}")
        self._loop.add_reader(self._socket, self._receive)
        self._guard = threading.Lock()
        self._late: dict[str, set[str]] = {}
        """Account → names of the sockets that did not take it."""
        self._timer: asyncio.TimerHandle | None = None

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                self._woken(self._socket.recv(ACCOUNT_OCTETS).decode("ascii", "replace"))

    def send(self, account: str) -> None:
        """From any thread; never blocks, never fails."""
        self._loop.call_soon_threadsafe(self._woken, account)
        self._note_late(account, _send(self._folder, account, _sockets(self._folder) - {self._own.name}))

    def _note_late(self, account: str, names: set[str]) -> None:
        if names:
            with self._guard:
                self._late.setdefault(account, set()).update(names)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._begin_again)

    def _begin_again(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(AGAIN_SECONDS, self._send_again)

    def _send_again(self) -> None:
        """Until a socket is full again: what follows would find it so, too."""
        self._timer = None
        with self._guard:
            late, self._late = self._late, {}
        full: set[str] = set()
        there = _sockets(self._folder)
        for account, names in late.items():
            if reached := (names & there) - full:
                full |= _send(self._folder, account, reached)
            self._note_late(account, names & full)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._own.unlink(missing_ok=True)


def send_to_all(folder: Path, account: str) -> None:
    """For processes that listen to nothing themselves (a delivery, a restore). Waits for a process that is busy, `FULL_SECONDS` at most."""
    left, deadline = _send(folder, account, _sockets(folder)), time.monotonic() + FULL_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(AGAIN_SECONDS)
        left = _send(folder, account, left)


def _sockets(folder: Path) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if name.endswith(SUFFIX)}
    except FileNotFoundError:
        return set()


def _send(folder: Path, account: str, names: Collection[str]) -> set[str]:
    """Those of ``names`` whose queue is full. A socket whose process is gone is removed."""
    full: set[str] = set()
    if not names:  # there may be no folder yet: no process was ever started
        return full
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out, _reaching(folder) as place:
        for name in names:
            try:
                out.sendto(account.encode("ascii", "replace"), f"{place}/{name}")
            except ConnectionRefusedError:
                (folder / name).unlink(missing_ok=True)
            except BlockingIOError:
                full.add(name)
            except OSError:
                continue  # it went away this very moment
    return full


@contextlib.contextmanager
def _reaching(folder: Path) -> Iterator[str]:
    """The folder by a path that is short enough for a socket's: a deep one is gone through by its descriptor, within the block (Linux)."""
    if len(os.fsencode(folder / f"{2**22}{SUFFIX}")) <= ADDRESS_OCTETS:
        yield str(folder)
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)
