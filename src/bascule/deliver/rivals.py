"""Did somebody else deliver the same, at the same time?

Two runs on one machine wait for each other (`bascule.commands.turn`); two machines can't know of one another before they meet in the
target's folders. What arrived there beside ours, while we delivered, and is equal to it and of its date, is one copy too many. Both sides keep the
copies with the lowest UIDs and remove their own among the others: UIDs only ascend, so that both come to the same, whoever ends first.
What somebody made of our copy came after it, so that it is never taken for one that was there before.

What has another date is another program's or a person's, and stays beside ours. A copy of ours that somebody touched meanwhile stays too. Where the
target removes no single message it does not tell which copy is whose either (UIDPLUS is both), and where it keeps no dates these tell nothing:
all who see too many copies name them.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bascule.deliver.expectation import DELETED, Expectation, is_dated, is_touched
from bascule.deliver.limits import RIVAL_COPIES
from bascule.deliver.parcel import Parcel
from bascule.deliver.removal import Ours
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Foreign, Ledger
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.flags import Flags
from bascule.terms.outcome import OutcomeCode

TWICE = "another program delivered an equal message at the same time"


@dataclass(frozen=True, slots=True)
class Placed:
    """What this run delivered: the octets that it sent, and the date and flags that it gave."""

    sha256: bytes
    date_utc: int
    flags: Flags

    @classmethod
    def of(cls, parcel: Parcel) -> "Placed":
        """``parcel`` is one `for_the_wire`."""
        return cls(parcel.body.sha256, parcel.date.utc_seconds, parcel.flags)

    @classmethod
    def of_copy(cls, copy: Expectation) -> "Placed":
        """What an earlier run delivered."""
        return cls(copy.sha256, copy.date.utc_seconds, copy.flags)


@dataclass(slots=True)
class _Equal:
    """Messages of one content and one date: UID → message of ours; and equal ``strangers`` of any date."""

    date_utc: int
    strangers: Sequence[Foreign]
    ours: dict[int, int] = field(default_factory=dict)

    @property
    def dated(self) -> list[Foreign]:
        return [copy for copy in self.strangers if copy.date_utc == self.date_utc]

    def beside(self, others: Sequence[Foreign], there: Container[int]) -> Iterator[tuple[int, int]]:
        """Messages of ours, as many as there are others, each with the UID of one; of what is still ``there``: where somebody removed ours, the other one
        is no copy too many."""
        ours = [message for uid, message in self.ours.items() if uid in there]
        return zip(ours, [uid for uid in _uids(others) if uid in there], strict=False)

    def surplus(self, details: Mapping[int, MessageData]) -> Iterator["_Surplus"]:
        """Of ours, what is too many beside the others that are there."""
        others = [copy for copy in self.dated if DELETED.isdisjoint(_flags(details.get(copy.uid), DELETED))]
        kept = sorted([*self.ours, *_uids(others)])[: len(self.ours)]
        older = [copy for copy in others if copy.uid in kept]
        for uid, other in zip([uid for uid in sorted(self.ours) if uid not in kept], older, strict=True):
            now = _flags(details[uid]) if uid in details else None
            yield _Surplus(self.ours[uid], uid, now, other.uid, _flags(details.get(other.uid)))


@dataclass(frozen=True, slots=True)
class _Surplus:
    """A copy of ours that is too many, and the ``older`` one that stands for its message then, with their flags. ``now`` None: it is gone."""

    message: int
    uid: int
    now: Flags | None
    older: int
    older_now: Flags


async def settle_rivals(view: TargetView, mailbox: Mailbox, ledger: Ledger, delivered: Mapping[int, Placed]) -> int:
    """Compare what this run delivered to the open folder (by message) with what arrived beside it; how many copies of ours made way.

    A copy that the target can't remove, or that somebody touched, is a *duplicate*. Raises CommandRefused, ConnectionLost.
    """
    removed = await _Rivals(view, mailbox, ledger, delivered).settle()
    await view.take_back_marks()
    return removed


@dataclass(slots=True)
class _Rivals:
    view: TargetView
    mailbox: Mailbox
    ledger: Ledger
    delivered: Mapping[int, Placed]

    async def settle(self) -> int:
        await self.view.look_at_strangers()
        if not (met := self._met()):
            return 0
        equal = self._equal(await self.mailbox.run(self.ledger.uids_of, met))
        if not equal:
            return 0
        details = await self.view.details_of({uid for one in equal for uid in [*one.ours, *_uids(one.strangers)]})
        are_dated = [is_dated(details[uid], one.date_utc) for one in equal for uid in one.ours if uid in details]
        if are_dated and not any(are_dated):  # the target keeps none
            if len({uid for one in equal for uid in _uids(one.strangers) if uid in details}) >= RIVAL_COPIES:
                await self._name(dict(pair for one in equal for pair in one.beside(one.strangers, details)))
            return 0
        if not self.view.removes_single_messages:
            await self._name(dict(pair for one in equal for pair in one.beside(one.dated, details)))
            return 0
        return await self._remove([each for one in equal for each in one.surplus(details)])

    def _met(self) -> list[int]:
        """Messages that equal copies of arrived meanwhile."""
        if not self.view.has_free_copies:
            return []
        above = self.view.unwatched_from
        return [m for m, placed in self.delivered.items() if self.view.free_copies(placed.sha256, above=above)]

    def _equal(self, uids: Mapping[int, int]) -> list[_Equal]:
        """What equal copies arrived for."""
        found: dict[tuple[bytes, int], _Equal] = {}
        for message, uid in uids.items():
            placed = self.delivered[message]
            strangers = self.view.free_copies(placed.sha256, above=self.view.unwatched_from)
            key = placed.sha256, placed.date_utc
            found.setdefault(key, _Equal(placed.date_utc, strangers)).ours[uid] = message
        return list(found.values())

    async def _remove(self, surplus: Sequence[_Surplus]) -> int:
        """How many are gone then."""
        ours = [Ours(one.uid, self.delivered[one.message].flags, one.now) for one in surplus if one.now is not None]
        touched = {one.uid for one in ours if is_touched(one.now, one.given)}
        removed = await self.view.remove([one for one in ours if one.uid not in touched])
        gone = [
            one for one in surplus if one.uid in removed.gone or (one.now is None and self.view.has_our_mark(one.uid))
        ]
        for one in gone:
            await self._gave_way(one)
        touched |= removed.touched
        await self.mailbox.run(self.ledger.taken_over, [one.message for one in surplus if one.uid in touched])
        await self._name({one.message: one.older for one in surplus if one.uid in touched | removed.refused})
        return len(gone)

    async def _gave_way(self, surplus: _Surplus) -> None:
        """The message is the older copy's from now on; whoever touched that one has it for theirs."""
        message = surplus.message
        self.view.take_uid(surplus.older)
        await self.mailbox.run(self.ledger.named, self.view.row.folder, {message: surplus.older})
        await self.mailbox.run(self.ledger.recode, [message], OutcomeCode.ALREADY_THERE)
        if is_touched(surplus.older_now, self.delivered[message].flags):
            await self.mailbox.run(self.ledger.taken_over, [message])

    async def _name(self, surplus: Mapping[int, int]) -> None:
        """By message, with the UID of the copy that lies beside its own."""
        for message, uid in surplus.items():
            await self.mailbox.run(self.ledger.recode, [message], OutcomeCode.DUPLICATE, f"{TWICE} (UID {uid})")


def _uids(copies: Iterable[Foreign]) -> list[int]:
    return [copy.uid for copy in copies]


def _flags(found: MessageData | None, otherwise: Flags = frozenset()) -> Flags:
    """``otherwise``: of what is not there."""
    return otherwise if found is None else found.flags or frozenset()
