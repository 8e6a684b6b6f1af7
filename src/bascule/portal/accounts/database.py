"""The portal's database, read without Django: SQLite or PostgreSQL, in one transaction that sees one state."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

CONNECT_SECONDS = 5
"""To reach a database elsewhere, which takes milliseconds."""
SILENT_SECONDS = 10
"""After which the network that has lost a connection has lost it: by itself TCP gives up after a quarter of an hour (tcp(7), tcp_retries2)."""


class DatabaseAway(Exception):
    """It can't be asked now: busy, restarting, or not made yet."""


class Reading(Protocol):
    """One state of the database. Queries have ``?`` for values."""

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...


class Database(Protocol):
    def reading(self) -> AbstractContextManager[Reading]:
        """Use with ``with``. Raises DatabaseAway, there or while it is used."""

    def close(self) -> None: ...


class SqliteDatabase:
    """WAL: a reader waits for nobody, and nobody for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
                )  # fmt: skip
            self._connection.execute("BEGIN")
            try:
                yield _SqliteReading(self._connection)
            finally:
                if self._connection.in_transaction:  # an error of the disk has ended it
                    self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise DatabaseAway(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _SqliteReading:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connection.execute(query, values)) as cursor:
            return cursor.fetchall()


class PostgresDatabase:
    """One connection, made anew when it was lost."""

    def __init__(self, url: str, password: str | None = None) -> None:
        self._url = url
        self._password = password
        self._connection: Any = None

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        import psycopg  # only where it is used: a package of its own

        try:
            if self._connection is None:
                given: dict[str, Any] = {"password": self._password} if self._password else {}
                self._connection = psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=CONNECT_SECONDS,
                    keepalives_idle=SILENT_SECONDS // 2,
                    keepalives_interval=1,
                    keepalives_count=SILENT_SECONDS // 2,
                    tcp_user_timeout=SILENT_SECONDS * 1000,
                    **given,
                )
            with self._connection.transaction():
                self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield _PostgresReading(self._connection)
        except psycopg.Error as error:
            self.close()
            raise DatabaseAway(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _PostgresReading:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(query.replace("?", "%s"), values).fetchall()
        return rows
