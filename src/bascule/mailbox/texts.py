"""What SEARCH compares of each body (`bascule.protocols.mime.compared`), kept so that the whole of a mailbox is looked through in a second.

``texts.sqlite`` lies apart from the catalogue: it is made when somebody searches, or by whoever has time, and may be deleted at any time. Each row has
a body's header and its texts, compressed; an index of groups of three characters says which bodies may hold a string, and the text decides. The index
takes longer to make than the texts: it is housekeeping's (`update`), and until then a new text may hold anything.

Work goes in steps (`pending`, `compare`, `keep`), so that a caller who shares the mailbox with others holds its lock for the first and the last, and
not while what others wrote is looked at. Where two processes do the same step, one of them keeps it, and the other goes on from there. A body's
number never comes to stand for another one (`bascule.mailbox.live.purging`).
"""

import contextlib
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from bascule.mailbox.database import BUSY_SECONDS, open_beside, transaction
from bascule.mailbox.format import TEXTS, TEXTS_TABLES, MailboxError
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.mime.compared import Compared, compared, without_accents

GROUP_BODIES = 100
GROUP_OCTETS = 1024 * 1024
"""Bodies read at once, up to either: the caller holds the mailbox's lock meanwhile."""
INDEXED_CHARACTERS = 1_000_000
"""Put into the index, or taken out of it, in one transaction: 0.1 s of work, for which others wait who write to the file. A text that is longer is in one
by itself."""
TURN_SECONDS = 0.1
"""Between two of these: who waits asks SQLite for the file at least every 0.05 s (sqlite3DefaultBusyHandler, in the first 0.2 s), and has it then."""
KEEP_SECONDS = 0.2
"""For the file to be free, where the mailbox's lock is held meanwhile."""
GRAM = 3
"""Characters of one entry of the index."""
GRAMS_ASKED = 12
"""Of a longer string, so many are looked up, over all of its length: more narrow little."""
_BETWEEN = "\x1e"
"""Between what one blob holds; never part of a folded text, where it is white space."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A body that is not known yet. ``octets`` None: it can't be read, and no search finds it."""

    body: int
    octets: bytes | None


@dataclass(frozen=True, slots=True)
class Known:
    body: int
    text: Compared


def pending(mailbox: Mailbox) -> list[Pending]:
    """The next group of bodies to be compared; empty when all are. Raises MailboxError, sqlite3.Error."""
    texts = _open(mailbox)
    found: list[Pending] = []
    octets = 0
    query = "SELECT id FROM bodies WHERE id > ? ORDER BY id LIMIT ?"
    for (body,) in mailbox.database.execute(query, (_last(texts), GROUP_BODIES)).fetchall():
        found.append(Pending(body, _octets(mailbox, body)))
        octets += len(found[-1].octets or b"")
        if octets >= GROUP_OCTETS:
            break
    return found


def compare(group: Iterable[Pending], failed: Callable[[int, Exception], None] | None = None) -> list[Known]:
    """Touches no file. Never raises: a message at which we fail has no text, and ``failed`` is told of its body."""
    return [Known(each.body, _compared(each, failed)) for each in group]


def keep(mailbox: Mailbox, group: list[Known]) -> bool:
    """False: another process writes to the file for longer than `KEEP_SECONDS`; to be asked again, once the mailbox's lock was let go. Raises
    sqlite3.Error, MailboxError."""
    texts = _open(mailbox)
    try:
        with _waiting_at_most(texts, KEEP_SECONDS):
            _keep(texts, group)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


@contextlib.contextmanager
def _waiting_at_most(texts: sqlite3.Connection, seconds: float) -> Iterator[None]:
    texts.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        yield
    finally:
        texts.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _keep(texts: sqlite3.Connection, group: list[Known]) -> None:
    rows = []
    for each in group:
        header, rest = _joined(each.text)
        rows.append((each.body, _repeats(each.text), _packed(header), _packed(rest)))
    with transaction(texts):
        if _last(texts) < group[0].body:  # else another was quicker
            texts.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", rows)


def update(mailbox: Mailbox, failed: Callable[[int, Exception], None] | None = None) -> int:
    """All steps, until nothing is pending, and the index; how many bodies those were. ``failed``: as `compare` has it. For a caller that
    shares the mailbox with no other thread. Raises MailboxError, sqlite3.Error."""
    count = 0
    while group := pending(mailbox):
        _keep(_open(mailbox), compare(group, failed))
        count += len(group)
    while _index(_open(mailbox)):
        time.sleep(TURN_SECONDS)
    return count


def _index(texts: sqlite3.Connection) -> bool:
    """The next texts, up to `INDEXED_CHARACTERS`; whether there may be more."""
    done, left = _indexed(texts), INDEXED_CHARACTERS
    group: list[tuple[int, str]] = []
    query = "SELECT body, header, rest FROM texts WHERE body > ? ORDER BY body LIMIT ?"
    with contextlib.closing(texts.execute(query, (done, GROUP_BODIES))) as rows:
        for body, header, rest in rows:
            group.append((body, _indexed_text(header, rest)))
            left -= len(group[-1][1])
            if left <= 0:
                break
    if not group:
        return False
    with transaction(texts):
        if _indexed(texts) == done:  # else another was quicker
            for each in group:  # what was forgotten meanwhile is not there
                texts.execute("INSERT INTO grams (rowid, text) SELECT body, ?2 FROM texts WHERE body = ?1", each)
            texts.execute("UPDATE progress SET indexed_body = ?", (group[-1][0],))
    return left <= 0 or len(group) == GROUP_BODIES


