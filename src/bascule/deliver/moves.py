r"""Messages that moved on the old side after they were delivered: the target follows, so that a move is not a duplicate.

A move looks like this to us: a message vanished from one folder, and an equal one (SHA-256) appeared in another folder in which it had not been
while the first was still there. The second is delivered like any new message; once it was read back (never with ``--verify none``), the first
one's copy on the target makes way.
It does so only while it is as we left it there (a person who changed its flags has taken it over), and while the new copy is still there, so that
no message ever leaves the target altogether. A message that was deleted on the old side has no equal one, and stays.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bascule.deliver.removal import remove_messages
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.fetch import FLAGS, Fetch
from bascule.protocols.imap.sequence import format_set
from bascule.terms.flags import Flags, same_flags
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused

_DELETED = frozenset({"\\Deleted"})
_VANISHED = """
    SELECT m.sha256, m.id, m.folder, m.last_delta, o.target_uid, o.flagset FROM messages m
    JOIN outcomes o ON o.message = m.id AND o.target = ?
    WHERE m.vanished_utc IS NOT NULL AND m.last_delta IS NOT NULL AND o.code = 'delivered' AND o.target_uid IS NOT NULL
    ORDER BY m.id
"""
_APPEARED = """
    SELECT m.sha256, m.id, m.folder, m.after_delta, o.target_uid FROM messages m
    JOIN outcomes o ON o.message = m.id AND o.target = ?
    WHERE m.vanished_utc IS NULL AND m.after_delta >= ? AND o.code = 'delivered' AND o.verified > 0
    AND o.target_uid IS NOT NULL AND o.replaces IS NULL ORDER BY m.id
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of our messages on the target. ``folder`` is its row in the catalogue."""

    message: int
    folder: int
    target_uid: int


@dataclass(frozen=True, slots=True)
class Move:
    """``given``: the flags that the earlier copy got from us."""

    earlier: Copy
    later: Copy
    given: Flags


def find_moves(mailbox: Mailbox, target: int) -> list[Move]:
    """What moved on the old side and lies twice on the target. Blocks."""
    vanished: dict[bytes, list[tuple[int, Copy, int]]] = defaultdict(list)
    for digest, message, folder, last_delta, uid, flagset in mailbox.database.execute(_VANISHED, (target,)):
        vanished[digest].append((last_delta, Copy(message, folder, uid), flagset))
    if not vanished:
        return []
    oldest = min(last_delta for copies in vanished.values() for last_delta, _, _ in copies)
    moves = []
    for digest, message, folder, after_delta, uid in mailbox.database.execute(_APPEARED, (target, oldest)):
        copies = vanished.get(digest, [])
        for place, (last_delta, earlier, flagset) in enumerate(copies):
            if after_delta >= last_delta:
                moves.append(Move(earlier, Copy(message, folder, uid), mailbox.flagsets.flags_of(flagset)))
                del copies[place]
                break
    return moves


async def follow_moves(
    session: Callable[[], Awaitable[TargetSession]], mailbox: Mailbox, ledger: Ledger, watcher: Watcher
) -> None:
    """Remove from the target what moved on the old side and was delivered to its new folder.

    Raises TargetError, ConnectionLost; the next run goes on. Where the target can't remove one message (without UIDPLUS), the
    message's outcome says *duplicate*.
    """
    moves = await mailbox.run(find_moves, mailbox, ledger.target)
    if not moves:
        return
    target = await session()
    try:
        for folder, within in _by_folder(moves, lambda move: move.later.folder):
            there = await _flags_there(target, mailbox, ledger, folder, [move.later.target_uid for move in within])
            moves = [move for move in moves if move.later.folder != folder or move.later.target_uid in there]
        for folder, within in _by_folder(moves, lambda move: move.earlier.folder):
            await _make_way(target, mailbox, ledger, folder, within, watcher)
    finally:
        await target.close()


def _by_folder(moves: list[Move], folder_of: Callable[[Move], int]) -> Iterator[tuple[int, list[Move]]]:
    found: dict[int, list[Move]] = defaultdict(list)
    for move in moves:
        found[folder_of(move)].append(move)
    return iter(found.items())


async def _flags_there(
    target: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: int, uids: list[int]
) -> dict[int, Flags]:
    """The target's flags of those of the UIDs that are there; the folder is selected then. Empty where it is another folder."""
    row = await mailbox.run(ledger.folder, folder)
    there: dict[int, Flags] = {}

    def take(reply: Fetch) -> None:
        if reply.data.uid is not None and reply.data.flags is not None:
            there[reply.data.uid] = reply.data.flags

    try:
        if row is None or (await target.select(row.name)).uidvalidity != row.uidvalidity:
            return {}
        await (await target.client.fetch(format_set(uids), FLAGS, take)).ok()
    except CommandRefused:
        return {}
    return there


async def _make_way(
    target: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: int, moves: list[Move], watcher: Watcher
) -> None:
    there = await _flags_there(target, mailbox, ledger, folder, [move.earlier.target_uid for move in moves])
    untouched = [
        move
        for move in moves
        if (now := there.get(move.earlier.target_uid)) is not None and same_flags(now - _DELETED, move.given - _DELETED)
    ]
    if untouched and not await remove_messages(target.client, [move.earlier.target_uid for move in untouched]):
        path = (await mailbox.run(mailbox.folders.get, folder)).path
        reason = f"it moved on the old side, and its earlier copy is still in {path} of the target"
        for move in untouched:
            doubled = (move.later.message, Outcome(OutcomeCode.DUPLICATE, reason, move.later.target_uid))
            await mailbox.run(ledger.settle, move.later.folder, [doubled])
    elif untouched:
        watcher.note(f"{len(untouched)} messages moved on the old side: so they did on the target")
    await mailbox.run(ledger.replaced, [(move.earlier.message, move.later.message) for move in moves])
