"""What happened to each message, for the help desk: one row an event, searched with `bascule trace`.

Rows are written by a thread of their own, in groups, so that no delivery waits for them; those of the last moment are lost with the machine.
What was promised is kept elsewhere (mailboxes, queue): this is a diary, not a ledger. So where the disk can't keep up, rows are dropped and
counted in the log, and mail goes on.
"""

import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bascule.mailbox.copying import copy_database
from bascule.mailbox.database import attach, keep_a_log, open_to_look, transaction

FILE = "trace.sqlite"
"""In the data folder."""
KEPT_SECONDS = 90 * 24 * 3600
"""A person asks for a message weeks later; a year of who wrote to whom is more than a help desk needs."""
GROUP_SECONDS = 0.5
GROUP_ROWS = 5_000
"""Written at once: where rows come faster than they are taken, a group would have no end."""
ROWS_WAITING = 20_000
"""Not written yet, of one process: some 20 MB. Strangers decide how many there are (each refused message is a row)."""
_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, at_utc REAL NOT NULL, event TEXT NOT NULL, message TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT NOT NULL, octets INTEGER NOT NULL, peer TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_at ON events (at_utc);
CREATE INDEX IF NOT EXISTS events_sender ON events (sender, at_utc);
CREATE INDEX IF NOT EXISTS events_recipient ON events (recipient, at_utc);
CREATE INDEX IF NOT EXISTS events_message ON events (message);
"""
_COLUMNS = "at_utc, event, message, sender, recipient, subject, message_id, octets, peer, detail"


class Event(StrEnum):
    REFUSED = "refused"
    """By us, while it was handed over: the sender was told."""
    DISCARDED = "discarded"
    """By a filter that asked for it."""
    QUEUED = "queued"
    DELIVERED = "delivered"
    """Into a mailbox here."""
    SENT = "sent"
    """Another server took it."""
    DELAYED = "delayed"
    """It could not be sent yet; it is tried again."""
    BOUNCED = "bounced"
    """It could not be sent, and the sender is told by a notice."""
    HELD = "held"
    """By an administrator, as are the two below: who, the detail says."""
    RELEASED = "released"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Row:
    at_utc: float
    event: str
    message: str
    sender: str
    recipient: str
    subject: str
    message_id: str
    octets: int
    peer: str
    detail: str


class Trace:
    """`note` never blocks and never fails; `close` writes what is left."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, log: Callable[..., None] | None = None
    ) -> None:
        self._path = path
        self._clock = clock
        self._log = log
        self._rows: queue.Queue[tuple[object, ...] | None] = queue.Queue(ROWS_WAITING)
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()

    def note(
        self, event: Event, message: str, *, sender: str = "", recipient: str = "", subject: str = "", message_id: str = "",
        octets: int = 0, peer: str = "", detail: str = "",
    ) -> None:  # fmt: skip
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="trace", daemon=True)
                self._thread.start()
        texts = (message, sender.lower(), recipient.lower(), subject[:500], message_id[:250], peer, detail[:500])
        message, sender, recipient, subject, message_id, peer, detail = map(_storable, texts)
        row = (self._clock(), event.value, message, sender, recipient, subject, message_id, octets, peer, detail)
        try:
            self._rows.put_nowait(row)
        except queue.Full:
            with self._guard:
                self._dropped += 1

    def close(self) -> None:
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._rows.put(None)
            thread.join()

    def _write(self) -> None:
        is_over = False
        while not is_over:
            group = [self._rows.get()]
            if group[0] is not None:
                time.sleep(GROUP_SECONDS)
            with contextlib.suppress(queue.Empty):
                while len(group) < GROUP_ROWS:
                    group.append(self._rows.get_nowait())
            is_over = None in group
            rows = [row for row in group if row is not None]
            try:
                self._insert(rows)
            except Exception as error:  # noqa: BLE001 - without this thread no later row would be written
                self._tell("trace-not-written", rows=len(rows), error=str(error), exc_info=error)
            with self._guard:
                dropped, self._dropped = self._dropped, 0
            if dropped:
                self._tell(
                    "trace-rows-dropped", rows=dropped, advice="look whether the data folder's disk is full or slow"
                )

    def _tell(self, event: str, **fields: object) -> None:
        if self._log is not None:
            self._log(event, **fields)

    def _insert(self, rows: list[tuple[object, ...]]) -> None:
        if not rows:
            return
        with contextlib.closing(_open(self._path)) as database, transaction(database):
            database.execute("DELETE FROM events WHERE at_utc < ?", (self._clock() - KEPT_SECONDS,))
            database.executemany(f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _storable(text: str) -> str:
    """A header or a reply may hold half of a surrogate pair, which no file of UTF-8 can."""
    return text.encode("utf-8", "replace").decode()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, timeout=30.0)
    keep_a_log(database)
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    return database


