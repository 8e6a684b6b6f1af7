"""The deltas of a mailbox by number and time, for what is known of messages in hindsight: when they were gone."""

import sqlite3
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

_MOVING = "moving:"


def begin_delta(database: sqlite3.Connection, at_utc: int) -> int:
    """A new delta's number. It begins later than all before it, and than whatever they found gone, be it by a second that the clock has not reached
    yet: two runs may fall into one second, and clocks are set back. Within the caller's transaction."""
    row = database.execute(
        "INSERT INTO deltas (started_utc) SELECT max(?, 1 + coalesce((SELECT max(started_utc) FROM deltas), 0),"
        " 1 + coalesce((SELECT max(vanished_utc) FROM messages), 0))",
        (at_utc,),
    ).lastrowid
    return row or 0


def within_the_last(database: sqlite3.Connection, at_utc: int) -> int:
    """The instant at which the current delta finds something gone: not before it began. Blocks."""
    begun: int = database.execute("SELECT coalesce(max(started_utc), 0) FROM deltas").fetchone()[0]
    return max(at_utc, begun)


def moving_key(delta: int) -> str:
    """Of `Mailbox.meta`, there from the beginning of a delta until it is proved that no message came anywhere while it surveyed."""
    return f"{_MOVING}{delta}"


@dataclass(frozen=True, slots=True)
class Deltas:
    """Read once, for many questions. ``whole``: the last delta before this one that left nothing of the source unread. ``_begun``: when each
    began, in seconds since 1970, never less than the one before, whatever the clock did. ``_moving``: those during whose surveys messages
    may have come."""

    whole: int
    _moving: frozenset[int]
    _numbers: list[int]
    _begun: list[int]

    @classmethod
    def read(cls, database: sqlite3.Connection) -> Self:
        """Blocks."""
        rows = database.execute("SELECT id, started_utc FROM deltas ORDER BY id").fetchall()
        whole = database.execute("SELECT value FROM meta WHERE key = 'whole_delta'").fetchone()
        moving = database.execute("SELECT substr(key, ?) FROM meta WHERE key GLOB ?", (len(_MOVING) + 1, f"{_MOVING}*"))
        begun = list(accumulate((begun for _, begun in rows), max))
        moved = frozenset(int(number) for (number,) in moving)
        return cls(int(whole[0]) if whole else 0, moved, [number for number, _ in rows], begun)

    def gone_in(self, last_delta: int, vanished_utc: int) -> int:
        """The delta that found a message gone, which ``last_delta`` was the last to see; its folder may have been closed in those between.

        Where no delta since has read the whole source, the message may
        lie where none has looked yet: it is gone as of the next one. So it is where messages came while the surveys went on: it may have come
        to a folder that was looked at before it left the other, and gone on from there under the eyes of the next one.
        """
        found = self._found_in(last_delta, vanished_utc)
        while found in self._moving:
            found += 1
        return self._numbers[-1] + 1 if self._numbers and found > self.whole else found

    def earliest_before(self, delta: int) -> int:
        """The first delta that may have found a message gone which came to its next place only after ``delta``."""
        delta = min(delta, self.whole)
        while delta in self._moving and delta - 1 in self._moving:
            delta -= 1
        return delta

    def may_lie_unread(self, last_delta: int, vanished_utc: int) -> bool:
        """Whether no delta has read the whole source since the message was found gone."""
        return self._found_in(last_delta, vanished_utc) > self.whole

    def _found_in(self, last_delta: int, vanished_utc: int) -> int:
        place = bisect_right(self._begun, vanished_utc)
        return max(last_delta + 1, self._numbers[place - 1] if place else 0)
