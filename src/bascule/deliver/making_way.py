r"""The earlier copies of messages that moved on the old side make way, once the message lies in its new place.

No message leaves the target altogether, and none is left there in a worse form than it was: the new copy is seen there first, and holds what was sent,
or the same as the earlier copy. What is removed is looked at first: it must be what we put there, and nobody may have touched it.
"""

import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bascule.deliver.expectation import DELETED, THERE_BEFORE, Expectation, copies_of, is_touched, was_there_before
from bascule.deliver.look import read_contents, read_flags
from bascule.deliver.moves import claim_delivered_moves
from bascule.deliver.recognition import keeps_its_uids, read_ours, resembles
from bascule.deliver.removal import Ours, Removal
from bascule.deliver.session import TargetSession
from bascule.deliver.shared_copies import Names, look_under, shared_copies, telling_copies
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, on_target_codes
from bascule.protocols.imap.fetch import MessageData
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.terms.flags import Flags
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost

MOVED_AWAY = "moved to another folder on the old side; its copy there stands for it now"
STILL_THERE = "it moved on the old side, and its earlier copy is still in {} of the target"
MAY_BE_THERE = "it moved on the old side, and its earlier copy may still be in {} of the target"
_IN_TWO_PLACES = "it moved on the old side, and its earlier copy"
"""How both begin."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of our messages on the target. ``folder`` is its row in the catalogue; ``detail`` its outcome's."""

    expected: Expectation
    folder: int
    detail: str
    is_theirs: bool

    @property
    def message(self) -> int:
        return self.expected.message

    @property
    def was_there(self) -> bool:
        """Whether it had been there before us."""
        return was_there_before(self.expected.code, self.detail)

    @property
    def target_uid(self) -> int:
        assert self.expected.target_uid is not None  # of those whose UID is known
        return self.expected.target_uid


@dataclass(frozen=True, slots=True)
class Move:
    """``altered_to``: the SHA-256 of the later copy, where the target made other octets of it."""

    earlier: Copy
    later: Copy
    altered_to: bytes | None = None


_ALIKE = f"""
    SELECT m.id, o.target_uid FROM messages m JOIN outcomes o ON o.message = m.id AND o.target = ?1
    WHERE m.folder = ?2 AND m.id <> ?3 AND m.vanished_utc IS NULL AND m.sha256 = (SELECT sha256 FROM messages WHERE id = ?3)
    AND o.target_uid IS NOT NULL AND o.code IN {on_target_codes()}
"""
_UNNAMED = f"""
    SELECT 1 FROM outcomes WHERE target = ? AND message = ? AND target_uid IS NULL AND code IN {on_target_codes()}
"""


def pending_moves(mailbox: Mailbox, ledger: Ledger) -> list[Move]:
    """Moves whose later message is on the target, and whose earlier copy may be there still. A message that moved several times
    is followed to where it is now; one whose earlier copy has no UID that we know waits until it has. Blocks."""
    pending = ledger.moves_to_end()
    copies = _copies(mailbox, ledger, {*pending, *pending.values()})
    lost = [earlier for earlier in pending if earlier not in copies]
    ledger.made_way(e for e in lost if not mailbox.database.execute(_UNNAMED, (ledger.target, e)).fetchone())
    return [Move(copies[e], copies[later]) for e, later in pending.items() if e in copies and later in copies]


def marked_copies(mailbox: Mailbox, ledger: Ledger) -> list[Copy]:
    r"""Earlier copies that have our ``\Deleted``, as far as we know, wherever the later ones are. Blocks."""
    copies = _copies(mailbox, ledger, ledger.moves_to_end()).values()
    return [copy for copy in copies if not DELETED.isdisjoint(copy.expected.flags)]


def _copies(mailbox: Mailbox, ledger: Ledger, messages: Iterable[int]) -> dict[int, Copy]:
    query = "SELECT m.folder, o.detail, o.theirs FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND o.message = ?"
    found = {}
    for message, expected in copies_of(mailbox, ledger.target, messages).items():
        folder, detail, is_theirs = mailbox.database.execute(query, (ledger.target, message)).fetchone()
        found[message] = Copy(expected, folder, detail, bool(is_theirs))
    return found