def _is_made(database: sqlite3.Connection) -> bool:
    """A process that makes the file has it there before it has a table."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone() is not None


def copy_trace(source: Path, target: Path, now_utc: float) -> None:
    """Bring the copy ``target`` up to date, while others write to ``source``: rows are only ever added, so those that are missing are written, and those
    whose time is over leave the copy as well. In one transaction: cut off, it is as it was. Of one that is just being made there is nothing to bring yet.
    Raises sqlite3.Error, BasculeError."""
    with contextlib.closing(open_to_look(source)) as database:
        if not _is_made(database):
            return
    if not _is_copy_of(source, target):
        partial = target.with_name(f"{target.name}.partial")
        partial.unlink(missing_ok=True)
        copy_database(source, partial)
        os.replace(partial, target)
    with contextlib.closing(sqlite3.connect(target.absolute().as_uri(), uri=True, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = FULL")
        attach(copy, source)
        with transaction(copy):
            copy.execute("DELETE FROM main.events WHERE at_utc < ?", (now_utc - KEPT_SECONDS,))
            last = copy.execute(_LAST.format("main")).fetchone()[0] or 0
            copy.execute(f"INSERT INTO main.events (id, {_COLUMNS}) SELECT id, {_COLUMNS} FROM source.events WHERE id > ? AND at_utc >= ?", (last, now_utc - KEPT_SECONDS))  # fmt: skip
        copy.execute("DETACH source")


_LAST = "SELECT max(id) FROM {}.events"


def _is_copy_of(source: Path, target: Path) -> bool:
    """Whether the last row of the copy is in ``source``, as it is: not where that was begun anew, or either is damaged."""
    if not target.exists():
        return False
    query = f"SELECT id, {_COLUMNS} FROM {{}}.events WHERE id = ?"
    try:
        with contextlib.closing(sqlite3.connect(target.absolute().as_uri(), uri=True, isolation_level=None)) as copy:
            attach(copy, source)
            last = copy.execute(_LAST.format("main")).fetchone()
            rows = [copy.execute(query.format(place), last).fetchone() for place in ("main", "source")]
    except sqlite3.Error:
        return False
    return bool(rows[0] == rows[1])


def search(
    path: Path, *, message: str = "", sender: str = "", recipient: str = "", subject: str = "", since_utc: float = 0.0,
    until_utc: float = 1e12, limit: int = 200,
) -> Iterator[Row]:  # fmt: skip
    """Rows in the order of time, the newest ``limit`` of those that fit. Addresses and subject may be parts of them. Nothing is written. Raises
    BasculeError, sqlite3.Error."""
    if not path.exists():
        return
    conditions, values = ["at_utc BETWEEN ? AND ?"], [since_utc, until_utc]
    told: list[object] = list(values)
    for column, text in (("sender", sender), ("recipient", recipient), ("subject", subject)):
        if text:
            conditions.append(f"instr(fold({column}), ?) > 0")
            told.append(text.casefold())
    if message:
        conditions.append("(message = ? OR message_id = ?)")
        told += [message, message]
    query = f"SELECT {_COLUMNS} FROM events WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
    with contextlib.closing(open_to_look(path)) as database:
        if not _is_made(database):
            return
        database.create_function("fold", 1, str.casefold, deterministic=True)
        rows = database.execute(query, (*told, limit)).fetchall()
    for row in reversed(rows):
        yield Row(*row)
