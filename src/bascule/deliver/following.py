r"""A copy on the target gets the flags that its message has on the old side now, where nobody changed it there.

Only what differs is added and taken off. The member may mark a copy between the look at it and the command; what they mark then stays, and
makes the copy theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bascule.deliver.agenda import Reviewed
from bascule.deliver.expectation import BEHIND, DELETED, THERE_BEFORE, copies_of, is_touched
from bascule.deliver.look import read_flags, windows
from bascule.deliver.parcel import told_unwritable
from bascule.deliver.recognition import Recognised, read_ours
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.commands import How
from bascule.protocols.imap.flags import ordinary_flags
from bascule.terms.flags import Flags, flags_without
from bascule.terms.later_runs import Action, New, Old, Told, decide, knowledge
from bascule.terms.outcome import OutcomeCode
from bascule.terms.printable import printable
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused

_UNCLEAR = "flags that changed on the old side do not follow: the target altered the messages, and nothing tells which are ours ({})"


@dataclass(frozen=True, slots=True)
class _Change:
    """What copies need that have, or lack, the same."""

    add: Flags
    remove: Flags

    @classmethod
    def between(cls, now: Flags, wanted: Flags) -> "_Change":
        return cls(flags_without(wanted, now), flags_without(now, wanted))


@dataclass(slots=True)
class Following:
    """In the folder that is open on ``session``."""

    session: TargetSession
    mailbox: Mailbox
    ledger: Ledger
    watcher: Watcher

    async def settle_cut(self, folder: int) -> None:
        """What a run was about to give, and did not hear of: a copy that has it has it of us, and not of the member. Raises CommandRefused, ConnectionLost."""
        about_to = await self.mailbox.run(self.ledger.unfinished.cut_following, folder)
        if not about_to:
            return
        expected = await self.mailbox.run(copies_of, self.mailbox, self.ledger.target, about_to)
        there = (await read_ours(self.session.client, expected.values())).flags
        by_flags: dict[Flags, list[int]] = defaultdict(list)
        for message, one in expected.items():
            now = there.get(one.target_uid or 0)
            if now is not None and is_touched(now, one.flags) and _was_given(now, one.flags, about_to[message]):
                by_flags[now].append(message)
        for flags, messages in by_flags.items():
            await self.mailbox.run(self.ledger.gave, messages, flags)
        await self.mailbox.run(self.ledger.unfinished.following_is_over, folder)

    async def follow(self, folder: int, rows: Sequence[Reviewed]) -> list[Reviewed]:
        """Those whose copy is there no longer: what lies under its UID may be another message. What was recorded before an error stays. Raises CommandRefused, ConnectionLost."""
        found = await self._look(rows)
        there = found.flags
        changes: dict[_Change, list[tuple[Reviewed, Flags]]] = defaultdict(list)
        taken: list[Reviewed] = []
        for row in rows:
            now = there.get(row.target_uid or 0)
            if now is None:
                continue
            if row.given is None:  # the first look at it: is it as the old side has it?
                await self._adopt(row, now)
                continue
            code = row.in_order if row.is_behind else row.code
            decision = decide(Old.FLAGGED, state_of(now, row), knowledge(code, is_read_back=row.is_read_back))
            if decision.action is Action.FOLLOW:
                wanted = _followed(row, now)
                changes[_Change.between(now, wanted)].append((row, wanted))
            elif decision.told is not Told.NOTHING:
                taken.append(row)
        await self._take_over(taken)
        await self._end([row for row in taken if row.is_behind])
        if changes:
            about_to = {row.message: wanted for alike in changes.values() for row, wanted in alike}
            await self.mailbox.run(self.ledger.unfinished.about_to_follow, folder, about_to)
        are_taken = [await self._carry_out(change, alike, there) for change, alike in changes.items()]
        if not all(are_taken):  # of what was refused a part may have come
            await self.settle_cut(folder)
        elif changes:
            await self.mailbox.run(self.ledger.unfinished.following_is_over, folder)
        if found.unclear:
            self.watcher.note(_UNCLEAR.format(len(found.unclear)))
        return [row for row in rows if found.lacks(row.target_uid)]

    async def recover(self, rows: Sequence[Reviewed]) -> list[Reviewed]:
        """Of what was altered in its flags alone: where its copy has those of the old side now, that is over; and where only ours did not follow, it is
        over as well once somebody else marked it. Those whose copy is there no longer. Raises CommandRefused, ConnectionLost."""
        found = await self._look(rows)
        for row in rows:
            now = found.flags.get(row.target_uid or 0)
            if now is None:
                continue
            touched = state_of(now, row) is not New.UNTOUCHED
            if touched and (row.is_behind or _is_equal(now, row)):
                await self._take_over([row])
                await self._end([row])
            elif _is_equal(now, row):
                await self._record([(row, row.wanted, now)])
        return [row for row in rows if found.lacks(row.target_uid)]

    async def _look(self, rows: Sequence[Reviewed]) -> Recognised:
        expected = await self.mailbox.run(copies_of, self.mailbox, self.ledger.target, [row.message for row in rows])
        return await read_ours(self.session.client, expected.values())

    async def _take_over(self, rows: Sequence[Reviewed]) -> None:
        await self.mailbox.run(self.ledger.taken_over, [row.message for row in rows])

    async def _end(self, rows: Sequence[Reviewed]) -> None:
        """The faults of these are over."""
        await self._recode((row, row.in_order, "") for row in rows)

    async def _recode(self, rows: Iterable[tuple[Reviewed, OutcomeCode, str]]) -> None:
        """Another outcome for each; of a fault its detail says where the copy had been there before us."""
        told: dict[tuple[OutcomeCode, str], list[int]] = defaultdict(list)
        for row, code, detail in rows:
            before = THERE_BEFORE if detail and row.was_there else ""
            told[code, f"{before}{detail}"].append(row.message)
        for (code, detail), messages in told.items():
            await self.mailbox.run(self.ledger.recode, messages, code, detail)

    async def name_behind(self, rows: Iterable[Reviewed], reason: str) -> None:
        """Their flags can't follow now: that is a fault until they do."""
        behind = [row for row in rows if row.given is not None and not row.is_graver]
        await self._recode((row, OutcomeCode.ALTERED, f"{BEHIND}{reason}") for row in behind)

    async def _adopt(self, row: Reviewed, now: Flags) -> None:
        if is_touched(now, row.wanted):
            await self.mailbox.run(self.ledger.taken_over, [row.message])
        await self.mailbox.run(self.ledger.followed, [row.message], given=now)

    async def _carry_out(
        self, change: _Change, alike: Sequence[tuple[Reviewed, Flags]], before: Mapping[int, Flags]
    ) -> bool:
        """Change the flags of these copies, and see that they have them. Whether the target takes them."""
        uids = [row.target_uid for row, _ in alike if row.target_uid is not None]
        if change == _Change(frozenset(), frozenset()):
            await self._record((row, wanted, wanted) for row, wanted in alike)
        elif refused := await self._give(change, uids):
            await self.name_behind([row for row, _ in alike], refused)
            return False
        else:
            self.watcher.flagged(len(alike))
            now = await read_flags(self.session.client, uids)
            await self._record(
                (row, wanted, _kept(wanted, before[row.target_uid or 0], now.get(row.target_uid or 0, wanted)))
                for row, wanted in alike
            )
        return True

    async def _record(self, found: Iterable[tuple[Reviewed, Flags, Flags]]) -> None:
        """What each was to have, and what it has of us now."""
        by_flags: dict[Flags, list[int]] = defaultdict(list)
        told: list[tuple[Reviewed, OutcomeCode, str]] = []
        for row, wanted, kept in found:
            by_flags[kept].append(row.message)
            detail = _told(row, wanted, kept)
            if detail and not row.is_graver:
                told.append((row, OutcomeCode.ALTERED, detail))
            elif row.is_of_flags:
                told.append((row, row.in_order, ""))
        for kept, messages in by_flags.items():
            await self.mailbox.run(self.ledger.followed, messages, given=kept)
        await self._recode(told)

    async def _give(self, change: _Change, uids: Sequence[int]) -> str:
        """STORE, and where that is refused without the keywords that are longer than servers take; what the target says where it refuses all."""
        reason = ""
        for add in dict.fromkeys((change.add, ordinary_flags(change.add))):
            try:
                await self._store(add, How.ADD, uids)
                await self._store(change.remove, How.REMOVE, uids)
                return ""
            except CommandRefused as error:
                reason = error.reason
        self.watcher.note(f"the target does not take new flags: {reason}; the next run tries again")
        return reason

    async def _store(self, flags: Flags, how: How, uids: Sequence[int]) -> None:
        if flags:
            for window in windows(uids):
                await self.session.client.store(window, flags, how)


