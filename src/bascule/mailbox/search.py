"""Full-text search over subject, people, text and attachment names. Accents and case do not matter.

The index (``search.sqlite``) lies apart from the catalogue: it is built when it is asked for, or by whoever has time, never by a
capture or a delivery; it may be deleted at any time.
"""

import heapq
import itertools
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from bascule.mailbox.database import open_beside, transaction
from bascule.mailbox.format import SEARCH, SEARCH_TABLES, MailboxError
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.mime.text import searchable
from bascule.terms.body import Body
from bascule.terms.folder import FolderPath

GROUP_BODIES = 500
GROUP_CHARACTERS = 2_000_000
"""A group is written once it has either: of usual messages 500 have a million, but one may have 400,000."""
FEW_BODIES = 5000
"""Up to here, matches are looked up and sorted; above, messages are looked through from the newest on."""
PassedOver = Callable[[int, Exception], None]
"""Is told of a body, by its number, that can't be read, or at which we fail."""
_NO_WORD = re.compile(r'["\x00\ud800-\udfff]')
_WORD = re.compile(r'"[^"]*"|\S+')
_FIELDS = {
    "subject": "subject",
    "from": "people",
    "to": "people",
    "cc": "people",
    "text": "text",
    "file": "attachments",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One message that matches, in a default view (not vanished)."""

    message: int
    folder: FolderPath
    uid: int
    date_utc: int
    subject: str
    sender: str


def update_index(
    mailbox: Mailbox, progress: Callable[[int, int], None] | None = None, passed_over: PassedOver | None = None
) -> int:
    """Index the bodies that are not yet; how many those were. May be interrupted: it goes on from the last group. One that can't be read is
    passed over for good: it has no words until the index is deleted and made anew."""
    index = _index(mailbox)
    done = index.execute("SELECT indexed_body FROM progress").fetchone()[0]
    newest = mailbox.database.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()[0]
    if newest > done:
        return _add(mailbox, index, done, progress, passed_over)
    return 0


def _add(
    mailbox: Mailbox,
    index: sqlite3.Connection,
    done: int,
    progress: Callable[[int, int], None] | None,
    passed_over: PassedOver | None,
) -> int:
    total = mailbox.database.execute("SELECT count(*) FROM bodies WHERE id > ?", (done,)).fetchone()[0]
    count = 0
    while rows := mailbox.database.execute(
        "SELECT id, segment, place FROM bodies WHERE id > ? ORDER BY id LIMIT ?", (done, GROUP_BODIES)
    ).fetchall():
        words = _group(mailbox, rows, passed_over)
        last = words[-1][0]
        with transaction(index):
            others = index.execute("SELECT indexed_body FROM progress").fetchone()[0]
            if others != done:  # another process is at it too: go on from where it stands
                done = others
                continue
            done = last
            index.executemany("INSERT INTO words (rowid, subject, people, text, attachments) VALUES (?,?,?,?,?)", words)
            index.execute("UPDATE progress SET indexed_body = ?", (done,))
        count += len(words)
        if progress:
            progress(count, total)
    return count


def _group(
    mailbox: Mailbox, rows: Sequence[tuple[int, int, int]], passed_over: PassedOver | None
) -> list[tuple[int, str, str, str, str]]:
    """The words of the first of these bodies (number, segment, place): at least one."""
    words: list[tuple[int, str, str, str, str]] = []
    characters = 0
    for identity, segment, place in rows:
        try:
            words.append((identity, *_words(mailbox.read_body(segment, place))))
        except Exception as error:  # noqa: BLE001 - damaged, or a bug of ours, which one message meets: the others are found all the same
            words.append((identity, "", "", "", ""))
            if passed_over:
                passed_over(identity, error)
        characters += sum(map(len, words[-1][1:]))
        if characters >= GROUP_CHARACTERS:
            break
    return words


def _index(mailbox: Mailbox) -> sqlite3.Connection:
    """Opened when it is first asked for, closed with the mailbox. Raises MailboxError."""
    if mailbox.index is None:
        mailbox.index = open_beside(mailbox.root / SEARCH, SEARCH_TABLES)
    return mailbox.index


def _words(body: Body) -> tuple[str, str, str, str]:
    with closing(body):
        found = searchable(body.whole())
    return found.subject, found.people, found.text, found.attachments


def to_fts(query: str) -> str:
    """What people type, as FTS5: words are all required, ``"…"`` is a phrase, ``from:anna`` looks in one field.

    The last word also matches the beginning of a longer one. Raises MailboxError for a query without a word.
    """
    terms = []
    words = _WORD.findall(query)
    for place, word in enumerate(words, 1):
        field, colon, rest = word.partition(":")
        column = _FIELDS.get(field.lower()) if colon and rest else None
        text = (rest if column else word).strip('"')
        if has_words(text):
            prefix = "*" if place == len(words) and not word.endswith('"') else ""
            terms.append(f"{column + ' : ' if column else ''}{quoted(text)}{prefix}")
    if not terms:
        raise MailboxError(f"“{query}” has no word to look for.", "Write a word, or from:name, subject:word.")
    return " AND ".join(terms)


def has_words(text: str) -> bool:
    """Whether an index of words can be asked for it."""
    return re.search(r"\w", text) is not None


def quoted(text: str) -> str:
    """The one writer of a string of FTS5's query language (fts5.html §3.1): a quotation mark, NUL and half a character, which no word has, are spaces."""
    return f'"{_NO_WORD.sub(" ", text)}"'


def search(mailbox: Mailbox, query: str, limit: int = 100) -> list[Hit]:
    """The newest messages that match, after `update_index`. Raises MailboxError for a query that has no word."""
    match = to_fts(query)
    bodies = {
        row for (row,) in _index(mailbox).execute("SELECT rowid FROM words WHERE words MATCH ?", (match,)).fetchall()
    }
    chosen = _all_of(mailbox, bodies) if len(bodies) <= FEW_BODIES else _newest_of(mailbox, bodies, limit)
    query = (
        "SELECT m.id, f.path, m.uid, m.date_utc, coalesce(h.subject, ''), coalesce(h.sender, '') FROM messages m"
        " JOIN folders f ON f.id = m.folder LEFT JOIN headers h ON h.message = m.id"
        " WHERE m.id IN (SELECT value FROM json_each(?)) ORDER BY m.date_utc DESC, m.id DESC LIMIT ?"
    )
    return [
        Hit(message, FolderPath.from_json(path), uid, date, subject, sender)
        for message, path, uid, date, subject, sender in mailbox.database.execute(query, (json.dumps(chosen), limit))
    ]


def _all_of(mailbox: Mailbox, bodies: Iterable[int]) -> list[int]:
    """Every message of the default view that has one of these bodies."""
    query = "SELECT id FROM messages WHERE vanished_utc IS NULL AND body IN (SELECT value FROM json_each(?))"
    return [message for (message,) in mailbox.database.execute(query, (json.dumps(list(bodies)),))]


def _newest_of(mailbox: Mailbox, bodies: set[int], limit: int) -> list[int]:
    """The newest ``limit`` of them. Most messages match: looking from the newest on ends soon, where sorting all takes seconds."""
    query = "SELECT date_utc, id, body FROM messages WHERE folder = ? AND vanished_utc IS NULL ORDER BY date_utc DESC, id DESC"
    folders = [mailbox.database.execute(query, (folder.id,)) for folder in mailbox.folders.all()]
    newest = (message for _, message, body in heapq.merge(*folders, reverse=True) if body in bodies)
    return list(itertools.islice(newest, limit))
