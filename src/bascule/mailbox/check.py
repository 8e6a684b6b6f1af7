"""`check`: the numbered invariants of a mailbox, verified."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bascule.mailbox.database import open_database, require_version
from bascule.mailbox.format import CATALOGUE, FORMAT_VERSION, MailboxError, MailboxInUse, segment_name
from bascule.mailbox.lock import EXCHANGE_SECONDS, files_stay
from bascule.mailbox.mailbox import Mailbox
from bascule.terms.errors import BasculeError

PROGRESS_BODIES = 256
"""Between two calls of ``progress``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``number`` is the invariant's; ``what`` says in words what breaks it, and where."""

    number: int
    what: str


def check(root: Path, *, octets: bool = True, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Verify a mailbox; no finding means that every invariant holds. Nothing is changed, and whoever uses it meanwhile may go on.

    1. Every file is a sound SQLite database of ours, of a version that we know, with numbers where numbers belong.
    2. Every row refers to rows that are there (folder, flag set, body, message).
    3. Every message has a body of the same SHA-256 and size (not asked of a mailbox that keeps none).
    4. Every body that the catalogue names lies at its place, with that SHA-256 and size in its segment.
    5. The octets of every body have its SHA-256 (only with ``octets``).
    6. A closed segment has the size and the SHA-256 that it was closed with (the SHA-256 only with ``octets``).
    7. No two messages of a folder share UIDVALIDITY and UID; every UID is above 0 and below the folder's UIDNEXT.
    8. Every settled outcome names a message; no target UID of a folder stands for two messages.
    9. Every intent names messages that are there.
    10. In a live mailbox, what each folder counts is what it holds; no message has a MODSEQ above its folder's, or another UIDVALIDITY.

    Raises MailboxError where the folder is no mailbox, or is newer than this Bascule.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(MailboxInUse):  # by who fills an archive: they exchange no file
            stack.enter_context(files_stay(root, wait_seconds=EXCHANGE_SECONDS / 10))
        return _findings(root, octets, progress)


def _findings(root: Path, octets: bool, progress: Callable[[int, int], None] | None) -> list[Finding]:
    try:
        mailbox = Mailbox.open(root, read_only=True, made_elsewhere=True)
    except MailboxError as error:
        if "damaged" in error.message:
            return [Finding(1, error.message)]
        raise
    with mailbox:
        findings: list[Finding] = []
        try:
            findings += _sound(mailbox.database, root / CATALOGUE)
            for examine in (_references, _bodies_named, _uids, _ledger, _counts):
                findings += examine(mailbox.database, mailbox.keeps_bodies)
            if mailbox.keeps_bodies:
                findings += _segments(mailbox.database, root, octets)
                findings += _bodies(mailbox, root, octets, progress)
        except sqlite3.Error as error:
            findings.append(Finding(1, f"{root}: {error}"))
    return findings


def _sound(database: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    for (text,) in database.execute("PRAGMA integrity_check(20)").fetchall():
        if text != "ok":
            yield Finding(1, f"{path}: {text}")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if not 1 <= version <= FORMAT_VERSION:
        yield Finding(1, f"{path}: format version {version}")


_REFERENCES = {
    "a message of a folder that is not there": "SELECT id FROM messages WHERE folder NOT IN (SELECT id FROM folders)",
    "a message with flags that are not there": "SELECT id FROM messages WHERE flagset NOT IN (SELECT id FROM flagsets)",
    "a message with a body that is not there": "SELECT id FROM messages WHERE body NOT IN (SELECT id FROM bodies)",
    "a header of a message that is not there": "SELECT message FROM headers WHERE message NOT IN (SELECT id FROM messages)",
}


def _references(database: sqlite3.Connection, keeps_bodies: bool) -> Iterator[Finding]:
    for what, query in _REFERENCES.items():
        for (row,) in database.execute(query).fetchmany(20):
            yield Finding(2, f"{what}: row {row}")


def _bodies_named(database: sqlite3.Connection, keeps_bodies: bool) -> Iterator[Finding]:
    if not keeps_bodies:
        return
    for (row,) in database.execute("SELECT id FROM messages WHERE body IS NULL").fetchmany(20):
        yield Finding(3, f"message {row} has no body")
    query = (
        "SELECT m.id FROM messages m JOIN bodies b ON b.id = m.body WHERE b.sha256 <> m.sha256 OR b.octets <> m.octets"
    )
    for (row,) in database.execute(query).fetchmany(20):
        yield Finding(3, f"message {row} and its body differ")


def _uids(database: sqlite3.Connection, keeps_bodies: bool) -> Iterator[Finding]:
    query = (
        "SELECT m.id, m.uid, f.uidnext, f.path FROM messages m JOIN folders f ON f.id = m.folder"
        " WHERE m.uid < 1 OR (m.uidvalidity = f.uidvalidity AND m.uid >= f.uidnext)"
    )
    for row, uid, uidnext, path in database.execute(query).fetchmany(20):
        yield Finding(7, f"message {row} of {path} has UID {uid}, and UIDNEXT is {uidnext}")
    query = "SELECT folder, uid FROM messages GROUP BY folder, uidvalidity, uid HAVING count(*) > 1"
    for folder, uid in database.execute(query).fetchmany(20):
        yield Finding(7, f"UID {uid} stands twice in folder {folder}")


def _ledger(database: sqlite3.Connection, keeps_bodies: bool) -> Iterator[Finding]:
    query = "SELECT message FROM outcomes WHERE message NOT IN (SELECT id FROM messages)"
    for (row,) in database.execute(query).fetchmany(20):
        yield Finding(8, f"an outcome of message {row}, which is not there")
    query = (
        "SELECT m.folder, o.target_uid FROM outcomes o JOIN messages m ON m.id = o.message"
        " WHERE o.target_uid IS NOT NULL AND o.code NOT IN ('missing', 'removed') GROUP BY o.target, m.folder, o.target_uid HAVING count(*) > 1"
    )
    for folder, uid in database.execute(query).fetchmany(20):
        yield Finding(8, f"target UID {uid} stands for two messages of folder {folder}")
    query = (
        "SELECT i.id FROM intents i, json_each(i.messages) j"
        " WHERE coalesce(iif(j.type = 'array', json_extract(j.value, '$[0]'), j.value), 0) NOT IN (SELECT id FROM messages)"
    )
    for (row,) in database.execute(query).fetchmany(20):
        yield Finding(9, f"intent {row} names a message that is not there")


def _counts(database: sqlite3.Connection, keeps_bodies: bool) -> Iterator[Finding]:
    if database.execute("SELECT 1 FROM meta WHERE key = 'live' AND value = '1'").fetchone() is None:
        return
    query = (
        "SELECT f.path, f.messages, f.octets, f.unseen, f.deleted, count(m.id), coalesce(sum(m.octets), 0), coalesce(sum(NOT s.is_seen), 0),"
        " coalesce(sum(s.is_deleted), 0) FROM folders f LEFT JOIN messages m ON m.folder = f.id AND m.vanished_utc IS NULL"
        " LEFT JOIN flagsets s ON s.id = m.flagset GROUP BY f.id"
    )
    for path, *figures in database.execute(query):
        if figures[:4] != figures[4:]:
            yield Finding(
                10, f"{path} counts {figures[:4]} (messages, octets, unseen, deleted) and holds {figures[4:]}"
            )
    query = "SELECT m.id, f.path FROM messages m JOIN folders f ON f.id = m.folder WHERE m.modseq > f.modseq OR m.uidvalidity <> f.uidvalidity"
    for row, path in database.execute(query).fetchmany(20):
        yield Finding(10, f"message {row} of {path} is of another UIDVALIDITY, or has a MODSEQ above the folder's")


def _segments(database: sqlite3.Connection, root: Path, octets: bool) -> Iterator[Finding]:
    for number, size, digest in database.execute("SELECT number, octets, sha256 FROM segments").fetchall():
        path = root / segment_name(number)
        if not path.exists():
            yield Finding(6, f"{path} is missing")
        elif path.stat().st_size != size:
            yield Finding(6, f"{path} has {path.stat().st_size} octets; it was closed with {size}")
        elif octets:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").digest() != digest:
                    yield Finding(6, f"{path} was changed after it was closed")


def _bodies(
    mailbox: Mailbox, root: Path, octets: bool, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    database = mailbox.database
    total = database.execute("SELECT count(*) FROM bodies").fetchone()[0]
    done = 0
    for (segment,) in database.execute("SELECT DISTINCT segment FROM bodies ORDER BY 1").fetchall():
        path = root / segment_name(segment)
        if not path.exists():
            yield Finding(4, f"{path} is missing")
            continue
        try:
            other = open_database(path, read_only=True)
            require_version(other, path)
            yield from _sound(other, path)
            for row in database.execute("SELECT id, sha256, octets, place FROM bodies WHERE segment = ?", (segment,)):
                yield from _body(mailbox, other, path, (segment, *row), octets)
                done += 1
                if progress and done % PROGRESS_BODIES == 0:
                    progress(done, total)
            other.close()
        except (sqlite3.Error, BasculeError) as error:
            yield Finding(1, f"{path}: {error}")


def _body(
    mailbox: Mailbox, segment: sqlite3.Connection, path: Path, row: tuple[int, int, bytes, int, int], octets: bool
) -> Iterator[Finding]:
    number, identity, digest, size, place = row
    found = segment.execute("SELECT sha256, octets FROM bodies WHERE id = ?", (place,)).fetchone()
    if found is None:
        yield Finding(4, f"body {identity} is not at place {place} of {path}")
    elif found != (digest, size):
        yield Finding(4, f"body {identity} at place {place} of {path} is another one")
    elif octets:
        try:
            body = mailbox.read_body(number, place)
        except BasculeError as error:
            yield Finding(5, f"body {identity}: {error.message}")
            return
        if body.sha256 != digest or body.octets != size:
            yield Finding(5, f"body {identity} at place {place} of {path} no longer has its SHA-256")
        body.close()
