"""What the outcomes of one target come to, folder by folder: read in one pass over the catalogue, which may hold a million messages."""

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bascule.terms.later_runs import SETTLED
from bascule.terms.outcome import OutcomeCode

NONE = "none"
"""In the place of an outcome's code: no run has dealt with the message."""
_QUERY = """
SELECT m.folder, coalesce(o.code, 'none'), coalesce(o.theirs, 0), o.sent_sha256 IS NOT NULL, coalesce(o.verified, 0), count(*),
       min(o.verified_utc), max(o.verified_utc)
FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ? WHERE m.vanished_utc IS NULL GROUP BY 1, 2, 3, 4, 5
"""
_READ_BACK = frozenset({OutcomeCode.DELIVERED, OutcomeCode.ALTERED, OutcomeCode.DUPLICATE, OutcomeCode.REMOVED})
_ON_TARGET = SETTLED - {OutcomeCode.REMOVED}


@dataclass(slots=True)
class Tally:
    """Of one folder, or of several added up; only what has not vanished counts.

    ``codes``: outcome code (or `NONE`) → messages. ``marked``: those there on both sides that somebody marked on the new side, or that were
    there before with another date. ``line_ends``: those that were sent with CRLF for LF alone, and in no other way changed. ``read_back``: of what Bascule
    delivered, how (0 not, 1 details, 2 every octet) → messages. ``first_utc``, ``last_utc``: when the earliest and the latest was read back.
    """

    codes: Counter[str] = field(default_factory=Counter)
    marked: int = 0
    line_ends: int = 0
    read_back: Counter[int] = field(default_factory=Counter)
    first_utc: int | None = None
    last_utc: int | None = None

    def add(self, other: "Tally") -> None:
        self.codes += other.codes
        self.marked += other.marked
        self.line_ends += other.line_ends
        self.read_back += other.read_back
        self.note_read_back(other.first_utc, other.last_utc)

    def count(self, code: str, number: int, *, theirs: bool, sent_as_other: bool, how: int) -> None:
        """``number`` messages with this outcome."""
        self.codes[code] += number
        if theirs and code in _ON_TARGET:
            self.marked += number
        if sent_as_other and code in (OutcomeCode.DELIVERED, OutcomeCode.REMOVED):
            self.line_ends += number
        nothing_is_left = code == OutcomeCode.REMOVED and not how  # it was never read back, and is not there any more
        if code in _READ_BACK and not nothing_is_left:
            self.read_back[how] += number

    def note_read_back(self, first: int | None, last: int | None) -> None:
        """Some were read back between these two instants."""
        self.first_utc = min((at for at in (self.first_utc, first) if at is not None), default=None)
        self.last_utc = max((at for at in (self.last_utc, last) if at is not None), default=None)


def tallies(database: sqlite3.Connection, target: int) -> dict[int, Tally]:
    """By folder of the catalogue; one without messages has none."""
    found: dict[int, Tally] = defaultdict(Tally)
    for folder, code, theirs, sent, how, number, first, last in database.execute(_QUERY, (target,)):
        found[folder].count(code, number, theirs=bool(theirs), sent_as_other=bool(sent), how=how)
        if how:
            found[folder].note_read_back(first, last)
    return dict(found)