def narrowed(mailbox: Mailbox, text: str) -> set[int] | None:
    """Bodies that may hold ``text`` (folded) anywhere; None: any may."""
    text = without_accents(text)
    if len(text) < GRAM:
        return None
    step = max(1, (len(text) - GRAM + 1) // GRAMS_ASKED)
    grams = {text[place : place + GRAM] for place in range(0, len(text) - GRAM + 1, step)}
    match = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in sorted(grams))
    texts = _open(mailbox)
    query = "SELECT rowid FROM grams WHERE grams MATCH ? UNION ALL SELECT body FROM texts WHERE body > ?"
    return {body for (body,) in texts.execute(query, (match, _indexed(texts)))}


def repeating(mailbox: Mailbox) -> set[int]:
    """Bodies that have From or Subject more than once: the catalogue holds the first alone."""
    return {body for (body,) in _open(mailbox).execute("SELECT body FROM texts WHERE repeats")}


def headers(mailbox: Mailbox, bodies: Collection[int]) -> list[tuple[int, bytes]]:
    """(Body, what `fields_and_addresses` reads)."""
    query = "SELECT body, header FROM texts WHERE body IN (SELECT value FROM json_each(?))"
    return _open(mailbox).execute(query, (json.dumps(list(bodies)),)).fetchall()


def wholes(mailbox: Mailbox, bodies: Collection[int]) -> list[tuple[int, bytes, bytes]]:
    """(Body, what `fields_and_addresses` and what `inner_and_body` reads)."""
    query = "SELECT body, header, rest FROM texts WHERE body IN (SELECT value FROM json_each(?))"
    return _open(mailbox).execute(query, (json.dumps(list(bodies)),)).fetchall()


def fields_and_addresses(packed: bytes) -> tuple[str, str]:
    fields, _, addresses = zlib.decompress(packed).decode().partition(_BETWEEN)
    return fields, addresses


def inner_and_body(packed: bytes) -> tuple[str, str]:
    inner, _, body = zlib.decompress(packed).decode().partition(_BETWEEN)
    return inner, body


def forget_purged(mailbox: Mailbox) -> int:
    """Forget the texts of bodies that the catalogue does not have any more, some at a time; how many those were. Raises MailboxError, sqlite3.Error; what
    was forgotten until then is forgotten."""
    if mailbox.texts is None and not (mailbox.root / TEXTS).exists():
        return 0
    texts = _open(mailbox)
    known = texts.execute("SELECT body FROM texts").fetchall()  # first: of a body that comes now the text may follow
    there = {body for (body,) in mailbox.database.execute("SELECT id FROM bodies")}
    gone = [body for (body,) in known if body not in there]
    count = len(gone)
    while gone:
        left = INDEXED_CHARACTERS
        with transaction(texts):
            while gone and left > 0:
                left -= _forget(texts, gone.pop())
        if gone:
            time.sleep(TURN_SECONDS)
    return count


def _forget(texts: sqlite3.Connection, body: int) -> int:
    """An index without contents is told what it held (FTS5 §6.6, the delete command); the characters of that."""
    row = texts.execute("SELECT header, rest FROM texts WHERE body = ?", (body,)).fetchone()
    if row is None:  # another was quicker
        return 0
    held = _indexed_text(*row)
    if body <= _indexed(texts):
        texts.execute("INSERT INTO grams (grams, rowid, text) VALUES ('delete', ?, ?)", (body, held))
    texts.execute("DELETE FROM texts WHERE body = ?", (body,))
    return len(held)


def _open(mailbox: Mailbox) -> sqlite3.Connection:
    """Opened when it is first asked for, closed with the mailbox. Raises MailboxError."""
    if mailbox.texts is None:
        texts = open_beside(mailbox.root / TEXTS, TEXTS_TABLES)
        texts.execute("PRAGMA synchronous = NORMAL")  # the power may take the last groups: they are made again
        mailbox.texts = texts
    return mailbox.texts


def _last(texts: sqlite3.Connection) -> int:
    """The last body whose text is known, as those of all before it are, but for what was forgotten."""
    body: int = texts.execute("SELECT coalesce(max(body), 0) FROM texts").fetchone()[0]
    return body


def _octets(mailbox: Mailbox, body: int) -> bytes | None:
    try:
        return mailbox.octets(body)
    except MailboxError:
        return None


def _compared(pending: Pending, failed: Callable[[int, Exception], None] | None) -> Compared:
    try:
        return compared(pending.octets or b"")
    except Exception as error:  # noqa: BLE001 - a bug of ours, which one message meets: all others are found all the same
        if failed:
            failed(pending.body, error)
        return Compared("", "", "", "")


def _joined(text: Compared) -> tuple[str, str]:
    return text.fields + _BETWEEN + text.addresses, text.inner + _BETWEEN + text.body


def _indexed(texts: sqlite3.Connection) -> int:
    """The last body whose text the index knows, as it does all before it."""
    body: int = texts.execute("SELECT indexed_body FROM progress").fetchone()[0]
    return body


def _indexed_text(header: bytes, rest: bytes) -> str:
    return without_accents(zlib.decompress(header).decode() + _BETWEEN + zlib.decompress(rest).decode())


def _repeats(text: Compared) -> bool:
    names = [line.partition(":")[0] for line in text.fields.split("\n")]
    return names.count("from") > 1 or names.count("subject") > 1


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), 1)
