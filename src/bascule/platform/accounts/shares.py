"""Who shares something with whom: where the servers look for what is "shared with me", without opening every mailbox."""

import sqlite3
from collections.abc import Iterable

TABLES = """
CREATE TABLE IF NOT EXISTS shares (identifier TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (identifier, owner)) WITHOUT ROWID;
"""


class Shares:
    """``owner``: an account's id. ``identifier``: an address, or `bascule.protocols.imap.rights.ANYONE`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def note(self, owner: str, identifier: str) -> None:
        self._database.execute("INSERT OR IGNORE INTO shares VALUES (?, ?)", (identifier, owner))

    def forget(self, owner: str, identifier: str) -> None:
        self._database.execute("DELETE FROM shares WHERE identifier = ? AND owner = ?", (identifier, owner))

    def owners(self, identifiers: Iterable[str]) -> list[str]:
        """Ids of those who share something with any of ``identifiers``."""
        wanted = list(identifiers)
        query = f"SELECT DISTINCT owner FROM shares WHERE identifier IN ({', '.join('?' * len(wanted))})"
        return [owner for (owner,) in self._database.execute(query, wanted)]
