"""The folders of a mailbox: what there is, and how far the source has been read."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from bascule.mailbox.database import transaction
from bascule.mailbox.deltas import begin_delta, moving_key, within_the_last
from bascule.mailbox.rows import FolderRow
from bascule.terms.folder import FolderPath, SpecialUse

_COLUMNS = (
    "id, path, uidvalidity, uidnext, special_use, subscribed, selectable, gone_utc IS NOT NULL, source_name, "
    "source_state, error"
)


def _row(values: tuple[Any, ...]) -> FolderRow:
    identity, path, uidvalidity, uidnext, use, subscribed, selectable, gone, name, state, error = values
    return FolderRow(
        id=identity,
        path=FolderPath.from_json(path),
        uidvalidity=uidvalidity,
        uidnext=uidnext,
        special_use=SpecialUse(use) if use else None,
        subscribed=bool(subscribed),
        selectable=bool(selectable),
        gone=bool(gone),
        source_name=name or b"",
        source_state=state,
        error=error,
    )


def unlisted_key(folder: int) -> str:
    """Of `Mailbox.meta`: how many messages more the last survey's server counted in the folder than it listed; absent: none."""
    return f"unlisted:{folder}"


_REVALIDATED = "revalidated:"
"""Of `Mailbox.meta`, before a folder's id: the delta that found it under another UIDVALIDITY than the one before; absent: none did."""


def _fell_key(folder: int) -> str:
    """Of `Mailbox.meta`: the lowest UIDNEXT that the source told of the folder after a higher one; absent: it never fell."""
    return f"uidnext-fell:{folder}"


_LEFT_OUT = "left-out-folders"
"""Of `Mailbox.meta`: the folders that the last run was told to leave out, as a JSON array of their ids; absent: none."""


