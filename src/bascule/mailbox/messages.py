"""The messages of a mailbox: writing groups of them, reading them back, following flags and deletions."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bascule.mailbox.bodies import BodyReader, BodyWriter
from bascule.mailbox.database import transaction
from bascule.mailbox.deltas import Deltas, within_the_last
from bascule.mailbox.flagsets import FlagSets
from bascule.mailbox.format import MailboxError
from bascule.mailbox.ledger import DONE_WITH
from bascule.mailbox.rows import MessageRow, NewMessage
from bascule.protocols.mime import HeaderSummary, summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.body import Body, Traits
from bascule.terms.errors import ExitStatus
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate

_COLUMNS = (
    "m.id, m.folder, m.uidvalidity, m.uid, m.sha256, m.octets, m.date_utc, m.zone_minutes, m.flagset, m.body, "
    "m.traits, m.vanished_utc IS NOT NULL, m.labels"
)


class KnownMessage(NamedTuple):
    """What a delta compares: the row, the UID, the set of flags by its number (`FlagSets`)."""

    id: int
    uid: int
    flagset: int
    vanished: bool


@dataclass(frozen=True, slots=True)
class Identified:
    """By what a message is known again: what was read under its UID."""

    uid: int
    sha256: bytes
    octets: int
    date_utc: int


@dataclass(frozen=True, slots=True)
class Absence:
    """(delta, UIDNEXT) of a folder's sightings, the latest first: a UID from there on was not in the folder in that delta. ``surveyed``: the last
    delta that knew of every message in it; what it did not know of was not there, whatever its UID. 0: not known."""

    sightings: tuple[tuple[int, int], ...]
    surveyed: int = 0

    def delta(self, uid: int) -> int:
        """The last delta in which a message of this UID, of which nothing is known, provably was not there; 0: none is known."""
        for delta, uidnext in self.sightings:
            if uidnext <= uid:
                return max(delta, self.surveyed)
        return self.surveyed


@dataclass(frozen=True, slots=True)
class Departed:
    """A message that vanished from its folder. ``meanwhile``: the deltas of which any may be the last in which its move was not there yet."""

    row: int
    meanwhile: range


_OF_WHERE_IT_WAS = """
    UPDATE outcomes SET (code, detail, theirs, flagset, source_flagset, verified, verified_utc)
        = (l.code, l.detail, l.theirs, l.flagset, l.source_flagset, l.verified, l.verified_utc)
    FROM moves v, outcomes l WHERE outcomes.message = ? AND v.target = outcomes.target AND v.earlier = outcomes.message AND v.done
        AND l.target = v.target AND l.message = v.later AND l.target_uid = outcomes.target_uid AND outcomes.code <> 'removed'
