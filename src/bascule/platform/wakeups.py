"""Wake-ups between the processes of one machine: “this account's mailbox changed”.

Each process has a UNIX datagram socket in one folder, named after its process id; whoever changed a mailbox sends its account's id to all of
them. A wake-up is a hint: the mailbox's file says what changed. None is lost as long as its process lives: where a process is busy and its queue full
(Linux lets ten wait, or some hundreds), or there is no descriptor or memory left to look for the others, what was not taken is sent again later.

A busy minute has thousands of changes, and each process pays for each datagram: what changes within `GATHERED_SECONDS` of a sending goes together with all
else of that time; a change that comes alone is sent at once.

It is sent behind a commit: whatever becomes of it, what was done is done, and is answered so (`after_commit`).
"""

import asyncio
import contextlib
import errno
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

DATAGRAM_OCTETS = 4000
"""Of one datagram: accounts' ids, a line each."""
GATHERED_SECONDS = 0.02
"""From one sending to the next at least."""
RELEASE = "release:"
"""Before an account: close its mailbox, if nobody is just using it."""
SUFFIX = ".wake"
AGAIN_SECONDS = 0.02
"""Before what a full queue did not take is sent again."""
FULL_SECONDS = 2.0
"""That who has no event loop goes on trying."""
ADDRESS_OCTETS = 100
"""Of a socket's path; systems take 108 at most, or 104 (unix(7), sun_path)."""
UNSENT_AGAIN_SECONDS = 1.0
"""Before what could not be sent at all (no descriptor left) is sent again."""
LOGGED_AGAIN_SECONDS = 60.0
"""Between two lines of the log about it: there may be thousands of wake-ups a minute."""
_NO_ROOM = (errno.ENOBUFS, errno.ENOMEM)


def after_commit(wake: Callable[[], None], log: Callable[..., None]) -> None:
    """``wake`` others for what is written already. Never fails: whoever heard that it did would do all of it again."""
    try:
        wake()
    except Exception as error:  # noqa: BLE001 - whatever it is, what was committed stays so
        with contextlib.suppress(Exception):
            log("wake-up-failed", error=repr(error), exc_info=error)


