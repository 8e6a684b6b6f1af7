"""Batches whose answer was not heard: the target may have taken them, and may take them yet.

The intent was written before the first octet was sent. What it names is looked for on the target, waited for, and looked for again;
only then is it sent again (DESIGN, late commits). What has vanished from the old side meanwhile is looked for too, so that its
copy is known, and is never sent.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bascule.deliver.expectation import DELETED, copies_of, is_dated, is_touched
from bascule.deliver.parcel import Parcel
from bascule.deliver.removal import Ours
from bascule.deliver.rivals import Placed
from bascule.deliver.sending import arrival
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Foreign, Intent, Ledger, Sent
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.flags import Flags
from bascule.terms.outcome import Outcome, OutcomeCode


class Doubt:
    """`open` it with the folder. ``resent``: message → what was sent again in this run, and what becomes of it."""

    def __init__(self, view: TargetView, mailbox: Mailbox, ledger: Ledger, settle_seconds: float, mends: bool) -> None:
        self._view = view
        self._mailbox = mailbox
        self._ledger = ledger
        self._settle_seconds = settle_seconds
        self._mends = mends
        self._messages: set[int] = set()
        self._contents: frozenset[bytes] = frozenset()
        """SHA-256 of what earlier runs left in doubt."""
        self._given: dict[int, Flags | None] = {}
        """The flags that each was sent with."""
        self._sent: dict[int, Sent] = {}
        self._held: list[Parcel] = []
        self.resent: dict[int, tuple[Placed, Outcome]] = {}
        self._resent_from = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    async def open(self) -> None:
        """What earlier runs left in doubt in this folder; and what they sent again, where they did not come to look once more."""
        intents = await self._mailbox.run(self._ledger.intents, self._view.row.folder)
        for intent in intents:
            self._given.update(intent.given)
            self._sent.update(intent.sent)
        # Of a batch some may be settled, and the rest be in doubt still.
        self._messages = self._given.keys() - await self._mailbox.run(self._ledger.are_settled, self._given)
        self._contents = await self._mailbox.run(self._mailbox.messages.digests, self._messages)
        since, resent = await self._mailbox.run(self._ledger.unfinished.resent, self._view.row.folder)
        if resent:
            copies = await self._mailbox.run(copies_of, self._mailbox, self._ledger.target, resent)
            self._resent_from = since
            self.resent = {
                m: (Placed.of_copy(e), Outcome(e.code, e.altered, sent_as=e.sent_as)) for m, e in copies.items()
            }

    def holds(self, parcel: Parcel) -> bool:
        """Whether the message is in doubt: it is held then until `resolve`."""
        if parcel.message not in self._messages:
            return False
        self._held.append(parcel)
        return True

    def concerns(self, parcel: Parcel) -> bool:
        """Whether an equal message is in doubt: what the target has of it may be that one's, until `resolve`."""
        return (parcel.original or parcel.body).sha256 in self._contents

    def take(self, parcel: Parcel) -> None:
        """Its connection ended before the answer came."""
        self._messages.add(parcel.message)
        self._given[parcel.message] = parcel.flags
        self._held.append(parcel)

    async def resolve(self, waiting: Callable[[float], None]) -> tuple[list[Parcel], list[Parcel]]:
        """Look for all of it: the parcels that the target has, whose outcomes are written, and those to be sent again.

        ``waiting`` is told for how many seconds a late commit is waited for. Raises CommandRefused, TargetError.
        """
        intents = await self._mailbox.run(self._ledger.intents, self._view.row.folder)
        parcels, self._held, messages, self._messages = self._held, [], self._messages, set()
        self._contents = frozenset()
        since = self._since(intents)
        vanished = messages - {parcel.message for parcel in parcels}
        found, missing = await self.find(parcels, since)
        vanished = await self._find_vanished(vanished, since)
        if missing or vanished:
            await self._wait(intents, waiting)
            more, missing = await self.find(missing, since)
            found += more
            await self._find_vanished(vanished, since)
        await self._mailbox.run(self._ledger.settle, self._view.row.folder, [], [intent.id for intent in intents])
        self._resent_from = self._resent_from or self._view.row.looked_uidnext
        self.resent.update({parcel.message: (Placed.of(parcel), arrival(parcel, None)) for parcel in missing})
        if missing:
            await self._mailbox.run(
                self._ledger.unfinished.note_resent, self._view.row.folder, self._resent_from, self.resent
            )
        return found, missing

    async def resolve_vanished(self, waiting: Callable[[float], None]) -> None:
        """Look only for what is in doubt and has vanished from the old side; what is still there stays in doubt until it is offered."""
        there = {m for m in self._messages if await self._mailbox.run(self._mailbox.messages.has_vanished, m)}
        if not there:
            return
        await self._view.recall_free()
        intents = await self._mailbox.run(self._ledger.intents, self._view.row.folder)
        since = self._since(intents)
        if missing := await self._find_vanished(there, since):
            await self._wait(intents, waiting)
            await self._find_vanished(missing, since)
        left = self._messages - there
        over = [intent.id for intent in intents if left.isdisjoint(intent.given)]
        await self._mailbox.run(self._ledger.settle, self._view.row.folder, [], over)

    def _since(self, intents: Sequence[Intent]) -> dict[int, int]:
        """Message → the UID from which on its copy lies: where the target was when it was first sent; 0: the folder is another one since."""
        since: dict[int, int] = {}
        for intent in intents:
            is_same = intent.uidvalidity == self._view.row.uidvalidity and not self._view.is_new
            first = intent.uidnext if is_same else 0
            since.update({message: min(first, since.get(message, first)) for message in intent.given})
        return since

    async def _wait(self, intents: Sequence[Intent], waiting: Callable[[float], None]) -> None:
        wait = max((intent.at_utc for intent in intents), default=0.0) + self._settle_seconds - time.time()
        if wait > 0:
            wait = min(wait, self._settle_seconds)
            waiting(wait)
            await asyncio.sleep(wait)

    async def find(self, parcels: Sequence[Parcel], since: Mapping[int, int]) -> tuple[list[Parcel], list[Parcel]]:
        """Settle those that the target has: they, and the others. ``since``: message → the UID from which on its copy may lie. Nothing may be in flight."""
        await self._view.look()
        arrived: list[tuple[int, Outcome]] = []
        found: list[Parcel] = []
        missing: list[Parcel] = []
        for parcel in parcels:
            above = since.get(parcel.message, 0)
            given = self._given.get(parcel.message)
            flags = parcel.flags if given is None else given
            copy = self._view.take(parcel.body, parcel.date.utc_seconds, flags, above=above)
            outcome = self._found(arrival(parcel, copy.uid), parcel.message, copy) if copy is not None else None
            outcome = outcome or self.mended_copy_of(parcel, above)
            if outcome is None:
                missing.append(parcel)
            else:
                arrived.append((parcel.message, outcome))
                found.append(parcel)
        if arrived:
            await self._mailbox.run(self._ledger.settle, self._view.row.folder, arrived)
        return found, missing

    async def _find_vanished(self, messages: set[int], since: Mapping[int, int]) -> set[int]:
        """Settle those of the messages, gone on the old side, that the target has; the others."""
        if not messages:
            return messages
        await self._view.look()
        arrived: list[tuple[int, Outcome]] = []
        for message in sorted(messages):
            row = await self._mailbox.run(self._mailbox.messages.get, message)
            sent = self._sent.get(message, Sent())
            digest = sent.as_other[0] if sent.as_other is not None else row.sha256
            copy = self._view.take_digest(digest, sent.likeness, above=since.get(message, 0))
            if copy is not None:
                outcome = Outcome(OutcomeCode.DELIVERED, "", copy.uid, sent.as_other)
                arrived.append((message, self._found(outcome, message, copy)))
        if arrived:
            await self._mailbox.run(self._ledger.settle, self._view.row.folder, arrived)
        return messages - {message for message, _ in arrived}

    def _found(self, outcome: Outcome, message: int, copy: Foreign) -> Outcome:
        """The outcome with what its copy was given when it was sent: the old side may have marked the message since, and somebody
        on the new side its copy."""
        given = self._given.get(message)
        if given is None:
            return outcome
        touched = copy.flags is not None and is_touched(copy.flags, given)
        return replace(outcome, given=given, for_flags=given, theirs=touched)

    def mended_copy_of(self, parcel: Parcel, above: int = 0) -> Outcome | None:
        """Where the target has it in the form that ``--mend`` gave it."""
        mended = parcel.in_mended_form() if self._mends else None
        if mended is None:
            return None
        copy = self._view.take_digest(mended.body.sha256, above=above)
        return arrival(mended, copy.uid) if copy is not None else None

    async def remove_doubled(self) -> list[tuple[int, Outcome]]:
        """The folder is selected again: of what was sent again, and had been taken after all, the newer copy is removed. Outcomes of what can't be,
        or is somebody's since. Raises CommandRefused, ConnectionLost."""
        view, run = self._view, self._mailbox.run
        await view.look()
        doubled = await self._doubled(await run(self._ledger.uids_of, list(self.resent)))
        own = [Ours(one.extra, one.placed.flags, one.flags) for one in doubled if one.is_removable]
        removed = await view.remove(own if view.removes_single_messages else [])
        left: list[tuple[int, Outcome]] = []
        for one in doubled:
            if one.extra in removed.gone:
                await run(self._ledger.named, view.row.folder, {one.message: one.kept})
            else:
                reason = f"a batch that had been cut was committed late: one copy too many, UID {one.late}"
                sent = self.resent[one.message][1]
                left.append((one.message, replace(sent, code=OutcomeCode.DUPLICATE, detail=reason, target_uid=one.uid)))
        await view.take_back_marks()
        await run(self._ledger.unfinished.forget_resent, view.row.folder)
        return left

    async def _doubled(self, uids: Mapping[int, int]) -> list["_Doubled"]:
        """An equal message that came since may be a person's, who has it with another date; where somebody marked the older one as deleted, one is
        left soon. ``uids``: of our copies, by message."""
        late = self._late_copies()
        details = await self._view.details_of({*late.values(), *uids.values()})
        found = []
        for message, copy in late.items():
            placed, uid = self.resent[message][0], uids.get(message)
            ours, other = details.get(uid or 0), details.get(copy)
            if other is not None and ours is None and uid is not None and self._view.has_our_mark(uid):
                await self._mailbox.run(self._ledger.named, self._view.row.folder, {message: copy})
            if other is None or (ours is None and (uid is not None or self._view.removes_single_messages)):
                continue
            are_dated = [one is not None and is_dated(one, placed.date_utc) for one in (ours, other)]
            older, newer = (other, ours) if ours is not None and (uid or 0) > copy else (ours, other)
            if are_dated == [True, False] or (older is not None and _is_going(older, placed)):
                continue
            found.append(_Doubled(message, placed, uid, copy, newer.flags or frozenset(), all(are_dated)))
        return found

    def _late_copies(self) -> dict[int, int]:
        """Message → the UID of an equal copy that came since it was sent again, and stands for nothing. Each is given once."""
        late: dict[int, int] = {}
        for message, (placed, _) in self.resent.items():
            free = self._view.free_copies(placed.sha256, above=self._resent_from)
            if uid := next((copy.uid for copy in free if copy.uid not in late.values()), None):
                late[message] = uid
        return late


@dataclass(frozen=True, slots=True)
class _Doubled:
    """A message that is there twice: under ``uid`` (None: the target told none), and since as ``late``. ``flags``: those that the newer one has;
    ``is_dated``: both have the date that was sent."""

    message: int
    placed: Placed
    uid: int | None
    late: int
    flags: Flags
    is_dated: bool

    @property
    def extra(self) -> int:
        """The newer one."""
        return max(self.uid or 0, self.late)

    @property
    def kept(self) -> int:
        return min(self.uid or self.late, self.late)

    @property
    def is_removable(self) -> bool:
        return self.is_dated and not is_touched(self.flags, self.placed.flags)


def _is_going(found: MessageData, placed: Placed) -> bool:
    return not DELETED.isdisjoint((found.flags or frozenset()) - placed.flags)
