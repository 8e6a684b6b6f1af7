"""What SQLite refuses is told apart: what we did wrong, and what the disk, a damaged file or somebody else did."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bascule.mailbox.database import is_bug
from bascule.mailbox.format import MailboxError


def error_of(call: Callable[[sqlite3.Connection], object], path: Path) -> Exception:
    with contextlib.closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER UNIQUE NOT NULL)")
        try:
            call(database)
        except sqlite3.Error as error:
            return error
    raise AssertionError("nothing was refused")


def closed(database: sqlite3.Connection) -> None:
    database.close()
    database.execute("SELECT 1")


@pytest.mark.parametrize(
    "call",
    [
        lambda database: database.execute("SELECT b FROM t"),
        lambda database: database.execute("SELECT FROM"),
        lambda database: database.execute("INSERT INTO t VALUES (?)", ()),
        lambda database: database.execute("INSERT INTO t VALUES (?)", (object(),)),
        lambda database: database.execute("INSERT INTO t VALUES (NULL)"),
        lambda database: database.executemany("INSERT INTO t VALUES (?)", [(1,), (1,)]),
        closed,
    ],
    ids=["no such column", "syntax", "a value too few", "a wrong type", "a null", "twice", "closed"],
)
def test_what_we_did_wrong_is_a_bug(call: Callable[[sqlite3.Connection], object], tmp_path: Path) -> None:
    assert is_bug(error_of(call, tmp_path / "file"))


def test_a_file_that_somebody_else_writes_to_is_none(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "file", isolation_level=None)) as other:

        def busy(database: sqlite3.Connection) -> None:
            other.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO t VALUES (1)")

        assert not is_bug(error_of(busy, tmp_path / "file"))


def test_a_damaged_file_or_a_full_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"no database at all " * 100)
    with contextlib.closing(sqlite3.connect(tmp_path / "damaged")) as database, pytest.raises(sqlite3.Error) as damaged:
        database.execute("SELECT * FROM t")
    assert not is_bug(damaged.value)

    def fill(database: sqlite3.Connection) -> None:
        database.execute("PRAGMA max_page_count = 4")
        database.execute("CREATE TABLE large (a)")
        database.execute("INSERT INTO large VALUES (zeroblob(1000000))")

    assert not is_bug(error_of(fill, tmp_path / "full"))


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (MailboxError("It is damaged.", "Restore it."), False),
        (OSError(28, "No space left on device"), False),
        (ValueError("no number"), True),
        (RecursionError(), True),
    ],
)
def test_so_it_is_with_others(error: Exception, ours: bool) -> None:
    assert is_bug(error) is ours
