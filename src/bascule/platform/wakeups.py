"""Wake-ups between the processes of one machine: “this account's mailbox changed”.

Each process has a UNIX datagram socket in one folder, named after its process id; whoever changed a mailbox sends its account's id to all of
them. A wake-up is a hint: the mailbox's file says what changed, and a lost one costs the time until a session next looks.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

ACCOUNT_OCTETS = 255
RELEASE = "release:"
"""Before an account: close its mailbox, if nobody is just using it."""
SUFFIX = ".wake"
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

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                self._woken(self._socket.recv(ACCOUNT_OCTETS).decode("ascii", "replace"))

    def send(self, account: str) -> None:
        """From any thread; never blocks, never fails."""
        self._loop.call_soon_threadsafe(self._woken, account)
        send_to_all(self._folder, account, but=self._own)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._own.unlink(missing_ok=True)


def send_to_all(folder: Path, account: str, but: Path | None = None) -> None:
    """Also for processes that listen to nothing themselves (a delivery, a restore). A socket whose process is gone is removed."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out, _reaching(folder) as place:
        for name in names:
            if folder / name == but:
                continue
            try:
                out.sendto(account.encode("ascii", "replace"), f"{place}/{name}")
            except ConnectionRefusedError:
                (folder / name).unlink(missing_ok=True)
            except OSError:
                continue  # its queue is full: it is awake


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
