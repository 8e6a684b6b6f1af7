"""Did somebody else deliver the same, at the same time?

Two runs on one machine wait for each other (`bascule.commands.turn`); two machines can't know of one another before they meet in the
target's folders. What arrived there beside ours, while we delivered, and is equal to it, is one copy too many. Both sides keep the copies with the
lowest UIDs and remove their own among the others: UIDs only ascend, so that both come to the same, whoever ends first. What somebody
made of our copy came after it, so that it is never taken for one that was there before.

Where the target removes no single message it does not tell which copy is whose either (UIDPLUS is both): all who see too many copies name them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bascule.deliver.expectation import DELETED, is_touched
from bascule.deliver.limits import RIVAL_COPIES
from bascule.deliver.parcel import Parcel
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Foreign, Ledger
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
        return cls(parcel.body.sha256, parcel.date.utc_seconds, parcel.flags)


@dataclass(frozen=True, slots=True)
class _Equal:
    """Equal messages: UID → message of ours, and the ``others``' copies, lowest UID first."""

    ours: Mapping[int, int]
    others: Sequence[Foreign]

    def surplus(self) -> list[tuple[int, Foreign]]:
        """UIDs of ours that are too many, each with the older copy that stands for its message."""
        kept = sorted([*self.ours, *(copy.uid for copy in self.others)])[: len(self.ours)]
        older = [copy for copy in self.others if copy.uid in kept]
        return list(zip([uid for uid in sorted(self.ours) if uid not in kept], older, strict=True))


async def settle_rivals(view: TargetView, mailbox: Mailbox, ledger: Ledger, delivered: Mapping[int, Placed]) -> int:
    """Compare what this run delivered to the open folder (by message) with what arrived beside it; how many copies of ours made way.

    A copy that the target can't remove is a *duplicate*. Raises CommandRefused, ConnectionLost.
    """
    await view.look_at_strangers()
    if not view.has_free_copies:
        return 0
    removed = 0
    for equal in _rivals(view, await mailbox.run(ledger.uids_of, delivered), delivered):
        if not view.removes_single_messages:
            for message, other in zip(equal.ours.values(), equal.others, strict=False):
                await _name(mailbox, ledger, message, other)
            continue
        now = await view.flags_of([copy.uid for copy in equal.others])
        there = [copy for copy in equal.others if DELETED.isdisjoint(now.get(copy.uid, DELETED))]
        for uid, other in _Equal(equal.ours, there).surplus():
            message = equal.ours[uid]
            touched = is_touched(now[other.uid], delivered[message].flags)
            removed += await _give_way(view, mailbox, ledger, message, uid, other, touched=touched)
    return removed


def _rivals(view: TargetView, uids: Mapping[int, int], delivered: Mapping[int, Placed]) -> list[_Equal]:
    """What equal copies arrived for. One alone may be a person's or a filter's: it counts where it has the date of ours."""
    ours: dict[bytes, dict[int, int]] = defaultdict(dict)
    for message, uid in uids.items():
        ours[delivered[message].sha256][uid] = message
    found = {digest: view.free_copies(digest, above=view.opened_uidnext) for digest in ours}
    if sum(map(len, found.values())) < RIVAL_COPIES:
        for digest, copies in found.items():
            dates = {delivered[message].date_utc for message in ours[digest].values()}
            found[digest] = [copy for copy in copies if copy.date_utc in dates]
    return [_Equal(ours[digest], copies) for digest, copies in found.items() if copies]


async def _name(mailbox: Mailbox, ledger: Ledger, message: int, other: Foreign) -> None:
    await mailbox.run(ledger.recode, [message], OutcomeCode.DUPLICATE, f"{TWICE} (UID {other.uid})")


async def _give_way(
    view: TargetView, mailbox: Mailbox, ledger: Ledger, message: int, uid: int, other: Foreign, *, touched: bool
) -> int:
    """Our copy ``uid`` goes, and the message is the ``other`` one's from now on; whoever ``touched`` that one has it for theirs."""
    if not await view.remove(uid):
        await _name(mailbox, ledger, message, other)
        return 0
    view.take_uid(other.uid)
    await mailbox.run(ledger.named, view.row.folder, {message: other.uid})
    await mailbox.run(ledger.recode, [message], OutcomeCode.ALREADY_THERE)
    if touched:
        await mailbox.run(ledger.taken_over, [message])
    return 1
