"""The live mailboxes that a server process has open, one for each account, shared by all of its sessions.

Two threads that ask for an account at once get one mailbox: whoever opens it has the account's turn, and the others wait for that turn. A turn
is there as long as anybody has it or waits for it (`_Turn`), whatever is closed meanwhile; only what nobody uses is closed.

Threads are few, and all accounts share them: where somebody else has a mailbox alone, one thread waits for it, and the others only for a moment.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from bascule.mailbox.format import CATALOGUE, MailboxError, MailboxInUse, NotLive
from bascule.mailbox.live import FIRST_FOLDERS, LiveMailbox
from bascule.mailbox.lock import in_use
from bascule.platform.queued_lock import QueuedLock
from bascule.terms.errors import ExitStatus
from bascule.terms.folder import SpecialUse

OPEN_MAILBOXES = 100
"""Kept open when nobody uses them: each has a few files and about 100 kB of cache."""

IDLE_SECONDS = 600.0
"""After which one that nobody used is closed: housekeeping gives its room back then."""
LEFT = ".left"
"""Instead of ``.mailbox``: a mailbox that makes way for the one that is coming back (`bascule.platform.handing_over`)."""
PAUSE_SECONDS = 1.0
"""For whoever needs a mailbox alone to take it, after its release."""
LOOKED_AT_SECONDS = 60.0
"""Between two looks at which mailboxes nobody uses any more."""
IN_USE_SECONDS = 5.0
"""For one thread to wait for whoever has a mailbox alone."""
TURN_SECONDS = 0.5
"""For each other thread to wait meanwhile. Opening a mailbox takes a few milliseconds where nobody has it alone."""


class MailboxBusy(MailboxError):
    """Other threads of this process use it just now."""


class OpenMailbox:
    """``lock``: held by the one thread that uses ``box`` (a connection of SQLite's is for one at a time), which has it next who waited longest."""

    def __init__(self, account: str, box: LiveMailbox) -> None:
        self.account = account
        self.box = box
        self.lock = QueuedLock()
        self.users = 0
        self.used_at = 0.0


class _Turn:
    """To open one account's mailbox. ``awaited``: how many threads have it or wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.awaited = 0


class Mailboxes:
    """Mailboxes lie at ``root/ACCOUNT.mailbox``; one that is not there yet is made when it is first asked for."""

    def __init__(
        self,
        root: Path,
        *,
        first_folders: Mapping[str, SpecialUse] = FIRST_FOLDERS,
        open_mailboxes: int = OPEN_MAILBOXES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = root
        self._first_folders = first_folders
        self._limit = open_mailboxes
        self._clock = clock
        self._open: OrderedDict[str, OpenMailbox] = OrderedDict()
        self._paused: dict[str, float] = {}
        self._guard = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    def place_of(self, account: str) -> Path:
        return self.root / f"{account}.mailbox"

    def take(self, account: str) -> OpenMailbox:
        """Open it, or use it together with others; `give_back` it. Raises MailboxError: MailboxInUse where somebody has it alone for longer than
        a thread may wait."""
        self._wait_for_pause(account)
        with self._turn_of(account):
            with self._guard:
                found = self._open.get(account)
                if found is not None:
                    found.users += 1
                    self._open.move_to_end(account)
                    return found
            box = self._open_or_make(self.place_of(account))
            with self._guard:
                made = self._open[account] = OpenMailbox(account, box)
                made.users = 1
        self._close_unused()
        return made

    @contextlib.contextmanager
    def _turn_of(self, account: str) -> Iterator[None]:
        with self._guard:
            turn = self._turns.setdefault(account, _Turn())
            turn.awaited += 1
        try:
            if not turn.lock.acquire(timeout=TURN_SECONDS):
                raise in_use(self.place_of(account))
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._guard:
                turn.awaited -= 1
                if not turn.awaited:
                    del self._turns[account]

    def _open_or_make(self, place: Path) -> LiveMailbox:
        """Waits a moment for whoever has it alone: another process that makes it, tidies it up, or brings it back. Raises MailboxError."""
        deadline = time.monotonic() + IN_USE_SECONDS
        while True:
            try:
                if (place / CATALOGUE).exists():
                    with contextlib.suppress(NotLive):
                        return LiveMailbox.open(place)
                if place.with_suffix(LEFT).exists():
                    raise in_use(place)
                return LiveMailbox.create(place, int(self._clock()), first_folders=self._first_folders)
            except MailboxInUse:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def give_back(self, mailbox: OpenMailbox) -> None:
        with self._guard:
            mailbox.users -= 1
            mailbox.used_at = time.monotonic()
            is_wanted = mailbox.used_at < self._paused.get(mailbox.account, 0.0)
        if is_wanted:
            self._close([mailbox.account])
        self._close_unused()

    @contextlib.contextmanager
    def using(self, account: str, within_seconds: float | None = None) -> Iterator[LiveMailbox]:
        """For this thread alone, for as long as the block lasts. Raises MailboxError: MailboxBusy where other threads use it for longer than that."""
        mailbox = self.take(account)
        try:
            if not mailbox.lock.take(within_seconds):
                raise MailboxBusy(f"{self.place_of(account)} is busy.", "Try again later.", ExitStatus.CONNECT)
            try:
                yield mailbox.box
            finally:
                mailbox.lock.give_back()
        finally:
            self.give_back(mailbox)

    def close_idle(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Close those that nobody used for that long."""
        before = time.monotonic() - idle_seconds
        with self._guard:
            idle = [
                account for account, mailbox in self._open.items() if not mailbox.users and mailbox.used_at <= before
            ]
        self._close(idle)

    def release(self, account: str) -> None:
        """Somebody needs it alone: close it as soon as nobody uses it, and let who comes within `PAUSE_SECONDS` wait."""
        with self._guard:
            self._paused = {other: until for other, until in self._paused.items() if until > time.monotonic()}
            self._paused[account] = time.monotonic() + PAUSE_SECONDS
        self._close([account])

    def _wait_for_pause(self, account: str) -> None:
        """Not for longer than one pause, though it may be asked for again and again. Raises MailboxInUse."""
        deadline = time.monotonic() + PAUSE_SECONDS
        while time.monotonic() < self._paused.get(account, 0.0):
            if time.monotonic() > deadline:
                raise in_use(self.place_of(account))
            time.sleep(0.02)

    def _close_unused(self) -> None:
        with self._guard:
            unused = [account for account, mailbox in self._open.items() if not mailbox.users]
            surplus = unused[: max(0, len(self._open) - self._limit)]
        self._close(surplus)

    def _close(self, accounts: Iterable[str]) -> None:
        closing: list[OpenMailbox] = []
        with self._guard:
            for account in accounts:
                if account not in self._open or self._open[account].users:
                    continue  # somebody was quicker
                closing.append(self._open.pop(account))
        for mailbox in closing:
            mailbox.box.close()

    def close(self) -> None:
        """Close all; nobody may be using one."""
        with self._guard:
            closing, self._open = list(self._open.values()), OrderedDict()
        for mailbox in closing:
            mailbox.box.close()
