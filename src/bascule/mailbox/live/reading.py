"""What a session reads of a live mailbox: which messages a folder has, what changed since, and what IMAP says of them."""

import contextlib
import json
import sqlite3
from array import array
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from bascule.mailbox.database import lazily
from bascule.mailbox.live.answers import Answers
from bascule.mailbox.live.folders import LiveFolder
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.imap.describe import body_structure, envelope
from bascule.protocols.mime import HeaderSummary
from bascule.protocols.mime.structure import header_end, parse_structure
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath

HEADER_OCTETS = 64 * 1024
"""Read of a large message of which only the header is asked for."""
_OF_FOLDER = "folder = ? AND uidvalidity = (SELECT uidvalidity FROM folders WHERE id = folder)"


class LiveRow(NamedTuple):
    """A message as FETCH needs it. ``body`` is the number of its octets; ``flagset`` of its flags, for whoever reads (see `Reading.flags`)."""

    id: int
    uid: int
    flagset: int
    modseq: int
    date_utc: int
    zone_minutes: int
    octets: int
    body: int


class Change(NamedTuple):
    """What a message is since a MODSEQ."""

    uid: int
    flagset: int
    modseq: int
    vanished: int
    """0: it is there."""


class Described(NamedTuple):
    """ENVELOPE and BODYSTRUCTURE, as they are written on the wire."""

    envelope: bytes
    structure: bytes


