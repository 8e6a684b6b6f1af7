"""Accounts in one SQLite file of the installation. `bascule account` changes them; the server processes read them."""

import contextlib
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bascule.mailbox.database import keep_a_log, transaction
from bascule.platform.accounts import limits
from bascule.platform.accounts.attempts import TABLES as ATTEMPTS_TABLES
from bascule.platform.accounts.attempts import Attempts, Network
from bascule.platform.accounts.doors import from_json, to_json
from bascule.platform.accounts.interface import Account, Record
from bascule.platform.accounts.judging import Judge, Known, stamp_of
from bascule.platform.accounts.passwords import hash_chosen, hash_generated
from bascule.platform.accounts.shares import TABLES as SHARES_TABLES
from bascule.platform.accounts.shares import Shares
from bascule.protocols.imap.rights import ANYONE
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.phases import MemberCalendar, Side

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT NOT NULL, locked INTEGER NOT NULL DEFAULT 0,
    quota_octets INTEGER, calendar TEXT, created_utc INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addresses (
    address TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS addresses_domain ON addresses (substr(address, instr(address, '@') + 1));
CREATE INDEX IF NOT EXISTS addresses_account ON addresses (account);
CREATE TABLE IF NOT EXISTS senders (owner TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (owner, member)) WITHOUT ROWID;
"""
_EXPORTED = ("id", "login", "name", "password", "locked", "quota_octets", "calendar", "created_utc")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,255}")


class EmbeddedAccounts:
    """Implements `AccountStore`. For any thread; calls take turns. ``zone``: the institution's, for dates that people read. ``side``: the
    platform that asks, the one that members leave or the one that they come to: a member's calendar opens one as it closes the other. ``trusted``: see `Attempts`."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, zone: str = "Europe/Paris", side: Side = Side.NEW, trusted: Sequence[Network] = ()
    ) -> None:  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
        keep_a_log(self._database)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} {SHARES_TABLES} {ATTEMPTS_TABLES} COMMIT;")
        self._shares = Shares(self._database)
        self._guard = threading.Lock()
        self._clock = clock
        self.attempts = Attempts(path, clock, trusted)
        self._judge = Judge(self.attempts, clock, ZoneInfo(zone), side)
        self._by_others = 0
        self._by_others_at = -limits.LOOKED_AT_SECONDS
        self._looked_at: dict[str, tuple[tuple[int, int], Known | None]] = {}
        """Account → what is known of it, as of a `_version_now`."""

    def close(self) -> None:
        self.attempts.close()
        self._database.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            yield self._database

    # -- what the servers ask -----------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, peer: str) -> Account:
        """What is known of an account is looked up now, and goes for its session from here on: not what was known a moment ago."""
        login = login.strip().lower()
        version = self._version_now()
        known = self._known("login", login)
        account = self._judge.judge(known, login, password, peer)
        self._looked_at[account.id] = (version, known)
        return account

    def may_go_on(self, account: Account) -> bool:
        version = self._version_now()
        looked, known = self._looked_at.get(account.id, ((-1, -1), None))
        if looked != version:
            known = self._known("id", account.id)
            self._looked_at[account.id] = (version, known)
        return self._judge.may_go_on(known, account)

    def _version_now(self) -> tuple[int, int]:
        """Another one once anything was changed: here, or by others `limits.LOOKED_AT_SECONDS` ago or longer."""
        if time.monotonic() - self._by_others_at >= limits.LOOKED_AT_SECONDS:
            with self._using() as database:
                self._by_others_at = time.monotonic()
                (by_others,) = database.execute("PRAGMA data_version").fetchone()
            if by_others != self._by_others:
                self._by_others = by_others
                self._looked_at.clear()
        return self._by_others, self._database.total_changes

    def _known(self, column: str, value: str) -> Known | None:
        query = f"SELECT id, password, locked, calendar FROM accounts WHERE {column} = ?"
        with self._using() as database:
            row = database.execute(query, (value,)).fetchone()
        account = self._get(row[0]) if row is not None else None
        return Known(account, row[1], bool(row[2]), from_json(row[3]) if row[3] else None) if account else None

    def find(self, address: str) -> Account | None:
        local, at, domain = address.lower().rpartition("@")
        for name in dict.fromkeys((local, local.partition("+")[0])):
            with self._using() as database:
                row = database.execute(
                    "SELECT account FROM addresses WHERE address = ?", (f"{name}{at}{domain}",)
                ).fetchone()
            if row is not None:
                return self._get(row[0])
        return None

    def may_send_as(self, account: Account, address: str) -> bool:
        owner = self.find(address)
        if owner is None:
            return False
        query = "SELECT 1 FROM senders WHERE owner = ? AND member = ?"
        with self._using() as database:
            return owner.id == account.id or database.execute(query, (owner.id, account.id)).fetchone() is not None

    def serves(self, domain: str) -> bool:
        with self._using() as database:
            query = "SELECT 1 FROM addresses WHERE substr(address, instr(address, '@') + 1) = ? LIMIT 1"
            return database.execute(query, (domain.lower(),)).fetchone() is not None

    def share(self, owner: Account, identifier: str) -> None:
        with self._using():
            self._shares.note(owner.id, identifier)

    def unshare(self, owner: Account, identifier: str) -> None:
        with self._using():
            self._shares.forget(owner.id, identifier)

    def shared_with(self, account: Account) -> list[Account]:
        with self._using():
            owners = self._shares.owners([*account.addresses, ANYONE])
        found = [self._get(owner) for owner in owners if owner != account.id]
        return sorted((owner for owner in found if owner is not None), key=lambda owner: owner.login)

    def _get(self, identity: str) -> Account | None:
        with self._using() as database:
            row = database.execute(
                "SELECT login, name, quota_octets, password FROM accounts WHERE id = ?", (identity,)
            ).fetchone()
            query = "SELECT address FROM addresses WHERE account = ? ORDER BY address"
            addresses = tuple(address for (address,) in database.execute(query, (identity,)))
        return Account(identity, row[0], row[1], addresses, row[2], stamp_of(row[3])) if row else None

    # -- what administrators do ---------------------------------------------------------------------------------------

    def add(
        self, login: str, password: str, *, name: str = "", aliases: tuple[str, ...] = (), quota_octets: int | None = None,
        generated: bool = False, calendar: MemberCalendar | None = None,
    ) -> Account:  # fmt: skip
        """Raises BasculeError where an address is taken or is none."""
        login = login.strip().lower()
        addresses = _addresses([login, *aliases])
        identity = uuid.uuid4().hex
        kept = hash_generated(password) if generated else hash_chosen(password)
        row = (identity, login, name, kept, quota_octets, to_json(calendar) if calendar else None, int(self._clock()))
        with self._using() as database:
            try:
                with transaction(database):
                    database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, 0, ?, ?, ?)", row)
                    database.executemany(
                        "INSERT INTO addresses VALUES (?, ?)", [(each, identity) for each in addresses]
                    )
                is_taken = False
            except sqlite3.IntegrityError:
                is_taken = True
        if is_taken:
            raise self._taken(addresses)
        account = self._get(identity)
        assert account is not None
        return account

    def _taken(self, addresses: Sequence[str]) -> BasculeError:
        """Why those can't be given to one account."""
        for address in addresses:
            with self._using() as database:
                query = "SELECT accounts.login FROM addresses JOIN accounts ON accounts.id = addresses.account WHERE address = ?"
                row = database.execute(query, (address,)).fetchone()
            if row is not None:
                whose = "an account" if row[0] == address else f"an alias of {row[0]}"
                return _refused(f"{address} is taken: it is {whose}.", "See “bascule account list”.")
        return _refused("One of the addresses is named twice.", "Name each once.")

    def change(
        self, login: str, *, name: str | None = None, aliases: tuple[str, ...] = (), without_aliases: tuple[str, ...] = ()
    ) -> Account:  # fmt: skip
        """Another name, more aliases, fewer: all of it, or nothing. Raises BasculeError."""
        account = self.find(login)
        if account is None or account.login != login.lower():
            raise _refused(f"There is no account {login}.", "See “bascule account list”.")
        new = _addresses(aliases)
        old = [address.strip().lower() for address in without_aliases]
        for address in old:
            if address == account.login:
                raise _refused(f"{address} is the account's own address, by which it signs in.", "It stays as long as the account does.")  # fmt: skip
            if address not in account.addresses:
                raise _refused(f"{address} is no alias of {account.login}.", "See “bascule account list”.")
        with self._using() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                if name is not None:
                    database.execute("UPDATE accounts SET name = ? WHERE id = ?", (name, account.id))
                database.executemany(
                    "DELETE FROM addresses WHERE address = ? AND account = ?", [(each, account.id) for each in old]
                )
                database.executemany("INSERT INTO addresses VALUES (?, ?)", [(each, account.id) for each in new])
                database.execute("COMMIT")
                refused = False
            except sqlite3.IntegrityError:
                database.execute("ROLLBACK")
                refused = True
        if refused:
            raise self._taken(new)
        changed = self._get(account.id)
        assert changed is not None
        return changed

    def exported(self, login: str) -> dict[str, object]:
        """All that is known of an account, its password's hash included: for another node's `take`. Raises BasculeError."""
        with self._using() as database:
            cursor = database.execute(f"SELECT {', '.join(_EXPORTED)} FROM accounts WHERE login = ?", (login.lower(),))
            row = cursor.fetchone()
        if row is None:
            raise _refused(f"There is no account {login}.", "See “bascule account list”.")
        account = self.find(login)
        assert account is not None
        return {**dict(zip(_EXPORTED, row, strict=True)), "addresses": list(account.addresses)}

    def handed_over(self, told: dict[str, Any]) -> None:
        """Nothing: nodes that keep accounts of their own do not know of one another."""

    def taken_back(self, account: Account) -> None:
        """Nothing, as above."""

    def require_takeable(self, told: dict[str, Any]) -> None:
        """Nothing, as above: a parcel is to be removed once it was taken over."""

    def take(self, told: dict[str, Any]) -> Account:
        """Add an account as `exported` gave it, or bring it up to date. Raises BasculeError where one of its addresses is taken."""
        with self._using() as database:
            try:
                with transaction(database):
                    names = ", ".join(_EXPORTED)
                    marks = ", ".join("?" * len(_EXPORTED))
                    database.execute("DELETE FROM addresses WHERE account = ?", (told["id"],))
                    values = [told[name] for name in _EXPORTED]
                    database.execute(f"INSERT OR REPLACE INTO accounts ({names}) VALUES ({marks})", values)
                    addresses = [(address, told["id"]) for address in told["addresses"]]
                    database.executemany("INSERT INTO addresses VALUES (?, ?)", addresses)
            except (sqlite3.Error, KeyError) as error:
                raise _refused(f"The account can't be taken: {error}.", "See “bascule account list”.") from error
        account = self._get(told["id"])
        assert account is not None
        return account

    def all(self) -> list[Record]:
        """By login."""
        with self._using() as database:
            rows = database.execute("SELECT id, locked, calendar FROM accounts ORDER BY login").fetchall()
        found = [(self._get(identity), locked, told) for identity, locked, told in rows]
        return [
            Record(account, bool(locked), from_json(told) if told else None)
            for account, locked, told in found
            if account is not None
        ]

    def set_password(self, login: str, password: str, *, generated: bool = False) -> None:
        """Raises BasculeError where there is no such account."""
        kept = hash_generated(password) if generated else hash_chosen(password)
        self._change(login, "password = ?", kept)

    def set_locked(self, login: str, locked: bool) -> None:
        """A locked account still takes mail. Raises BasculeError."""
        self._change(login, "locked = ?", int(locked))

    def set_quota(self, login: str, octets: int | None) -> None:
        """Raises BasculeError."""
        self._change(login, "quota_octets = ?", octets)

    def set_calendar(self, login: str, calendar: MemberCalendar | None) -> None:
        """When it opens and closes; None: it is open. Raises BasculeError."""
        self._change(login, "calendar = ?", to_json(calendar) if calendar else None)

    def let_send(self, owner: Account, member: Account, allowed: bool) -> None:
        """Let ``member`` write as ``owner``, or no more."""
        change = (
            "INSERT OR IGNORE INTO senders VALUES (?, ?)"
            if allowed
            else "DELETE FROM senders WHERE owner = ? AND member = ?"
        )
        with self._using() as database:
            database.execute(change, (owner.id, member.id))

    def senders_as(self, owner: Account) -> list[Account]:
        """Who may write as ``owner``, by login."""
        with self._using() as database:
            members = [m for (m,) in database.execute("SELECT member FROM senders WHERE owner = ?", (owner.id,))]
        found = [each for each in map(self._get, members) if each is not None]
        return sorted(found, key=lambda member: member.login)

    def _change(self, login: str, what: str, value: object) -> None:
        with self._using() as database:
            changed = database.execute(f"UPDATE accounts SET {what} WHERE login = ?", (value, login.lower())).rowcount
        if not changed:
            raise _refused(f"There is no account {login}.", "See “bascule account list”.")


def _addresses(typed: Sequence[str]) -> list[str]:
    """As they are kept. Raises BasculeError where one is none."""
    addresses = [address.strip().lower() for address in typed]
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise _refused(f"“{address}” is not a mail address.", "Write it as name@domain.")
    return addresses


def _refused(message: str, advice: str) -> BasculeError:
    return BasculeError(message, advice, ExitStatus.USAGE)