async def follow_moves(
    session: Callable[[], Awaitable[TargetSession]], mailbox: Mailbox, ledger: Ledger, watcher: Watcher
) -> int:
    """Remove from the target the earlier copies of what moved on the old side and lies in its new place; how many were removed.

    Goes on on another connection where one ends. Raises TargetError; the next run goes on. Where the target can't remove one message (without
    UIDPLUS), or does not let us see the folder, the later message's outcome says *duplicate*.
    """
    await mailbox.run(claim_delivered_moves, mailbox, ledger)
    pending = await mailbox.run(pending_moves, mailbox, ledger)
    if not pending and not await mailbox.run(marked_copies, mailbox, ledger):
        return 0
    target = await session()
    making_way = _MakingWay(target, mailbox, ledger, watcher)
    try:
        while True:
            try:
                await making_way.through()
                return making_way.removed
            except ConnectionLost as error:
                await target.renew(error)
    finally:
        await target.close()


@dataclass(slots=True)
class _MakingWay:
    target: TargetSession
    mailbox: Mailbox
    ledger: Ledger
    watcher: Watcher
    removed: int = 0
    _removals: dict[int, Removal] = field(default_factory=lambda: defaultdict(Removal))
    """By folder."""

    async def through(self) -> None:
        """All that is pending. What was done before an error stays done. Raises ConnectionLost."""
        moves = await self.mailbox.run(pending_moves, self.mailbox, self.ledger)
        placed: list[Move] = []
        for folder, within in _by_folder(moves, lambda move: move.later.folder):
            if await self._opens(folder, within):
                placed += await self._in_place(within)
        for folder, within in _by_folder(placed, lambda move: move.earlier.folder):
            if await self._opens(folder, within):
                await self._make_way(folder, within)
        await self._unmark()
        for folder, removal in self._removals.items():
            if removal.marked and await self._opens(folder, []):
                await removal.take_back(self.target.client)
            if not (removal.marked or removal.left):
                await self.mailbox.run(self.ledger.unfinished.marks_are_over, folder)

    async def _opens(self, folder: int, moves: Sequence[Move]) -> bool:
        """Select the folder that holds ours; False where it is not there, is another one, or can't be looked into: what moves with it is in two
        places then, as far as anybody knows."""
        row = await self.mailbox.run(self.ledger.folder, folder)
        if row is None or not row.name:
            return False
        try:
            state = await self.target.select(row.name)
        except CommandRefused as error:
            if meaning_of(error.code, error.reason) is not Meaning.GONE:
                await self._name(moves, MAY_BE_THERE)
            return False
        if not state.uids_last:
            await self._name(moves, MAY_BE_THERE)
        return keeps_its_uids(row, state)

    async def _in_place(self, moves: Sequence[Move]) -> list[Move]:
        """Those whose later copy is there, each with what the target made of it."""
        found = await read_ours(self.target.client, [move.later.expected for move in moves])
        await self._name([move for move in moves if move.later.target_uid in found.unclear], MAY_BE_THERE)
        there = found.ours
        seen = [move for move in moves if move.later.target_uid in there]
        placed = [move for move in seen if _is_as_sent(move.later.expected, there[move.later.target_uid])]
        unclear = [move for move in seen if not _is_as_sent(move.later.expected, there[move.later.target_uid])]
        contents = await self._contents([move.later for move in unclear])
        for move in unclear:
            if (digest := contents.get(move.later.target_uid)) is not None:
                is_altered = digest != move.later.expected.sha256
                placed.append(Move(move.earlier, move.later, digest if is_altered else None))
        return placed

    async def _contents(self, copies: Sequence[Copy]) -> dict[int, bytes]:
        uids = [copy.target_uid for copy in copies]
        return {f.uid: f.sha256 for f in await read_contents(self.target.client, uids, with_likeness=False)}

    async def _make_way(self, folder: int, moves: Sequence[Move]) -> None:
        """In the folder of the earlier copies, which is selected."""
        found = await read_ours(self.target.client, [move.earlier.expected for move in moves])
        doubtful = found.unclear | await self._perhaps_anothers(moves, found.ours)
        there = {uid: data for uid, data in found.ours.items() if uid not in doubtful}
        removal = self._removals[folder]
        unclear = [move for move in moves if move.earlier.target_uid in doubtful]
        absent = [move for move in moves if found.lacks(move.earlier.target_uid)]
        away = [move for move in absent if move.earlier.target_uid in removal.marked]  # as a connection ended
        gone = [move for move in absent if move.earlier.target_uid not in removal.marked]
        touched, ours = self._sort([move for move in moves if move.earlier.target_uid in there], there)
        worse, ours = await self._sort_altered(ours)
        shared = await self.mailbox.run(
            shared_copies,
            self.mailbox,
            self.ledger,
            folder,
            [m.earlier.target_uid for m in ours],
            {m.earlier.message for m in moves},
        )
        kept = [move for move in ours if move.earlier.target_uid in shared.for_certain]
        kept += await self._stand_in(folder, [move for move in ours if move not in kept and move.later.was_there])
        ours = [move for move in ours if move not in kept]
        removal.marked |= {m.earlier.target_uid for m in [*touched, *kept, *ours] if _has_our_mark(m.earlier, there)}
        await removal.take_back(self.target.client, [move.earlier.target_uid for move in [*touched, *worse, *kept]])
        if self.target.client.has_uid_expunge:
            await self.mailbox.run(self._about_to_mark, folder, ours, there)
            perhaps = {uid: shared.perhaps[uid] for m in ours if (uid := m.earlier.target_uid) in shared.perhaps}
            same, untold = await self._seen_elsewhere(folder, ours, there, perhaps)
            kept += same
            unclear += untold
            ours = [move for move in ours if move not in same and move not in untold]
        removed = await removal.remove(self.target.client, [_as_ours(move.earlier, there) for move in ours])
        touched += [move for move in ours if move.earlier.target_uid in removed.touched]
        away += [move for move in ours if move.earlier.target_uid in removed.gone]
        await self.mailbox.run(self._record, [*gone, *kept], touched, away)
        await self._name([*worse, *(m for m in ours if m.earlier.target_uid in removed.refused)], STILL_THERE)
        await self._name(unclear, MAY_BE_THERE)
        self._tell(len(away))

    async def _unmark(self) -> None:
        r"""Our ``\Deleted`` goes from what does not make way, though a run was about to remove it: its folder may have got other UIDs since, so that nothing else
        tells whose mark it is. Raises CommandRefused, ConnectionLost."""
        marked = await self.mailbox.run(marked_copies, self.mailbox, self.ledger)
        for folder in {copy.folder for copy in marked}:
            if await self._opens(folder, []):
                within = [copy for copy in marked if copy.folder == folder]
                there = (await read_ours(self.target.client, [copy.expected for copy in within])).ours
                removal = self._removals[folder]
                removal.marked |= {c.target_uid for c in within if c.target_uid in there and _has_our_mark(c, there)}

    async def _stand_in(self, folder: int, moves: Sequence[Move]) -> list[Move]:
        """Those whose earlier copy stands for an equal message from now on that is there still, and whose own is gone: somebody moved that one on the new side,
        to where the old side has moved the other. Raises CommandRefused, ConnectionLost."""
        alike = {move: await self.mailbox.run(self._alike, folder, move.earlier.message) for move in moves}
        there = await read_flags(self.target.client, {uid for found in alike.values() for uid in found.values()})
        stand_in: list[Move] = []
        helped: set[int] = set()
        for move, found in alike.items():
            alone = next((m for m, uid in found.items() if uid not in there and m not in helped), None)
            if alone is not None:
                helped.add(alone)
                stand_in.append(move)
                await self.mailbox.run(self._stands_for, folder, move.earlier, alone)
        return stand_in

    def _stands_for(self, folder: int, copy: Copy, message: int) -> None:
        """The copy stands for another message, which may have another date. Blocks."""
        self.ledger.named(folder, {message: copy.target_uid})
        self.ledger.gave([message], copy.expected.flags)
        if self.mailbox.messages.get(message).date.utc_seconds != copy.expected.date.utc_seconds:
            self.ledger.recode([message], OutcomeCode.ALREADY_THERE)
            self.ledger.taken_over([message])

    def _alike(self, folder: int, message: int) -> dict[int, int]:
        """Message → the UID of its copy, of those of the folder on the old side that are equal to this one, and are there. Blocks."""
        return dict(self.mailbox.database.execute(_ALIKE, (self.ledger.target, folder, message)).fetchall())

    async def _seen_elsewhere(
        self, folder: int, moves: Sequence[Move], there: Mapping[int, MessageData], names: Mapping[int, Names]
    ) -> tuple[list[Move], list[Move]]:
        r"""Of copies that may be seen under other ``names`` too (`SharedCopies.perhaps`), those that are: our ``\Deleted`` shows there; and those of which that
        can't be told now. Afterwards the folder is selected again. Raises ConnectionLost, also where it can't be: everything is to be looked at anew then."""
        if not names:
            return [], []
        removal = self._removals[folder]
        with contextlib.suppress(CommandRefused):  # then it is not removed either
            await removal.mark(self.target.client, names)
        row = await self.mailbox.run(self.ledger.folder, folder)
        assert row is not None  # it was selected
        found = await look_under(self.target, row, {uid: there[uid] for uid in names}, names)
        if not await self._opens(folder, []):
            raise ConnectionLost(f"{self.target.client.name} does not open a folder again")
        if found.elsewhere and not await self._is_its_own(folder, set().union(*found.elsewhere.values())):
            found.unknown |= found.elsewhere.keys()
        await removal.take_back(self.target.client, found.seen | found.unknown)
        return (
            [move for move in moves if move.earlier.target_uid in found.seen],
            [move for move in moves if move.earlier.target_uid in found.unknown - found.seen],
        )

    async def _is_its_own(self, folder: int, others: Iterable[int]) -> bool:
        """Whether the selected folder holds what was put into this one of ours, and not into any of the ``others``. Raises CommandRefused, ConnectionLost."""
        telling = await self.mailbox.run(telling_copies, self.mailbox, self.ledger, folder, others)
        return bool((await read_ours(self.target.client, telling)).ours)

    async def _perhaps_anothers(self, moves: Sequence[Move], there: Mapping[int, MessageData]) -> set[int]:
        """UIDs of earlier copies of which nothing is as it was sent, and that are not what the target has made of the same message in its new place."""
        odd = [
            m for m in moves if (data := there.get(m.earlier.target_uid)) and not resembles(m.earlier.expected, data)
        ]
        contents = await self._contents([move.earlier for move in odd])
        kept = {m.earlier.target_uid: m.altered_to or m.later.expected.sha256 for m in odd}
        return {uid for uid, digest in kept.items() if contents.get(uid) != digest}

    def _sort(self, moves: Iterable[Move], there: Mapping[int, MessageData]) -> tuple[list[Move], list[Move]]:
        """Those whose earlier copy somebody touched, and those that are as we left them."""
        touched: list[Move] = []
        ours: list[Move] = []
        for move in moves:
            one = _as_ours(move.earlier, there)
            (touched if move.earlier.is_theirs or is_touched(one.now, one.given) else ours).append(move)
        return touched, ours

    async def _sort_altered(self, moves: Sequence[Move]) -> tuple[list[Move], list[Move]]:
        """Those whose later copy is neither what was sent nor what the earlier one is, since the target altered it this time; and the others."""
        contents = await self._contents([move.earlier for move in moves if move.altered_to is not None])
        worse: list[Move] = []
        others: list[Move] = []
        for move in moves:
            as_good = move.altered_to in (None, contents.get(move.earlier.target_uid))
            (others if as_good else worse).append(move)
        return worse, others

    def _about_to_mark(self, folder: int, moves: Iterable[Move], there: Mapping[int, MessageData]) -> None:
        r"""Whose ``\Deleted`` it is must be known also after a run that is killed, or loses its connection for good; and of what is gone then, that it was we
        (`Messages.on_their_way_out`). Blocks."""
        unmarked: list[int] = []
        by_flags: dict[Flags, list[int]] = defaultdict(list)
        for move in moves:
            by_flags[move.earlier.expected.flags | DELETED].append(move.earlier.message)
            if DELETED.isdisjoint(_as_ours(move.earlier, there).now):
                unmarked.append(move.earlier.target_uid)
        self.ledger.unfinished.about_to_mark(folder, unmarked)
        for flags, messages in by_flags.items():
            self.ledger.followed(messages, given=flags)

    def _record(self, gone: Sequence[Move], touched: Sequence[Move], away: Sequence[Move]) -> None:
        """The earlier copy is somewhere else or nowhere; it is the member's; we removed it. Blocks."""
        self.ledger.taken_over(move.earlier.message for move in touched)
        self.ledger.removed([move.earlier.message for move in away], MOVED_AWAY)
        self.ledger.made_way(move.earlier.message for move in [*gone, *touched, *away])
        for later in {move.later for move in [*gone, *touched, *away] if _IN_TWO_PLACES in move.later.detail}:
            if later.expected.code is OutcomeCode.ALTERED:
                self.ledger.recode([later.message], OutcomeCode.ALTERED, _plain(later.detail))
            else:
                code = OutcomeCode.ALREADY_THERE if later.was_there else OutcomeCode.DELIVERED
                self.ledger.recode([later.message], code)

    async def _name(self, moves: Iterable[Move], reason: str) -> None:
        """These are in two places, as far as we know. What is *altered* stays that as well."""
        for move in moves:
            if move.earlier.is_theirs:
                continue
            later, path = move.later, (await self.mailbox.run(self.mailbox.folders.get, move.earlier.folder)).path
            told, code = reason.format(path), OutcomeCode.DUPLICATE
            if later.expected.code is OutcomeCode.ALTERED:
                code, told = OutcomeCode.ALTERED, "; ".join(text for text in (_plain(later.detail), told) if text)
            elif later.was_there:
                told = f"{THERE_BEFORE}{told}"
            await self.mailbox.run(self.ledger.recode, [later.message], code, told)

    def _tell(self, count: int) -> None:
        if count:
            self.removed += count
            self.watcher.moved(count)
            told = (
                "1 message moved on the old side, and was"
                if count == 1
                else f"{count} messages moved on the old side, and were"
            )
            self.watcher.note(f"{told} moved on the target too")


def _by_folder(moves: Iterable[Move], folder_of: Callable[[Move], int]) -> list[tuple[int, list[Move]]]:
    found: dict[int, list[Move]] = defaultdict(list)
    for move in moves:
        found[folder_of(move)].append(move)
    return list(found.items())


def _is_as_sent(later: Expectation, found: MessageData) -> bool:
    """Whether its size, and that nothing else is known of it, say so. What a server may alter and leave as long as it is has to have been read back: that of a
    run that found no room was not."""
    is_read = later.is_read_back or not later.traits.fragile
    return is_read and later.code is not OutcomeCode.ALTERED and found.octets == later.octets


def _as_ours(copy: Copy, there: Mapping[int, MessageData]) -> Ours:
    return Ours(copy.target_uid, copy.expected.flags, there[copy.target_uid].flags or frozenset())


def _has_our_mark(copy: Copy, there: Mapping[int, MessageData]) -> bool:
    one = _as_ours(copy, there)
    return not DELETED.isdisjoint(one.now & one.given)


def _plain(detail: str) -> str:
    """The detail without what it says of two places."""
    return detail.partition(_IN_TWO_PLACES)[0].removesuffix("; ")