"""
"""What is known of the copy by the message that had it meanwhile (`Ledger.inherit`)."""


class Messages:
    def __init__(
        self, database: sqlite3.Connection, flagsets: FlagSets, writer: BodyWriter | None, reader: BodyReader | None
    ) -> None:
        self._database = database
        self._flagsets = flagsets
        self._writer = writer
        self._reader = reader

    # -- writing ------------------------------------------------------------------------------------------------------

    def store(self, folder: int, uidvalidity: int, group: Sequence[NewMessage]) -> list[int]:
        """Write a group durably, bodies first; the ids of its rows. A UID that is there already is left as it is.

        On an error nothing of the group is in the catalogue; at most unreferenced bodies are left behind.
        """
        places = self.write_bodies([new.body for new in group])
        with transaction(self._database):
            absence = self.absence(folder, uidvalidity)
            if places is None:
                return self._insert_all(folder, uidvalidity, absence, group)
            return [self._insert(folder, uidvalidity, absence, new, places) for new in group]

    def write_bodies(
        self, bodies: Sequence[Body], *, all_of_them: bool = False
    ) -> dict[bytes, tuple[int, int, int]] | None:
        """Write those that are not here yet (or ``all_of_them``) durably: SHA-256 → (octets, segment, place).

        None where the mailbox keeps no bodies. On an error none is written.
        """
        if self._writer is None:
            return None
        places: dict[bytes, tuple[int, int, int]] = {}
        query = "SELECT 1 FROM bodies WHERE sha256 = ?"
        try:
            for body in bodies:
                digest = body.sha256
                if digest in places or (not all_of_them and self._database.execute(query, (digest,)).fetchone()):
                    continue
                places[digest] = (body.octets, *self._writer.add(body))
            self._writer.sync()
        except BaseException:
            self._writer.abandon()
            raise
        if self._writer.is_full and not self._writer.is_shared:
            closed = self._writer.close_segment()
            self._database.execute("INSERT INTO segments VALUES (?, ?, ?)", closed)
            self._writer.protect(closed[0])
        return places

    def absence(self, folder: int, uidvalidity: int) -> "Absence":
        """What is known of when messages of the folder were not there yet. When it was seen under another UIDVALIDITY, none of them was."""
        query = "SELECT delta, iif(uidvalidity = ?2, uidnext, 0) FROM sightings WHERE folder = ?1 ORDER BY delta DESC"
        return Absence(tuple(self._database.execute(query, (folder, uidvalidity)).fetchall()))

    def _insert_all(self, folder: int, uidvalidity: int, absence: "Absence", group: Sequence[NewMessage]) -> list[int]:
        """Rows without bodies, in one statement; one by one where a UID turns out to be there already."""
        database = self._database
        first = database.execute("SELECT coalesce(max(id), 0) + 1 FROM messages").fetchone()[0]
        number_of = self._flagsets.number_of
        cursor = database.executemany(
            "INSERT INTO messages (id, folder, uidvalidity, uid, sha256, octets, traits, date_utc, zone_minutes, flagset,"
            " after_delta, remark) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (folder, uidvalidity, uid) DO NOTHING",
            [
                (
                    identity, folder, uidvalidity, new.uid, new.body.sha256, new.body.octets, new.body.traits.to_bits(),
                    new.date.utc_seconds, new.date.zone_minutes, number_of(new.flags), absence.delta(new.uid), new.remark,
                )
                for identity, new in enumerate(group, first)
            ],
        )  # fmt: skip
        if cursor.rowcount == len(group):
            return list(range(first, first + len(group)))
        query = "SELECT id FROM messages WHERE folder = ? AND uidvalidity = ? AND uid = ?"
        return [int(database.execute(query, (folder, uidvalidity, new.uid)).fetchone()[0]) for new in group]

    def _insert(
        self,
        folder: int,
        uidvalidity: int,
        absence: "Absence",
        new: NewMessage,
        places: dict[bytes, tuple[int, int, int]] | None,
    ) -> int:
        database, body = self._database, None
        if places is not None:
            place = places.pop(new.body.sha256, None)
            if place is not None:
                cursor = database.execute(
                    "INSERT INTO bodies (sha256, octets, segment, place) VALUES (?, ?, ?, ?)", (new.body.sha256, *place)
                )
                body = cursor.lastrowid
            else:
                query = "SELECT id FROM bodies WHERE sha256 = ?"
                body = database.execute(query, (new.body.sha256,)).fetchone()[0]
        labels = None if new.labels is None else json.dumps(new.labels, ensure_ascii=False)
        cursor = database.execute(
            "INSERT INTO messages (folder, uidvalidity, uid, sha256, octets, traits, body, date_utc, zone_minutes, flagset,"
            " labels, after_delta, remark) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (folder, uidvalidity, uid) DO NOTHING",
            (
                folder, uidvalidity, new.uid, new.body.sha256, new.body.octets, new.body.traits.to_bits(), body, new.date.utc_seconds,
                new.date.zone_minutes, self._flagsets.number_of(new.flags), labels, absence.delta(new.uid), new.remark,
            ),
        )  # fmt: skip
        if cursor.rowcount == 0:
            query = "SELECT id FROM messages WHERE folder = ? AND uidvalidity = ? AND uid = ?"
            return int(database.execute(query, (folder, uidvalidity, new.uid)).fetchone()[0])
        message = cursor.lastrowid or 0
        if places is not None:
            self.record_header(message, summarise(new.body.start(HEADER_OCTETS)))
        return message

    def record_header(self, message: int, header: HeaderSummary) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO headers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message, header.date_utc, header.subject, header.sender, header.recipients, header.message_id,
                header.in_reply_to, header.references, header.has_attachments,
            ),
        )  # fmt: skip

    def advance(self, folder: int, uidnext: int) -> None:
        """Raise the folder's UIDNEXT; it never goes down."""
        self._database.execute("UPDATE folders SET uidnext = max(uidnext, ?) WHERE id = ?", (uidnext, folder))

    def set_flags(self, changes: Iterable[tuple[int, Flags]]) -> None:
        """Follow flag changes: (row id, flags). Within the caller's transaction."""
        self._database.executemany(
            "UPDATE messages SET flagset = ?, modseq = modseq + 1 WHERE id = ?",
            [(self._flagsets.number_of(flags), identity) for identity, flags in changes],
        )

    def set_vanished(self, rows: Iterable[int], at_utc: int | None) -> None:
        """Mark rows as vanished at that instant, or as there again (None); one that has vanished already stays as it is. The bodies stay. Within the caller's transaction, and
        before the folder's new survey is written: they were last seen by the one before."""
        if at_utc is not None:
            at_utc = within_the_last(self._database, at_utc)
        self._database.executemany(
            "UPDATE messages SET vanished_utc = ?1, modseq = modseq + 1,"
            " last_delta = iif(?1 IS NULL, NULL, coalesce(last_delta, (SELECT delta FROM folders WHERE id = folder)))"
            " WHERE id = ?2 AND (?1 IS NULL OR vanished_utc IS NULL)",
            [(at_utc, i) for i in rows],
        )

    def set_there_again(self, rows: Sequence[tuple[int, int]]) -> None:
        """(row, the last delta in which it provably was not there) of messages that had vanished and have their UIDs again: their folder was
        renamed, and has its name back, or the source was put back to an earlier state. Where one had been followed to another place, it is new here. Within the caller's transaction."""
        surveyed = (
            "(SELECT delta FROM folders WHERE id = folder)"  # where that was later, it had found the message gone
        )
        self._database.executemany(
            f"UPDATE messages SET after_delta = max(?2, iif(last_delta < {surveyed}, {surveyed}, 0)) WHERE id = ?1",
            rows,
        )
        followed = "message = ? AND code = 'removed' AND EXISTS (SELECT 1 FROM moves m WHERE m.target = outcomes.target AND earlier = message)"
        self.set_vanished([row for row, _ in rows], None)
        self._database.executemany(_OF_WHERE_IT_WAS, [(row,) for row, _ in rows])
        self._database.executemany(f"DELETE FROM outcomes WHERE {followed}", [(row,) for row, _ in rows])
        self._database.executemany("DELETE FROM moves WHERE earlier = ?", [(row,) for row, _ in rows])

    def on_their_way_out(self, rows: Iterable[int]) -> set[int]:
        r"""Those of these whose copy on a target a run began to remove, since it lies in their next place, and did not come to the end of it: the copy may be
        gone, or have our ``\Deleted``, which is written down before it is given."""
        query = (
            "SELECT o.flagset FROM outcomes o JOIN moves v ON v.target = o.target AND v.earlier = o.message JOIN outcomes later"
            " ON later.target = v.target AND later.message = v.later WHERE o.message = ? AND NOT v.done AND o.code <> 'removed'"
            " AND o.flagset IS NOT NULL AND later.code <> 'duplicate'"
        )
        return {
            row
            for row in rows
            for (flagset,) in self._database.execute(query, (row,))
            if "\\Deleted" in self._flagsets.flags_of(flagset)
        }

    def retire(self, folder: int, rows: Collection[int]) -> None:
        """Rows that stay vanished, though their UIDs are there again: what has these is another message, which the copies of these make way for. Their
        UIDVALIDITY is one below 0 from now on, which no source has. Within the caller's transaction."""
        query = "SELECT min(0, coalesce(min(uidvalidity), 0)) - 1 FROM messages WHERE folder = ?"
        (retired,) = self._database.execute(query, (folder,)).fetchone()
        self._database.executemany("UPDATE messages SET uidvalidity = ? WHERE id = ?", [(retired, row) for row in rows])

    def revalidate(self, row: int, uidvalidity: int, uid: int) -> None:
        """The same message under a new UIDVALIDITY or UID: only its identity on the source changes."""
        self._database.execute(
            "UPDATE messages SET uidvalidity = ?, uid = ?, vanished_utc = NULL, last_delta = NULL WHERE id = ?",
            (uidvalidity, uid, row),
        )

    def record_not_held(self, folder: int, uidvalidity: int, rows: Iterable[tuple[int, str, str]], at_utc: int) -> None:
        """(UID, outcome code, reason) of messages that the source lists and did not give, or that were left out."""
        with transaction(self._database):
            self._database.executemany(
                "INSERT OR REPLACE INTO not_held VALUES (?, ?, ?, ?, ?, ?)",
                [(folder, uidvalidity, uid, code, detail, at_utc) for uid, code, detail in rows],
            )

    def forget_not_held(self, folder: int) -> None:
        """At the start of a delta: each is tried again. Within the caller's transaction."""
        self._database.execute("DELETE FROM not_held WHERE folder = ?", (folder,))

    # -- reading ------------------------------------------------------------------------------------------------------

    def known(self, folder: int, uidvalidity: int) -> dict[int, KnownMessage]:
        """UID → what is known of it, vanished ones included."""
        query = "SELECT id, uid, flagset, vanished_utc IS NOT NULL FROM messages WHERE folder = ? AND uidvalidity = ?"
        rows = self._database.execute(query, (folder, uidvalidity))
        return {known.uid: known for known in map(KnownMessage._make, rows)}

    def uids(self, folder: int, uidvalidity: int) -> list[int]:
        """Of those that have not vanished, ascending."""
        query = "SELECT uid FROM messages WHERE folder = ? AND uidvalidity = ? AND vanished_utc IS NULL ORDER BY uid"
        return [uid for (uid,) in self._database.execute(query, (folder, uidvalidity))]

    def identified(self, folder: int, uidvalidity: int, *, vanished: bool) -> Iterator[Identified]:
        """What was read under the UIDs of those that are there, or of those that vanished, from the highest down."""
        query = (
            "SELECT uid, sha256, octets, date_utc FROM messages WHERE folder = ? AND uidvalidity = ?"
            f" AND vanished_utc IS {'NOT ' if vanished else ''}NULL ORDER BY uid DESC"
        )
        for values in self._database.execute(query, (folder, uidvalidity)):
            yield Identified(*values)

    def any(self) -> bool:
        """Whether there is a row of a message at all."""
        return self._database.execute("SELECT 1 FROM messages LIMIT 1").fetchone() is not None

    def were_ever_in(self, folder: int) -> bool:
        """Whether the folder has, or had, any message."""
        query = "SELECT EXISTS (SELECT 1 FROM messages WHERE folder = ?)"
        return bool(self._database.execute(query, (folder,)).fetchone()[0])

    def count(self, folder: int) -> int:
        """How many messages of the folder there are, without those that vanished."""
        query = "SELECT count(*) FROM messages WHERE folder = ? AND vanished_utc IS NULL"
        return int(self._database.execute(query, (folder,)).fetchone()[0])

    def of_other_validity(self, folder: int, uidvalidity: int) -> dict[bytes, list[int]]:
        """SHA-256 → rows of this folder under any other UIDVALIDITY, oldest first: those that are there, and those of which the last run did
        not find the new UID, and left out, or could not read, what may be them."""
        found: dict[bytes, list[int]] = {}
        query = (
            "SELECT sha256, id, coalesce(last_delta, 0), vanished_utc FROM messages WHERE folder = ? AND uidvalidity <> ?"
            " AND (vanished_utc IS NULL OR id NOT IN (SELECT earlier FROM moves)) ORDER BY uid"
        )
        deltas = Deltas.read(self._database)
        for digest, row, last, gone in self._database.execute(query, (folder, uidvalidity)):
            if gone is None or deltas.may_lie_unread(last, gone):
                found.setdefault(digest, []).append(row)
        return found

    def departed(self, folder: int, since: int) -> dict[bytes, list[Departed]]:
        """SHA-256 → messages of this folder, under whatever UIDVALIDITY, that vanished from it in the delta ``since`` or later, and were not
        followed to another place."""
        query = (
            "SELECT sha256, id, last_delta, vanished_utc FROM messages WHERE folder = ? AND last_delta IS NOT NULL"
            " AND (last_delta >= ? OR vanished_utc >= (SELECT started_utc FROM deltas WHERE id = max(?, 1)))"
            " AND vanished_utc IS NOT NULL AND id NOT IN (SELECT earlier FROM moves) ORDER BY uid"
        )
        found: dict[bytes, list[Departed]] = {}
        deltas = Deltas.read(self._database)
        since = deltas.earliest_before(since)
        for digest, row, last, gone in self._database.execute(query, (folder, since, since)):
            found.setdefault(digest, []).append(Departed(row, range(last, deltas.gone_in(last, gone))))
        return found

    def is_free(self, row: int) -> bool:
        """Whether it was not followed to another place."""
        return self._database.execute("SELECT 1 FROM moves WHERE earlier = ?", (row,)).fetchone() is None

    def has_departed(self, row: int) -> bool:
        """Whether it has vanished, and was not followed to another place."""
        query = "SELECT vanished_utc IS NOT NULL AND id NOT IN (SELECT earlier FROM moves) FROM messages WHERE id = ?"
        return bool(self._database.execute(query, (row,)).fetchone()[0])

    def list(self, folder: int, *, vanished: bool = False) -> Iterator[MessageRow]:
        """The folder's messages by UID; those that vanished only when asked for."""
        where = "" if vanished else "AND m.vanished_utc IS NULL"
        query = f"SELECT {_COLUMNS} FROM messages m WHERE m.folder = ? {where} ORDER BY m.uidvalidity, m.uid"
        cursor = self._database.execute(query, (folder,))
        while rows := cursor.fetchmany(1000):
            yield from (self._row(values) for values in rows)

    def undelivered(self, folder: int, target: int, missing_since: int) -> Iterator[MessageRow]:
        """The folder's messages that a run has to deliver to ``target``, by UID. ``missing_since``: `Ledger.missing_since`."""
        query = (
            f"SELECT {_COLUMNS} FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?"
            " WHERE m.folder = ? AND m.vanished_utc IS NULL"
            f" AND (o.code IS NULL OR NOT {DONE_WITH}) ORDER BY m.uidvalidity, m.uid"
        )
        for values in self._database.execute(query, (target, folder, missing_since)).fetchall():
            yield self._row(values)

    def has_vanished(self, identity: int) -> bool:
        query = "SELECT vanished_utc IS NOT NULL FROM messages WHERE id = ?"
        return bool(self._database.execute(query, (identity,)).fetchone()[0])

    def after_delta(self, identity: int) -> int:
        """The last delta in which the message provably was not in its folder yet; 0: none is known."""
        query = "SELECT after_delta FROM messages WHERE id = ?"
        return int(self._database.execute(query, (identity,)).fetchone()[0])

    def remarks(self, folder: int) -> dict[int, str]:
        """Row id → what the source gave of the message that could not be kept as it was."""
        query = "SELECT id, remark FROM messages WHERE folder = ? AND remark <> ''"
        return dict(self._database.execute(query, (folder,)).fetchall())

    def digests(self, identities: Iterable[int]) -> frozenset[bytes]:
        """SHA-256 of these."""
        query = "SELECT sha256 FROM messages WHERE id IN (SELECT value FROM json_each(?))"
        return frozenset(digest for (digest,) in self._database.execute(query, (json.dumps([*identities]),)))

    def get(self, identity: int) -> MessageRow:
        query = f"SELECT {_COLUMNS} FROM messages m WHERE m.id = ?"
        return self._row(self._database.execute(query, (identity,)).fetchone())

    def header(self, message: int) -> HeaderSummary | None:
        query = (
            "SELECT subject, sender, recipients, date_utc, message_id, in_reply_to, refs, has_attachments"
            " FROM headers WHERE message = ?"
        )
        row = self._database.execute(query, (message,)).fetchone()
        return HeaderSummary(*row) if row else None

    def body(self, row: MessageRow) -> Body:
        """The message's octets, proven equal to its SHA-256. Raises MailboxError when they are missing or damaged."""
        if self._reader is None or row.body is None:
            raise MailboxError("This mailbox remembers messages and does not hold them.")
        query = "SELECT segment, place FROM bodies WHERE id = ?"
        segment, place = self._database.execute(query, (row.body,)).fetchone()
        body = self._reader.read(segment, place)
        if body.sha256 != row.sha256:
            raise MailboxError(
                f"Message {row.uid} is damaged: its octets no longer have the SHA-256 they were stored with.",
                "Restore its bodies file from a backup.",
                ExitStatus.MISSING,
            )
        return body

    def _row(self, values: Sequence[Any]) -> MessageRow:
        identity, folder, validity, uid, digest, octets, date, zone, flagset, body, traits, vanished, labels = values
        return MessageRow(
            id=identity,
            folder=folder,
            uidvalidity=validity,
            uid=uid,
            sha256=digest,
            octets=octets,
            date=InternalDate(date, zone),
            flags=self._flagsets.flags_of(flagset),
            body=body,
            traits=Traits.from_bits(traits),
            vanished=bool(vanished),
            labels=tuple(json.loads(labels)) if labels is not None else None,
        )
