"""Changing the flags of many messages at once: one statement for those that lie together, in place of one for each.

Within one transaction it is asked which flag sets the messages have, then all that have one are given the other. A message that was given one has the
transaction's own MODSEQ, by which it is not taken for one that had it before.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from bascule.mailbox.live.counting import count_flagged, in_bulk
from bascule.protocols.imap.sequence import Range

FLAGSETS = 500
"""Told apart by one statement: a mailbox has some dozens."""


@dataclass(slots=True)
class Flagged:
    """``changed``: (UID, flag set's number) of messages whose flags are others now, by UID; ``modseq``: of the change, 0 where there was none; ``refused``: UIDs changed since by somebody else."""

    changed: list[tuple[int, int]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class _Among:
    """Messages of a folder that are there: an SQL condition, and its values. They are found by their UIDs: a further condition has a ``+`` before a column
    that has an index, which SQLite would take otherwise, to go through all that the folder holds."""

    condition: str
    values: tuple[int | str, ...]

    def where(self, condition: str, *values: int) -> "_Among":
        return _Among(f"{self.condition} AND {condition}", (*self.values, *values))


def reflag(
    database: sqlite3.Connection,
    folder: int,
    uids: Sequence[Range],
    becomes: Callable[[int], int],
    advance: Callable[[], int],
    unchanged_since: int | None,
    *,
    listed: bool = True,
) -> Flagged:
    """Within a transaction. ``uids``: ranges that have none in common. ``becomes``: flag set → what it is to be. ``advance`` gives the folder's new MODSEQ; it is called where anything changes.
    ``unchanged_since``: only messages whose MODSEQ is not above it. ``listed``: else ``changed`` stays empty, and time is saved."""
    done = Flagged()
    row = database.execute("SELECT uidvalidity, modseq FROM folders WHERE id = ?", (folder,)).fetchone()
    if row is None:
        return done
    uidvalidity, highest = row
    if unchanged_since is not None:
        for each in _among(folder, uidvalidity, uids):
            done.refused += [uid for uid, _ in _listed(database, each.where("+modseq > ?", unchanged_since))]
        done.refused.sort()
        highest = min(highest, unchanged_since)
    known: dict[int, int] = {}
    changing: list[tuple[_Among, dict[int, int]]] = []
    for each in _among(folder, uidvalidity, uids):
        held = _held(database, each := each.where("+modseq <= ?", highest))
        known |= {flagset: becomes(flagset) for flagset in held if flagset not in known}
        changing.append((each, {flagset: count for flagset, count in held.items() if known[flagset] != flagset}))
    total = sum(sum(held.values()) for _, held in changing)
    if not total:
        return done
    done.modseq = advance()
    with in_bulk(database, total) as counts:
        for each, held in changing:
            for some in _some(held):
                these, new = _of_sets(each, some), {old: known[old] for old in some}
                if listed:
                    done.changed += [(uid, new[old]) for uid, old in _listed(database, these)]
                _give(database, these, new, done.modseq)
            for old, count in held.items():
                if counts:
                    count_flagged(database, folder, old, known[old], count)
    done.changed.sort()
    return done


def _among(folder: int, uidvalidity: int, uids: Sequence[Range]) -> Iterator[_Among]:
    """Ranges each for itself, those that stand alone together."""
    there = _Among("folder = ? AND uidvalidity = ? AND vanished_utc IS NULL", (folder, uidvalidity))
    alone: list[int] = []
    for low, high in uids:
        if low == high:
            alone.append(low)
        else:
            yield there.where("uid BETWEEN ? AND ?", low, high)
    if alone:
        those = there.where("uid IN (SELECT value FROM json_each(?))")
        yield _Among(those.condition, (*those.values, json.dumps(alone)))


def _held(database: sqlite3.Connection, among: _Among) -> dict[int, int]:
    """Flag set → how many of these messages have it."""
    query = f"SELECT flagset, count(*) FROM messages WHERE {among.condition} GROUP BY flagset"
    return dict(database.execute(query, among.values).fetchall())


def _some(flagsets: Iterable[int]) -> Iterator[list[int]]:
    left = iter(flagsets)
    while some := list(islice(left, FLAGSETS)):
        yield some


def _listed(database: sqlite3.Connection, among: _Among) -> list[tuple[int, int]]:
    """(UID, flag set) of these messages."""
    query = f"SELECT uid, flagset FROM messages WHERE {among.condition}"
    return database.execute(query, among.values).fetchall()


def _of_sets(among: _Among, flagsets: Sequence[int]) -> _Among:
    marks = ", ".join("?" * len(flagsets))
    return among.where(f"flagset IN ({marks})", *flagsets)


def _give(database: sqlite3.Connection, these: _Among, becomes: Mapping[int, int], modseq: int) -> None:
    """Each of these messages the flag set that its own becomes."""
    cases = " ".join(["WHEN ? THEN ?"] * len(becomes))
    pairs = [number for pair in becomes.items() for number in pair]
    query = f"UPDATE messages SET flagset = CASE flagset {cases} END, modseq = ? WHERE {these.condition}"
    database.execute(query, (*pairs, modseq, *these.values))
