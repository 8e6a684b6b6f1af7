"""The queue on disk: ``queue.sqlite`` says who waits for what, ``queue/ID`` holds a message's octets.

The file is synced before its row; a row goes before its file. So a crash leaves at most a file that no row names, which `tidy` removes.

Each recipient waits in a lane: one of those that mailboxes here share, or a domain elsewhere. Whoever works the queue off takes from each lane in turn, so that
none waits behind another's. A lane is where a recipient was thought to be when it came; whether it is there is asked again at each attempt.
"""

import contextlib
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bascule.mailbox.database import keep_a_log, lazily, open_to_look, transaction
from bascule.platform.smtp.queue import limits
from bascule.platform.wakeups import after_commit
from bascule.terms.body import Body

_TABLES = """
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, sender TEXT NOT NULL, account TEXT, is_utf8 INTEGER NOT NULL, octets INTEGER NOT NULL, arrived_utc REAL NOT NULL,
    is_spam INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recipients (
    message TEXT NOT NULL REFERENCES messages, address TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_utc REAL NOT NULL, reply TEXT NOT NULL DEFAULT '', is_told INTEGER NOT NULL DEFAULT 0, lane TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (message, address)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS recipients_next ON recipients (state, next_utc);
CREATE TABLE IF NOT EXISTS begun (message TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY (message, address)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS submitted (account TEXT NOT NULL, at_utc REAL NOT NULL, recipients INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS submitted_at ON submitted (account, at_utc);
"""
_LANES = "CREATE INDEX IF NOT EXISTS recipients_lane ON recipients (state, lane, next_utc);"
_LANES_DUE = """
WITH RECURSIVE lanes(lane) AS (
    SELECT min(lane) FROM recipients WHERE state = 'waiting'
    UNION ALL
    SELECT (SELECT min(lane) FROM recipients WHERE state = 'waiting' AND lane > lanes.lane) FROM lanes WHERE lane IS NOT NULL
), first(lane, next_utc) AS (
    SELECT lane, (SELECT min(next_utc) FROM recipients WHERE state = 'waiting' AND lane = lanes.lane) FROM lanes WHERE lane IS NOT NULL
) SELECT lane FROM first WHERE next_utc <= ? ORDER BY next_utc
"""
"""Jumps from lane to lane in the index, however much waits in each."""
DAY_SECONDS = 24 * 3600
QUEUE = "queue"
"""The wake-up's name: no account has it, an account's is 32 hexadecimal digits."""
ORPHAN_SECONDS = 3600
"""A file without a row is being put, or was left by a crash: after that long it was left."""


class NotWaiting(Exception):
    """Somebody held or deleted a message while it was about to be sent: nothing of it may go."""


class State(StrEnum):
    WAITING = "waiting"
    HELD = "held"
    """By an administrator: nothing is tried until it is released."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient of a message. ``attempts``: so far; ``reply``: what the last one ended with; ``is_told``: the sender knows of the delay.
    ``lane``: see `lane_of`."""

    address: str
    state: State
    attempts: int
    next_utc: float
    reply: str
    is_told: bool
    lane: str

    @property
    def is_for_here(self) -> bool:
        return is_lane_here(self.lane)

    @property
    def lane_elsewhere(self) -> str:
        return lane_of(self.address, is_here=False)


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    sender: str
    account: str | None
    is_utf8: bool
    octets: int
    arrived_utc: float
    is_spam: bool
    recipients: tuple[Waiting, ...]


def lane_of(address: str, *, is_here: bool) -> str:
    """``@17`` for one with a mailbox of ours, otherwise the domain (``postmaster`` alone is always ours: RFC 5321 §4.5.1)."""
    local, _, domain = address.lower().rpartition("@")
    if local and not is_here:
        return domain
    return f"@{zlib.crc32(address.lower().encode('utf-8', 'replace')) % limits.LANES_HERE:02}"


def is_lane_here(lane: str) -> bool:
    return lane.startswith("@")


