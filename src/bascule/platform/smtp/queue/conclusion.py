"""What comes of an attempt: a recipient is settled, waits on, or is given up with a notice to the sender."""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bascule.platform.accounts import Accounts
from bascule.platform.smtp.postmaster import find_account
from bascule.platform.smtp.queue import limits
from bascule.platform.smtp.queue.meaning import Meaning, Outcome
from bascule.platform.smtp.queue.notices import Failing, notice
from bascule.platform.smtp.queue.store import Entry, QueueStore
from bascule.platform.trace import Event, Trace
from bascule.protocols.mime import HeaderSummary, summarise
from bascule.protocols.mime.headers import HEADER_OCTETS, header_of
from bascule.protocols.smtp import Reply
from bascule.terms.body import HeldBody

_CUT_OFF = "451 4.4.2 the server was stopped in the middle of sending it: it is sent again, and may arrive twice"


@dataclass(frozen=True, slots=True)
class Patience:
    """RFC 5321 §4.5.4.1: the wait grows from attempt to attempt; given up after four to five days."""

    first_retry_seconds: float = 300.0
    warn_seconds: float = 4 * 3600.0
    give_up_seconds: float = 5 * 24 * 3600.0

    def wait_seconds(self, attempts: int) -> float:
        """After that many attempts."""
        return float(min(self.first_retry_seconds * 2 ** min(attempts, 20), limits.LONGEST_RETRY_SECONDS))


class NotSettled(OSError):
    """Somebody has the message, and the queue's rows can't be written: they still say that it is to be sent."""


@dataclass(frozen=True, slots=True)
class Conclusions:
    """``hostname`` and ``zone`` are for notices. Calls block."""

    store: QueueStore
    accounts: Accounts
    trace: Trace
    hostname: str
    zone: ZoneInfo
    patience: Patience
    clock: Callable[[], float]
    postmaster: str | None
    _warning: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, entry: Entry, outcomes: Mapping[str, Outcome], start: bytes) -> None:
        """``start``: of the message. What was sent is settled before all else, so that nothing that fails here sends it again. Raises NotSettled where
        that fails: then nothing was done yet."""
        now = self.clock()
        is_over = now - entry.arrived_utc >= self.patience.give_up_seconds
        done = [address for address, outcome in outcomes.items() if outcome.meaning is Meaning.DONE]
        failed = {a: o for a, o in outcomes.items() if o.meaning is Meaning.FINAL or (a not in done and is_over)}
        later = {a: o for a, o in outcomes.items() if a not in done and a not in failed}
        if done:
            self._settle(entry, done)
        header = summarise(start)
        for address, outcome in outcomes.items():
            event = Event.BOUNCED if address in failed else Event.DELAYED if address in later else Event.DELIVERED if outcome.is_here else Event.SENT  # fmt: skip
            self._note(event, entry, address, header, "" if outcome.is_here else _told(outcome))
        waiting = {each.address: each for each in entry.recipients}
        for address, outcome in later.items():
            next_utc = now + self.patience.wait_seconds(waiting[address].attempts)
            self.store.postpone(entry.id, address, next_utc, _told(outcome))
        if failed:
            self._tell(entry, failed, header, start, is_final=True)
        if later and now - entry.arrived_utc >= self.patience.warn_seconds:
            self._warn(entry, header, start)

    def _settle(self, entry: Entry, done: Sequence[str]) -> None:
        try:
            self.store.settle(entry.id, done)
        except (OSError, sqlite3.Error) as error:
            raise NotSettled(str(error)) from error

    def note_cut_off(self, log: Callable[..., None]) -> None:
        """Call while nothing is in hand. What was being sent when this process, or one before it, was stopped or killed is an attempt that failed, and is tried
        again at the time that was noted before it (`QueueStore.put_off`); whether the other server had it already, nobody knows (RFC 5321 §4.5.3.2.6 on
        why that is rare), and so it is said."""
        for message, address in self.store.begun():
            entry = self.store.get(message)
            due = {each.address: each.next_utc for each in entry.recipients} if entry is not None else {}
            self.store.postpone(message, address, due.get(address, self.clock()), _CUT_OFF)
            if entry is not None and address in due:
                self._note(Event.DELAYED, entry, address, summarise(self._start(message)), _CUT_OFF)
                log(
                    "sending-cut-off",
                    id=message,
                    recipient=address,
                    advice="it is sent again; the other server may have it already",
                )

    def _start(self, message: str) -> bytes:
        try:
            with self.store.file_of(message).open("rb") as file:
                return file.read(HEADER_OCTETS)
        except OSError:
            return b""

    def _warn(self, entry: Entry, header: HeaderSummary, start: bytes) -> None:
        """One notice for all who have waited in vain, in whatever lane: the sender need not hear of each domain by itself."""
        with self._warning:  # attempts in several lanes may end at once
            now = self.store.get(entry.id)
            untold = {
                each.address: Outcome(reply, Meaning.LATER)
                for each in (now.recipients if now is not None else ())
                if not each.is_told and (reply := Reply.read(each.reply)) is not None
            }
            if untold:
                self._tell(entry, untold, header, start, is_final=False)

    def _tell(
        self, entry: Entry, outcomes: Mapping[str, Outcome], header: HeaderSummary, start: bytes, *, is_final: bool
    ) -> None:
        """A notice, to whoever sent it. RFC 5321 §6.1: none about a notice."""
        if not entry.sender:
            if is_final:
                self.store.settle(entry.id, list(outcomes))
            return
        failing = [Failing(a, outcome.status(is_over=is_final), _told(outcome)) for a, outcome in outcomes.items()]
        octets = notice(
            hostname=self.hostname, message=entry.id, sender=entry.sender, subject=header.subject, failing=failing,
            header=header_of(start)[:limits.RETURNED_OCTETS], is_final=is_final, arrived_utc=entry.arrived_utc, now_utc=self.clock(),
            until_utc=entry.arrived_utc + self.patience.give_up_seconds, zone=self.zone,
        )  # fmt: skip
        identity = f"{entry.id}.{'f' if is_final else 'd'}{time.time_ns():x}"
        account = find_account(self.accounts, entry.sender, self.postmaster)
        self.store.answer(
            entry.id, list(outcomes), identity, HeldBody(octets), entry.sender, is_final=is_final,
            is_here=account is not None and account.is_here,
        )  # fmt: skip

    def _note(self, event: Event, entry: Entry, address: str, header: HeaderSummary, detail: str) -> None:
        self.trace.note(
            event, entry.id, sender=entry.sender, recipient=address, subject=header.subject, message_id=header.message_id,
            octets=entry.octets, detail=detail,
        )  # fmt: skip


def _told(outcome: Outcome) -> str:
    return str(outcome.reply)[: limits.REPLY_CHARACTERS]
