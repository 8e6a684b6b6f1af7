"""Mail that arrives in live mailboxes, from SMTP, LMTP and the queue: written together where it arrives together.

A commit is two syncs of the disk, whatever it holds. So whoever holds a mailbox writes for all who wait for it meanwhile, and they only
take the outcome.

Threads are few, and all mailboxes share them. So of all that arrives for one mailbox, one thread of a process waits for it at most: it writes for the
line, and gives its turn to the next in it. The others wait without a thread (`Arrivals.delivering`), and none without an end.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from functools import partial

from bascule.mailbox.database import is_bug
from bascule.mailbox.format import MailboxElsewhere, MailboxError
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.platform.accounts import Account, require_here
from bascule.platform.mailboxes import MailboxBusy, Mailboxes
from bascule.platform.octets import Octets, prefixed
from bascule.platform.wakeups import after_commit
from bascule.terms.errors import without_advice
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX, SpecialUse
from bascule.terms.instant import InternalDate

GROUP = 100
"""Messages written at once at most."""
BUSY_SECONDS = 20.0
"""For one thread to wait for a mailbox that its owner's programs, or others' mail, keep busy; then all that waits for it is refused for now. Commands give
it up between their pieces, some seconds at most."""
ASKED_SECONDS = 0.1
"""For the mailbox, to say whether a message has room: whoever delivers it looks again."""


class NotDelivered(Exception):
    """Nothing was kept; it may be tried again. ``is_full``: the mailbox holds what it may. ``text``: for a reply."""

    def __init__(self, text: str, *, is_full: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.is_full = is_full


class _Waiting:
    def __init__(self, account: Account, new: Arriving, *, is_spam: bool) -> None:
        self.account = account
        self.new = new
        self.is_spam = is_spam
        self.is_done = False
        self.failure: NotDelivered | None = None
        self.turn: Future[None] = Future()
        """Over when it is done, or the next to write."""
        self.turn.set_running_or_notify_cancel()  # who waits for it can't take it back


class Arrivals:
    """For any thread. ``notify``: tells who watches an account's mailbox; ``log``: an event and its fields."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        notify: Callable[[str], None],
        log: Callable[..., None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mailboxes = mailboxes
        self._notify = notify
        self._log = log
        self._clock = clock
        self._guard = threading.Lock()
        self._waiting: dict[str, list[_Waiting]] = {}
        """A mailbox's line. It is there as long as somebody writes, or has the turn to: the first in it."""

    def deliver(
        self, account: Account, octets: Octets, before: bytes, delivery: str | None = None, *, is_spam: bool = False
    ) -> None:
        """As `delivering`, in this thread."""
        for turn in self.delivering(account, octets, before, delivery, is_spam=is_spam):
            turn.result()

    def delivering(
        self, account: Account, octets: Octets, before: bytes, delivery: str | None = None, *, is_spam: bool = False
    ) -> Generator[Future[None], None, None]:
        """Into INBOX, or the folder for junk; ``before`` (fields) in front of it. At the end it is synced. A
        ``delivery`` that was made already is passed over. Raises NotDelivered, and
        OSError where ``octets`` can't be read.

        Each future that it gives is to be waited for, without a thread, before it goes on, in any thread; whoever does not go on closes it.
        ``octets`` are read where they lie, for each recipient anew: they must not be moved by another reader meanwhile.
        """
        self._require_here(account)
        date = InternalDate(int(self._clock()))
        new = Arriving(prefixed(before, octets), Flags(frozenset()), date, delivery)
        mine = _Waiting(account, new, is_spam=is_spam)
        with self._guard:
            is_first = account.id not in self._waiting
            self._waiting.setdefault(account.id, []).append(mine)
        if not is_first:
            try:
                yield mine.turn
            except BaseException:
                self._leave(mine)
                raise
        if not mine.is_done:
            self._write_those_waiting(account)
        if mine.failure is not None:
            raise mine.failure
        after_commit(partial(self._notify, account.id), self._log)

    def has_room(self, account: Account, octets: int) -> bool:
        """Also where that can't be said now. Raises NotDelivered where the mailbox can't be opened here."""
        self._require_here(account)
        if account.quota_octets is None:
            return True
        try:
            with self._mailboxes.using(account.id, ASKED_SECONDS) as box:
                return box.folders.octets()[0] + octets <= account.quota_octets
        except MailboxBusy:
            return True
        except (MailboxError, sqlite3.Error, OSError) as error:
            raise self._failed(account, error) from error

    def _require_here(self, account: Account) -> None:
        """Raises NotDelivered."""
        try:
            require_here(account)
        except MailboxElsewhere as error:
            raise self._failed(account, error) from error

    def _write_those_waiting(self, account: Account) -> None:
        """By the first in the line, who is done afterwards; the next one has the turn then."""
        group: list[_Waiting] = []
        try:
            with self._mailboxes.using(account.id, BUSY_SECONDS) as box:
                group = self._taken(account, GROUP)
                self._write(box, group)
        except Exception as error:  # noqa: BLE001 - it could not be opened: the others would find so too
            failure = self._failed(account, error)
            group = group or self._taken(account, None)
            for each in group:
                if not each.is_done:
                    each.failure, each.is_done = failure, True
        finally:
            with self._guard:
                self._pass_on(account)
            for each in group:
                _end(each.turn)

    def _pass_on(self, account: Account) -> None:
        """The turn, to the first in the line. The guard is held: nobody leaves it meanwhile."""
        if line := self._waiting[account.id]:
            _end(line[0].turn)
        else:
            del self._waiting[account.id]

    def _taken(self, account: Account, most: int | None) -> list[_Waiting]:
        """Out of the line, from its beginning."""
        with self._guard:
            line = self._waiting[account.id]
            group, line[:] = line[:most], line[most:] if most is not None else []
            return group

    def _leave(self, mine: _Waiting) -> None:
        """It is not waited for any more."""
        with self._guard:
            line = self._waiting.get(mine.account.id, [])
            if mine not in line:
                return  # it is being written, or done
            line.remove(mine)
            if mine.turn.done():
                self._pass_on(mine.account)

    def _write(self, box: LiveMailbox, group: list[_Waiting]) -> None:
        """All of the group is done when this returns."""
        try:
            fitting = list(self._fitting(box, group))
            inbox = box.folders.find(INBOX)
            assert inbox is not None
            self._write_into(box, inbox.id, [each for each in fitting if not each.is_spam])
            if spam := [each for each in fitting if each.is_spam]:
                junk = box.folders.for_use(SpecialUse.JUNK) or inbox
                self._write_into(box, junk.id, spam)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            failure = self._failed(group[0].account, error)
            for each in group:
                each.failure = each.failure or (None if each.is_done else failure)
        finally:
            for each in group:
                each.is_done = True

    def _write_into(self, box: LiveMailbox, folder: int, arriving: list[_Waiting]) -> None:
        """Together; where that fails, each by itself, since it may be one message's fault."""
        if not arriving:
            return
        try:
            box.messages.deliver(folder, [each.new for each in arriving], int(self._clock()))
        except Exception as error:  # noqa: BLE001 - see `_write`
            if len(arriving) == 1:
                arriving[0].failure = self._failed(arriving[0].account, error)
                return
            for each in arriving:
                self._write_into(box, folder, [each])
            return
        for each in arriving:
            each.is_done = True

    def _fitting(self, box: LiveMailbox, group: list[_Waiting]) -> Iterator[_Waiting]:
        held = box.folders.octets()[0] if any(each.account.quota_octets is not None for each in group) else 0
        for each in group:
            limit = each.account.quota_octets
            if limit is not None and held + each.new.body.octets > limit:
                each.failure = NotDelivered("the mailbox is full", is_full=True)
                continue
            held += each.new.body.octets
            yield each

    def _failed(self, account: Account, error: BaseException) -> NotDelivered:
        self._log("not-delivered", account=account.login, error=without_advice(error), exc_info=is_bug(error) and error)
        is_elsewhere = isinstance(error, MailboxElsewhere)
        return NotDelivered(
            "the mailbox is on another server" if is_elsewhere else "the mailbox can't be written to now"
        )


def _end(turn: "Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
