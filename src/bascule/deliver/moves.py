r"""Messages that moved on the old side after they were delivered: the target follows, so that a move is not a duplicate.

A move looks like this to us: a message vanished from one folder, and an equal one (SHA-256) appeared in another folder in which it had not been
when the first was last seen there, and before it was known that the first is gone: else it was deleted, and came anew. What becomes of it is decided by what became of its earlier copy on the new side (`later_runs.decide`):
where that is as we left it, the message is delivered to its new place, and once it was read back there the earlier copy makes way; where somebody
touched it, it stays beside the new one; where somebody removed it, the message does not come back.

No message leaves the target altogether: the new copy is seen there before the earlier one is removed.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bascule.deliver.expectation import is_touched
from bascule.deliver.look import read_details, read_flags
from bascule.deliver.removal import remove_messages
from bascule.deliver.session import TargetSession
from bascule.deliver.stations import Stations
from bascule.mailbox import Mailbox
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Ledger, on_target_codes
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.flags import Flags
from bascule.terms.later_runs import REPLACE, SETTLED, Action, Decision, Knows, New, Old, decide
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused

MOVED_AWAY = "moved to another folder on the old side; its copy there stands for it now"
REMOVED_BEFORE = "moved on the old side after its copy had been removed on the new side"


@dataclass(frozen=True, slots=True)
class EarlierCopy:
    """A delivered message that has vanished from its folder. ``last_delta``: the last delta that saw it there; ``gone_delta``: the one that
    did not."""

    message: int
    last_delta: int
    gone_delta: int
    date_utc: int
    knows: Knows
    new: New

    @property
    def decision(self) -> Decision:
        """What becomes of the message that moved. One that can't be looked at now is placed anew, and its earlier copy makes way
        once it can be."""
        decision = decide(Old.MOVED, self.new, self.knows)
        return REPLACE if decision.action is Action.LOOK else decision


_ALIKE = 100
"""Of more equal messages the first that fits is taken: a broken filter makes ten thousand of one."""
_PREFERENCE = (Action.REPLACE, Action.SEND, Action.LEAVE)


@dataclass(slots=True)
class EarlierCopies:
    """Earlier copies that no later message was found for yet, by SHA-256. Each is given out once. ``followed``: messages for which one was found,
    and which are not the move of another when they are offered again."""

    _by_digest: dict[bytes, list[EarlierCopy]] = field(default_factory=lambda: defaultdict(list))
    followed: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._by_digest

    def add(self, digest: bytes, copy: EarlierCopy) -> None:
        self._by_digest[digest].append(copy)

    def take(self, digest: bytes, after_delta: int, date_utc: int) -> EarlierCopy | None:
        """The one that a message is the move of, which was not in its folder in ``after_delta`` yet; None: it is no move.

        Of several, one that can make way comes first, then one of the same date.
        """
        copies = self._by_digest.get(digest, [])
        best: tuple[tuple[int, bool, int], EarlierCopy] | None = None
        for copy in copies:
            if copy.last_delta <= after_delta < copy.gone_delta:
                rank = _PREFERENCE.index(copy.decision.action), copy.date_utc != date_utc, copy.message
                if best is None or rank < best[0]:
                    best = rank, copy
                if (
                    rank[:2] == (0, False) and len(copies) > _ALIKE
                ):  # as good as any: of many equal ones nobody can tell
                    break
        if best is None:
            return None
        copies.remove(best[1])
        return best[1]


_LATER_BY_ITSELF = """
    SELECT m.sha256, m.id, m.after_delta FROM messages m JOIN outcomes o ON o.message = m.id AND o.target = ?1
    WHERE m.after_delta >= ?2 AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')
    AND m.id NOT IN (SELECT later FROM moves WHERE target = ?1) ORDER BY m.id
"""
_VANISHED = """
    SELECT m.sha256, m.id, m.last_delta, m.vanished_utc FROM messages m JOIN outcomes o ON o.message = m.id AND o.target = ?1
    WHERE m.vanished_utc IS NOT NULL AND m.last_delta IS NOT NULL AND o.target_uid IS NOT NULL
    AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')
    AND m.id NOT IN (SELECT earlier FROM moves WHERE target = ?1) ORDER BY m.id
"""


def claim_delivered_moves(mailbox: Mailbox, ledger: Ledger) -> None:
    """Moves whose later message is delivered already: it had been read before the earlier one was known to have vanished, and may have been
    deleted since. Blocks."""
    vanished: dict[bytes, list[tuple[range, int]]] = defaultdict(list)
    deltas = Deltas.read(mailbox.database)
    rows = mailbox.database.execute(_VANISHED, (ledger.target,)).fetchall()
    stations = Stations.read(mailbox, ledger) if rows else Stations({})
    for digest, message, last_delta, vanished_utc in rows:
        gone = range(last_delta, deltas.gone_in(last_delta, vanished_utc))
        vanished[digest].append((stations.follow(digest, gone), message))
    if not vanished:
        return
    oldest = min(between.start for copies in vanished.values() for between, _ in copies)
    for digest, later, after_delta in mailbox.database.execute(_LATER_BY_ITSELF, (ledger.target, oldest)):
        copies = vanished.get(digest, [])
        place = next((i for i, (between, _) in enumerate(copies) if after_delta in between), None)
        if place is not None:
            ledger.claim(copies.pop(place)[1], later)


# -- making way -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copy:
    """One of our messages on the target. ``folder`` is its row in the catalogue; ``octets`` those of what was sent."""

    message: int
    folder: int
    target_uid: int
    octets: int
    code: OutcomeCode
    given: Flags
    theirs: bool


@dataclass(frozen=True, slots=True)
class Move:
    earlier: Copy
    later: Copy


_COPY = """
    SELECT o.message, m.folder, o.target_uid, coalesce(o.sent_octets, m.octets), o.code, coalesce(o.flagset, m.flagset), o.theirs
    FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND o.message = ?
