"""Wrong passwords: who is asked to wait, without letting a stranger keep a member out. The rules are those of `limits`.

What is right, or right and not open yet, never counts, and makes the address known. Two counts decide for an address that the account is not known at: of the
account from there, and how much is going on around it (from that address, or about that account); the more, the fewer guesses.
"""

import contextlib
import functools
import hashlib
import hmac
import ipaddress
import os
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bascule.platform.accounts import limits

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TABLES = """
DROP TABLE IF EXISTS wrong_passwords;
CREATE TABLE IF NOT EXISTS wrong_guesses (
    account TEXT NOT NULL, peer TEXT NOT NULL, password INTEGER NOT NULL, at_utc INTEGER NOT NULL, PRIMARY KEY (account, peer, password)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wrong_guesses_peer ON wrong_guesses (peer);
CREATE INDEX IF NOT EXISTS wrong_guesses_at ON wrong_guesses (at_utc);
CREATE TABLE IF NOT EXISTS strange_guesses (
    account TEXT NOT NULL, peer TEXT NOT NULL, at_utc INTEGER NOT NULL, wrong INTEGER NOT NULL, PRIMARY KEY (account, peer, at_utc)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS strange_guesses_at ON strange_guesses (at_utc);
CREATE TABLE IF NOT EXISTS guesses_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS known_peers (
    account TEXT NOT NULL, peer TEXT NOT NULL, at_utc INTEGER NOT NULL, PRIMARY KEY (account, peer)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS known_peers_at ON known_peers (at_utc);
"""
_COUNTS = """
SELECT
    (SELECT count(*) FROM wrong_guesses WHERE account = :account AND peer = :peer AND at_utc > :since),
    (SELECT coalesce(sum(wrong), 0) FROM strange_guesses WHERE account = '' AND peer = :peer AND at_utc > :since),
    (SELECT coalesce(sum(wrong), 0) FROM strange_guesses WHERE account = :account AND peer = '' AND at_utc > :since)
"""
"""Of the pair, of the address, of the account. Guesses where an account is known have a count of their own: nobody else is to wait because of them.

``strange_guesses`` has the others summed up, for each address (an empty ``account``) and each account (an empty ``peer``) by the second: a look at the counts
reads at most a row for each second of the window, however much is guessed."""
_STRANGE = """
SELECT account, peer, at_utc FROM wrong_guesses AS guess WHERE NOT EXISTS (
    SELECT 1 FROM known_peers AS known WHERE known.account = guess.account AND known.peer = guess.peer AND known.at_utc > :known_since
)
"""
_SUM_UP = f"""
INSERT INTO strange_guesses
    SELECT '', peer, at_utc, count(*) FROM ({_STRANGE}) GROUP BY peer, at_utc
    UNION ALL SELECT account, '', at_utc, count(*) FROM ({_STRANGE}) GROUP BY account, at_utc
"""
_ADD = "INSERT INTO strange_guesses VALUES (?, ?, ?, ?) ON CONFLICT (account, peer, at_utc) DO UPDATE SET wrong = wrong + excluded.wrong"
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who is asked to wait: ``account`` at ``peer``; an empty ``peer``: from wherever it is not known; an empty ``account``: whoever is not
    known at that address. ``wrong``: different wrong passwords; ``until_utc``: when it ends if nothing more comes."""

    account: str
    peer: str
    wrong: int
    until_utc: int


def counted_name(name: str) -> str:
    """All ways to type one name are one: capitals, composed letters, blanks. So compares a directory, too (RFC 4518 §2)."""
    plain = name.encode("utf-8", "replace").decode()
    return " ".join(unicodedata.normalize("NFKC", plain).casefold().split())[: limits.NAME_CHARACTERS]


@functools.lru_cache(4096)
def counted_peer(peer: str) -> str:
    """One customer is one address: of IPv6 the first 64 bits, which one customer has at least (RFC 6177 §2); IPv4 written as IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


