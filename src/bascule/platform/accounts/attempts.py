"""Wrong passwords: who is asked to wait, without letting a stranger keep a member out.

Only wrong passwords count; what is right, or right and not open yet, never does. Three counts, each over `WINDOW_SECONDS`:

- of one account from one address: a person who mistypes, or a program with an old password, waits; everybody else does not;
- of one address over all accounts: somebody who tries many accounts waits. A whole institution behind one address stays below;
- of one account over all addresses: somebody who tries from many places. Addresses that this account signed in from before are let through.
"""

import sqlite3

WINDOW_SECONDS = 15 * 60
OF_ACCOUNT_AND_ADDRESS = 10
OF_ADDRESS = 200
OF_ACCOUNT = 50
KNOWN_SECONDS = 60 * 24 * 3600
"""How long an address from which an account signed in stays known."""

TABLES = """
CREATE TABLE IF NOT EXISTS wrong_passwords (account TEXT NOT NULL, peer TEXT NOT NULL, at_utc INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS wrong_passwords_at ON wrong_passwords (at_utc);
CREATE TABLE IF NOT EXISTS known_peers (
    account TEXT NOT NULL, peer TEXT NOT NULL, at_utc INTEGER NOT NULL, PRIMARY KEY (account, peer)
) WITHOUT ROWID;
"""


class Attempts:
    """In the accounts' database, so that every server process counts together."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def must_wait(self, account: str, peer: str, now_utc: int) -> bool:
        query = (
            "SELECT coalesce(sum(account = ?1 AND peer = ?2), 0), coalesce(sum(peer = ?2), 0), coalesce(sum(account = ?1), 0)"
            " FROM wrong_passwords WHERE at_utc > ?3"
        )
        both, of_peer, of_account = self._database.execute(query, (account, peer, now_utc - WINDOW_SECONDS)).fetchone()
        if both >= OF_ACCOUNT_AND_ADDRESS or of_peer >= OF_ADDRESS:
            return True
        return of_account >= OF_ACCOUNT and not self._is_known(account, peer, now_utc)

    def _is_known(self, account: str, peer: str, now_utc: int) -> bool:
        query = "SELECT 1 FROM known_peers WHERE account = ? AND peer = ? AND at_utc > ?"
        return self._database.execute(query, (account, peer, now_utc - KNOWN_SECONDS)).fetchone() is not None

    def was_wrong(self, account: str, peer: str, now_utc: int) -> None:
        self._database.execute("DELETE FROM wrong_passwords WHERE at_utc <= ?", (now_utc - WINDOW_SECONDS,))
        self._database.execute("INSERT INTO wrong_passwords VALUES (?, ?, ?)", (account, peer, now_utc))

    def was_right(self, account: str, peer: str, now_utc: int) -> None:
        """Written once a day for each address."""
        row = self._database.execute(
            "SELECT at_utc FROM known_peers WHERE account = ? AND peer = ?", (account, peer)
        ).fetchone()
        if row is None or row[0] < now_utc - 24 * 3600:
            self._database.execute("INSERT OR REPLACE INTO known_peers VALUES (?, ?, ?)", (account, peer, now_utc))
