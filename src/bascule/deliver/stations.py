"""Places on the old side in which a message lay on its way, and from which no run delivered it: a move is followed through them.

A message was delivered from one folder, was seen in another by a run that was cut before it delivered anything, and lies in a third now: neither of the
last two steps alone is the move of a copy on the target.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Self

from bascule.mailbox import Mailbox
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Ledger, settled_codes

_STATIONS = f"""
    SELECT m.sha256, m.after_delta, m.last_delta, m.vanished_utc FROM messages m
    WHERE m.vanished_utc IS NOT NULL AND m.last_delta IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM outcomes o WHERE o.target = ? AND o.message = m.id AND o.code IN {settled_codes()}
    ) ORDER BY m.id
"""


@dataclass(frozen=True, slots=True)
class _Station:
    """``after``: the last delta in which it was not there yet; ``gone``: those in which it may have come to its next place."""

    after: int
    gone: range


class Stations:
    """Of one target."""

    def __init__(self, by_digest: dict[bytes, list[_Station]]) -> None:
        self._by_digest = by_digest

    @classmethod
    def read(cls, mailbox: Mailbox, ledger: Ledger) -> Self:
        """Blocks."""
        found: dict[bytes, list[_Station]] = defaultdict(list)
        deltas = Deltas.read(mailbox.database)
        for digest, after, last, vanished_utc in mailbox.database.execute(_STATIONS, (ledger.target,)):
            found[digest].append(_Station(after, range(last, deltas.gone_in(last, vanished_utc))))
        return cls(dict(found))

    def earliest(self, delta: int) -> int:
        """What was delivered, and gone before ``delta``, may have come by stations to where it lies now: the delta from which on it may."""
        ways = sorted((station for way in self._by_digest.values() for station in way), key=lambda one: -one.after)
        for station in ways:
            if station.gone.stop > delta:
                delta = min(delta, station.after)
        return delta

    def follow(self, digest: bytes, gone: range) -> range:
        """``gone``: the deltas in which a message with this SHA-256 may have come to its next place. The same of the last of its stations."""
        left = list(self._by_digest.get(digest, ()))
        while station := next((one for one in left if one.after in gone), None):
            left.remove(station)
            gone = station.gone
        return gone