class Wakeups:
    """``woken`` is called on the event loop with an account's id; also for this process's own `send`. ``log``: an event and its fields.

    What sending needs is opened once: with no descriptor left, processes that were seen before still hear of everything.
    """

    def __init__(self, folder: Path, woken: Callable[[str], None], log: Callable[..., None]) -> None:
        self._folder = folder
        self._woken = woken
        self._log = log
        self._logged_at = -math.inf
        self._loop = asyncio.get_running_loop()
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / f"{os.getpid()}{SUFFIX}"
        self._own.unlink(missing_ok=True)
        self._opened = contextlib.ExitStack()
        self._place = self._opened.enter_context(_reaching(folder))
        self._out = self._opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(f"{self._place}/{self._own.name}")
        self._loop.add_reader(self._socket, self._receive)
        self._guard = threading.Lock()
        self._known: set[str] = set()
        """Names of the others' sockets, when they were last looked for."""
        self._gathered: dict[str, None] = {}
        """Accounts to be sent together, in their order."""
        self._sent_at = -math.inf
        self._is_gathering = False
        """Whether what is gathered will be sent by the event loop."""
        self._late: dict[str, set[str]] = {}
        """Name of a socket → accounts that it did not take."""
        self._unsent: set[str] = set()
        """Accounts for which the others could not be looked for."""
        self._timer: asyncio.TimerHandle | None = None

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                self._wake(self._socket.recv(DATAGRAM_OCTETS).decode("ascii", "replace").splitlines())

    def _wake(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            self._woken(account)

    def send(self, account: str) -> None:
        """From any thread; never blocks, never fails."""
        with self._guard:
            self._gathered[account] = None
            now = time.monotonic()
            if self._is_gathering:
                return
            wait = self._sent_at + GATHERED_SECONDS - now
            self._is_gathering = wait > 0
            accounts = [] if self._is_gathering else self._taken(now)
        if accounts:
            self._send_now(accounts)
            return
        try:
            self._loop.call_soon_threadsafe(self._loop.call_later, wait, self._send_gathered)
        except RuntimeError:  # the loop is closed
            self._send_gathered()

    def _taken(self, now: float) -> list[str]:
        """What was gathered up to now. The guard is held."""
        accounts, self._gathered = list(self._gathered), {}
        self._sent_at = now
        return accounts

    def _send_gathered(self) -> None:
        with self._guard:
            self._is_gathering = False
            accounts = self._taken(time.monotonic())
        if accounts:
            self._send_now(accounts)

    def _send_now(self, accounts: Collection[str]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wake, accounts)
        self._send_to_others(accounts)

    def _send_to_others(self, accounts: Collection[str]) -> None:
        try:
            known = self._known = _sockets(self._folder) - {self._own.name}
        except OSError as error:  # those that are known get it now, and all others as soon as they can be looked for
            known = self._known
            with self._guard:
                self._unsent.update(accounts)
            self._call_later(UNSENT_AGAIN_SECONDS)
            self._note_failure(error)
        self._send_to(known, accounts)

    def _send_to(self, names: Collection[str], accounts: Collection[str]) -> None:
        """And later once more to those whose queue is full."""
        full = _send(self._out, self._folder, self._place, accounts, names)
        if full:
            with self._guard:
                for name in full:
                    self._late.setdefault(name, set()).update(accounts)
            self._call_later(AGAIN_SECONDS)

    def _note_failure(self, error: OSError) -> None:
        now = time.monotonic()
        if now >= self._logged_at + LOGGED_AGAIN_SECONDS:
            self._logged_at = now
            with contextlib.suppress(Exception):  # where nothing can be logged either, it is sent all the same
                self._log("wake-up-unsent", error=str(error), advice="it is sent again; until then some may not see what changed")  # fmt: skip

    def _call_later(self, seconds: float) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._begin_again, seconds)

    def _begin_again(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._send_again)

    def _send_again(self) -> None:
        self._timer = None
        with self._guard:
            late, self._late = self._late, {}
            unsent, self._unsent = self._unsent, set()
        if unsent:
            self._send_to_others(unsent)
        for name, accounts in late.items():
            self._send_to([name], accounts)

    def close(self) -> None:
        """Nobody may be sending."""
        self._send_gathered()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._opened.close()
        self._own.unlink(missing_ok=True)


def send_to_all(folder: Path, account: str) -> None:
    """For processes that listen to nothing themselves (a delivery, a restore); never fails. Waits for a process that is busy, or for a descriptor,
    `FULL_SECONDS` at most."""
    deadline = time.monotonic() + FULL_SECONDS
    left: set[str] | None = None
    while left is None or left:
        with contextlib.suppress(OSError):
            left = _sockets(folder) if left is None else left
            if not left:  # there may be no folder yet: no process was ever started
                return
            with (
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out,
                _reaching(folder) as place,
            ):
                left = _send(out, folder, place, [account], left)
        if left == set() or time.monotonic() >= deadline:
            return
        time.sleep(AGAIN_SECONDS)


def _sockets(folder: Path) -> set[str]:
    """Raises OSError."""
    try:
        return {name for name in os.listdir(folder) if name.endswith(SUFFIX)}
    except FileNotFoundError:
        return set()


def _send(out: socket.socket, folder: Path, place: str, accounts: Collection[str], names: Collection[str]) -> set[str]:
    """Those of ``names`` whose queue is full, or for which there is no memory: they may have got some. A socket whose process is gone is removed."""
    full: set[str] = set()
    datagrams = _datagrams(accounts)
    for name in names:
        try:
            for datagram in datagrams:
                out.sendto(datagram, f"{place}/{name}")
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        except BlockingIOError:
            full.add(name)
        except OSError as error:
            if error.errno in _NO_ROOM:
                full.add(name)
            # else it went away this very moment
    return full


def _datagrams(accounts: Iterable[str]) -> list[bytes]:
    found: list[bytes] = []
    for account in accounts:
        line = account.encode("ascii", "replace")
        if found and len(found[-1]) + 1 + len(line) <= DATAGRAM_OCTETS:
            found[-1] += b"\n" + line
        else:
            found.append(line)
    return found


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