class QueueStore:
    """For any thread and any process. All calls may raise sqlite3.Error and OSError; then nothing was changed.

    ``to_look``: to read only; nothing is made or written, so that a full disk does not matter. BasculeError where it can't be read."""

    def __init__(self, data: Path, *, clock: Callable[[], float] = time.time, to_look: bool = False) -> None:
        self._folder = data / "queue"
        if to_look and self._is_opened_to_look(data / "queue.sqlite", clock):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._guard = threading.RLock()
        self._database = sqlite3.connect(
            data / "queue.sqlite", isolation_level=None, check_same_thread=False, timeout=30.0
        )
        keep_a_log(self._database)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        self._bring_up_to_date()

    def _is_opened_to_look(self, path: Path, clock: Callable[[], float]) -> bool:
        """False where it is not there yet, or is an earlier Bascule's."""
        if not path.exists():
            return False
        self._clock, self._guard, self._database = clock, threading.RLock(), open_to_look(path)
        if self._columns("messages") >= {"is_spam"} and self._columns("recipients") >= {"lane"}:
            return True
        self._database.close()
        return False

    def close(self) -> None:
        self._database.close()

    def _bring_up_to_date(self) -> None:
        """What an earlier Bascule made has no lanes, and knows nothing of spam; several processes may open it at once."""
        with self._transaction() as database:
            if "is_spam" not in self._columns("messages"):
                database.execute("ALTER TABLE messages ADD COLUMN is_spam INTEGER NOT NULL DEFAULT 0")
            if "lane" not in self._columns("recipients"):
                database.execute("ALTER TABLE recipients ADD COLUMN lane TEXT NOT NULL DEFAULT ''")
                addresses = [address for (address,) in database.execute("SELECT DISTINCT address FROM recipients")]
                lanes = [(lane_of(address, is_here=False), address) for address in addresses]
                database.executemany("UPDATE recipients SET lane = ? WHERE address = ?", lanes)
            database.execute(_LANES)

    def _columns(self, table: str) -> set[str]:
        return {name for (name,) in self._database.execute("SELECT name FROM pragma_table_info(?)", (table,))}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard, transaction(self._database):
            yield self._database

    def file_of(self, identity: str) -> Path:
        """Where its octets lie. A message may be gone by the time it is opened."""
        return self._folder / identity

    # -- in -----------------------------------------------------------------------------------------------------------

    def put(
        self, identity: str, sender: str, recipients: Sequence[str], body: Body, *, account: str | None = None, is_utf8: bool = False,
        here: Collection[str] = (), is_spam: bool = False,
    ) -> None:  # fmt: skip
        """When this returns, the message is synced. ``here``: which of ``recipients`` have a mailbox on this machine. ``is_spam``: there, it goes
        to the folder for junk."""
        with self._file_written(identity, body), self._transaction():
            self._insert(identity, sender, recipients, body.octets, account, is_utf8, here, is_spam=is_spam)

    @contextlib.contextmanager
    def _file_written(self, identity: str, body: Body) -> Iterator[None]:
        """Where the block can't write its row, the file goes again: it may be the disk's last room."""
        self._write_file(identity, body)
        try:
            yield
        except BaseException:
            self.file_of(identity).unlink(missing_ok=True)
            raise

    def _insert(
        self, identity: str, sender: str, recipients: Sequence[str], octets: int, account: str | None, is_utf8: bool,
        here: Collection[str], *, is_spam: bool = False,
    ) -> None:  # fmt: skip
        now, database = self._clock(), self._database
        database.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", (identity, sender, account, is_utf8, octets, now, is_spam))  # fmt: skip
        database.executemany(
            "INSERT INTO recipients (message, address, state, next_utc, lane) VALUES (?, ?, 'waiting', ?, ?)",
            [(identity, each, now, lane_of(each, is_here=each in here)) for each in dict.fromkeys(recipients)],
        )
        if account is not None:
            database.execute("DELETE FROM submitted WHERE at_utc < ?", (now - DAY_SECONDS,))
            database.execute("INSERT INTO submitted VALUES (?, ?, ?)", (account, now, len(recipients)))

    def _write_file(self, identity: str, body: Body) -> None:
        path = self.file_of(identity)
        try:
            with path.open("wb") as file:
                for piece in body.chunks():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def submitted_within_a_day(self, account: str) -> int:
        """Recipients that ``account`` wrote to."""
        query = "SELECT coalesce(sum(recipients), 0) FROM submitted WHERE account = ? AND at_utc >= ?"
        with self._guard:
            return int(self._database.execute(query, (account, self._clock() - DAY_SECONDS)).fetchone()[0])

    # -- looking ------------------------------------------------------------------------------------------------------

    def all(self) -> list[Entry]:
        """In the order they came."""
        with self._guard:
            rows = self._database.execute("SELECT id FROM messages ORDER BY arrived_utc, id").fetchall()
        return [entry for (identity,) in rows if (entry := self.get(identity)) is not None]

    def get(self, identity: str, lane: str | None = None) -> Entry | None:
        """With all recipients, or those in one lane."""
        columns = "id, sender, account, is_utf8, octets, arrived_utc, is_spam"
        with self._guard:
            row = self._database.execute(f"SELECT {columns} FROM messages WHERE id = ?", (identity,)).fetchone()
            query = "SELECT address, state, attempts, next_utc, reply, is_told, lane FROM recipients WHERE message = ? AND lane = coalesce(?, lane) ORDER BY address"
            waiting = self._database.execute(query, (identity, lane)).fetchall() if row else []
        if row is None:
            return None
        recipients = tuple(
            Waiting(a, State(s), n, due, re, bool(told), lane) for a, s, n, due, re, told, lane in waiting
        )
        return Entry(row[0], row[1], row[2], bool(row[3]), row[4], row[5], bool(row[6]), recipients)

    def lanes_due(self) -> list[str]:
        """Lanes in which a recipient is to be tried now, those first that have waited longest."""
        with self._guard:
            return [lane for (lane,) in self._database.execute(_LANES_DUE, (self._clock(),))]

    def due(self, lane: str, limit: int) -> list[str]:
        """Messages of which a recipient in ``lane`` is to be tried now, those first that have waited longest."""
        query = "SELECT DISTINCT message FROM recipients WHERE state = 'waiting' AND lane = ? AND next_utc <= ? ORDER BY next_utc LIMIT ?"
        with self._guard:
            return [identity for (identity,) in self._database.execute(query, (lane, self._clock(), limit))]

    def next_utc(self) -> float | None:
        """When the next one is to be tried."""
        with self._guard:
            found = self._database.execute("SELECT min(next_utc) FROM recipients WHERE state = 'waiting'").fetchone()[0]
        return None if found is None else float(found)

    # -- out ----------------------------------------------------------------------------------------------------------

    def begin(self, identity: str, addresses: Sequence[str]) -> None:
        """The message's octets go to another server now: until it has answered, who knows whether these have it? Not synced: it outlives this
        process, not the machine. Raises NotWaiting where an administrator was quicker; then nothing was noted."""
        query = "INSERT OR REPLACE INTO begun SELECT message, address FROM recipients WHERE message = ? AND address = ? AND state = ?"
        with self._guard, lazily(self._database) as database:
            for each in addresses:
                if not database.execute(query, (identity, each, State.WAITING.value)).rowcount:
                    raise NotWaiting

    def is_being_sent(self, identity: str) -> bool:
        """Whether its octets are on their way to another server, so that a hold or a deletion may come too late. Ask afterwards."""
        with self._guard:
            return self._database.execute("SELECT 1 FROM begun WHERE message = ?", (identity,)).fetchone() is not None

    def begun(self) -> list[tuple[str, str]]:
        """(message, address) of each that was begun and has no outcome."""
        with self._guard:
            return self._database.execute("SELECT message, address FROM begun ORDER BY message, address").fetchall()

    def settle(self, identity: str, addresses: Sequence[str]) -> None:
        """These have it, or never will: with the last recipient the message goes."""
        with self._transaction():
            is_last = self._remove(identity, addresses)
        if is_last:
            self.file_of(identity).unlink(missing_ok=True)

    def _remove(self, identity: str, addresses: Sequence[str]) -> bool:
        database, rows = self._database, [(identity, each) for each in addresses]
        database.executemany("DELETE FROM recipients WHERE message = ? AND address = ?", rows)
        database.executemany("DELETE FROM begun WHERE message = ? AND address = ?", rows)
        query = "DELETE FROM messages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM recipients WHERE message = id)"
        return database.execute(query, (identity,)).rowcount > 0

    def put_off(self, identity: str, due: Mapping[str, float]) -> None:
        """These are about to be sent elsewhere. Whatever comes in between, each is tried again at its time in ``due``, and not before."""
        rows = [(next_utc, identity, address) for address, next_utc in due.items()]
        with self._transaction() as database:
            database.executemany("UPDATE recipients SET next_utc = ? WHERE message = ? AND address = ?", rows)

    def postpone(self, identity: str, address: str, next_utc: float, reply: str, *, is_attempt: bool = True) -> None:
        """It is tried again at ``next_utc``; ``reply``: why not now. ``is_attempt``: it counts as one."""
        query = (
            "UPDATE recipients SET attempts = attempts + ?, next_utc = ?, reply = ? WHERE message = ? AND address = ?"
        )
        with self._transaction() as database:
            database.execute(query, (is_attempt, next_utc, reply, identity, address))
            database.execute("DELETE FROM begun WHERE message = ? AND address = ?", (identity, address))

    def bring_forward(self, latest_utc: float) -> int:
        """Who waits for longer than that is due now: no attempt is put off so far, so the clock was ahead when this one was. How many those are."""
        condition = "state = 'waiting' AND next_utc > ?"
        with self._guard:
            if not self._database.execute(
                f"SELECT 1 FROM recipients WHERE {condition} LIMIT 1", (latest_utc,)
            ).fetchone():
                return 0
        with self._transaction() as database:
            query = f"UPDATE recipients SET next_utc = ? WHERE {condition}"
            return database.execute(query, (self._clock(), latest_utc)).rowcount

    def move(self, identity: str, address: str, lane: str) -> None:
        """It turned out to be somewhere else: it waits there, and its time stays."""
        with self._transaction() as database:
            query = "UPDATE recipients SET lane = ? WHERE message = ? AND address = ?"
            database.execute(query, (lane, identity, address))

    def answer(
        self, identity: str, addresses: Sequence[str], notice_id: str, notice: Body, sender: str, *, is_final: bool, is_here: bool
    ) -> None:  # fmt: skip
        """Put a notice to ``sender`` and, all at once, settle ``addresses`` (``is_final``) or note that their delay was told. ``is_here``: the
        sender's mailbox is on this machine."""
        with self._file_written(notice_id, notice), self._transaction() as database:
            here = [sender] if is_here else []
            self._insert(notice_id, "", [sender], notice.octets, None, not sender.isascii(), here)
            if is_final:
                is_last = self._remove(identity, addresses)
            else:
                is_last = False
                database.executemany("UPDATE recipients SET is_told = 1 WHERE message = ? AND address = ?", [(identity, each) for each in addresses])  # fmt: skip
        if is_last:
            self.file_of(identity).unlink(missing_ok=True)

    # -- what administrators do ---------------------------------------------------------------------------------------

    def change(self, identity: str, state: State) -> bool:
        """Hold it, or let it go, to be tried now. False: there is no such message, or it is so already."""
        with self._transaction() as database:
            query = "UPDATE recipients SET state = ?1, next_utc = ?2 WHERE message = ?3 AND state <> ?1"
            return database.execute(query, (state.value, self._clock(), identity)).rowcount > 0

    def retry(self, identity: str) -> bool:
        """Try what is not held now. False: there is nothing."""
        with self._transaction() as database:
            query = "UPDATE recipients SET next_utc = ? WHERE message = ? AND state = 'waiting'"
            return database.execute(query, (self._clock(), identity)).rowcount > 0

    def delete(self, identity: str) -> bool:
        """Nobody is told. False: there is no such message."""
        with self._transaction() as database:
            database.execute("DELETE FROM recipients WHERE message = ?", (identity,))
            database.execute("DELETE FROM begun WHERE message = ?", (identity,))
            is_there = database.execute("DELETE FROM messages WHERE id = ?", (identity,)).rowcount > 0
        self.file_of(identity).unlink(missing_ok=True)
        return is_there

    def tidy(self) -> None:
        """Remove what a crash left: files without a row, that are not being written."""
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - ORPHAN_SECONDS and self.get(path.name) is None:
                    path.unlink()


@dataclass(frozen=True, slots=True)
class WakingQueue:
    """The servers' end of the queue: ``wake`` tells the process that works it off; ``log``: an event and its fields."""

    store: QueueStore
    wake: Callable[[], None]
    log: Callable[..., None]

    def put(
        self, identity: str, sender: str, recipients: Sequence[str], body: Body, *, account: str | None, is_utf8: bool,
        here: Collection[str], is_spam: bool,
    ) -> None:  # fmt: skip
        """As `QueueStore.put`."""
        self.store.put(identity, sender, recipients, body, account=account, is_utf8=is_utf8, here=here, is_spam=is_spam)
        after_commit(self.wake, self.log)