class Reading:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._database = mailbox.database
        self.answers = Answers(mailbox.database)

    def _flagset(self) -> str:
        """SQL: the number that stands for a row's flags; `flags` gives them."""
        return "flagset"

    def _is_seen(self) -> str:
        """SQL: whether a row is ``\\Seen`` to whoever reads."""
        return "flagset IN (SELECT id FROM flagsets WHERE is_seen)"

    def unseen(self, folder: LiveFolder) -> int:
        """How many messages are not ``\\Seen``."""
        return folder.unseen

    def first_unseen(self, folder: LiveFolder, among: int) -> int:
        """The sequence number of the first message that is not ``\\Seen``, of those that were there at ``folder``'s UIDNEXT and MODSEQ; 0 where there
        is none among the folder's first rows, vanished ones included, of which ``among`` are looked at."""
        first = (
            f"SELECT uid FROM (SELECT id, uid, modseq, flagset, vanished_utc FROM messages WHERE {_OF_FOLDER} ORDER BY uid LIMIT ?) AS messages"
            f" WHERE (vanished_utc IS NULL OR modseq > ?) AND uid < ? AND NOT {self._is_seen()} LIMIT 1"
        )
        row = self._database.execute(first, (folder.id, among, folder.modseq, folder.uidnext)).fetchone()
        if row is None:
            return 0
        number = (
            f"SELECT count(*) FROM messages WHERE {_OF_FOLDER} AND uid <= ? AND (vanished_utc IS NULL OR modseq > ?)"
        )
        count: int = self._database.execute(number, (folder.id, row[0], folder.modseq)).fetchone()[0]
        return count

    def uids(self, folder: int, uidnext: int, modseq: int) -> "array[int]":
        """The folder's UIDs in order, as they were when its UIDNEXT and MODSEQ were these."""
        query = f"SELECT uid FROM messages WHERE {_OF_FOLDER} AND uid < ? AND (vanished_utc IS NULL OR modseq > ?) ORDER BY uid"
        rows = self._database.execute(query, (folder, uidnext, modseq)).fetchall()
        return array("I", [uid for (uid,) in rows])

    def changes(self, folder: int, since_modseq: int) -> list[Change]:
        """Messages whose MODSEQ is above ``since_modseq``, by UID, vanished ones included."""
        query = (
            f"SELECT uid, {self._flagset()}, modseq, vanished_utc IS NOT NULL FROM messages"
            " WHERE folder = ? AND modseq > ? AND uidvalidity = (SELECT uidvalidity FROM folders WHERE id = folder) ORDER BY uid"
        )
        return list(map(Change._make, self._database.execute(query, (folder, since_modseq)).fetchall()))

    def rows(self, folder: int, low: int, high: int, *, limit: int, modseq_above: int | None = None) -> list[LiveRow]:
        """The first ``limit`` messages of these UIDs in order, vanished ones that are not purged included.

        A list and not a cursor: one that stays open holds an old state of the file, on which nothing can be written.
        """
        above = "" if modseq_above is None else f" AND modseq > {modseq_above:d}"
        query = (
            f"SELECT id, uid, {self._flagset()}, modseq, date_utc, zone_minutes, octets, body FROM messages WHERE {_OF_FOLDER}"
            f" AND uid BETWEEN ? AND ?{above} ORDER BY uid LIMIT ?"
        )
        return list(map(LiveRow._make, self._database.execute(query, (folder, low, high, limit)).fetchall()))

    def rows_of(self, folder: int, bodies: Collection[int]) -> list[LiveRow]:
        """The messages of a folder that have one of these bodies, in order, vanished ones that are not purged included."""
        query = (
            f"SELECT id, uid, {self._flagset()}, modseq, date_utc, zone_minutes, octets, body FROM messages INDEXED BY messages_body"
            f" WHERE body IN (SELECT value FROM json_each(?)) AND {_OF_FOLDER} ORDER BY uid"
        )
        return list(map(LiveRow._make, self._database.execute(query, (json.dumps(list(bodies)), folder)).fetchall()))

    def flagsets(self, folder: int, low: int, high: int, *, limit: int) -> list[tuple[int, int, int]]:
        """(UID, flag set, MODSEQ) of what `rows` gives."""
        query = (
            f"SELECT uid, {self._flagset()}, modseq FROM messages WHERE {_OF_FOLDER} AND uid BETWEEN ? AND ?"
            " ORDER BY uid LIMIT ?"
        )
        return self._database.execute(query, (folder, low, high, limit)).fetchall()

    def deleted(self, folder: int) -> list[tuple[int, int]]:
        """(Row id, UID) of each message that is there and flagged ``\\Deleted``, in order."""
        query = (
            f"SELECT id, uid FROM messages WHERE {_OF_FOLDER} AND vanished_utc IS NULL"
            " AND flagset IN (SELECT id FROM flagsets WHERE is_deleted) ORDER BY uid"
        )
        return self._database.execute(query, (folder,)).fetchall()

    def flags(self, flagset: int) -> Flags:
        return self._mailbox.flagsets.flags_of(flagset)

    def octets(self, body: int) -> bytes:
        """A message. Raises MailboxError when it is missing or damaged."""
        return self._mailbox.octets(body)

    def many_octets(self, bodies: Sequence[int]) -> dict[int, bytes]:
        """Messages, read at once: of these those that are small and sound; the others are to be asked for one by one."""
        return self._mailbox.many_octets(bodies)

    def short_headers(self, bodies: Sequence[int]) -> dict[int, bytes]:
        """`short_header` of several messages, read at once, as `many_octets` are."""
        found = self._mailbox.many_octets(bodies, HEADER_OCTETS)
        return {body: each for body, each in found.items() if not len(each) == HEADER_OCTETS == header_end(each)}

    def short_header(self, body: int) -> bytes | None:
        """A message up to its body, and perhaps some of that; None where that takes more than `HEADER_OCTETS`. Raises MailboxError when it is missing
        or damaged."""
        octets = self._mailbox.octets(body, HEADER_OCTETS)
        return None if len(octets) == HEADER_OCTETS == header_end(octets) else octets

    def sha256(self, body: int) -> bytes:
        digest: bytes = self._database.execute("SELECT sha256 FROM bodies WHERE id = ?", (body,)).fetchone()[0]
        return digest

    def bodies_that_begin(self, digest: bytes) -> list[int]:
        """Those whose SHA-256 begins so."""
        query = "SELECT id FROM bodies WHERE sha256 BETWEEN ? AND ?"
        found = self._database.execute(query, (digest, digest + b"\xff" * (32 - len(digest)))).fetchall()
        return [body for (body,) in found]

    def described(self, bodies: Sequence[int]) -> dict[int, Described]:
        """ENVELOPE and BODYSTRUCTURE of those of these bodies of which they are kept; of others, `describe` makes them of the octets."""
        query = "SELECT body, envelope, structure FROM descriptions WHERE body IN (SELECT value FROM json_each(?))"
        rows = self._database.execute(query, (json.dumps(list(bodies)),))
        return {body: Described(env, structure) for body, env, structure in rows}

    def keep_descriptions(self, made: Mapping[int, Described]) -> None:
        """By body. Nothing is lost where a full disk forbids it, or where a body was purged meanwhile."""
        with contextlib.suppress(sqlite3.OperationalError), lazily(self._database):
            self._database.executemany(
                "INSERT OR IGNORE INTO descriptions (body, envelope, structure) SELECT id, ?, ? FROM bodies WHERE id = ?",
                [(each.envelope, each.structure, body) for body, each in made.items()],
            )

    def has_body(self, body: int) -> bool:
        return self._database.execute("SELECT 1 FROM bodies WHERE id = ?", (body,)).fetchone() is not None

    def places_of(self, body: int) -> list[tuple[FolderPath, int]]:
        """(Folder, UID) of each message with this body that is there."""
        query = "SELECT f.path, m.uid FROM messages m JOIN folders f ON f.id = m.folder WHERE m.body = ? AND m.vanished_utc IS NULL"
        return [(FolderPath.from_json(path), uid) for path, uid in self._database.execute(query, (body,))]

    def headers(self, folder: int, only: Collection[int] | None = None) -> dict[int, HeaderSummary]:
        """Row id → the header of each message of a folder, vanished ones included; or of those row ids."""
        columns = "message, h.subject, h.sender, h.recipients, h.date_utc, h.message_id, h.in_reply_to, h.refs, h.has_attachments"
        if only is None:
            query = f"SELECT h.{columns} FROM messages m JOIN headers h ON h.message = m.id WHERE m.folder = ?"
            found = self._database.execute(query, (folder,))
        else:
            query = f"SELECT h.{columns} FROM headers h WHERE message IN (SELECT value FROM json_each(?))"
            found = self._database.execute(query, (json.dumps(list(only)),))
        return {row[0]: HeaderSummary(*row[1:]) for row in found}

    def header_values(self, column: str, only: Collection[int]) -> dict[int, Any]:
        """Row id → one column of the header, of those row ids: ``sender``, ``subject``, ``date_utc``."""
        query = f"SELECT message, {column} FROM headers WHERE message IN (SELECT value FROM json_each(?))"
        return dict(self._database.execute(query, (json.dumps(list(only)),)).fetchall())

    def previews(self, bodies: Sequence[int]) -> dict[int, str]:
        """Of those of these bodies of which they are kept."""
        query = "SELECT body, preview FROM descriptions WHERE body IN (SELECT value FROM json_each(?)) AND preview IS NOT NULL"
        return dict(self._database.execute(query, (json.dumps(bodies),)).fetchall())

    def keep_previews(self, made: Mapping[int, str]) -> None:
        """For bodies that are described already."""
        with contextlib.suppress(sqlite3.OperationalError), lazily(self._database):
            self._database.executemany(
                "UPDATE descriptions SET preview = ? WHERE body = ?", [(text, body) for body, text in made.items()]
            )


def describe(message: bytes) -> Described:
    root = parse_structure(message)
    return Described(envelope(root), body_structure(root))