def _told(row: Reviewed, wanted: Flags, kept: Flags) -> str:
    """What its copy lacks of the old side's flags; empty where it has all."""
    lost = flags_without(wanted, kept)
    told = [f"without {printable(' '.join(sorted(lost)))}"] if lost else []
    return "; ".join([told_unwritable(row.unwritable), *told] if row.unwritable else told)


def _was_given(now: Flags, before: Flags, wanted: Flags) -> bool:
    """Whether flags may be those of a copy that had ``before``, on its way to ``wanted``: what is new comes first (`Following._give`)."""
    steps = (wanted, before | wanted, before | ordinary_flags(wanted), ordinary_flags(wanted) | (before & wanted))
    return any(not is_touched(now, step) for step in steps)


def _is_equal(now: Flags, row: Reviewed) -> bool:
    return not row.unwritable and not is_touched(now, row.wanted)


def _kept(wanted: Flags, before: Flags, now: Flags) -> Flags:
    """Of what a copy has now, what it has of us, or had before: the rest was marked by somebody meanwhile, and makes it theirs."""
    return now - flags_without(flags_without(now, wanted), before)


def _followed(row: Reviewed, now: Flags) -> Flags:
    r"""The flags of the old side. Its ``\Deleted`` is not given; one that we gave at the delivery is taken off with it: a program that expunges
    would remove what the old side keeps."""
    taken_back = ((row.given or frozenset()) & DELETED) - row.wanted
    return (row.wanted - DELETED) | ((now & DELETED) - taken_back)


def state_of(now: Flags | None, row: Reviewed) -> New:
    """What became of the copy. ``now`` None: it is gone."""
    if now is None:
        return New.DELETED
    given = row.wanted if row.given is None else row.given
    if not row.is_theirs and not is_touched(now, given):
        return New.UNTOUCHED
    return New.READ if now - given == {"\\Seen"} and not given - now else New.FLAGGED
