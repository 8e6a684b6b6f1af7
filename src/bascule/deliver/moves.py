r"""Messages that moved on the old side after they were delivered: the target follows, so that a move is not a duplicate.

A move looks like this to us: a message vanished from one folder, and an equal one (SHA-256) appeared in another folder in which it had not been
when the first was last seen there, and before it was known that the first is gone: else it was deleted, and came anew. What becomes of it is decided by what became of its earlier copy on the new side (`later_runs.decide`):
where that is as we left it, the message is delivered to its new place, and once it was read back there the earlier copy makes way; where somebody
touched it, it stays beside the new one; where somebody removed it, the message does not come back. `making_way` removes.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from heapq import merge
from itertools import repeat

from bascule.deliver.limits import ALIKE_MESSAGES
from bascule.deliver.stations import Stations
from bascule.mailbox import Mailbox
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Ledger
from bascule.terms.later_runs import REPLACE, Action, Decision, Knows, New, Old, decide
from bascule.terms.outcome import Outcome

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

    @property
    def removed(self) -> Outcome | None:
        """What is recorded of the message that moved, where somebody removed this copy before; None: it is delivered."""
        record = self.decision.record
        return Outcome(record, REMOVED_BEFORE) if record is not None else None


_PREFERENCE = (Action.REPLACE, Action.SEND, Action.LEAVE)


@dataclass(slots=True)
class EarlierCopies:
    """Earlier copies that no later message was found for yet, by SHA-256. Each is given out once. ``followed``: messages for which one was found,
    and which are not the move of another when they are offered again. ``in_doubt``: earlier message → the later one that was sent, and is perhaps not there:
    of those it can be told what became of them meanwhile."""

    _by_digest: dict[bytes, list[EarlierCopy]] = field(default_factory=lambda: defaultdict(list))
    followed: set[int] = field(default_factory=set)
    in_doubt: dict[int, int] = field(default_factory=dict)
    to_deliver_again: set[int] = field(default_factory=set)
    """Rows of folders in which what had been taken for removed is to be delivered after all."""
    _of_doubtful: dict[int, tuple[bytes, EarlierCopy]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._by_digest

    def add(self, digest: bytes, copy: EarlierCopy) -> None:
        if copy.message in self.in_doubt:
            self._of_doubtful[self.in_doubt[copy.message]] = digest, copy
        else:
            self._by_digest[digest].append(copy)

    def settle_doubts(self, left: Mapping[int, int]) -> None:
        """``left``: what is still `in_doubt`. The later messages of the others are gone from the old side and never came: something else may have come
        from where these had been."""
        self.in_doubt = dict(left)
        for later in self._of_doubtful.keys() - set(left.values()):
            self.add(*self._of_doubtful.pop(later))

    def removed_before(self, later: int) -> Outcome | None:
        """`EarlierCopy.removed` of a message that was in doubt and is not there."""
        found = self._of_doubtful.get(later)
        return found[1].removed if found else None

    def forget(self, messages: Set[int]) -> None:
        """These are no earlier copies of anything that is delivered now."""
        for digest, copies in self._by_digest.items():
            self._by_digest[digest] = [copy for copy in copies if copy.message not in messages]

    def take_one(self, message: int, digest: bytes, after_delta: int, date_utc: int) -> bool:
        """Whether this earlier message is the one that a message of this date is the move of; it is given out then."""
        copies = self._by_digest.get(digest, [])
        for copy in copies:
            is_it = copy.message == message and copy.date_utc == date_utc
            if is_it and copy.last_delta <= after_delta < copy.gone_delta:
                copies.remove(copy)
                return True
        return False

    def take(self, digest: bytes, after_delta: int, date_utc: int, *, has_copy: bool = False) -> EarlierCopy | None:
        """The one that a message is the move of, which was not in its folder in ``after_delta`` yet; None: it is no move. ``has_copy``: an equal copy lies in its
        new place already.

        Of several, one that can make way comes first, then one of the same date, then the one that was seen last in its place. Beside a copy that is there, one
        that is gone comes first: somebody moved that one there, and the others stand for what is still to be placed.
        """
        copies = self._by_digest.get(digest, [])
        best: tuple[tuple[int, bool, int, int], EarlierCopy] | None = None
        for copy in copies:
            if copy.last_delta <= after_delta < copy.gone_delta:
                preference = _PREFERENCE.index(copy.decision.action) * (-1 if has_copy else 1)
                is_other_date = copy.date_utc != date_utc
                rank = preference, is_other_date, -copy.last_delta, copy.message
                if best is None or rank < best[0]:
                    best = rank, copy
                is_best = preference == (1 - len(_PREFERENCE) if has_copy else 0) and not is_other_date
                if is_best and len(copies) > ALIKE_MESSAGES:  # as good as any: of many equal ones nobody can tell
                    break
        if best is None:
            return None
        copies.remove(best[1])
        return best[1]


_LATER_BY_ITSELF = """
    SELECT m.sha256, m.id, m.after_delta FROM messages m JOIN outcomes o ON o.message = m.id AND o.target = ?1
    WHERE m.after_delta >= ?2 AND (m.vanished_utc IS NOT NULL OR NOT ?3)
    AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')
    AND m.id NOT IN (SELECT later FROM moves WHERE target = ?1) ORDER BY m.after_delta, m.id
