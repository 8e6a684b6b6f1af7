"""What SEARCH compares of each body (`bascule.protocols.mime.compared`), kept so that the whole of a mailbox is looked through in a second.

``texts.sqlite`` lies apart from the catalogue: it is made when somebody searches, or by whoever has time, and may be deleted at any time. Each row has
a body's header and its texts, compressed; an index of groups of three characters says which bodies may hold a string, and the text decides. The index
takes longer to make than the texts: it is housekeeping's (`update`), and until then a new text may hold anything.

Work goes in steps (`pending`, `compare`, `keep`), so that a caller who shares the mailbox with others holds its lock for the first and the last, and
not while what others wrote is looked at. Where two processes do the same step, one of them keeps it, and the other goes on from there. A body's
number never comes to stand for another one (`bascule.mailbox.live.purging`).
"""

import json
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from bascule.mailbox.database import open_beside, transaction
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


def keep(mailbox: Mailbox, group: list[Known]) -> None:
    """Raises sqlite3.Error, MailboxError."""
    texts = _open(mailbox)
    with transaction(texts):
        if _last(texts) >= group[0].body:
            return  # another was quicker
        for each in group:
            header, rest = _joined(each.text)
            row = (each.body, _repeats(each.text), _packed(header), _packed(rest))
            texts.execute("INSERT INTO texts VALUES (?, ?, ?, ?)", row)


def update(mailbox: Mailbox, failed: Callable[[int, Exception], None] | None = None) -> int:
    """All steps, until nothing is pending, and the index; how many bodies those were. ``failed``: as `compare` has it. For a caller that
    shares the mailbox with no other thread. Raises MailboxError, sqlite3.Error."""
    count = 0
    while group := pending(mailbox):
        keep(mailbox, compare(group, failed))
        count += len(group)
    while _index(_open(mailbox)):
        pass
    return count


def _index(texts: sqlite3.Connection) -> int:
    """The next texts; how many those were."""
    with transaction(texts):
        done = _indexed(texts)
        query = "SELECT body, header, rest FROM texts WHERE body > ? ORDER BY body LIMIT ?"
        rows = texts.execute(query, (done, GROUP_BODIES)).fetchall()
        for body, header, rest in rows:
            texts.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", (body, _indexed_text(header, rest)))
        if rows:
            texts.execute("UPDATE progress SET indexed_body = ?", (rows[-1][0],))
    return len(rows)


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
    """Forget the texts of bodies that the catalogue does not have any more; how many those were. Raises MailboxError,
    sqlite3.Error."""
    if mailbox.texts is None and not (mailbox.root / TEXTS).exists():
        return 0
    texts = _open(mailbox)
    there = {body for (body,) in mailbox.database.execute("SELECT id FROM bodies")}
    gone = [body for (body,) in texts.execute("SELECT body FROM texts").fetchall() if body not in there]
    with transaction(texts):
        for body in gone:
            _forget(texts, body)
    return len(gone)


def _forget(texts: sqlite3.Connection, body: int) -> None:
    """An index without contents is told what it held (FTS5 §6.6, the delete command)."""
    if body <= _indexed(texts):
        held = _indexed_text(*texts.execute("SELECT header, rest FROM texts WHERE body = ?", (body,)).fetchone())
        texts.execute("INSERT INTO grams (grams, rowid, text) VALUES ('delete', ?, ?)", (body, held))
    texts.execute("DELETE FROM texts WHERE body = ?", (body,))


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
