"""The folders of a mailbox: what there is, and how far the source has been read."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from bascule.mailbox.database import transaction
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

    def begin_delta(self, at_utc: int) -> int:
        """Number a new delta; within the caller's transaction or on its own."""
        return self._database.execute("INSERT INTO deltas (started_utc) VALUES (?)", (at_utc,)).lastrowid or 0

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
        query = "SELECT id FROM folders WHERE path = ? ORDER BY gone_utc IS NOT NULL, gone_utc DESC, id DESC LIMIT 1"
        known = self._database.execute(query, (key,)).fetchone()
        if known is not None:
            self._database.execute(
                "UPDATE folders SET source_name = ?, special_use = ?, subscribed = ?, selectable = ?, gone_utc = NULL"
                " WHERE id = ?",
                (*values, known[0]),
            )
            return self.get(known[0])
        cursor = self._database.execute(
            "INSERT INTO folders (source_name, special_use, subscribed, selectable, path, delta)"
            " VALUES (?, ?, ?, ?, ?, max(0, (SELECT coalesce(max(id), 0) - 1 FROM deltas)))",
            (*values, key),
        )
        return self.get(cursor.lastrowid or 0)

    def mark_gone(self, listed: Iterable[int], at_utc: int) -> int:
        """Mark every folder but ``listed`` as gone, and its messages as vanished; how many folders that were."""
        kept = set(listed)
        lost = [row.id for row in self.all() if row.id not in kept]
        with transaction(self._database):
            for identity in lost:
                self._database.execute("UPDATE folders SET gone_utc = ? WHERE id = ?", (at_utc, identity))
                self._database.execute(
                    "UPDATE messages SET vanished_utc = ?, last_delta = (SELECT delta FROM folders WHERE id = folder)"
                    " WHERE folder = ? AND vanished_utc IS NULL",
                    (at_utc, identity),
                )
        return len(lost)

    def set_uidvalidity(self, identity: int, uidvalidity: int) -> None:
        self._database.execute("UPDATE folders SET uidvalidity = ? WHERE id = ?", (uidvalidity, identity))

    def finish_delta(self, identity: int, source_state: str | None, error: str | None) -> None:
        """What the source said at the end of a delta; ``source_state`` None when the delta is not complete."""
        self._database.execute(
            "UPDATE folders SET source_state = ?, error = ? WHERE id = ?", (source_state, error, identity)
        )
        if source_state is not None:
            self.are_unchanged([identity])

    def are_unchanged(self, folders: Iterable[int]) -> None:
        """The current delta knows all of these folders."""
        self._database.executemany(
            "UPDATE folders SET delta = (SELECT coalesce(max(id), 0) FROM deltas) WHERE id = ?",
            [(identity,) for identity in folders],
        )