"""
_VANISHED = """
    SELECT m.sha256, m.id, m.last_delta, m.vanished_utc FROM messages m JOIN outcomes o ON o.message = m.id AND o.target = ?1
    WHERE m.vanished_utc IS NOT NULL AND m.last_delta IS NOT NULL AND o.target_uid IS NOT NULL
    AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')
    AND m.id NOT IN (SELECT earlier FROM moves WHERE target = ?1) ORDER BY m.id
"""


_REMOVED_WITH_IT = """
    SELECT e.sha256, v.earlier, v.later, e.last_delta, e.vanished_utc, l.folder FROM moves v JOIN outcomes o ON o.target = v.target AND o.message = v.later
    JOIN messages e ON e.id = v.earlier JOIN messages l ON l.id = v.later
    WHERE v.target = ?1 AND o.code = 'removed' AND o.detail = ?2 AND l.vanished_utc IS NULL AND e.vanished_utc IS NOT NULL
"""
_FOUND_THERE = """
    SELECT m.sha256, m.id, m.after_delta FROM outcomes o JOIN messages m ON m.id = o.message
    WHERE o.target = ?1 AND o.code = 'already-there' AND m.vanished_utc IS NULL
    AND m.id NOT IN (SELECT later FROM moves WHERE target = ?1) ORDER BY m.id
"""


def mend_moves(mailbox: Mailbox, ledger: Ledger, folders: Set[int]) -> set[int]:
    """Of equal messages that came to two places, one of which is where somebody had moved the earlier copy on the new side, that one is the move of it, and
    the other is new. Where that was seen when the other had been taken for the move, and told as removed, it is to be delivered after all: the rows of the
    folders in which one is, among ``folders``. Blocks."""
    again: set[int] = set()
    rows = mailbox.database.execute(_REMOVED_WITH_IT, (ledger.target, REMOVED_BEFORE)).fetchall()
    removed = [row for row in rows if row[-1] in folders]
    if not removed:
        return again
    deltas = Deltas.read(mailbox.database)
    there: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for digest, message, after in mailbox.database.execute(_FOUND_THERE, (ledger.target,)):
        there[digest].append((message, after))
    for digest, earlier, later, last_delta, vanished_utc, folder in removed:
        gone = range(last_delta, deltas.gone_in(last_delta, vanished_utc))
        found = there.get(digest, [])
        if (one := next((each for each in found if each[1] in gone), None)) is not None:
            found.remove(one)
            ledger.move_was(earlier, one[0], not_=later)
            again.add(folder)
    return again


_LAST_OF_THE_WAY = """
    WITH RECURSIVE way (message) AS (
        SELECT later FROM moves WHERE target = ?1 AND earlier = ?2 UNION SELECT later FROM moves JOIN way ON earlier = message WHERE target = ?1
    )
    SELECT m.id, m.folder FROM way JOIN messages m ON m.id = way.message JOIN outcomes o ON o.target = ?1 AND o.message = m.id
    WHERE m.vanished_utc IS NULL AND o.code = 'removed' AND o.detail = ?3
"""


def follow_after_all(mailbox: Mailbox, ledger: Ledger, earlier: int) -> set[int]:
    """The copy of the earlier message is there after all: the later one, which was told as removed with it, is to be delivered, and then this copy makes
    way; the row of its folder. Blocks."""
    found = mailbox.database.execute(_LAST_OF_THE_WAY, (ledger.target, earlier, REMOVED_BEFORE)).fetchall()
    for later, _ in found:
        ledger.move_again(earlier, later)
    return {folder for _, folder in found}


_Alike = dict[range, deque[int]]
"""Equal messages that vanished, by the deltas in which each may have come to its next place: there may be ten thousand of them, in as many folders."""


def claim_delivered_moves(mailbox: Mailbox, ledger: Ledger, *, to_what_vanished: bool = False) -> set[int]:
    """Moves whose later message is delivered already: it had been read before the earlier one was known to have vanished, and may have been
    deleted since. The earlier ones. ``to_what_vanished``: only those whose later message is gone from there as well. These are claimed before
    anything is delivered: else one of two places that a message had on its way would be taken for where it came from, and its copy in the other
    would stay. Blocks."""
    claimed: set[int] = set()
    vanished: dict[bytes, _Alike] = defaultdict(lambda: defaultdict(deque))
    deltas = Deltas.read(mailbox.database)
    rows = mailbox.database.execute(_VANISHED, (ledger.target,)).fetchall()
    stations = Stations.read(mailbox, ledger) if rows else Stations({})
    for digest, message, last_delta, vanished_utc in rows:
        gone = range(last_delta, deltas.gone_in(last_delta, vanished_utc))
        vanished[digest][stations.follow(digest, gone)].append(message)
    if not vanished:
        return claimed
    oldest = min(between.start for copies in vanished.values() for between in copies)
    values = (ledger.target, oldest, to_what_vanished)
    for digest, later, after_delta in mailbox.database.execute(_LATER_BY_ITSELF, values):
        copies = vanished.get(digest, {})
        for earlier, gone in _eligible(copies, after_delta):
            # not itself: what came between two looks of one delta was not there in it, and was seen in it
            if ledger.claim(earlier, later):
                copies[gone].remove(earlier)
                claimed.add(earlier)
                break
    return claimed


def _eligible(copies: _Alike, after_delta: int) -> Iterator[tuple[int, range]]:
    """Those that what was not in its folder in ``after_delta`` yet may be the move of: what was seen last in its place comes first."""
    among = [gone for gone in copies if after_delta in gone]
    for start in sorted({gone.start for gone in among}, reverse=True):
        yield from merge(*(zip(copies[gone], repeat(gone)) for gone in among if gone.start == start))
