"""What SEARCH compares of each body (`bascule.protocols.mime.compared`), kept so that the whole of a mailbox is looked through in a second.

``texts.sqlite`` lies apart from the catalogue: it is made when somebody searches, or by whoever has time, and may be deleted at any time. Each row has
a body's header and its texts, compressed; an index of groups of three characters says which bodies may hold a string, and the text decides.

Work goes in steps (`pending`, `compare`, `keep`), so that a caller who shares the mailbox with others holds its lock for the first and the last, and
not while what others wrote is looked at. Where two processes do the same step, one of them keeps it, and the other goes on from there. A number of
a body may come to stand for another one, once all above it were purged: `pending` sees that by the digest of the last one that it knows, and forgets
what is not so any more.
"""

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bascule.mailbox.database import create_tables, open_database, require_version, transaction
from bascule.mailbox.format import TEXTS, TEXTS_TABLES, MailboxError
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.mime.compared import Compared, compared, without_accents

GROUP_BODIES = 100
GROUP_OCTETS = 1024 * 1024
"""Bodies read at once, up to either: the caller holds the mailbox's lock meanwhile."""
GRAM = 3
"""Characters of one entry of the index."""
GRAMS_ASKED = 12
"""Of a longer string, so many are looked up, over all of its length: more narrow little."""
_DIGEST_OCTETS = 8
_BETWEEN = "\x1e"
"""Between what one blob holds; never part of a folded text, where it is white space."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A body that is not known yet. ``octets`` None: it can't be read, and no search finds it."""

    body: int
    digest: bytes
    octets: bytes | None


@dataclass(frozen=True, slots=True)
class Known:
    body: int
    digest: bytes
    text: Compared


def pending(mailbox: Mailbox) -> list[Pending]:
    """The next group of bodies to be compared; empty when all are. Raises MailboxError, sqlite3.Error."""
    texts = _open(mailbox)
    found: list[Pending] = []
    octets = 0
    query = "SELECT id, sha256 FROM bodies WHERE id > ? ORDER BY id LIMIT ?"
    for body, sha256 in mailbox.database.execute(query, (_progress(mailbox, texts), GROUP_BODIES)).fetchall():
        found.append(Pending(body, sha256[:_DIGEST_OCTETS], _octets(mailbox, body)))
        octets += len(found[-1].octets or b"")
        if octets >= GROUP_OCTETS:
            break
    return found


def compare(group: Iterable[Pending]) -> list[Known]:
    """Touches no file. Never raises: a message at which we fail has no text."""
    return [Known(each.body, each.digest, _compared(each.octets)) for each in group]


def keep(mailbox: Mailbox, group: list[Known]) -> None:
    """Raises sqlite3.Error, MailboxError."""
    texts = _open(mailbox)
    with transaction(texts):
        if _last(texts)[0] >= group[0].body:
            return  # another was quicker
        for each in group:
            header, rest = _joined(each.text)
            row = (each.body, each.digest, _repeats(each.text), _packed(header), _packed(rest))
            texts.execute("INSERT INTO texts VALUES (?, ?, ?, ?, ?)", row)
            texts.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", (each.body, _indexed(header, rest)))


def update(mailbox: Mailbox) -> int:
    """All steps, until nothing is pending; how many bodies those were. For a caller that shares the mailbox with no other thread. Raises MailboxError,
    sqlite3.Error."""
    count = 0
    while group := pending(mailbox):
        keep(mailbox, compare(group))
        count += len(group)
    return count


def narrowed(mailbox: Mailbox, text: str) -> set[int] | None:
    """Bodies that may hold ``text`` (folded) anywhere; None: any may."""
    text = without_accents(text)
    if len(text) < GRAM:
        return None
    step = max(1, (len(text) - GRAM + 1) // GRAMS_ASKED)
    grams = {text[place : place + GRAM] for place in range(0, len(text) - GRAM + 1, step)}
    match = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in sorted(grams))
    return {body for (body,) in _open(mailbox).execute("SELECT rowid FROM grams WHERE grams MATCH ?", (match,))}


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
    """Forget the texts of bodies that the catalogue does not have any more, or has for something else; how many those were. Raises MailboxError,
    sqlite3.Error."""
    if mailbox.texts is None and not (mailbox.root / TEXTS).exists():
        return 0
    texts = _open(mailbox)
    there = {
        body: sha256[:_DIGEST_OCTETS] for body, sha256 in mailbox.database.execute("SELECT id, sha256 FROM bodies")
    }
    gone = [body for body, digest in texts.execute("SELECT body, digest FROM texts") if there.get(body) != digest]
    with transaction(texts):
        for body in gone:
            _forget(texts, body)
    return len(gone)


def _forget(texts: sqlite3.Connection, body: int) -> None:
    """An index without contents is told what it held (FTS5 §6.6, the delete command)."""
    header, rest = texts.execute("SELECT header, rest FROM texts WHERE body = ?", (body,)).fetchone()
    held = _indexed(zlib.decompress(header).decode(), zlib.decompress(rest).decode())
    texts.execute("INSERT INTO grams (grams, rowid, text) VALUES ('delete', ?, ?)", (body, held))
    texts.execute("DELETE FROM texts WHERE body = ?", (body,))


def _open(mailbox: Mailbox) -> sqlite3.Connection:
    """Opened when it is first asked for, closed with the mailbox. Raises MailboxError."""
    if mailbox.texts is None:
        path = mailbox.root / TEXTS
        texts = open_database(path, cache_kib=2 * 1024)
        if not texts.execute("PRAGMA user_version").fetchone()[0]:
            create_tables(texts, TEXTS_TABLES)
        require_version(texts, path)
        texts.execute("PRAGMA synchronous = NORMAL")  # the power may take the last groups: they are made again
        mailbox.texts = texts
    return mailbox.texts


def _progress(mailbox: Mailbox, texts: sqlite3.Connection) -> int:
    """The last body whose text is known, as all before it are."""
    last, digest = _last(texts)
    row = mailbox.database.execute("SELECT sha256 FROM bodies WHERE id = ?", (last,)).fetchone()
    if last and (row is None or row[0][:_DIGEST_OCTETS] != digest):
        forget_purged(mailbox)
        last, _ = _last(texts)
    return last


def _last(texts: sqlite3.Connection) -> tuple[int, bytes]:
    row = texts.execute("SELECT body, digest FROM texts ORDER BY body DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row else (0, b"")


def _octets(mailbox: Mailbox, body: int) -> bytes | None:
    try:
        return mailbox.octets(body)
    except MailboxError:
        return None


def _compared(octets: bytes | None) -> Compared:
    try:
        return compared(octets or b"")
    except Exception:  # noqa: BLE001 - a bug of ours, which one message meets: all others are found all the same
        return Compared("", "", "", "")


def _joined(text: Compared) -> tuple[str, str]:
    return text.fields + _BETWEEN + text.addresses, text.inner + _BETWEEN + text.body


def _indexed(header: str, rest: str) -> str:
    return without_accents(header + _BETWEEN + rest)


def _repeats(text: Compared) -> bool:
    names = [line.partition(":")[0] for line in text.fields.split("\n")]
    return names.count("from") > 1 or names.count("subject") > 1


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), 1)
