"""One run at a time fills a mailbox: a second one waits for its turn, since two that did not see each other would deliver everything twice."""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from bascule.commands.terminal import say
from bascule.mailbox import Mailbox
from bascule.mailbox.format import MailboxInUse
from bascule.mailbox.lock import files_stay
from bascule.terms.errors import BasculeError
from bascule.terms.location import parse_location

POLL_SECONDS = 0.2


@contextlib.contextmanager
def turn(target: str) -> Iterator[None]:
    """Hold the turn of this user and machine for ``target`` (a server's location). Waits, and says so, while another run has it.

    The lock is the kernel's, and goes with the process however that ends. Raises BasculeError where no lock can be made.
    """
    path = _lock_file(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BasculeError(
            f"{path} can't be written: {error.strerror}.", "Set XDG_RUNTIME_DIR to a folder where you may write."
        ) from error
    try:
        _wait_for(
            lambda: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB), BlockingIOError, f"Another run fills {target}"
        )
        yield
    finally:
        os.close(lock)


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
                say(f"{what}; waiting for it to end (Ctrl-C to give up).", err=True)
            time.sleep(POLL_SECONDS)


def _lock_file(target: str) -> Path:
    """One for each mailbox, however its location is written."""
    key = "\0".join(map(str, parse_location(target).mailbox))
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return _runtime_folder() / "bascule" / "targets" / f"{name}.lock"


def _runtime_folder() -> Path:
    """Where locks of this user lie: the session's folder (XDG Base Directory Specification), else the user's state folder. The state
    folder that a run is told with ``--state`` is another matter."""
    given = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return Path(given) if os.access(given, os.W_OK) else Path(platformdirs.user_state_dir())
