"""What was expunged long ago goes for good: `purge` takes the rows, while the mailbox is in use; `compact` gives the room back.

`compact` writes what is left of a bodies file beside it while others work (`_copy_used`), and takes its place in a moment in which it has the
mailbox alone (`_exchange`). What each may assume (`bascule.mailbox.lock`):

* while it copies, others add bodies, name some of them only later, and purge others: what was copied may be too much and too little;
* once it has the mailbox alone nothing is on its way, and the catalogue says what is needed: what the copy lacks follows then. A body that no
  row names was of a process that was killed, and was never acknowledged;
* the newest row of each file stays, and of the catalogue's messages and bodies too: a number is never given twice, which copies of the
  mailbox (`bascule.mailbox.copying`) and whoever has read a row's number go by.

Cut off at any instant, the old file is whole and there, or the new one is. A copy of the mailbox keeps what it has: its earlier states still
need it.
"""

import contextlib
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bascule.mailbox.bodies import segment_numbers
from bascule.mailbox.database import BUSY_SECONDS, attach, create_tables, open_database, sync_file
from bascule.mailbox.format import SEARCH, SEGMENT_TABLES, segment_name
from bascule.mailbox.live.mailbox import LiveMailbox
from bascule.mailbox.lock import in_use
from bascule.mailbox.mailbox import Mailbox, open_alone

GROUP = 500
"""Messages purged in one transaction: others wait for it."""
WASTE_OCTETS = 32 * 1024 * 1024
"""A file is written anew where this much of it, and half of it, is nobody's."""
ABANDONED_SECONDS = 24 * 3600.0
"""After which a file that is being written anew was left by a process that was killed: one of 1 GB takes minutes."""
WAY_SECONDS = 5.0
"""That whoever has the mailbox open is asked to close it."""
_PARTIAL = "compacting-"
"""A file that is being written anew: a name of its own for each who does so."""


@dataclass(frozen=True, slots=True)
class Purged:
    messages: int
    bodies: int


def purge(box: LiveMailbox, before_utc: int, *, group: int = GROUP) -> Purged:
    """Remove what vanished before an instant, but for the newest row of all, which goes once another has come. A client that knows older MODSEQs is then told all UIDs that are missing
    (`LiveFolder.purged_modseq`). Raises sqlite3.Error; what was purged until then is purged."""
    messages = bodies = 0
    database = box.mailbox.database
    query = (
        "SELECT id, folder, modseq, body FROM messages WHERE vanished_utc < ? AND id < (SELECT max(id) FROM messages)"
        " LIMIT ?"
    )
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


def compact(place: Path, *, waste_octets: int = WASTE_OCTETS, ask_for_way: Callable[[], None] | None = None) -> int:
    """Write anew what bodies files hold for nobody; the octets given back. ``ask_for_way``: asks who has the mailbox open, and does nothing with it just
    now, to close it; otherwise MailboxInUse is raised where anybody has. Files for which nobody's turn came stay as they are. Raises MailboxError,
    sqlite3.Error, OSError; then too."""
    for leftover in place.glob(f"{_PARTIAL}*"):
        with contextlib.suppress(FileNotFoundError):
            if leftover.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                leftover.unlink()
    with LiveMailbox.open(place) as box:
        wasteful = [number for number in segment_numbers(place) if _is_wasteful(box, place, number, waste_octets)]
    return sum(_write_anew(place, number, ask_for_way) for number in wasteful)


def _write_anew(place: Path, number: int, ask_for_way: Callable[[], None] | None) -> int:
    with LiveMailbox.open(place) as box:
        handle, name = tempfile.mkstemp(prefix=_PARTIAL, dir=place)
        os.close(handle)
        partial = Path(name)
        try:
            _copy_used(box.mailbox, number, partial)
        except BaseException:
            partial.unlink()
            raise
    try:
        with open_alone(place, ask_for_way, WAY_SECONDS) if ask_for_way else Mailbox.open(place) as alone:
            if not partial.exists():  # another process had the mailbox alone meanwhile, and wrote files anew
                raise in_use(place)
            return _exchange(alone, number, partial)
    finally:
        partial.unlink(missing_ok=True)