class Attempts:
    """In the accounts' database (``path``, where `TABLES` are), so that every process of this machine counts together. For any thread. ``trusted``: the
    institution's own networks.

    It has a connection of its own, and no write is waited for until it is on the disk: who guesses keeps nobody from asking for an account.

    Two processes may both let the last guess through; that is one guess more. Where the file can't be written (a full disk), nobody is kept out."""

    def __init__(self, path: Path, clock: Callable[[], float], trusted: Sequence[Network] = ()) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._guard = threading.Lock()
        self._clock = clock
        self._trusted = tuple(trusted)
        self._database.execute("INSERT OR IGNORE INTO guesses_key VALUES (1, ?)", (os.urandom(32),))
        (self._key,) = self._database.execute("SELECT key FROM guesses_key").fetchone()
        if self._has_rows("wrong_guesses") and not self._has_rows("strange_guesses"):  # of a version that kept no sums
            with self._guard, _best_effort(), self._transaction():
                self._sum_up()

    def close(self) -> None:
        self._database.close()

    def must_wait(self, account: str, peer: str) -> bool:
        """Whether a password for ``account`` is not even looked at, from there, now."""
        return self.at_once(account, peer) == 0

    def at_once(self, account: str, peer: str) -> int | None:
        """How many passwords may be looked at in one process at the same time, from there, if they are for accounts like ``account``; None: any number."""
        account, peer = counted_name(account), counted_peer(peer)
        told = {"account": account, "peer": peer, "since": self._since()}
        with self._guard:
            of_pair, of_peer, of_account = self._database.execute(_COUNTS, told).fetchone()
            is_known = self._is_known(account, peer)
        if is_known:
            return 0 if of_pair >= limits.OF_KNOWN else None
        of_peer = of_peer / self._times(peer)
        if of_pair >= _allowed(of_peer, of_account):
            return 0
        return limits.HASHES_AT_ONCE if of_peer >= limits.OF_CALM else None

    def was_wrong(self, account: str, password: str, peer: str) -> None:
        """Of a password, 16 bits under a key are kept: enough to tell two apart, too little to find it."""
        account, peer, now = counted_name(account), counted_peer(peer), int(self._clock())
        told = hmac.digest(self._key, f"{account}\0{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        row = (account, peer, int.from_bytes(told[:2], "big"))
        with self._guard, _best_effort():
            query = "SELECT at_utc FROM wrong_guesses WHERE account = ? AND peer = ? AND password = ?"
            found = self._database.execute(query, row).fetchone()
            if found is not None and found[0] > self._since():
                return
            with self._transaction():
                self._database.execute("DELETE FROM wrong_guesses WHERE at_utc <= ?", (self._since(),))
                self._database.execute("DELETE FROM strange_guesses WHERE at_utc <= ?", (self._since(),))
                added = self._database.execute("INSERT OR IGNORE INTO wrong_guesses VALUES (?, ?, ?, ?)", (*row, now))
                if added.rowcount and not self._is_known(account, peer):
                    self._add(account, peer, now)

    def know(self, account: str, peer: str) -> None:
        """``account`` is at home there: it signed in, or its owner saw its password there. Written once a day for each address."""
        account, peer, now = counted_name(account), counted_peer(peer), int(self._clock())
        with self._guard, _best_effort():
            query = "SELECT at_utc FROM known_peers WHERE account = ? AND peer = ?"
            found = self._database.execute(query, (account, peer)).fetchone()
            if found is None or not now - _DAY_SECONDS <= found[0] <= now:
                with self._transaction():
                    if not self._is_known(account, peer):
                        self._take_out(account, peer)
                    self._database.execute("DELETE FROM known_peers WHERE at_utc <= ?", (self._known_since(),))
                    self._database.execute("INSERT OR REPLACE INTO known_peers VALUES (?, ?, ?)", (account, peer, now))

    def waiting(self) -> list[Waiting]:
        """Who is asked to wait on this machine now, the most guessed at first."""
        with self._guard:
            query = (
                "SELECT account, peer, count(*), max(at_utc) FROM wrong_guesses WHERE at_utc > ? GROUP BY account, peer"
            )
            rows = self._database.execute(query, (self._since(),)).fetchall()
            known = {(account, peer) for account, peer, _, _ in rows if self._is_known(account, peer)}
        pairs = [
            Waiting(account, peer, wrong, last + limits.WINDOW_SECONDS)
            for account, peer, wrong, last in rows
            if wrong >= (limits.OF_KNOWN if (account, peer) in known else limits.OF_ACCOUNT_AND_ADDRESS)
        ]
        strange = [row for row in rows if row[:2] not in known]
        accounts = [Waiting(name, "", *told) for name, told in _summed((row[0], *row[2:]) for row in strange) if told[0] >= limits.OF_ACCOUNT]  # fmt: skip
        peers = [Waiting("", name, *told) for name, told in _summed(row[1:] for row in strange) if told[0] >= limits.OF_ADDRESS * self._times(name)]  # fmt: skip
        return sorted([*peers, *accounts, *pairs], key=lambda each: (-each.wrong, each.account, each.peer))

    def lift(self, *, account: str = "", peer: str = "") -> int:
        """Forget the wrong passwords of an account, or of an address, or of one at the other; how many."""
        if not account and not peer:
            return 0
        query = "DELETE FROM wrong_guesses WHERE (?1 = '' OR account = ?1) AND (?2 = '' OR peer = ?2)"
        with self._guard, self._transaction():
            lifted = self._database.execute(query, (counted_name(account), counted_peer(peer))).rowcount
            self._database.execute("DELETE FROM strange_guesses")
            self._sum_up()
        return lifted

    def _take_out(self, account: str, peer: str) -> None:
        """Guesses of a pair that becomes known: a few (`limits.OF_ACCOUNT_AND_ADDRESS`), and those looked at together with the last."""
        query = "SELECT at_utc, count(*) FROM wrong_guesses WHERE account = ? AND peer = ? GROUP BY at_utc"
        for at_utc, wrong in self._database.execute(query, (account, peer)).fetchall():
            update = (
                "UPDATE strange_guesses SET wrong = max(0, wrong - ?) WHERE at_utc = ?"
                " AND (account, peer) IN (VALUES ('', ?), (?, ''))"
            )
            self._database.execute(update, (wrong, at_utc, peer, account))

    def _add(self, account: str, peer: str, at_utc: int) -> None:
        self._database.execute(_ADD, ("", peer, at_utc, 1))
        self._database.execute(_ADD, (account, "", at_utc, 1))

    def _sum_up(self) -> None:
        """Anew; there are no sums."""
        self._database.execute(_SUM_UP, {"known_since": self._known_since()})

    def _has_rows(self, table: str) -> bool:
        return self._database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _since(self) -> int:
        return int(self._clock()) - limits.WINDOW_SECONDS

    def _is_known(self, account: str, peer: str) -> bool:
        query = "SELECT 1 FROM known_peers WHERE account = ? AND peer = ? AND at_utc > ?"
        return self._database.execute(query, (account, peer, self._known_since())).fetchone() is not None

    def _known_since(self) -> int:
        return int(self._clock()) - limits.KNOWN_SECONDS

    def _times(self, peer: str) -> int:
        """How many times the usual an address may have wrong, because so many are behind it."""
        try:
            network = ipaddress.ip_network(peer)
        except ValueError:
            return 1
        is_trusted = any(network.version == each.version and network.subnet_of(each) for each in self._trusted)  # type: ignore[arg-type]
        return limits.TRUSTED_TIMES if is_trusted else 1


def _allowed(of_peer: float, of_account: int) -> int:
    """Guesses for one account from one address where it is not known, by what is going on around it."""
    if of_peer >= limits.OF_ADDRESS_AT_MOST or of_account >= limits.OF_ACCOUNT_AT_MOST:
        return 0
    return 1 if of_peer >= limits.OF_ADDRESS or of_account >= limits.OF_ACCOUNT else limits.OF_ACCOUNT_AND_ADDRESS


def _summed(rows: Iterable[tuple[str, int, int]]) -> list[tuple[str, tuple[int, int]]]:
    """(name, wrong, last) → for each name: wrong in all, and when it ends."""
    told: dict[str, tuple[int, int]] = {}
    for name, wrong, last in rows:
        before = told.get(name, (0, 0))
        told[name] = (before[0] + wrong, max(before[1], last + limits.WINDOW_SECONDS))
    return list(told.items())


@contextlib.contextmanager
def _best_effort() -> Iterator[None]:
    """A count that can't be written is none: whoever knows the password comes in also while the disk is full."""
    try:
        yield
    except sqlite3.OperationalError as error:
        structlog.get_logger().warning("sign-in-not-noted", error=str(error))