"""

_UNNAMED = f"""
    SELECT 1 FROM outcomes WHERE target = ? AND message = ? AND target_uid IS NULL AND code IN {on_target_codes()}
"""


def pending_moves(mailbox: Mailbox, ledger: Ledger) -> list[Move]:
    """Moves whose later message is on the target, and whose earlier copy may be there still. A message that moved several times
    is followed to where it is now; one whose earlier copy has no UID that we know waits until it has. Blocks."""
    query = "SELECT earlier, later FROM moves WHERE target = ? AND NOT done"
    links = dict(mailbox.database.execute("SELECT earlier, later FROM moves WHERE target = ?", (ledger.target,)))
    moves, over = [], []
    for earlier, later in mailbox.database.execute(query, (ledger.target,)).fetchall():
        seen = {earlier}
        while later in links and later not in seen:
            seen.add(later)
            later = links[later]
        one, other = _copy(mailbox, ledger, earlier), _copy(mailbox, ledger, later)
        if one is None and not mailbox.database.execute(_UNNAMED, (ledger.target, earlier)).fetchone():
            over.append(earlier)
        elif one is not None and other is not None:
            moves.append(Move(one, other))
    ledger.made_way(over)
    return moves


def _copy(mailbox: Mailbox, ledger: Ledger, message: int) -> Copy | None:
    """The message's copy on the target; None where there is none."""
    row = mailbox.database.execute(_COPY, (ledger.target, message)).fetchone()
    if row is None or row[2] is None or OutcomeCode(row[4]) not in SETTLED:
        return None
    identity, folder, uid, octets, code, flagset, theirs = row
    return Copy(identity, folder, uid, octets, OutcomeCode(code), mailbox.flagsets.flags_of(flagset), bool(theirs))


async def follow_moves(
    session: Callable[[], Awaitable[TargetSession]], mailbox: Mailbox, ledger: Ledger, watcher: Watcher
) -> int:
    """Remove from the target the earlier copies of what moved on the old side and lies in its new place; how many were removed.

    Raises TargetError, ConnectionLost; the next run goes on. Where the target can't remove one message (without UIDPLUS), the
    later message's outcome says *duplicate*.
    """
    await mailbox.run(claim_delivered_moves, mailbox, ledger)
    moves = await mailbox.run(pending_moves, mailbox, ledger)
    if not moves:
        return 0
    target = await session()
    try:
        there: dict[int, dict[int, MessageData]] = {}
        for folder, within in _by_folder(moves, lambda move: move.later.folder):
            if await _select(target, mailbox, ledger, folder):
                uids = [move.later.target_uid for move in within]
                there[folder] = await read_details(target.client, uids)
        placed = [move for move in moves if _is_in_place(move.later, there.get(move.later.folder, {}))]
        by_folder = _by_folder(placed, lambda move: move.earlier.folder)
        return sum([await _make_way(target, mailbox, ledger, folder, within, watcher) for folder, within in by_folder])
    finally:
        await target.close()


def _is_in_place(later: Copy, there: dict[int, MessageData]) -> bool:
    data = there.get(later.target_uid)
    return data is not None and (data.octets == later.octets or later.code is not OutcomeCode.DELIVERED)


def _by_folder(moves: Iterable[Move], folder_of: Callable[[Move], int]) -> list[tuple[int, list[Move]]]:
    found: dict[int, list[Move]] = defaultdict(list)
    for move in moves:
        found[folder_of(move)].append(move)
    return list(found.items())


async def _select(target: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: int) -> bool:
    """Select the folder of the target that holds ours; False where it is not there, or is another one."""
    row = await mailbox.run(ledger.folder, folder)
    try:
        if row is None:
            return False
        state = await target.select(row.name)
        return row.is_still(state.uidvalidity, state.mailboxid)
    except CommandRefused:
        return False


async def _make_way(
    target: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: int, moves: Sequence[Move], watcher: Watcher
) -> int:
    if not await _select(target, mailbox, ledger, folder):
        return 0
    there = await read_flags(target.client, [move.earlier.target_uid for move in moves])
    gone = [move for move in moves if move.earlier.target_uid not in there]
    touched = [
        m
        for m in moves
        if (now := there.get(m.earlier.target_uid)) is not None
        and (m.earlier.theirs or is_touched(now, m.earlier.given))
    ]
    stay = {move.earlier.message for move in [*gone, *touched]}
    untouched = [move for move in moves if move.earlier.message not in stay]
    await mailbox.run(ledger.taken_over, [move.earlier.message for move in touched])
    await mailbox.run(ledger.made_way, stay)
    single = [m.later.message for m in moves if m.earlier.message in stay and m.later.code is OutcomeCode.DUPLICATE]
    await mailbox.run(ledger.recode, single, OutcomeCode.DELIVERED)
    if not untouched:
        return 0
    if await remove_messages(target.client, [move.earlier.target_uid for move in untouched]):
        told = (
            "1 message moved on the old side, and was"
            if len(untouched) == 1
            else f"{len(untouched)} messages moved on the old side, and were"
        )
        watcher.note(f"{told} moved on the target too")
        await mailbox.run(ledger.removed, [move.earlier.message for move in untouched], MOVED_AWAY)
        await mailbox.run(ledger.made_way, [move.earlier.message for move in untouched])
        return len(untouched)
    path = (await mailbox.run(mailbox.folders.get, folder)).path
    reason = f"it moved on the old side, and its earlier copy is still in {path} of the target"
    await mailbox.run(ledger.recode, [move.later.message for move in untouched], OutcomeCode.DUPLICATE, reason)
    return 0
