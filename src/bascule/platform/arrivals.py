"""Mail that arrives in live mailboxes, from SMTP, LMTP and the queue: written together where it arrives together.

A commit is two syncs of the disk, whatever it holds. So whoever holds a mailbox writes for all who wait for it meanwhile, and they only
take the outcome.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

from bascule.mailbox.format import MailboxElsewhere, MailboxError
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.platform.accounts import Account, require_here
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.octets import Octets, prefixed
from bascule.terms.errors import without_advice
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX, SpecialUse
from bascule.terms.instant import InternalDate

GROUP = 100
"""Messages written at once at most."""


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
        self.done = threading.Event()
        self.failure: NotDelivered | None = None


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

    def deliver(
        self, account: Account, octets: Octets, before: bytes, delivery: str | None = None, *, is_spam: bool = False
    ) -> None:
        """Into INBOX, or the folder for junk; ``before`` (fields) in front of it. When this returns it is synced. A ``delivery`` that was made already is passed over. Raises NotDelivered.

        ``octets`` are read where they lie, for each recipient anew: they must not be moved by another reader meanwhile.
        """
        self._require_here(account)
        date = InternalDate(int(self._clock()))
        new = Arriving(prefixed(before, octets), Flags(frozenset()), date, delivery)
        mine = _Waiting(account, new, is_spam=is_spam)
        with self._guard:
            self._waiting.setdefault(account.id, []).append(mine)
        self._write_those_waiting(mine)
        if mine.failure is not None:
            raise mine.failure
        self._notify(account.id)

    def has_room(self, account: Account, octets: int) -> bool:
        """Raises NotDelivered where the mailbox can't be opened here."""
        self._require_here(account)
        if account.quota_octets is None:
            return True
        try:
            with self._mailboxes.using(account.id) as box:
                return box.folders.octets()[0] + octets <= account.quota_octets
        except (MailboxError, sqlite3.Error, OSError) as error:
            raise self._failed(account, error) from error

    def _require_here(self, account: Account) -> None:
        """Raises NotDelivered."""
        try:
            require_here(account)
        except MailboxElsewhere as error:
            raise self._failed(account, error) from error

    def _write_those_waiting(self, mine: _Waiting) -> None:
        try:
            with self._mailboxes.using(mine.account.id) as box:
                while not mine.done.is_set():
                    with self._guard:
                        queue = self._waiting[mine.account.id]
                        group, queue[:GROUP] = queue[:GROUP], []
                        if not queue:
                            del self._waiting[mine.account.id]
                    self._write(box, group)
        except (MailboxError, sqlite3.Error, OSError) as error:  # it could not be opened: the others will find so too
            with self._guard:
                queue = self._waiting.get(mine.account.id, [])
                is_taken = mine not in queue
                if not is_taken:
                    queue.remove(mine)
                if not queue:
                    self._waiting.pop(mine.account.id, None)
            if is_taken:  # by somebody who has it open: what counts is how that ends
                mine.done.wait()
            else:
                mine.failure = self._failed(mine.account, error)

    def _write(self, box: LiveMailbox, group: list[_Waiting]) -> None:
        """All of the group is done when this returns."""
        try:
            fitting = list(self._fitting(box, group))
            inbox = box.folders.find(INBOX)
            assert inbox is not None
            junk = box.folders.for_use(SpecialUse.JUNK) or inbox
            for folder, is_spam in ((inbox, False), (junk, True)):
                self._write_into(box, folder.id, [each for each in fitting if each.is_spam is is_spam])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            failure = self._failed(group[0].account, error)
            for each in group:
                each.failure = each.failure or (None if each.done.is_set() else failure)
        finally:
            for each in group:
                each.done.set()

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
            each.done.set()

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
        is_ours = not isinstance(error, MailboxError | sqlite3.Error | OSError)
        bug = {"exc_info": error} if is_ours else {}
        self._log("not-delivered", account=account.login, error=without_advice(error), **bug)
        is_elsewhere = isinstance(error, MailboxElsewhere)
        return NotDelivered(
            "the mailbox is on another server" if is_elsewhere else "the mailbox can't be written to now"
        )
