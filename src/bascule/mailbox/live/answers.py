"""Header fields as programs ask for them, kept: each program asks for the same fields of each message, one program after the other, for years.

Two tables of the catalogue, made when first needed; without them all is as it is with them, slower. They go by body, whose number is never given to
another; the purge of a body takes its answers along (a trigger: so also where an older Bascule purges).
"""

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence

from bascule.mailbox.database import lazily

SECTIONS = 4
"""Kept at a time: as many kinds of programs as a person has. A fifth takes the place of the one that came first."""
LABEL_OCTETS = 1000
"""Of the names of the fields, together: programs ask for a dozen."""
ANSWER_OCTETS = 8 * 1024
"""A longer one is made anew each time: fields of this size are few, and attacks."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS sections (id INTEGER PRIMARY KEY AUTOINCREMENT, label BLOB NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS answers (section INTEGER NOT NULL REFERENCES sections, body INTEGER NOT NULL REFERENCES bodies,"
    " octets BLOB NOT NULL, PRIMARY KEY (section, body)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS body_purged AFTER DELETE ON bodies BEGIN"
    " DELETE FROM answers WHERE section IN (SELECT id FROM sections) AND body = old.id; END",
)


class Answers:
    """``names``, everywhere: the fields', in any case and order. They have no colon (RFC 5322 §2.2), so that it may stand between them."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def asked_for(self) -> list[tuple[bytes, ...]]:
        """The names of fields that are kept, those first that were asked for first."""
        try:
            labels = self._database.execute("SELECT label FROM sections ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # nobody has asked yet
            return []
        return [tuple(label.split(b":")) for (label,) in labels]

    def kept(self, names: Sequence[bytes], bodies: Sequence[int]) -> dict[int, bytes]:
        """The fields of those of these bodies of which they are kept."""
        query = (
            "SELECT body, octets FROM answers WHERE section = (SELECT id FROM sections WHERE label = ?)"
            " AND body IN (SELECT value FROM json_each(?))"
        )
        try:
            return dict(self._database.execute(query, (_label(names), json.dumps(list(bodies)))).fetchall())
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return {}

    def keep(self, names: Sequence[bytes], made: Mapping[int, bytes]) -> None:
        """By body. Nothing is lost where a full disk forbids it, or where a body was purged meanwhile."""
        label = _label(names)
        rows = [(octets, body) for body, octets in made.items() if len(octets) <= ANSWER_OCTETS]
        if len(label) <= LABEL_OCTETS and rows:
            with contextlib.suppress(sqlite3.OperationalError), lazily(self._database):
                section = self._section(label)
                self._database.executemany(
                    "INSERT OR IGNORE INTO answers SELECT ?, id, ? FROM bodies WHERE id = ?",
                    [(section, octets, body) for octets, body in rows],
                )

    def _section(self, label: bytes) -> int:
        """Its number. Room is made for it where it is new."""
        query = "SELECT id FROM sections WHERE label = ?"
        with contextlib.suppress(sqlite3.OperationalError):  # nobody has asked yet
            found = self._database.execute(query, (label,)).fetchone()
            if found is not None:
                return int(found[0])
        self._make_room(label)
        return int(self._database.execute(query, (label,)).fetchone()[0])

    def _make_room(self, label: bytes) -> None:
        for table in _TABLES:
            self._database.execute(table)
        dropped = "(SELECT id FROM sections ORDER BY id DESC LIMIT -1 OFFSET ?)"
        self._database.execute(f"DELETE FROM answers WHERE section IN {dropped}", (SECTIONS - 1,))
        self._database.execute(f"DELETE FROM sections WHERE id IN {dropped}", (SECTIONS - 1,))
        self._database.execute("INSERT INTO sections (label) VALUES (?)", (label,))


def _label(names: Sequence[bytes]) -> bytes:
    return b":".join(sorted({name.upper() for name in names}))
