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
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bascule.deliver.expectation import without_uid
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.likeness import likeness
from bascule.deliver.limits import BATCH_MESSAGES, BATCH_OCTETS, BATCHES_IN_FLIGHT, REFUSAL_TRIES, SETTLE_SECONDS
from bascule.deliver.look import Found, read_contents, read_details
from bascule.deliver.parcel import Batch, Parcel
from bascule.deliver.pool import FreeCopies
from bascule.deliver.sending import Shipment, delivered, is_over_quota, may_pass, refusal, send
from bascule.deliver.session import OverQuota, TargetError, TargetSession
from bascule.deliver.verify import VerifyLevel, verify_folder
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import MailboxState


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    verify: VerifyLevel = VerifyLevel.DELIVERED
    settle_seconds: float = SETTLE_SECONDS
    batch_messages: int = BATCH_MESSAGES
    batch_octets: int = BATCH_OCTETS


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
        self._row = TargetFolder(folder.row.id, folder.name)
        self._uidnext = 1
        self._batch = Batch()
        self._flying: deque[Shipment] = deque()
        self._free = FreeCopies()
        self._doubtful: set[int] = set()
        self._held: list[Parcel] = []
        self._resent: dict[int, bytes] = {}
        self._resent_from = 0

    # -- opening ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Select the folder and learn what is in it. Raises CommandRefused when it can't be selected, TargetError."""
        state = await self._session.select(self._folder.name)
        known = await self._mailbox.run(self._ledger.folder, self._folder.row.id)
        same = known is not None and known.uidvalidity == state.uidvalidity and known.name == self._folder.name
        looked = known.looked_uidnext if known and same else 1
        self._row = TargetFolder(self._folder.row.id, self._folder.name, state.uidvalidity, looked)
        await self._mailbox.run(self._ledger.record_folder, self._row)
        self._uidnext = state.uidnext
        intents = await self._mailbox.run(self._ledger.intents, self._folder.row.id)
        self._doubtful = {message for intent in intents for message in intent.messages}
        for uid, digest, alike in await self._mailbox.run(self._ledger.foreign, self._folder.row.id):
            self._free.add(uid, digest, alike)
        await self._look(state)

    async def _look(self, state: MailboxState | None = None) -> None:
        """Read what the target holds and we do not know. Nothing may be in flight."""
        while True:
            try:
                await self._read_unknown(state)
                return
            except ConnectionLost as error:
                await self._renew(error)
                state = None

    async def _read_unknown(self, state: MailboxState | None) -> None:
        client = self._session.client
        if state is not None and (state.exists == 0 or (state.uidnext and state.uidnext <= self._row.looked_uidnext)):
            uids: list[int] = []
        else:
            uids = await client.search_uids(b"UID %d:*" % self._row.looked_uidnext)
        unknown = [uid for uid in uids if uid >= self._row.looked_uidnext]
        if unknown:
            ours = await self._mailbox.run(self._ledger.our_uids, self._folder.row.id)
            foreign = {uid for uid, _, _ in await self._mailbox.run(self._ledger.foreign, self._folder.row.id)}
            found = await read_contents(client, [uid for uid in unknown if uid not in ours and uid not in foreign])
            await self._adopt(found)
        looked = max([self._row.looked_uidnext, *(uid + 1 for uid in unknown)])
        self._row = replace(self._row, looked_uidnext=looked)
        await self._mailbox.run(self._ledger.record_folder, self._row)

    async def _adopt(self, found: Sequence[Found]) -> None:
        """Record messages that were read; those delivered without a UID (no UIDPLUS) find theirs among them first."""
        rows = [(f.uid, f.sha256, f.likeness) for f in found]
        await self._mailbox.run(self._ledger.record_foreign, self._folder.row.id, rows)
        for f in found:
            self._free.add(f.uid, f.sha256, f.likeness)
        unnamed = await self._mailbox.run(without_uid, self._mailbox, self._ledger.target, self._folder.row.id)
        named = [(e, self._free.take(e.sha256)) for e in unnamed]
        await self._settle(
            [(e.message, Outcome(OutcomeCode.DELIVERED, "", uid, e.sent_as)) for e, uid in named if uid is not None]
        )
        await self._claim([uid for _, uid in named if uid is not None])

    # -- offering -----------------------------------------------------------------------------------------------------

    async def offer(self, parcels: Sequence[Parcel]) -> None:
        """Take responsibility for these messages; returns when there is room for more. Raises TargetError, OverQuota."""
        await self._register(parcels)
        there: list[tuple[int, Outcome]] = []
        for parcel in (p.for_the_wire() for p in parcels):
            if parcel.message in self._doubtful:
                self._held.append(parcel)
            elif (uid := self._copy_of(parcel)) is not None:
                there.append((parcel.message, Outcome(OutcomeCode.ALREADY_THERE, "", uid, parcel.sent_as)))
                self._done(parcel)
            else:
                await self._add(parcel)
        if there:
            await self._settle(there)
            await self._claim([o.target_uid for _, o in there if o.target_uid is not None])

    async def _register(self, parcels: Sequence[Parcel]) -> None:
        """Rows in the catalogue for messages that have none yet."""
        fresh = [parcel for parcel in parcels if not parcel.message]
        if fresh:
            row = self._folder.row
            new = [NewMessage(p.uid, p.flags, p.date, p.body, p.labels) for p in fresh]
            ids = await self._mailbox.run(self._mailbox.messages.store, row.id, row.uidvalidity, new)
            for parcel, message in zip(fresh, ids, strict=True):
                parcel.message = message

    def _copy_of(self, parcel: Parcel) -> int | None:
        if not self._free:
            return None
        body = parcel.body
        alike = likeness(body.whole()) if body.traits.fragile else None
        return self._free.take(body.sha256, alike)

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
        row = self._row
        batch.intent = await self._mailbox.run(
            self._ledger.intend, row.folder, row.uidvalidity, self._uidnext, messages
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
            await self._settle(delivered(shipment, self._row.uidvalidity), [shipment.batch.intent])
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
        over_quota = ""
        for parcel, answer in zip(shipment.batch.parcels, shipment.answers, strict=True):
            one = Shipment(Batch([parcel]), answers=[answer])
            if answer.status == "OK":
                outcomes += delivered(one, self._row.uidvalidity)
                self._done(parcel)
            elif is_over_quota(answer):
                over_quota = answer.reason
                outcomes.append((parcel.message, Outcome(OutcomeCode.REFUSED_QUOTA, answer.reason)))
                self._done(parcel)
            elif may_pass(answer) and shipment.batch.tries < REFUSAL_TRIES:
                again.append(parcel)
            else:
                outcome = refusal(parcel, answer)
                outcomes.append((parcel.message, outcome))
                self._refused(parcel, outcome)
                self._done(parcel)
        await self._settle(outcomes, [shipment.batch.intent])
        if over_quota:
            raise OverQuota(over_quota)
        if again:
            await asyncio.sleep(2.0**shipment.batch.tries)
            batch = Batch(tries=shipment.batch.tries + 1)
            for parcel in again:
                batch.add(parcel)
            await self._send(batch)

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
                    settled += delivered(one, self._row.uidvalidity)
                    self._done(parcel)
                else:
                    self._doubtful.add(parcel.message)
                    self._held.append(parcel)
            await self._settle(settled)
        await self._mailbox.run(self._ledger.touch, [shipment.batch.intent for shipment in flying])
        self._watcher.note(f"{self._folder.display}: {error}; connecting again")
        await self._renew(error)

    async def _renew(self, error: ConnectionLost) -> None:
        await self._session.renew(error)
        state = await self._session.select(self._folder.name)
        if state.uidvalidity != self._row.uidvalidity:
            raise TargetError(
                f"The target's folder {self._folder.display} was replaced while it was being filled.",
                "Run the same command again; it looks at the new folder first.",
            )
        self._uidnext = state.uidnext

    async def _resolve(self) -> None:
        """Look for what is in doubt; send again what is not there. See DESIGN, late commits."""
        while self._doubtful:
            intents = await self._mailbox.run(self._ledger.intents, self._row.folder)
            self._doubtful = set()
            parcels, self._held = self._held, []
            since = min((i.uidnext for i in intents if i.uidvalidity == self._row.uidvalidity), default=0)
            missing = await self._find(parcels, since)
            if missing:
                waited_from = max((intent.at_utc for intent in intents), default=0.0)
                wait = waited_from + self._options.settle_seconds - time.time()
                if wait > 0:
                    self._watcher.note(f"{self._folder.display}: waiting {wait:.0f} s for a batch that was cut")
                    await asyncio.sleep(min(wait, self._options.settle_seconds))
                    missing = await self._find(missing, since)
            await self._settle([], [intent.id for intent in intents])
            self._resent_from = self._resent_from or self._row.looked_uidnext
            for parcel in missing:
                self._resent[parcel.message] = parcel.body.sha256
                await self._add(parcel)
            await self._flush_all()

    async def _find(self, parcels: Sequence[Parcel], since: int) -> list[Parcel]:
        """Settle those that the target has; the others."""
        await self._look()
        found: list[tuple[int, Outcome]] = []
        missing: list[Parcel] = []
        for parcel in parcels:
            alike = likeness(parcel.body.whole()) if parcel.body.traits.fragile else None
            uid = self._free.take(parcel.body.sha256, alike, above=since)
            if uid is None:
                missing.append(parcel)
            else:
                found.append((parcel.message, Outcome(OutcomeCode.DELIVERED, "", uid, parcel.sent_as)))
                self._done(parcel)
        await self._settle(found)
        await self._claim([o.target_uid for _, o in found if o.target_uid is not None])
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
                await self._name_unnamed()
                await verify_folder(
                    self._session.client, self._mailbox, self._ledger, self._row.folder, self._options.verify
                )
                return
            except ConnectionLost as error:
                await self._renew(error)

    async def _name_unnamed(self) -> None:
        """Without UIDPLUS: the UIDs of what was delivered, by order, size, date and flags; by content where that fails."""
        unnamed = await self._mailbox.run(without_uid, self._mailbox, self._ledger.target, self._row.folder)
        if not unnamed:
            return
        client = self._session.client
        ours = await self._mailbox.run(self._ledger.our_uids, self._row.folder)
        details = await read_details(client, b"%d:*" % self._row.looked_uidnext)
        fresh = [d for uid, d in sorted(details.items()) if uid >= self._row.looked_uidnext and uid not in ours]
        by_look: dict[tuple[int | None, int], deque[int]] = defaultdict(deque)
        for data in fresh:
            if data.uid is not None and data.date is not None:
                by_look[data.octets, data.date.utc_seconds].append(data.uid)
        named = []
        for e in unnamed:
            uids = by_look.get((e.octets, e.date.utc_seconds))
            if uids:
                named.append((e.message, Outcome(OutcomeCode.DELIVERED, "", uids.popleft(), e.sent_as)))
        await self._settle(named)
        if len(named) < len(unnamed):
            await self._look()

    async def look_again(self) -> None:
        """At the end of a run: was a batch, sent again after it had been cut, committed late all the same?

        A copy too many is ours, and is removed where the target can remove one message by its UID (UIDPLUS); otherwise
        the outcome says *duplicate*.
        """
        if not self._resent:
            return
        await self._session.select(self._folder.name)
        await self._look()
        doubled = []
        for message, digest in self._resent.items():
            uid = self._free.take(digest, above=self._resent_from)
            if uid is None:
                continue
            try:
                await self._session.client.store(b"%d" % uid, b"+FLAGS.SILENT (\\Deleted)")
                await self._session.client.uid_expunge(b"%d" % uid)
                await self._claim([uid])
            except CommandRefused as error:
                reason = f"a batch that had been cut was committed late; one copy too many, UID {uid}: {error.reason}"
                doubled.append((message, Outcome(OutcomeCode.DUPLICATE, reason)))
        await self._settle(doubled)

    # -- bookkeeping --------------------------------------------------------------------------------------------------

    def _done(self, parcel: Parcel) -> None:
        self._watcher.done(1, parcel.body.octets)
        parcel.close()

    async def _settle(self, outcomes: Sequence[tuple[int, Outcome]], intents: Sequence[int] = ()) -> None:
        if outcomes or intents:
            await self._mailbox.run(self._ledger.settle, outcomes, intents)

    async def _claim(self, uids: Sequence[int]) -> None:
        if uids:
            await self._mailbox.run(self._ledger.claim_foreign, self._row.folder, uids)
