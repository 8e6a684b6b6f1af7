"""`PortalAccounts`: what the portal knows of members and mailboxes, to whoever asks in this process.

When the database is away (busy, restarting), everybody is answered from what was known last: nothing opens or closes but by the calendar, which is
known ahead. A process that never knew anything raises AccountsUnavailable: servers then refuse for a while, and never with a "no".
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from bascule.mailbox.database import keep_a_log
from bascule.platform.accounts import Account, AccountsUnavailable
from bascule.platform.accounts.attempts import TABLES as ATTEMPTS_TABLES
from bascule.platform.accounts.attempts import Attempts, Network
from bascule.platform.accounts.judging import Judge, Known
from bascule.platform.accounts.shares import TABLES as SHARES_TABLES
from bascule.platform.accounts.shares import Shares
from bascule.platform.clock import Clock
from bascule.portal.accounts.database import Database, DatabaseAway, PostgresDatabase, SqliteDatabase
from bascule.portal.accounts.snapshot import Entry, News, Snapshot, read_news
from bascule.portal.configuration import PortalSettings, read_portal_settings
from bascule.protocols.imap.rights import ANYONE
from bascule.terms.phases import MemberCalendar, Side

LOOK_SECONDS = 0.05
"""Between two looks at the number of changes: how late a lock or another password takes hold. Instants of the calendar are not late at all."""
AWAY_SECONDS = 1.0
"""Between two attempts to reach a database that is away."""


class PortalAccounts:
    """Implements `bascule.platform.accounts.Accounts`. For any thread. ``notes``: the file of this machine for wrong passwords, and who shares with whom; ``node``: its name; ``trusted``: see `Attempts`.

    A thread of its own brings the snapshot up to date. Whatever is asked of the snapshot is asked within one holding of the guard: between two, a wave that
    was just named may be gone. The database is asked outside of it: one that does not answer keeps nobody waiting. One that was away may have come back as it
    was a moment before, and is read anew."""

    def __init__(
        self, database: Database, notes: Path, clock: Callable[[], float], zone: str, node: str, trusted: Sequence[Network] = ()
    ) -> None:  # fmt: skip
        notes.parent.mkdir(parents=True, exist_ok=True)
        self._notes = sqlite3.connect(notes, isolation_level=None, check_same_thread=False, timeout=30.0)
        keep_a_log(self._notes)
        self._notes.execute("PRAGMA synchronous = FULL")
        self._notes.executescript(f"BEGIN IMMEDIATE; {SHARES_TABLES} {ATTEMPTS_TABLES} COMMIT;")
        self._notes_guard = threading.Lock()
        self._shares = Shares(self._notes)
        self.attempts = Attempts(notes, clock, trusted)
        self._judge = Judge(self.attempts, clock, ZoneInfo(zone), Side.NEW)
        self._database = database
        self._looking = threading.Lock()
        """Held by who asks the database, and changes the snapshot."""
        self._guard = threading.Lock()
        self._snapshot = Snapshot(node)
        self._is_away = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="accounts", daemon=True)
        self._look()
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._database.close()
        self.attempts.close()
        self._notes.close()

    # -- following the database ---------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._ending.wait(AWAY_SECONDS if self._is_away else LOOK_SECONDS):
            self._look()

    def refresh(self) -> None:
        """Look now: for who just changed something and asks here. Where the database is away, nothing happens."""
        self._look()

    def _look(self) -> None:
        with self._looking:
            try:
                with self._database.reading() as reading:
                    news = read_news(reading, -1 if self._is_away else self._snapshot.number)
            except Exception as error:  # noqa: BLE001 - away, or a row that can't be understood: it is looked at again all the same
                if not self._is_away:
                    bug = {} if isinstance(error, DatabaseAway) else {"exc_info": error}
                    structlog.get_logger().warning("portal-database-away", error=str(error), **bug)
                self._is_away = True
                return
            if self._is_away:
                structlog.get_logger().info("portal-database-back")
            self._is_away = False
            if news is not None:
                self._take(news)

    def _take(self, news: News) -> None:
        if news.is_whole:
            snapshot = Snapshot(self._snapshot.node)
            snapshot.take(news)
            with self._guard:
                self._snapshot = snapshot
        else:
            with self._guard:
                self._snapshot.take(news)

    def _entry(self, *, address: str = "", identity: str = "") -> Entry | None:
        with self._guard:
            if self._snapshot.number < 0:
                raise AccountsUnavailable
            return self._snapshot.by_address.get(address) if address else self._snapshot.by_id.get(identity)

    def _known(self, *, login: str = "", identity: str = "") -> Known | None:
        """What the judge goes by; ``login``: aliases receive, one signs in with the primary address."""
        with self._guard:
            if self._snapshot.number < 0:
                raise AccountsUnavailable
            snapshot = self._snapshot
            entry = snapshot.by_id.get(identity) if identity else snapshot.by_address.get(login)
            return snapshot.known(entry) if entry and (identity or entry.account.login == login) else None

    # -- what the servers ask -----------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, peer: str) -> Account:
        login = login.strip().lower()
        return self._judge.judge(self._known(login=login), login, password, peer)

    def may_go_on(self, account: Account) -> bool:
        return self._judge.may_go_on(self._known(identity=account.id), account)

    def find(self, address: str) -> Account | None:
        local, at, domain = address.lower().rpartition("@")
        for name in dict.fromkeys((local, local.partition("+")[0])):
            entry = self._entry(address=f"{name}{at}{domain}" or "@")
            if entry is not None:
                return entry.account
        return None

    def may_send_as(self, account: Account, address: str) -> bool:
        owner = self.find(address)
        if owner is None:
            return False
        entry = self._entry(identity=owner.id)
        return owner.id == account.id or (entry is not None and account.id in entry.senders)

    def serves(self, domain: str) -> bool:
        with self._guard:
            if self._snapshot.number < 0:
                raise AccountsUnavailable
            return self._snapshot.domains[domain.lower()] > 0

    def share(self, owner: Account, identifier: str) -> None:
        with self._notes_guard:
            self._shares.note(owner.id, identifier)

    def unshare(self, owner: Account, identifier: str) -> None:
        with self._notes_guard:
            self._shares.forget(owner.id, identifier)

    def shared_with(self, account: Account) -> list[Account]:
        with self._notes_guard:
            owners = self._shares.owners([*account.addresses, ANYONE])
        entries = [self._entry(identity=owner) for owner in owners if owner != account.id]
        here = [entry.account for entry in entries if entry is not None and entry.account.is_here]
        return sorted(here, key=lambda owner: owner.login)

    # -- what the portal's pages ask ----------------------------------------------------------------------------------

    def calendar_of(self, account: str) -> MemberCalendar | None:
        """None: no server knows that account."""
        known = self._known(identity=account)
        return known.calendar if known else None


def open_accounts(config: Path) -> PortalAccounts:
    """Of the installation of ``config``. Raises BasculeError where the file is wrong."""
    settings = read_portal_settings(config)
    return PortalAccounts(
        database_of(settings), settings.platform.data / "accounts-notes.sqlite", Clock(settings.platform.rehearsal_clock), settings.zone,
        settings.platform.node, settings.platform.trusted,
    )  # fmt: skip


def database_of(settings: PortalSettings) -> Database:
    if settings.database is None:
        return SqliteDatabase(settings.platform.data / "portal.sqlite")
    file = settings.database_password_file
    return PostgresDatabase(settings.database, file.read_text("utf-8").strip() if file else None)
