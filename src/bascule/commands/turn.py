"""One run at a time fills a mailbox: a second one waits for its turn, since two that did not see each other would deliver everything twice.

The turn for a server's mailbox is a name of a socket that lies in no folder (unix(7), abstract sockets; Linux alone has them): every process of the
machine sees it, whatever its environment, its home and its session are, nobody can delete it, and it goes with the process that has it. Files do not do that:
`XDG_RUNTIME_DIR` is the session's and goes with it, `HOME` and `XDG_STATE_HOME` are whatever `su`, cron or a service made of them, a home may be read-only or
on a server without locks, and `/tmp` may be a service's own. Any user may take any name: who has it is asked, and only a process of the same user is waited for.
"""

import contextlib
import errno
import hashlib
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bascule.commands.terminal import say
from bascule.mailbox import Mailbox
from bascule.mailbox.format import MailboxInUse
from bascule.mailbox.lock import files_stay
from bascule.terms.errors import BasculeError, ExitStatus, advice_for
from bascule.terms.location import parse_location

POLL_SECONDS = 0.2
UNTOLD_SECONDS = 10.0
"""To be told who has a turn. A run answers as soon as it has it; one that does not is none."""
_CREDENTIALS = struct.Struct("iII")
"""Of SO_PEERCRED, unix(7): process, user, group."""


@contextlib.contextmanager
def turn(target: str) -> Iterator[None]:
    """Hold the turn of this user and machine for ``target`` (a server's location). Waits, and says so, while another run has it.

    Raises BasculeError where a process of another user has its name, or no socket can be made.
    """
    with _taken(target):
        yield


def _taken(target: str) -> socket.socket:
    """A socket that has the name, closed by the caller."""
    name, told, since = _name(target), False, time.monotonic()
    lock = _new_socket(target)
    try:
        while not _takes(lock, name, target):
            with _new_socket(target) as other:
                if _reaches(other, name):
                    _require_own(other, target)
                    if not told:
                        told = True
                        _say_waiting(f"Another run fills {target}")
                    _wait_for_end(other)
                    since = time.monotonic()
                elif time.monotonic() > since + UNTOLD_SECONDS:
                    raise _is_kept(target, "that does not say whose it is")
                else:  # it has ended meanwhile, or does not listen yet
                    time.sleep(POLL_SECONDS)
    except BaseException:
        lock.close()
        raise
    return lock


def _name(target: str) -> str:
    """One for each user and mailbox, however its location is written."""
    key = "\0".join(map(str, parse_location(target).mailbox))
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"\0bascule/turn/{os.geteuid()}/{digest}"


def _new_socket(target: str) -> socket.socket:
    try:
        return socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise _not_had(target, error) from error


def _takes(lock: socket.socket, name: str, target: str) -> bool:
    try:
        lock.bind(name)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise _not_had(target, error) from error
    lock.listen(socket.SOMAXCONN)  # those who wait stay in the queue; none is ever accepted
    return True


def _reaches(other: socket.socket, name: str) -> bool:
    other.setblocking(False)
    try:
        other.connect(name)
    except (ConnectionRefusedError, BlockingIOError):  # nobody listens; or the queue is full
        return False
    other.setblocking(True)
    return True


def _require_own(other: socket.socket, target: str) -> None:
    _, user, _ = _CREDENTIALS.unpack(other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user != os.geteuid():
        raise _is_kept(target, f"of another user (UID {user})")


def _wait_for_end(other: socket.socket) -> None:
    """Until who listens there is gone: nothing is ever sent."""
    with contextlib.suppress(ConnectionResetError):
        other.recv(1)


def _is_kept(target: str, whose: str) -> BasculeError:
    return BasculeError(
        f"A process {whose} keeps every run to {target} from its turn.",
        "Ask who runs this machine to look for it (ss -xl) and to end it.",
        ExitStatus.CONNECT,
    )


def _not_had(target: str, error: OSError) -> BasculeError:
    return BasculeError(
        f"The turn for {target} can't be had: {error.strerror or error}.",
        advice_for(error, "Let the program open sockets (AF_UNIX; Linux)."),
    )


def open_in_turn(open_mailbox: Callable[[], Mailbox]) -> Mailbox:
    """The mailbox, as soon as no other run has it. Raises MailboxError."""
    opened: list[Mailbox] = []
    _wait_for(lambda: opened.append(open_mailbox()), MailboxInUse, "Another run has this mailbox")
    return opened[0]


@contextlib.contextmanager
def undisturbed(root: Path) -> Iterator[None]:
    """No run fills the mailbox meanwhile; one that does is waited for. A mailbox without a lock that can be opened lies where nobody fills it."""
    with contextlib.ExitStack() as held:
        _wait_for(
            lambda: held.enter_context(files_stay(root, wait_seconds=0.0)), MailboxInUse, "Another run has this mailbox"
        )
        yield


def _wait_for(attempt: Callable[[], None], busy: type[Exception], what: str) -> None:
    told = False
    while True:
        try:
            attempt()
            return
        except busy:
            if not told:
                told = True
                _say_waiting(what)
            time.sleep(POLL_SECONDS)


def _say_waiting(what: str) -> None:
    say(f"{what}; waiting for it to end (Ctrl-C to give up).", err=True)
