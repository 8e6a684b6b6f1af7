"""What was expunged long ago goes for good: `purge` takes the rows, while the mailbox is in use; `compact` gives the room back.

`compact` writes what is left of a bodies file beside it while others work, and takes its place in a moment in which nobody has the mailbox open. Places
keep their numbers, so nothing else changes; cut off at any instant, the old file is whole and there. A copy of the mailbox (`bascule.mailbox.copying`)
keeps what it has: its earlier states still need it.
"""

import contextlib
import os
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path

from bascule.mailbox.bodies import segment_numbers
from bascule.mailbox.database import create_tables, open_database, sync_file, unusable
from bascule.mailbox.format import SEARCH, SEGMENT_TABLES, segment_name
from bascule.mailbox.live.mailbox import LiveMailbox
from bascule.mailbox.mailbox import Mailbox

GROUP = 500
"""Messages purged in one transaction: others wait for it."""
WASTE_OCTETS = 32 * 1024 * 1024
"""A file is written anew where this much of it, and half of it, is nobody's."""
_PARTIAL = "compacting.partial"


@dataclass(frozen=True, slots=True)
class Purged:
    messages: int
    bodies: int


def purge(box: LiveMailbox, before_utc: int, *, group: int = GROUP) -> Purged:
    """Remove what vanished before an instant. A client that knows older MODSEQs is then told all UIDs that are missing
    (`LiveFolder.purged_modseq`). Raises sqlite3.Error; what was purged until then is purged."""
    messages = bodies = 0
    database = box.mailbox.database
    query = "SELECT id, folder, modseq, body FROM messages WHERE vanished_utc < ? LIMIT ?"
    while True:
        with box.mailbox.transaction():
            rows = database.execute(query, (before_utc, group)).fetchall()
            identities = [(row,) for row, _, _, _ in rows]
            database.executemany(
                "UPDATE folders SET purged_modseq = max(purged_modseq, ?) WHERE id = ?",
                [(modseq, folder) for _, folder, modseq, _ in rows],
            )
            for table in ("headers", "seen_by"):
                database.executemany(f"DELETE FROM {table} WHERE message = ?", identities)
            database.executemany("DELETE FROM messages WHERE id = ?", identities)
            bodies += _purge_bodies(database, {body for _, _, _, body in rows})
        messages += len(rows)
        if len(rows) < group:
            return Purged(messages, bodies)


def _purge_bodies(database: sqlite3.Connection, candidates: set[int]) -> int:
    """Those that no message has any more. The newest body's row stays, so that no number is ever given twice."""
    unused = "body = ?1 AND ?1 < (SELECT max(id) FROM bodies) AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.body = ?1)"
    count = 0
    for body in candidates:
        database.execute(f"DELETE FROM descriptions WHERE {unused}", (body,))
        count += database.execute(f"DELETE FROM bodies WHERE {unused.replace('body = ', 'id = ', 1)}", (body,)).rowcount
    return count


def compact(place: Path, *, waste_octets: int = WASTE_OCTETS) -> int:
    """Write anew what bodies files hold for nobody; the octets given back. Files for which nobody's turn came stay as they are. Raises
    MailboxError, sqlite3.Error, OSError; then too."""
    freed = 0
    partial = place / _PARTIAL
    with LiveMailbox.open(place) as box:
        wasteful = [number for number in segment_numbers(place) if _is_wasteful(box, place, number, waste_octets)]
    for number in wasteful:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        try:
            with LiveMailbox.open(place) as box:
                _copy_used(box.mailbox, number, partial)
            with Mailbox.open(place) as alone:
                freed += _exchange(alone, number, partial)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
    return freed


def _is_wasteful(box: LiveMailbox, place: Path, number: int, waste_octets: int) -> bool:
    closed = "SELECT 1 FROM segments WHERE number = ?"
    if box.mailbox.database.execute(closed, (number,)).fetchone():
        return False  # known by its hash: it is never touched again
    query = "SELECT coalesce(sum(octets), 0) FROM bodies WHERE segment = ?"
    used: int = box.mailbox.database.execute(query, (number,)).fetchone()[0]
    path = place / segment_name(number)
    with contextlib.closing(open_database(path, read_only=True)) as segment:
        held: int = segment.execute("SELECT coalesce(sum(octets), 0) FROM bodies").fetchone()[0]
    return held - used >= max(waste_octets, held // 2)


def _copy_used(mailbox: Mailbox, number: int, partial: Path) -> None:
    """What the catalogue names, and the last row: the numbers of those that come go on from there."""
    used = [place for (place,) in mailbox.database.execute("SELECT place FROM bodies WHERE segment = ?", (number,))]
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None, uri=True)) as new:
        create_tables(new, SEGMENT_TABLES, missing_only=True)
        _attach(new, mailbox.root / segment_name(number))
        new.execute("BEGIN")
        new.execute("CREATE TEMP TABLE used (place INTEGER PRIMARY KEY)")
        new.executemany("INSERT INTO used VALUES (?)", [(place,) for place in used])
        new.execute("INSERT OR IGNORE INTO used SELECT max(id) FROM old.bodies HAVING max(id) IS NOT NULL")
        _copy_rows(new, "IN (SELECT place FROM used)")
        new.execute("COMMIT")


def _exchange(mailbox: Mailbox, number: int, partial: Path) -> int:
    """Nobody else has the mailbox open: what came meanwhile follows, and the new file takes the old one's place."""
    path = mailbox.root / segment_name(number)
    before = path.stat().st_size
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None, uri=True)) as new:
        new.execute("PRAGMA synchronous = FULL")
        last = new.execute("SELECT coalesce(max(id), 0) FROM main.bodies").fetchone()[0]
        _attach(new, path)
        new.execute("BEGIN IMMEDIATE")
        _copy_rows(new, f"> {last:d}")
        new.execute("COMMIT")
        new.execute("DETACH old")
    try:
        with contextlib.closing(open_database(path)) as old:
            old.execute("PRAGMA journal_mode = DELETE")  # its WAL must not be taken for the new file's
        partial.chmod(stat.S_IMODE(path.stat().st_mode))
        sync_file(partial)
        os.replace(partial, path)
        sync_file(mailbox.root)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    for name in (
        SEARCH,
        f"{SEARCH}-wal",
        f"{SEARCH}-shm",
    ):  # it knows words of what is gone; it is made anew when next asked
        (mailbox.root / name).unlink(missing_ok=True)
    return before - path.stat().st_size


def _attach(database: sqlite3.Connection, path: Path) -> None:
    database.execute("ATTACH ? AS old", (f"{path.absolute().as_uri()}?mode=ro",))


def _copy_rows(database: sqlite3.Connection, which: str) -> None:
    database.execute(f"INSERT INTO main.bodies SELECT * FROM old.bodies WHERE id {which}")
    database.execute(f"INSERT INTO main.parts SELECT * FROM old.parts WHERE body {which}")