class Folders:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def all(self, *, gone: bool = False) -> list[FolderRow]:
        """Every folder, by path; those that the source no longer lists only when ``gone``."""
        where = "" if gone else "WHERE gone_utc IS NULL"
        return [_row(v) for v in self._database.execute(f"SELECT {_COLUMNS} FROM folders {where} ORDER BY path")]

    def get(self, identity: int) -> FolderRow:
        query = f"SELECT {_COLUMNS} FROM folders WHERE id = ?"
        return _row(self._database.execute(query, (identity,)).fetchone())

    def note_left_out(self, folders: Sequence[int]) -> None:
        """The run under way leaves these out by its user's choice."""
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LEFT_OUT, json.dumps(folders)))

    def left_out(self) -> set[int]:
        """Those that the last run left out by choice."""
        found = self._database.execute("SELECT value FROM meta WHERE key = ?", (_LEFT_OUT,)).fetchone()
        return set(json.loads(found[0])) if found else set()

    def note_whole(self) -> None:
        """Note the last delta where it left nothing of the source unread: it surveyed every folder, or found it unchanged, and each was
        dealt with to the end. Within the caller's transaction, before the next one begins."""
        self._database.execute(
            "INSERT OR REPLACE INTO meta SELECT 'whole_delta', max(id) FROM deltas HAVING max(id) IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM folders WHERE selectable AND gone_utc IS NULL"
            " AND NOT (complete AND delta = (SELECT max(id) FROM deltas)))"
        )

    def begin_delta(self, at_utc: int) -> int:
        """Number a new delta, during which messages may come until `note_still`. Within the caller's transaction."""
        delta = begin_delta(self._database, at_utc)
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (moving_key(delta),))
        return delta

    def note_still(self) -> None:
        """No message came anywhere between the sightings of the current delta and the end of its surveys: it is a picture of one instant."""
        (delta,) = self._database.execute("SELECT max(id) FROM deltas").fetchone()
        self._database.execute("DELETE FROM meta WHERE key = ?", (moving_key(delta),))

    def note_moving(self) -> None:
        """What is found gone from here on had been there at the surveys of the current delta. Within the caller's transaction."""
        (delta,) = self._database.execute("SELECT max(id) FROM deltas").fetchone()
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (moving_key(delta),))

    def any_on_its_way(self) -> bool:
        """Whether the current delta found a message gone, as far as a clock of whole seconds tells, or one that the delta before it found gone
        may still have been on its way."""
        before, begun = self._database.execute(
            "SELECT id - 1, started_utc FROM deltas ORDER BY id DESC LIMIT 1"
        ).fetchone()
        query = "SELECT EXISTS (SELECT 1 FROM messages WHERE vanished_utc >= ?) OR EXISTS (SELECT 1 FROM meta WHERE key = ?)"
        (found,) = self._database.execute(query, (begun, moving_key(before))).fetchone()
        return bool(found)

    def sighted(self) -> dict[bytes, tuple[int, int]]:
        """The source's name of each folder that the current delta has seen → UIDVALIDITY and UIDNEXT as it saw them first."""
        query = (
            "SELECT f.source_name, s.uidvalidity, s.uidnext FROM folders f JOIN sightings s ON s.folder = f.id"
            " WHERE s.delta = (SELECT max(id) FROM deltas) AND f.gone_utc IS NULL"
        )
        return {name: (validity, uidnext) for name, validity, uidnext in self._database.execute(query)}

    def record(
        self,
        path: FolderPath,
        *,
        source_name: bytes,
        special_use: SpecialUse | None,
        subscribed: bool,
        selectable: bool,
    ) -> FolderRow:
        """Add the folder or bring its row up to date; within the caller's transaction or on its own."""
        key = path.to_json()
        values = (source_name, special_use.value if special_use else None, subscribed, selectable)
        query = (
            "SELECT id, gone_utc IS NOT NULL OR NOT selectable FROM folders WHERE path = ?"
            " ORDER BY gone_utc IS NOT NULL, gone_utc DESC, id LIMIT 1"
        )
        known = self._database.execute(query, (key,)).fetchone()
        if known is not None:
            if known[1] and selectable:
                self._was_not_there(known[0])
            self._database.execute(
                "UPDATE folders SET source_name = ?, special_use = ?, subscribed = ?, selectable = ?, gone_utc = NULL"
                " WHERE id = ?",
                (*values, known[0]),
            )
            return self.get(known[0])
        cursor = self._database.execute(
            "INSERT INTO folders (source_name, special_use, subscribed, selectable, path) VALUES (?, ?, ?, ?, ?)",
            (*values, key),
        )
        self._was_not_there(cursor.lastrowid or 0)
        return self.get(cursor.lastrowid or 0)

    def _was_not_there(self, identity: int) -> None:
        """The folder is listed for the first time, or again, or as one that holds messages: in the delta before this one nothing was in it."""
        self._database.execute(
            "INSERT OR REPLACE INTO sightings SELECT ?, coalesce(max(id), 0) - 1, 0, 0 FROM deltas", (identity,)
        )

    def mark_gone(self, listed: Iterable[int], at_utc: int) -> int:
        """Mark every folder but ``listed`` as gone, and its messages as vanished; how many folders that were."""
        kept = set(listed)
        lost = [row.id for row in self.all() if row.id not in kept]
        with transaction(self._database):
            for identity in lost:
                self._database.execute(
                    "UPDATE folders SET gone_utc = ?, source_state = NULL, complete = 0, error = NULL WHERE id = ?",
                    (at_utc, identity),
                )
                self.empty(identity, at_utc)
        return len(lost)

    def vanish(self, identity: int, at_utc: int) -> None:
        """It holds other folders only: the source says so where it lists it, or where it is opened. Within the caller's transaction."""
        self._database.execute(
            "UPDATE folders SET selectable = 0, source_state = NULL, complete = 0, error = NULL WHERE id = ?",
            (identity,),
        )
        self.empty(identity, at_utc)

    def empty(self, identity: int, at_utc: int) -> None:
        """Every message of it has vanished; within the caller's transaction."""
        self._database.execute(
            "UPDATE messages SET vanished_utc = ?, last_delta = coalesce(last_delta, (SELECT delta FROM folders WHERE id = folder))"
            " WHERE folder = ? AND vanished_utc IS NULL",
            (within_the_last(self._database, at_utc), identity),
        )

    def set_uidvalidity(self, identity: int, uidvalidity: int) -> None:
        """The source has given the folder a new UIDVALIDITY; within the caller's transaction. What was under the old one was last
        seen by the delta before. Where that one was complete, whatever is not recognised now was not there then."""
        self._database.execute(
            "UPDATE messages SET last_delta = (SELECT delta FROM folders WHERE id = folder)"
            " WHERE folder = ? AND uidvalidity <> ? AND vanished_utc IS NULL AND last_delta IS NULL",
            (identity, uidvalidity),
        )
        self._database.execute(
            "INSERT OR REPLACE INTO sightings SELECT id, delta, 0, 0 FROM folders WHERE id = ? AND complete AND uidvalidity <> 0",
            (identity,),
        )
        self._database.execute(
            "INSERT OR REPLACE INTO meta SELECT ? || id, (SELECT max(id) FROM deltas) FROM folders"
            " WHERE id = ? AND uidvalidity NOT IN (0, ?)",
            (_REVALIDATED, identity, uidvalidity),
        )
        self._database.execute("UPDATE folders SET uidvalidity = ? WHERE id = ?", (uidvalidity, identity))

    def revalidated(self) -> dict[int, int]:
        """Folder → the delta that found it under another UIDVALIDITY than it had: it may be another one of its name."""
        query = "SELECT substr(key, ?), value FROM meta WHERE key GLOB ?"
        found = self._database.execute(query, (len(_REVALIDATED) + 1, f"{_REVALIDATED}*"))
        return {int(identity): int(delta) for identity, delta in found}

    def retire_uids(self, identity: int, uidvalidity: int) -> None:
        """The source gives UIDs again that it had given before, under the same UIDVALIDITY. What is known under it is known under another from
        now on, below 0, which no source has, and so is found again by its content. Within the caller's transaction."""
        query = "SELECT min(0, coalesce(min(uidvalidity), 0)) - 1 FROM messages WHERE folder = ?"
        (retired,) = self._database.execute(query, (identity,)).fetchone()
        values = (retired, identity, uidvalidity)
        self._database.execute("UPDATE messages SET uidvalidity = ? WHERE folder = ? AND uidvalidity = ?", values)
        self._database.execute(
            "UPDATE sightings SET uidvalidity = ? WHERE folder = ? AND uidvalidity = ? AND delta < (SELECT max(id) FROM deltas)",
            values,
        )
        self.set_uidvalidity(identity, uidvalidity)
        self._database.execute("DELETE FROM meta WHERE key = ?", (_fell_key(identity),))

    def note_uidnext_fell(self, identity: int, uidnext: int) -> None:
        """The source told a lower UIDNEXT than before, and gave nothing again so far. Within the caller's transaction."""
        lowest = min(uidnext, self.uidnext_fell_to(identity) or uidnext)
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_fell_key(identity), str(lowest)))

    def uidnext_fell_to(self, identity: int) -> int | None:
        """The lowest UIDNEXT that the source told after a higher one; None: it never fell."""
        found = self._database.execute("SELECT value FROM meta WHERE key = ?", (_fell_key(identity),)).fetchone()
        return int(found[0]) if found else None

    # -- deltas -------------------------------------------------------------------------------------------------------

    def sight(self, seen: Iterable[tuple[int, int, int]]) -> None:
        """(folder, UIDVALIDITY, UIDNEXT) as the current delta sees them: messages from UIDNEXT on are not there yet. Of several in one
        delta the first is kept, and of several deltas that saw the same UIDNEXT the last: it says all that they say. Within the caller's
        transaction, or on its own."""
        rows = list(seen)
        query = "INSERT OR IGNORE INTO sightings SELECT ?1, max(id), ?2, ?3 FROM deltas"
        self._database.executemany(query, rows)
        self._database.executemany(
            "DELETE FROM sightings WHERE folder = ?1 AND uidvalidity = ?2 AND uidnext >= ?3 AND delta < (SELECT max(id) FROM deltas)",
            rows,
        )

    def surveyed(self, identity: int, source_state: str) -> None:
        """The survey that ``source_state`` tells of is in the catalogue: what is known has its flags, and what vanished is marked.
        Within the caller's transaction. It is complete once `completed` says so."""
        self._database.execute(
            "UPDATE folders SET source_state = ?, error = NULL, complete = 0,"
            " delta = (SELECT coalesce(max(id), 0) FROM deltas) WHERE id = ?",
            (source_state, identity),
        )

    def correct_survey(self, identity: int, source_state: str) -> None:
        """What the survey in the catalogue says now: messages that it counted went away since. Within the caller's transaction."""
        self._database.execute("UPDATE folders SET source_state = ? WHERE id = ?", (source_state, identity))

    def count_unlisted(self, identity: int, number: int) -> None:
        """How many messages more the source counts in the folder than it lists. Within the caller's transaction."""
        if number:
            values = (unlisted_key(identity), str(number))
            self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
        else:
            self._database.execute("DELETE FROM meta WHERE key = ?", (unlisted_key(identity),))

    def completed(self, identity: int) -> None:
        """Every message of the last survey was dealt with. One that the source did not give keeps the folder from being complete, and so
        does one that the user's choice left out: it may be a message that left another folder. Each is tried again. Of the sightings of
        a complete folder only the last is of use."""
        self._database.execute(
            "UPDATE folders SET complete = NOT EXISTS (SELECT 1 FROM not_held WHERE folder = ?1 AND code IN ('unreadable', 'left-out'))"
            " WHERE id = ?1",
            (identity,),
        )
        self._database.execute(
            "DELETE FROM sightings WHERE folder = ?1 AND (SELECT complete FROM folders WHERE id = ?1)"
            " AND delta < (SELECT max(delta) FROM sightings WHERE folder = ?1)",
            (identity,),
        )

    def latest(self, number: int) -> list[int]:
        """So many of the folders that are there, those first that hold the messages that arrived last, by dates that are not in the future."""
        query = (
            "SELECT f.id FROM folders f, (SELECT max(started_utc) AS now FROM deltas) d WHERE f.gone_utc IS NULL AND f.selectable"
            " ORDER BY (SELECT max(date_utc) FROM messages WHERE folder = f.id AND date_utc <= d.now) DESC NULLS LAST LIMIT ?"
        )
        return [folder for (folder,) in self._database.execute(query, (number,))]

    def failed(self, identity: int, reason: str) -> None:
        """The source did not open it, or not to the end; what the last survey said stays."""
        self._database.execute("UPDATE folders SET error = ?, complete = 0 WHERE id = ?", (reason, identity))

    def complete_ones(self) -> set[int]:
        """The folders whose last survey was dealt with to the end."""
        return {identity for (identity,) in self._database.execute("SELECT id FROM folders WHERE complete")}

    def last_whole_survey(self, identity: int) -> int:
        """The last delta that knew of every message in the folder; 0: it is not known of any."""
        query = (
            "SELECT delta FROM folders f WHERE id = ?1 AND complete AND NOT EXISTS (SELECT 1 FROM not_held WHERE folder = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM meta WHERE key = ?2)"
        )
        found = self._database.execute(query, (identity, unlisted_key(identity))).fetchone()
        return int(found[0]) if found else 0

    def are_unchanged(self, folders: Iterable[int]) -> None:
        """The current delta found all of these as the last survey left them."""
        self._database.executemany(
            "UPDATE folders SET error = NULL, delta = (SELECT coalesce(max(id), 0) FROM deltas) WHERE id = ?",
            [(identity,) for identity in folders],
        )
