"""The deltas of a mailbox by number and time, for what is known of messages in hindsight: when they were gone."""

import sqlite3
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Self


@dataclass(frozen=True, slots=True)
class Deltas:
    """Read once, for many questions. ``_begun``: when each began, in seconds since 1970, never less than the one before, whatever the clock did."""

    _numbers: list[int]
    _begun: list[int]

    @classmethod
    def read(cls, database: sqlite3.Connection) -> Self:
        """Blocks."""
        rows = database.execute("SELECT id, started_utc FROM deltas ORDER BY id").fetchall()
        return cls([number for number, _ in rows], list(accumulate((begun for _, begun in rows), max)))

    def gone_in(self, last_delta: int, vanished_utc: int) -> int:
        """The delta that found a message gone, which ``last_delta`` was the last to see; its folder may have been closed in those between.

        Two deltas that began within one second are taken for the later one. Where it is the delta now under way, the next one: what appears
        in this one may have been that message until a moment ago.
        """
        place = bisect_right(self._begun, vanished_utc)
        found = max(last_delta + 1, self._numbers[place - 1] if place else 0)
        return found + 1 if self._numbers and found == self._numbers[-1] else found