def _is_wasteful(box: LiveMailbox, place: Path, number: int, waste_octets: int) -> bool:
    closed = "SELECT 1 FROM segments WHERE number = ?"
    if box.mailbox.database.execute(closed, (number,)).fetchone():
        return False  # known by its hash: it is never touched again
    query = "SELECT coalesce(sum(octets), 0) FROM bodies WHERE segment = ?"
    used: int = box.mailbox.database.execute(query, (number,)).fetchone()[0]
    path = place / segment_name(number)
    with contextlib.closing(open_database(path, read_only=True)) as segment:
        if not segment.execute("PRAGMA user_version").fetchone()[0]:
            return False  # it is just being made
        held: int = segment.execute("SELECT coalesce(sum(octets), 0) FROM bodies").fetchone()[0]
    return held - used >= max(waste_octets, held // 2)


def _copy_used(mailbox: Mailbox, number: int, partial: Path) -> None:
    """Most of what will be needed, while others work."""
    with contextlib.closing(_opened(partial, mailbox.root / segment_name(number))) as new:
        create_tables(new, SEGMENT_TABLES, missing_only=True)
        new.execute("BEGIN")
        _copy_missing(new, mailbox, number)
        new.execute("COMMIT")


def _exchange(mailbox: Mailbox, number: int, partial: Path) -> int:
    """Nobody else has the mailbox open: what is still missing follows, and the new file takes the old one's place."""
    path = mailbox.root / segment_name(number)
    before = path.stat().st_size
    with contextlib.closing(_opened(partial, path)) as new:
        new.execute("PRAGMA synchronous = FULL")
        new.execute("BEGIN IMMEDIATE")
        _copy_missing(new, mailbox, number)
        new.execute("COMMIT")
    _empty_wal(path)
    for name in (
        SEARCH,
        f"{SEARCH}-wal",
        f"{SEARCH}-shm",
    ):  # it knows words of what goes; it is made anew when next asked
        (mailbox.root / name).unlink(missing_ok=True)
    partial.chmod(stat.S_IMODE(path.stat().st_mode))
    sync_file(partial)
    os.replace(partial, path)
    sync_file(mailbox.root)
    for leftover in mailbox.root.glob(f"{_PARTIAL}*"):  # of one that was killed, or whose turn is over with this
        leftover.unlink(missing_ok=True)
    return before - path.stat().st_size


def _empty_wal(path: Path) -> None:
    """All of a database into the one file: its WAL must not be taken for that of the file that follows. Raises MailboxInUse where somebody reads
    it without the mailbox's lock."""
    with contextlib.closing(open_database(path)) as old:
        try:
            old.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise in_use(path.parent) from error


def _opened(partial: Path, path: Path) -> sqlite3.Connection:
    """A new file, which is there already, with the old one as ``source``. Raises sqlite3.Error."""
    uri = partial.absolute().as_uri()
    new = sqlite3.connect(f"{uri}?mode=rw", isolation_level=None, uri=True, timeout=BUSY_SECONDS)
    attach(new, path)
    return new


def _copy_missing(new: sqlite3.Connection, mailbox: Mailbox, number: int) -> None:
    """What the catalogue names and the new file lacks, and the last row: the numbers of those that come go on from there. Within a transaction."""
    there = {place for (place,) in new.execute("SELECT id FROM main.bodies")}
    query = "SELECT place FROM bodies WHERE segment = ?"
    needed = {place for (place,) in mailbox.database.execute(query, (number,))}
    needed.update(last for (last,) in new.execute("SELECT max(id) FROM source.bodies HAVING max(id) IS NOT NULL"))
    missing = [(place,) for place in sorted(needed - there)]
    new.executemany("INSERT INTO main.bodies SELECT * FROM source.bodies WHERE id = ?", missing)
    new.executemany("INSERT INTO main.parts SELECT * FROM source.parts WHERE body = ?", missing)
