"""Delivering to one folder of the target: what is there already, what is in doubt, batches, and reading back.

The life of a message here::

    offered ─▶ registered in the catalogue ─┬─ it is the move of an earlier one ─▶ as `later_runs` says: on, or removed
                                            ├─ the target has a copy that stands for nothing yet ─▶ already there
                                            ├─ an earlier batch with it was cut ─▶ in doubt ─┬─ found on the target ─▶ delivered
                                            │                                               └─ not found ─▶ batched
                                            └─▶ batched ─▶ intent written ─▶ sent ─┬─ OK ─▶ delivered ─▶ read back
                                                                                   ├─ NO ─▶ split, until alone ─▶ refused
                                                                                   └─ no answer ─▶ in doubt
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bascule.deliver.doubt import Doubt
from bascule.deliver.expectation import ALTERED_THERE, DELETED, delivered_from, is_touched
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.limits import (
    BATCH_MESSAGES,
    BATCH_OCTETS,
    BATCHES_IN_FLIGHT,
    CAREFUL_MESSAGES,
    ENDS_AT_ONE,
    LAST_ANSWERS_SECONDS,
    REFUSAL_TRIES,
    SECOND_TRY_OCTETS,
    SETBACKS,
    SETTLE_SECONDS,
)
from bascule.deliver.moves import EarlierCopies
from bascule.deliver.parcel import Batch, Parcel
from bascule.deliver.proving import Proving
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.rivals import Placed, settle_rivals
from bascule.deliver.sending import (
    Shipment,
    delivered,
    is_of_keywords,
    is_over_quota,
    is_unexplained,
    may_be_done,
    may_pass,
    refusal,
    send,
)
from bascule.deliver.session import OverQuota, TargetSession
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Foreign, Ledger
from bascule.protocols.imap.responses import Condition
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.later_runs import Action
from bascule.terms.outcome import NOTHING_TO_MEND, REFUSED_MENDED, Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    verify: VerifyLevel = VerifyLevel.DELIVERED
    settle_seconds: float = SETTLE_SECONDS
    batch_messages: int = BATCH_MESSAGES
    batch_octets: int = BATCH_OCTETS
    mend: bool = False
    """Send what the target refuses in a mended form."""


class FolderDelivery:
    """`open`, then `offer` as often as needed, then `finish`; at the end of the whole run `look_again`.

    ``earlier``: what vanished on the old side, and may be what is offered. ``refused`` is called with each parcel that the target
    refuses, before its body is closed.
    """

    def __init__(
        self,
        session: TargetSession,
        mailbox: Mailbox,
        ledger: Ledger,
        folder: MappedFolder,
        options: DeliveryOptions,
        watcher: Watcher = SILENT,
        refused: Callable[[Parcel, Outcome], None] = lambda parcel, outcome: None,
        earlier: EarlierCopies | None = None,
    ) -> None:
        self._session = session
        self._mailbox = mailbox
        self._ledger = ledger
        self._folder = folder
        self._options = options
        self._watcher = watcher
        self._refused = refused
        self._earlier = EarlierCopies() if earlier is None else earlier
        self._view = TargetView(session, mailbox, ledger, folder)
        self._proving = Proving(session, self._view, mailbox, ledger, options.verify, options.settle_seconds)
        self._doubt = Doubt(self._view, mailbox, ledger, options.settle_seconds, options.mend)
        self._batch = Batch()
        self._flying: deque[Shipment] = deque()
        self._delivered: dict[int, Placed] = {}
        """By message: what this run delivered here, and one before it that did not come to its end."""
        self._is_noted = False
        """Whether a run that is cut here leaves the next one a note that others may deliver beside us."""
        self._uids: set[int] = set()
        """Of the target's messages that were there when this run came, ours or not, and that it was told of since."""
        self._after_doubt: list[Parcel] = []
        """Equal to something that is in doubt: whose the target's copy is must be known first."""
        self._refused_once: list[Parcel] = []
        self._is_second_try = False
        self._patience = REFUSAL_TRIES
        self._setbacks = 0
        """Ends of the connection one after the other, without anything delivered in between."""
        self._careful = 0
        """How many messages are still sent one by one, each when the one before was answered."""
        self._ended_at: Counter[int] = Counter()
        """Message → how often the connection ended while it alone was being sent."""

    # -- opening ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Select the folder and learn what is in it. Raises CommandRefused when it can't be selected, TargetError."""
        await self._view.open_and_look()
        await self._doubt.open()
        run, folder = self._mailbox.run, self._view.row.folder
        unwatched = await run(delivered_from, self._mailbox, self._ledger.target, folder, self._view.unwatched_from)
        self._delivered = {copy.message: Placed.of_copy(copy) for copy in unwatched}
        self._uids = await run(self._ledger.our_uids, folder) | {f.uid for f in await run(self._ledger.foreign, folder)}

    # -- offering -----------------------------------------------------------------------------------------------------

    async def offer(self, parcels: Sequence[Parcel]) -> None:
        """Take responsibility for these messages; returns when there is room for more. Raises TargetError, OverQuota."""
        await self._register(parcels)
        there: list[tuple[int, Outcome]] = []
        left: set[int] = set()
        offered = [p.for_the_wire() for p in parcels]
        for parcel in self._dated_first(offered):
            if self._doubt.holds(parcel):
                continue
            if self._doubt.concerns(parcel):
                self._after_doubt.append(parcel)
                continue
            copy = self._copy_of(parcel)
            if await self._has_stayed(parcel, copy):
                self._done(parcel)
                continue
            found = await self._moved_here(parcel, copy) or copy
            if found is not None:
                there.append((parcel.message, found))
                self._done(parcel)
            else:
                left.add(parcel.message)
        await self._settle(there)  # before anything is sent, which a quota may end
        for parcel in offered:
            if parcel.message in left:
                await self._add(parcel)

    def _dated_first(self, parcels: Sequence[Parcel]) -> Sequence[Parcel]:
        """Those that the target has a copy of with their own date come before equal ones that would take it."""
        if not self._view.has_free_copies:
            return parcels
        return sorted(parcels, key=lambda p: not self._view.has_dated(p.body, p.date.utc_seconds))

    async def _register(self, parcels: Sequence[Parcel]) -> None:
        """Rows in the catalogue for messages that have none yet."""
        fresh = [parcel for parcel in parcels if not parcel.message]
        if fresh:
            row = self._folder.row
            new = [NewMessage(p.uid, p.flags, p.date, p.body, p.labels, p.remark) for p in fresh]
            ids = await self._mailbox.run(self._mailbox.messages.store, row.id, row.uidvalidity, new)
            for parcel, message in zip(fresh, ids, strict=True):
                parcel.message = message

    async def _has_stayed(self, parcel: Parcel, copy: Outcome | None) -> bool:
        """Where it moved on the old side to the folder that its copy lies in already, that copy stands for it from now on, with all that is known of it."""
        if copy is None or (uid := copy.target_uid) is None or not (stood := self._view.stood_for(uid)):
            return False
        digest, date = (parcel.original or parcel.body).sha256, parcel.date.utc_seconds
        after = await self._mailbox.run(self._mailbox.messages.after_delta, parcel.message)
        folder = self._view.row.folder
        for earlier in stood:
            if self._earlier.take_one(earlier, digest, after, date) and await self._mailbox.run(
                self._ledger.inherit, earlier, parcel.message, folder, uid
            ):
                self._earlier.followed.add(parcel.message)
                return True
        return False

    async def _moved_here(self, parcel: Parcel, copy: Outcome | None) -> Outcome | None:
        """Where it is the move of an earlier message, that is written down, together with its outcome where nothing is to be sent: the target has it
        (``copy``), or somebody removed the earlier one's copy on the new side."""
        digest = (parcel.original or parcel.body).sha256
        if digest not in self._earlier or parcel.message in self._earlier.followed:
            return None
        after = await self._mailbox.run(self._mailbox.messages.after_delta, parcel.message)
        date, has_copy = parcel.date.utc_seconds, copy is not None
        while (earlier := self._earlier.take(digest, after, date, has_copy=has_copy)) is not None:
            found, done = copy or earlier.removed, earlier.decision.action is not Action.REPLACE
            if await self._claim(earlier.message, parcel.message, found, done):
                self._earlier.followed.add(parcel.message)
                return found
        return None

    async def _claim(self, earlier: int, later: int, found: Outcome | None, done: bool) -> bool:
        run, ledger = self._mailbox.run, self._ledger
        if found is None:
            return await run(ledger.claim, earlier, later, done=done)
        return await run(ledger.claim_and_settle, earlier, later, self._view.row.folder, found, done=done)

    def _copy_of(self, parcel: Parcel) -> Outcome | None:
        """Where the target holds it already, also in the mended form that an earlier run gave it. A copy that somebody marked as deleted there is left
        to them: it may be expunged any moment."""
        if not self._view.has_free_copies:
            return None
        deleted = not DELETED.isdisjoint(parcel.flags)
        copy = self._view.take(parcel.body, parcel.date.utc_seconds, parcel.flags, deleted=deleted)
        return _already_there(parcel, copy) if copy is not None else self._doubt.mended_copy_of(parcel)

    async def _add(self, parcel: Parcel) -> None:
        limit = self._session.client.append_limit()
        if limit is not None and parcel.body.octets > limit:
            reason = f"the target takes messages of up to {limit} octets"
            await self._refuse(parcel, Outcome(OutcomeCode.REFUSED_SIZE, reason))
            return
        if parcel.body.octets == 0:  # many servers refuse these, and a whole MULTIAPPEND with them
            await self._send(Batch.of([parcel]))
            return
        if self._careful:
            self._careful -= 1
            await self._send(Batch.of([parcel]))
            while self._flying:
                await self._conclude()
            return
        options, batch = self._options, self._batch
        full = len(batch.parcels) >= options.batch_messages or batch.octets + parcel.body.octets > options.batch_octets
        if batch.parcels and full:
            await self._flush()
        self._batch.add(parcel)

    async def _flush(self) -> None:
        batch, self._batch = self._batch, Batch()
        if batch.parcels:
            await self._send(batch)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def _send(self, batch: Batch) -> None:
        while len(self._flying) >= BATCHES_IN_FLIGHT:
            await self._conclude()
        given = {parcel.message: parcel.flags for parcel in batch.parcels}
        sent = {parcel.message: said for parcel in batch.parcels if (said := parcel.sent) is not None}
        row = self._view.row
        if not self._is_noted:
            await self._mailbox.run(self._ledger.unfinished.unwatched, row.folder, self._view.opened_uidnext)
            self._is_noted = True
        batch.intent = await self._mailbox.run(
            self._ledger.intend, row.folder, row.uidvalidity, self._view.uidnext, given, sent
        )
        shipment = Shipment(batch)
        self._flying.append(shipment)
        try:
            await send(self._session.client, self._folder.name, shipment)
        except ConnectionLost as error:
            await self._lost(error)

    async def _conclude(self) -> None:
        """Wait for the oldest batch's answer, and act on it."""
        shipment = self._flying[0]
        try:
            await shipment.answered()
            self._flying.popleft()
            if all(answer.status == "OK" for answer in shipment.answers):
                await self._arrived(shipment, shipment.batch.parcels)
            elif shipment.is_multi:
                await self._split(shipment)
            else:
                await self._settle_singly(shipment)
        except ConnectionLost as error:
            await self._lost(error)

    async def _arrived(self, shipment: Shipment, parcels: Sequence[Parcel]) -> None:
        """The target said OK to all of it."""
        outcomes = self._as_told(shipment)
        await self._settle(outcomes, [shipment.batch.intent])
        self._session.progress()
        self._setbacks = 0
        self._took(parcels)
        self._proving.later(parcels, outcomes)
        await self._proving.begin()

    def _took(self, parcels: Sequence[Parcel]) -> None:
        self._watcher.delivered(len(parcels))
        self._delivered.update({parcel.message: Placed.of(parcel) for parcel in parcels})
        for parcel in parcels:
            self._done(parcel)

    def _as_told(self, shipment: Shipment) -> list[tuple[int, Outcome]]:
        """Outcomes of what was answered OK. A UID that another message has already counts as not told, and its message is looked for: there are targets
        that keep one of several equal messages."""
        found = []
        for message, outcome in delivered(shipment, self._view.row.uidvalidity):
            is_new = outcome.target_uid not in self._uids
            found.append((message, outcome if is_new else replace(outcome, target_uid=None)))
            if outcome.target_uid is not None:
                self._uids.add(outcome.target_uid)
        return found

    async def _split(self, shipment: Shipment) -> None:
        """A MULTIAPPEND was refused, so the target kept none of it (RFC 3502 §6.3.11): again where that may pass, else halve it
        until one stands alone."""
        answer, batch = shipment.answers[0], shipment.batch
        await self._settle([], [batch.intent])
        if may_pass(answer) and batch.tries < self._patience:
            await self._again(batch, batch.parcels, look_first=may_be_done(answer))
            return
        for half in batch.halves():
            await self._send(half)

    async def _again(self, batch: Batch, parcels: Sequence[Parcel], *, look_first: bool) -> None:
        if not batch.tries:
            self._watcher.note(f"{self._folder.display}: the target is not ready; trying again")
        await asyncio.sleep(2.0**batch.tries)
        left = await self._without_what_was_taken(parcels) if look_first else parcels
        if left:
            await self._send(Batch.of(left, batch.tries + 1))

    async def _without_what_was_taken(self, parcels: Sequence[Parcel]) -> Sequence[Parcel]:
        """Those that the target, which refused them all, does not have."""
        while self._flying:  # what is in flight must not be taken for it
            await self._conclude()
        since = dict.fromkeys((parcel.message for parcel in parcels), self._view.opened_uidnext)
        while True:
            try:
                await self._view.name_by_details()  # so that what need not be read is not
                found, missing = await self._doubt.find(parcels, since)
                break
            except ConnectionLost as error:
                self._proving.interrupted()
                await self._view.renew(error)
        uids = await self._mailbox.run(self._ledger.uids_of, [parcel.message for parcel in found])
        self._proving.at_the_end(found, uids)
        self._took(found)
        return missing

    async def _settle_singly(self, shipment: Shipment) -> None:
        outcomes: list[tuple[int, Outcome]] = []
        again: list[Parcel] = []
        look_first = False
        mended: list[Parcel] = []
        over_quota = ""
        for parcel, answer in zip(shipment.batch.parcels, shipment.answers, strict=True):
            if answer.status == "OK":
                pairs = self._as_told(Shipment(Batch([parcel]), answers=[answer]))
                outcomes += pairs
                self._proving.later([parcel], pairs)
                self._took([parcel])
            elif is_over_quota(answer):
                over_quota = answer.reason
                outcomes.append((parcel.message, Outcome(OutcomeCode.REFUSED_QUOTA, answer.reason)))
                self._done(parcel)
            elif may_pass(answer) and shipment.batch.tries < self._patience:
                again.append(parcel)
                look_first |= may_be_done(answer)
            elif (other := self._mended(parcel, answer)) is not None:
                mended.append(other)
            elif is_unexplained(answer) and self._keep_for_a_second_try(parcel):
                continue
            else:
                outcome = self._with_mending(parcel, refusal(parcel, answer))
                if outcome.code is OutcomeCode.REFUSED_BUSY:
                    self._patience = 1  # waiting did not help: the next ones do not wait as long
                outcomes.append((parcel.message, outcome))
                self._refused(parcel, outcome)
                self._done(parcel)
        await self._settle(outcomes, [shipment.batch.intent])
        if over_quota:
            raise OverQuota(over_quota)
        for parcel in mended:
            await self._send(Batch.of([parcel]))
        if again:
            await self._again(shipment.batch, again, look_first=look_first)
        await self._proving.begin()

    def _keep_for_a_second_try(self, parcel: Parcel) -> bool:
        """A refusal that says no reason is taken as final only the second time, at the end of the folder. Some are kept for it."""
        room = sum(kept.body.octets for kept in self._refused_once) + parcel.body.octets <= SECOND_TRY_OCTETS
        if self._is_second_try or not room:
            return False
        self._refused_once.append(parcel)
        return True

    async def _try_a_second_time(self) -> None:
        parcels, self._refused_once, self._is_second_try = self._refused_once, [], True
        for parcel in parcels:
            await self._send(Batch.of([parcel]))
        await self._flush_all()

    def _mended(self, parcel: Parcel, answer: Condition) -> Parcel | None:
        """Another form to try, where it is the message that the target refuses: without its keywords where it says that it means them, as no mail is
        left behind for one; in other octets only where the user asked for that."""
        if refusal(parcel, answer).code is not OutcomeCode.REFUSED_CONTENT:
            return None
        if self._options.mend:
            return parcel.in_mended_form()
        return parcel.without_keywords() if is_of_keywords(answer) else None

    def _with_mending(self, parcel: Parcel, outcome: Outcome) -> Outcome:
        """With what became of the user's wish to have it mended."""
        if not self._options.mend or outcome.code is not OutcomeCode.REFUSED_CONTENT:
            return outcome
        return replace(outcome, detail=f"{outcome.detail}; {REFUSED_MENDED if parcel.mended else NOTHING_TO_MEND}")

    async def _refuse(self, parcel: Parcel, outcome: Outcome) -> None:
        await self._settle([(parcel.message, outcome)])
        self._refused(parcel, outcome)
        self._done(parcel)

    # -- doubt --------------------------------------------------------------------------------------------------------

    async def _lost(self, error: ConnectionLost) -> None:
        """The connection ended: what was answered is settled, the rest is in doubt until it was looked for."""
        flying, self._flying = self._flying, deque()
        for shipment in flying:
            taken, left = self._heard(shipment)
            for parcel in left:
                self._doubt.take(parcel)
            await self._settle(taken)
            if taken:
                self._session.progress()
                self._setbacks = 0
        await self._mailbox.run(self._ledger.touch, [shipment.batch.intent for shipment in flying])
        self._proving.interrupted()
        self._setbacks += 1
        if self._setbacks >= SETBACKS:
            self._careful = CAREFUL_MESSAGES
            self._session.literals_wait()
        if len(flying) == 1 and len(flying[0].batch.parcels) == 1:
            self._ended_at[flying[0].batch.parcels[0].message] += 1
        self._watcher.note(f"{self._folder.display}: {error}; connecting again")
        await self._view.renew(error)

    def _heard(self, shipment: Shipment) -> tuple[list[tuple[int, Outcome]], list[Parcel]]:
        """Of a batch whose answers are not waited for any longer: outcomes of what the target said OK to, and the parcels that are left."""
        outcomes: list[tuple[int, Outcome]] = []
        for one in shipment.heard():
            if one.answers[0].status == "OK":
                outcomes += (pairs := self._as_told(one))
                self._took(one.batch.parcels)
                self._proving.later(one.batch.parcels, pairs)
        taken = {message for message, _ in outcomes}
        return outcomes, [parcel for parcel in shipment.batch.parcels if parcel.message not in taken]

    async def hear_out(self) -> None:
        """The run stops here, for whatever reason: nothing more is sent, and what the target answers within `LAST_ANSWERS_SECONDS` to what is in
        flight is written down. What it does not answer is in doubt. Raises MailboxError."""
        flying, self._flying = self._flying, deque()
        if not flying:
            await self._settle([])  # what was read back
            return
        count = sum(len(shipment.batch.parcels) for shipment in flying)
        self._watcher.note(f"{self._folder.display}: stopping, once the target has answered for {count} messages")
        until = asyncio.get_running_loop().time() + LAST_ANSWERS_SECONDS
        try:
            for shipment in flying:
                await shipment.answered_within(until - asyncio.get_running_loop().time())
        finally:  # also where the user does not want to wait
            for shipment in flying:
                taken, _ = self._heard(shipment)
                over = [shipment.batch.intent] if shipment.is_answered else []
                await self._settle([*taken, *_without_room(shipment)], over)
            if not flying[-1].is_sent:  # what is said next must not be read as the rest of a message
                self._session.client.connection.abort("stopped in the middle of a message")

    async def _resolve(self) -> None:
        """Look for what is in doubt; send again what is not there; and offer what waited for it."""
        while self._doubt or self._after_doubt:
            if not self._doubt:
                waited, self._after_doubt = self._after_doubt, []
                await self.offer(waited)
                await self._flush_all()
                continue
            found, missing = await self._doubt.resolve(
                lambda seconds: self._watcher.note(
                    f"{self._folder.display}: waiting {seconds:.0f} s for a batch that was cut"
                )
            )
            if found:
                self._session.progress()
                self._watcher.delivered(len(found))
            for parcel in found:
                self._done(parcel)
            for parcel in missing:
                if self._ended_at[parcel.message] >= ENDS_AT_ONE:
                    reason = "the connection ended each time it was sent"
                    await self._refuse(parcel, Outcome(OutcomeCode.REFUSED_CONTENT, reason))
                    self._session.progress()
                elif removed := self._earlier.removed_before(parcel.message):
                    await self._settle([(parcel.message, removed)])
                    self._done(parcel)
                else:
                    await self._add(parcel)
            await self._flush_all()

    async def _flush_all(self) -> None:
        await self._flush()
        while self._flying or self._batch.parcels:
            while self._flying:
                await self._conclude()
            await self._flush()

    # -- finishing ----------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Wait for every answer, resolve every doubt, read back. What the target does not let us read back is not: the report says so. Raises
        TargetError, OverQuota."""
        await self._flush_all()
        await self._resolve()
        await self._try_a_second_time()
        await self._resolve()
        try:
            await self._proving.finish()
        except CommandRefused as error:
            self._watcher.note(
                f"{self._folder.display}: the target does not let what was delivered be read back: {error.reason}; the next run tries again"
            )
            await self._settle([])  # what was read back before it refused
            return
        await self._settle_rivals()

    async def _settle_rivals(self) -> None:
        while self._delivered:
            try:
                removed = await settle_rivals(self._view, self._mailbox, self._ledger, self._delivered)
            except ConnectionLost as error:
                await self._view.renew(error)
                continue
            self._delivered = {}
            if removed:
                copies = "1 copy too many was" if removed == 1 else f"{removed} copies too many were"
                self._watcher.note(f"{self._folder.display}: another program delivers the same; {copies} removed")
        await self._mailbox.run(self._ledger.unfinished.watched, self._view.row.folder)
        self._is_noted = False

    async def look_again(self) -> None:
        """At the end of a run: was a batch, sent again after it had been cut, committed late all the same?

        A copy too many is ours, and is removed where the target can remove one message by its UID (UIDPLUS) and nobody touched it; otherwise
        the outcome says *duplicate*.
        """
        while self._doubt.resent:
            try:
                await self._view.reselect()
                await self._settle(await self._doubt.remove_doubled())
                return
            except ConnectionLost as error:
                await self._session.renew(error)

    # -- bookkeeping --------------------------------------------------------------------------------------------------

    def _done(self, parcel: Parcel) -> None:
        self._watcher.done(1, parcel.body.octets)
        if parcel.alteration and not self._mailbox.keeps_bodies:  # the report names it by its subject
            start = (parcel.original or parcel.body).start(HEADER_OCTETS)
            self._mailbox.messages.record_header(parcel.message, summarise(start))
        parcel.close()

    async def _settle(self, outcomes: Sequence[tuple[int, Outcome]], intents: Sequence[int] = ()) -> None:
        """What was read back meanwhile is written with them: one transaction, and one wait for the disk, less a batch."""
        read_back = self._proving.take_rows()
        if outcomes or intents or read_back:
            await self._mailbox.run(self._ledger.settle, self._view.row.folder, outcomes, intents, read_back)


def _without_room(shipment: Shipment) -> list[tuple[int, Outcome]]:
    """Outcomes of the messages that the target, asked for each alone, had no room for."""
    singly = [one for one in shipment.heard() if len(one.batch.parcels) == 1 and is_over_quota(one.answers[0])]
    return [(one.batch.parcels[0].message, Outcome(OutcomeCode.REFUSED_QUOTA, one.answers[0].reason)) for one in singly]


def _already_there(parcel: Parcel, copy: Foreign) -> Outcome:
    """The target's own copy stands for the message. It is followed like one of ours where nothing tells it from one."""
    same_date = copy.date_utc in (None, parcel.date.utc_seconds)
    theirs = not same_date or (copy.flags is not None and is_touched(copy.flags, parcel.flags))
    code, told = (
        (OutcomeCode.ALREADY_THERE, "") if copy.sha256 == parcel.body.sha256 else (OutcomeCode.ALTERED, ALTERED_THERE)
    )
    return Outcome(code, told, copy.uid, parcel.sent_as, copy.flags, theirs=theirs)
