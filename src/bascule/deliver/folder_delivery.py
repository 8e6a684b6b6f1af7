"""Delivering to one folder of the target: what is there already, what is in doubt, batches, and reading back.

The life of a message here::

    offered ─▶ registered in the catalogue ─┬─ the target has a copy that stands for nothing yet ─▶ already there
                                            ├─ an earlier batch with it was cut ─▶ in doubt ─┬─ found on the target ─▶ delivered
                                            │                                               └─ not found ─▶ batched
                                            └─▶ batched ─▶ intent written ─▶ sent ─┬─ OK ─▶ delivered ─▶ verified
                                                                                   ├─ NO ─▶ split, until alone ─▶ refused
                                                                                   └─ no answer ─▶ in doubt
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.follow import follow_flags
from bascule.deliver.limits import BATCH_MESSAGES, BATCH_OCTETS, BATCHES_IN_FLIGHT, REFUSAL_TRIES, SETTLE_SECONDS
from bascule.deliver.parcel import Batch, Parcel
from bascule.deliver.sending import Shipment, arrival, delivered, is_over_quota, may_pass, refusal, send
from bascule.deliver.session import OverQuota, TargetSession
from bascule.deliver.target_view import TargetView
from bascule.deliver.verify import VerifyLevel, verify_folder
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.responses import Condition
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import ConnectionLost


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

    ``refused`` is called with each parcel that the target refuses, before its body is closed.
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
    ) -> None:
        self._session = session
        self._mailbox = mailbox
        self._ledger = ledger
        self._folder = folder
        self._options = options
        self._watcher = watcher
        self._refused = refused
        self._view = TargetView(session, mailbox, ledger, folder)
        self._batch = Batch()
        self._flying: deque[Shipment] = deque()
        self._doubtful: set[int] = set()
        self._held: list[Parcel] = []
        self._resent: dict[int, bytes] = {}
        self._resent_from = 0

    # -- opening ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Select the folder and learn what is in it. Raises CommandRefused when it can't be selected, TargetError."""
        await self._view.open()
        intents = await self._mailbox.run(self._ledger.intents, self._view.row.folder)
        self._doubtful = {message for intent in intents for message in intent.messages}

    # -- offering -----------------------------------------------------------------------------------------------------

    async def offer(self, parcels: Sequence[Parcel]) -> None:
        """Take responsibility for these messages; returns when there is room for more. Raises TargetError, OverQuota."""
        await self._register(parcels)
        there: list[tuple[int, Outcome]] = []
        for parcel in (p.for_the_wire() for p in parcels):
            if parcel.message in self._doubtful:
                self._held.append(parcel)
            elif (found := self._copy_of(parcel)) is not None:
                there.append((parcel.message, found))
                self._done(parcel)
            else:
                await self._add(parcel)
        await self._settle(there)

    async def _register(self, parcels: Sequence[Parcel]) -> None:
        """Rows in the catalogue for messages that have none yet."""
        fresh = [parcel for parcel in parcels if not parcel.message]
        if fresh:
            row = self._folder.row
            new = [NewMessage(p.uid, p.flags, p.date, p.body, p.labels) for p in fresh]
            ids = await self._mailbox.run(self._mailbox.messages.store, row.id, row.uidvalidity, new)
            for parcel, message in zip(fresh, ids, strict=True):
                parcel.message = message

    def _copy_of(self, parcel: Parcel) -> Outcome | None:
        """Where the target holds it already, also in the mended form that an earlier run gave it."""
        if not self._view.has_free_copies:
            return None
        uid = self._view.take(parcel.body)
        if uid is not None:
            return Outcome(OutcomeCode.ALREADY_THERE, "", uid, parcel.sent_as)
        return self._mended_copy_of(parcel)

    def _mended_copy_of(self, parcel: Parcel, above: int = 0) -> Outcome | None:
        mended = parcel.in_mended_form() if self._options.mend else None
        if mended is None:
            return None
        uid = self._view.take_digest(mended.body.sha256, above)
        return arrival(mended, uid) if uid is not None else None

    async def _add(self, parcel: Parcel) -> None:
        limit = self._session.client.append_limit()
        if limit is not None and parcel.body.octets > limit:
            reason = f"the target takes messages of up to {limit} octets"
            await self._refuse(parcel, Outcome(OutcomeCode.REFUSED_SIZE, reason))
            return
        if parcel.body.octets == 0:  # many servers refuse these, and a whole MULTIAPPEND with them
            alone = Batch()
            alone.add(parcel)
            await self._send(alone)
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
        messages = [parcel.message for parcel in batch.parcels]
        row = self._view.row
        batch.intent = await self._mailbox.run(
            self._ledger.intend, row.folder, row.uidvalidity, self._view.uidnext, messages
        )
        shipment = Shipment(batch)
        self._flying.append(shipment)
        try:
            sent = await send(self._session.client, self._folder.name, batch)
            shipment.pendings = sent.pendings
        except ConnectionLost as error:
            await self._lost(error)

    async def _conclude(self) -> None:
        """Wait for the oldest batch's answer, and act on it."""
        shipment = self._flying[0]
        try:
            await shipment.answered()
        except ConnectionLost as error:
            await self._lost(error)
            return
        self._flying.popleft()
        if all(answer.status == "OK" for answer in shipment.answers):
            await self._settle(delivered(shipment, self._view.row.uidvalidity), [shipment.batch.intent])
            self._session.progress()
            for parcel in shipment.batch.parcels:
                self._done(parcel)
        elif shipment.is_multi:
            await self._split(shipment)
        else:
            await self._settle_singly(shipment)

    async def _split(self, shipment: Shipment) -> None:
        """A MULTIAPPEND was refused, so the target kept none of it (RFC 3502 §6.3.11): halve it until one stands alone."""
        answer = shipment.answers[0]
        await self._settle([], [shipment.batch.intent])
        if is_over_quota(answer) and len(shipment.batch.parcels) == 1:
            await self._out_of_room(shipment.batch.parcels, answer.reason)
        for half in shipment.batch.halves():
            await self._send(half)

    async def _settle_singly(self, shipment: Shipment) -> None:
        outcomes: list[tuple[int, Outcome]] = []
        again: list[Parcel] = []
        mended: list[Parcel] = []
        over_quota = ""
        for parcel, answer in zip(shipment.batch.parcels, shipment.answers, strict=True):
            one = Shipment(Batch([parcel]), answers=[answer])
            if answer.status == "OK":
                outcomes += delivered(one, self._view.row.uidvalidity)
                self._done(parcel)
            elif is_over_quota(answer):
                over_quota = answer.reason
                outcomes.append((parcel.message, Outcome(OutcomeCode.REFUSED_QUOTA, answer.reason)))
                self._done(parcel)
            elif may_pass(answer) and shipment.batch.tries < REFUSAL_TRIES:
                again.append(parcel)
            elif (other := self._mended(parcel, answer)) is not None:
                mended.append(other)
            else:
                outcome = refusal(parcel, answer)
                outcomes.append((parcel.message, outcome))
                self._refused(parcel, outcome)
                self._done(parcel)
        await self._settle(outcomes, [shipment.batch.intent])
        if over_quota:
            raise OverQuota(over_quota)
        for parcel in mended:
            alone = Batch()
            alone.add(parcel)
            await self._send(alone)
        if again:
            await asyncio.sleep(2.0**shipment.batch.tries)
            batch = Batch(tries=shipment.batch.tries + 1)
            for parcel in again:
                batch.add(parcel)
            await self._send(batch)

    def _mended(self, parcel: Parcel, answer: Condition) -> Parcel | None:
        """Another form to try, where the user asked for it and it is the message that the target refuses."""
        if not self._options.mend or refusal(parcel, answer).code is not OutcomeCode.REFUSED_CONTENT:
            return None
        return parcel.in_mended_form()

    async def _out_of_room(self, parcels: Sequence[Parcel], reason: str) -> None:
        await self._settle([(p.message, Outcome(OutcomeCode.REFUSED_QUOTA, reason)) for p in parcels])
        raise OverQuota(reason)

    async def _refuse(self, parcel: Parcel, outcome: Outcome) -> None:
        await self._settle([(parcel.message, outcome)])
        self._refused(parcel, outcome)
        self._done(parcel)

    # -- doubt --------------------------------------------------------------------------------------------------------

    async def _lost(self, error: ConnectionLost) -> None:
        """The connection ended: what was answered is settled, the rest is in doubt until it was looked for."""
        flying, self._flying = self._flying, deque()
        for shipment in flying:
            heard = len(shipment.answers) if not shipment.is_multi else 0
            settled: list[tuple[int, Outcome]] = []
            for place, parcel in enumerate(shipment.batch.parcels):
                if place < heard and shipment.answers[place].status == "OK":
                    one = Shipment(Batch([parcel]), answers=[shipment.answers[place]])
                    settled += delivered(one, self._view.row.uidvalidity)
                    self._done(parcel)
                else:
                    self._doubtful.add(parcel.message)
                    self._held.append(parcel)
            await self._settle(settled)
        await self._mailbox.run(self._ledger.touch, [shipment.batch.intent for shipment in flying])
        self._watcher.note(f"{self._folder.display}: {error}; connecting again")
        await self._view.renew(error)

    async def _resolve(self) -> None:
        """Look for what is in doubt; send again what is not there. See DESIGN, late commits."""
        while self._doubtful:
            intents = await self._mailbox.run(self._ledger.intents, self._view.row.folder)
            self._doubtful = set()
            parcels, self._held = self._held, []
            since = min((i.uidnext for i in intents if i.uidvalidity == self._view.row.uidvalidity), default=0)
            missing = await self._find(parcels, since)
            if missing:
                waited_from = max((intent.at_utc for intent in intents), default=0.0)
                wait = waited_from + self._options.settle_seconds - time.time()
                if wait > 0:
                    self._watcher.note(f"{self._folder.display}: waiting {wait:.0f} s for a batch that was cut")
                    await asyncio.sleep(min(wait, self._options.settle_seconds))
                    missing = await self._find(missing, since)
            await self._settle([], [intent.id for intent in intents])
            self._resent_from = self._resent_from or self._view.row.looked_uidnext
            for parcel in missing:
                self._resent[parcel.message] = parcel.body.sha256
                await self._add(parcel)
            await self._flush_all()

    async def _find(self, parcels: Sequence[Parcel], since: int) -> list[Parcel]:
        """Settle those that the target has; the others."""
        await self._view.look()
        found: list[tuple[int, Outcome]] = []
        missing: list[Parcel] = []
        for parcel in parcels:
            uid = self._view.take(parcel.body, above=since)
            arrived = arrival(parcel, uid) if uid is not None else self._mended_copy_of(parcel, since)
            if arrived is None:
                missing.append(parcel)
            else:
                found.append((parcel.message, arrived))
                self._done(parcel)
        await self._settle(found)
        return missing

    async def _flush_all(self) -> None:
        await self._flush()
        while self._flying or self._batch.parcels:
            while self._flying:
                await self._conclude()
            await self._flush()

    # -- finishing ----------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Wait for every answer, resolve every doubt, read back. Raises TargetError, OverQuota."""
        await self._flush_all()
        await self._resolve()
        while True:
            try:
                await self._view.name_unnamed()
                await follow_flags(self._session.client, self._mailbox, self._ledger, self._view.row.folder)
                await verify_folder(
                    self._session.client, self._mailbox, self._ledger, self._view.row.folder, self._options.verify
                )
                return
            except ConnectionLost as error:
                await self._view.renew(error)

    async def look_again(self) -> None:
        """At the end of a run: was a batch, sent again after it had been cut, committed late all the same?

        A copy too many is ours, and is removed where the target can remove one message by its UID (UIDPLUS); otherwise
        the outcome says *duplicate*.
        """
        if not self._resent:
            return
        await self._session.select(self._folder.name)
        await self._view.look()
        doubled = []
        for message, digest in self._resent.items():
            uid = self._view.take_digest(digest, above=self._resent_from)
            if uid is not None and not await self._view.remove(uid):
                reason = f"a batch that had been cut was committed late: one copy too many, UID {uid}"
                doubled.append((message, Outcome(OutcomeCode.DUPLICATE, reason)))
        await self._settle(doubled)

    # -- bookkeeping --------------------------------------------------------------------------------------------------

    def _done(self, parcel: Parcel) -> None:
        self._watcher.done(1, parcel.body.octets)
        parcel.close()

    async def _settle(self, outcomes: Sequence[tuple[int, Outcome]], intents: Sequence[int] = ()) -> None:
        if outcomes or intents:
            await self._mailbox.run(self._ledger.settle, self._view.row.folder, outcomes, intents)
