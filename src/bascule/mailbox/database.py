"""Opening SQLite files the way the format asks: WAL, synchronous=FULL, a version that we know."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bascule.mailbox.format import APPLICATION_ID, FORMAT_VERSION, MailboxError
from bascule.terms.errors import BasculeError, ExitStatus

BUSY_SECONDS = 30.0
"""How long a writer waits for another process's short transaction."""


class Connection(sqlite3.Connection):
    """Counts its ``rollbacks``, for who keeps something in memory that was read or written within a transaction."""

    rollbacks = 0


def open_database(path: Path, *, read_only: bool = False, cache_kib: int = 8 * 1024) -> Connection:
    """A connection in autocommit mode, for use from any one thread at a time. Raises MailboxError.

    One that is ``read_only`` writes no row. It is opened for writing all the same, where that is allowed: only so does the last one take the log and its
    index (``-wal``, ``-shm``) away with it, which each connection makes where there are none. What it finds in a log that a killed process left it
    may put into the file. Others may write meanwhile.
    """
    mode = "rw" if read_only else "rwc"
    if read_only:
        _recover(path)
    database = None
    try:
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_SECONDS,
            cached_statements=256,
            factory=Connection,
        )
        database.execute(f"PRAGMA cache_size = -{cache_kib}")
        if read_only:
            database.execute("PRAGMA query_only = ON")
        else:
            keep_a_log(database)
            database.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        if database is not None:
            database.close()
        raise unusable(path, error) from error
    return database


def open_to_look(path: Path) -> sqlite3.Connection:
    """To read a file in WAL mode that others may write to, also where nothing can be written: the disk is full, or the folder somebody else's. Its log
    needs an index, a file that whoever comes first makes; where there is no room for that, and no log either, the file alone is all there is, and is read as
    it lies there. For any thread. Raises BasculeError."""
    place = path.absolute().as_uri()
    log = path.with_name(f"{path.name}-wal")
    for mode in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
        if "immutable" in mode and log.exists() and log.stat().st_size:
            break
        database = sqlite3.connect(
            f"{place}?{mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
        )
        try:
            database.execute("PRAGMA query_only = ON")
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return database
        except sqlite3.Error as error:
            database.close()
            problem = error
    raise unusable(path, problem) from problem


def keep_a_log(database: sqlite3.Connection) -> None:
    """``journal_mode = WAL``. Two who make one file at once both want its lock for that, and SQLite tells one of them at once that it is taken, without
    a wait (sqlite3_busy_handler: where waiting might be for ever). Raises sqlite3.Error."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def attach(database: sqlite3.Connection, path: Path) -> None:
    """Another file as ``source``, to be read: BEGIN IMMEDIATE takes no lock of a writer's there. Raises MailboxError, sqlite3.Error."""
    _recover(path)
    database.execute("ATTACH ? AS source", (f"{path.absolute().as_uri()}?mode=ro",))


def sync_file(path: Path) -> None:
    """What was written to a file, or the names in a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _recover(path: Path) -> None:
    """Roll back what a crash left half done in a file that was just being closed: a read-only connection can't. Raises MailboxError."""
    if not path.with_name(f"{path.name}-journal").exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise unusable(path, error) from error


def create_tables(database: sqlite3.Connection, tables: str, *, missing_only: bool = False) -> None:
    """In one transaction. ``missing_only``: another process may have made them since the caller looked."""
    if missing_only:
        tables = tables.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ")
    database.executescript(
        f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT_VERSION}; {tables} COMMIT;"
    )


def require_version(database: sqlite3.Connection, path: Path) -> None:
    """Raises MailboxError where the file is not ours, or is newer than we are."""
    try:
        application = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    if application != APPLICATION_ID:
        raise MailboxError(f"{path} is not part of a Bascule mailbox.", "Name a folder that Bascule made.")
    if version > FORMAT_VERSION:
        raise MailboxError(
            f"{path.parent} was written by a newer Bascule (format {version}; this one reads up to {FORMAT_VERSION}).",
            "Install the newer Bascule; this one will not touch it.",
        )


def open_beside(path: Path, tables: str) -> Connection:
    """A file beside the catalogue, which holds nothing that can't be made anew; it is made where it is not there. Raises MailboxError, sqlite3.Error."""
    database = open_database(path, cache_kib=2 * 1024)
    try:
        if not database.execute("PRAGMA user_version").fetchone()[0]:
            create_tables(database, tables)
        require_version(database, path)
    except BaseException:
        database.close()
        raise
    return database


def unusable(path: Path, error: Exception) -> BasculeError:
    """The sentence for an error of SQLite's."""
    text = str(error)
    if "disk is full" in text or "disk I/O" in text:
        return MailboxError(
            f"{path} can't be written: {text}.", "Free some space and run the same command again.", ExitStatus.MISSING
        )
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return MailboxError(
            f"{path} is damaged: {text}.", "Run “bascule check” on the mailbox; restore the file from a backup."
        )
    if "unable to open" in text:
        return MailboxError(f"{path} can't be opened.", "Check the path and its permissions.")
    if "locked" in text:
        return MailboxError(
            f"{path} is in use by another program.", "Wait for it to end, then try again.", ExitStatus.CONNECT
        )
    if "readonly" in text:
        return MailboxError(f"{path} is read-only.", "Copy the mailbox to where you may write.")
    return MailboxError(f"{path} can't be used: {text}.")


_OF_A_FILE = (sqlite3.DatabaseError, sqlite3.Error)
"""What a damaged one raises; the classes below them say that a constraint, a type or a connection was not minded."""


def is_bug(error: BaseException) -> bool:
    """Whether an error is a fault of our own, to be logged with its traceback: not one of the disk's, of a damaged file, of another process that is busy, or
    one that tells a user what to do."""
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR  # no such table, a syntax error
    if isinstance(error, sqlite3.Error):
        return type(error) not in _OF_A_FILE
    return not isinstance(error, BasculeError | OSError)


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE … COMMIT; rolled back on any error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        if isinstance(database, Connection):
            database.rollbacks += 1
        raise


@contextlib.contextmanager
def lazily(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A transaction that is not synced: for what a crash may undo without harm. The next one that is synced covers it."""
    database.execute("PRAGMA synchronous = NORMAL")
    try:
        with transaction(database):
            yield database
    finally:
        database.execute("PRAGMA synchronous = FULL")
