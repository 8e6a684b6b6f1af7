"""A mailbox's lock (flock on its file ``lock``), and what each of those who meet at a mailbox may assume.

* **Alone** (exclusive): who captures or delivers into an archive, an upgrade, the exchange of a bodies file (`bascule.mailbox.live.purging`),
  the end of a hand-over, who copies another mailbox's files into this one. Nobody else has it open, so nothing is on its way: octets that the
  catalogue does not name are nobody's, and a file may be replaced.
* **Shared**: server processes, housekeeping, commands on a live mailbox, and who copies its files. A bodies file that is there stays, and
  a place in it keeps its body. Rows and bodies may be added by others at any instant; rows may be changed, and purged. What one read
  before its transaction is asked for again within it.
* **Without it**: who reads an archive. Nobody replaces an archive's files.

The lock goes with the process, however that ends; so who has it alone may find what a killed one left half done.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from bascule.mailbox.format import LOCK, MailboxError, MailboxInUse
from bascule.terms.errors import ExitStatus

EXCHANGE_SECONDS = 5.0
"""To wait for whoever has a mailbox alone for a moment."""


def take_lock(root: Path, *, shared: bool = False, wait_seconds: float = 0.0) -> int:
    """The lock of what lies in ``root``: a descriptor, closed by the caller. Raises MailboxError."""
    try:
        lock = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MailboxError(
            f"{root} can't be written: {error.strerror}.", "Name a folder where you may write."
        ) from error
    try:
        _wait_for(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, root, wait_seconds)
    except MailboxInUse:
        os.close(lock)
        raise
    return lock


def _wait_for(lock: int, kind: int, root: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() >= deadline:
                raise in_use(root) from error
            time.sleep(0.02)
        else:
            return


@contextlib.contextmanager
def alone(root: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Whoever else asks for the lock of ``root`` meanwhile is refused. Raises MailboxError."""
    lock = take_lock(root, wait_seconds=wait_seconds)
    try:
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def files_stay(root: Path, *, wait_seconds: float = EXCHANGE_SECONDS) -> Iterator[None]:
    """No file of the mailbox is replaced meanwhile; nothing is written for it, so that it may lie where nobody can write. One that was never
    opened to be written to has no lock, and needs none. Raises MailboxInUse."""
    try:
        lock = os.open(root / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        _wait_for(lock, fcntl.LOCK_SH, root, wait_seconds)
        yield
    finally:
        os.close(lock)


def in_use(root: Path) -> MailboxInUse:
    return MailboxInUse(
        f"{root} is in use by another Bascule.",
        "Wait for it to end, or stop it, then run this command again.",
        ExitStatus.CONNECT,
    )
