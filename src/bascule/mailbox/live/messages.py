"""What changes the messages of a live mailbox: arrival, copies, moves, flags, expunging. Each is one transaction.

Whoever calls has read rows and flags a moment ago, and other processes change them meanwhile. So each change asks again, within its transaction,
which of the rows are still as the caller takes them to be, and tells which those were: a message is moved by one, and expunged by one.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bascule.mailbox.format import MailboxError
from bascule.mailbox.live.counting import count_vanished, in_bulk
from bascule.mailbox.live.flagging import Flagged, reflag
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.imap.sequence import Range, to_ranges
from bascule.protocols.mime import HeaderSummary, summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.body import Body
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate

DELIVERIES_SECONDS = 30 * 24 * 3600
"""How long a delivery is remembered: longer than a queue tries."""
GIVEN_BACK = "given-back:"
"""Before a row's number, among ``deliveries``: a copy that came back from what was deleted."""
_IS_THERE = "folder = ? AND vanished_utc IS NULL"
_IS_LACKING = (
    "NOT EXISTS (SELECT 1 FROM messages n WHERE n.folder = ? AND n.body = messages.body AND n.vanished_utc IS NULL)"
)
_IS_FLAGGED = f"{_IS_THERE} AND flagset IN (SELECT id FROM flagsets WHERE is_deleted)"


class FolderGone(Exception):
    """The folder was deleted, by another session or a moment ago."""


class TooManyKeywords(Exception):
    """Messages of the mailbox have had so many different sets of keywords that there is no room for another (`bascule.mailbox.flagsets`)."""


class _BodyPurged(Exception):
    """A body that was here a moment ago was purged since."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message about to be written. The body stays the caller's to close."""

    body: Body
    flags: Flags
    date: InternalDate
    delivery: str | None = None
    """Names an attempt that may be made again: the message is written once under it (see `LiveMessages.deliver`)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where messages came to lie: ``uids`` in the order they were given in. ``modseq``: the folder's, of this change. ``rows``: which ones these were,
    where they were copied or moved; those that another process took meanwhile are missing."""

    uidvalidity: int
    uids: list[int]
    modseq: int
    rows: tuple[int, ...] = ()


class LiveMessages:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._database = mailbox.database

    # -- arrival ------------------------------------------------------------------------------------------------------

    def append(self, folder: int, group: Sequence[Arriving]) -> Placed:
        """Write a group; when this returns, all of it is on disk. On any error none of it is in the mailbox.

        Raises FolderGone, TooManyKeywords, sqlite3.Error (disk full), MailboxError.
        """
        for flags in {new.flags for new in group}:
            self._require_room(flags)
        return self._write(folder, group, lambda new: True)

    def _require_room(self, flags: Flags) -> Flags:
        """Raises TooManyKeywords."""
        if not self._mailbox.flagsets.has_room_for(flags):
            raise TooManyKeywords
        return flags

    def deliver(self, folder: int, group: Sequence[Arriving], now_utc: int) -> None:
        """`append`, but for those whose ``delivery`` was made already, within `DELIVERIES_SECONDS`. Raises what `append` raises."""
        self._write(folder, group, lambda new: self._is_new(new, now_utc))

    def restore(self, folder: int, group: Sequence[Arriving], copies: Sequence[int]) -> list[bool]:
        """`append` of those of which the folder holds fewer copies than ``copies`` says, which somebody else may bring back at the same time: whether
        each was written. Raises what `append` raises."""
        written: list[bool] = []
        added: Counter[bytes] = Counter()
        query = "SELECT count(*) FROM messages WHERE folder = ? AND vanished_utc IS NULL AND body = (SELECT id FROM bodies WHERE sha256 = ?)"

        def is_wanted(new: Arriving) -> bool:
            digest = new.body.sha256
            there: int = self._database.execute(query, (folder, digest)).fetchone()[0]
            is_lacking = there + added[digest] < copies[len(written)]
            added[digest] += is_lacking
            written.append(is_lacking)
            return is_lacking

        self._write(folder, group, is_wanted)
        return written

    def _write(self, folder: int, group: Sequence[Arriving], is_wanted: Callable[[Arriving], bool]) -> Placed:
        headers = [summarise(new.body.start(HEADER_OCTETS)) for new in group]
        bodies = [new.body for new in group]
        for again in (False, True):
            places = self._mailbox.messages.write_bodies(bodies, all_of_them=again) or {}
            try:
                with self._mailbox.transaction():
                    numbers = [self._body(body, places.get(body.sha256)) for body in bodies]
                    wanted = [each for each in zip(group, numbers, headers, strict=True) if is_wanted(each[0])]
                    return self._insert(folder, wanted)
            except _BodyPurged:
                continue
        raise MailboxError(f"{self._mailbox.root} lost a body while it was written.", "Run “bascule check”.")

    def _is_new(self, new: Arriving, now_utc: int) -> bool:
        if new.delivery is None:
            return True
        self._database.execute("DELETE FROM deliveries WHERE at_utc < ?", (now_utc - DELIVERIES_SECONDS,))
        query = "INSERT OR IGNORE INTO deliveries VALUES (?, ?)"
        return self._database.execute(query, (new.delivery, now_utc)).rowcount == 1

    def _body(self, body: Body, place: tuple[int, int, int] | None) -> int:
        """Its number in the catalogue, added where it is new: ``place`` is where it was just written. Raises _BodyPurged where it is neither here nor
        was written."""
        if place is not None:
            query = "INSERT OR IGNORE INTO bodies (sha256, octets, segment, place) VALUES (?, ?, ?, ?) RETURNING id"
            if added := self._database.execute(query, (body.sha256, *place)).fetchall():
                return int(added[0][0])
        row = self._database.execute("SELECT id FROM bodies WHERE sha256 = ?", (body.sha256,)).fetchone()
        if row is None:
            raise _BodyPurged
        return int(row[0])

    def _insert(self, folder: int, group: Sequence[tuple[Arriving, int, HeaderSummary]]) -> Placed:
        """Each with its body's number and its header."""
        uidvalidity, uid, modseq = self._advance(folder, len(group))
        database = self._database
        first = int(database.execute("SELECT coalesce(max(id), 0) + 1 FROM messages").fetchone()[0])
        number_of = self._mailbox.flagsets.number_of
        database.executemany(
            "INSERT INTO messages (id, folder, uidvalidity, uid, modseq, sha256, octets, traits, body, date_utc, zone_minutes, flagset)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    first + place, folder, uidvalidity, uid + place, modseq, new.body.sha256, new.body.octets,
                    new.body.traits.to_bits(), number, new.date.utc_seconds, new.date.zone_minutes, number_of(new.flags),
                )
                for place, (new, number, _) in enumerate(group)
            ],
        )  # fmt: skip
        for place, (_, _, header) in enumerate(group):
            self._mailbox.messages.record_header(first + place, header)
        return Placed(uidvalidity, list(range(uid, uid + len(group))), modseq)

    def _advance(self, folder: int, uids: int) -> tuple[int, int, int]:
        """(UIDVALIDITY, the first of ``uids`` new UIDs, the new MODSEQ), within a transaction. Raises FolderGone."""
        row = self._database.execute(
            "UPDATE folders SET modseq = modseq + 1, uidnext = uidnext + ?1 WHERE id = ?2 AND gone_utc IS NULL"
            " RETURNING uidvalidity, uidnext - ?1, modseq",
            (uids, folder),
        ).fetchone()
        if row is None:
            raise FolderGone
        uidvalidity, uid, modseq = row
        return uidvalidity, uid, modseq

    # -- within the mailbox -------------------------------------------------------------------------------------------

    def copy(self, rows: Sequence[int], target: int) -> Placed:
        """Copies of messages (their row ids), with flags (everybody's own ``\\Seen``) and dates, in that order; of those that vanished too, unless they
        were purged. The octets are not written again. Raises FolderGone."""
        with self._mailbox.transaction():
            return self._copy(self._among(rows, "TRUE"), target)

    def give_back(self, rows: Sequence[int], target: int, now_utc: int) -> Placed:
        r"""`copy` of those whose octets the folder does not hold, or no longer, without ``\Deleted``; that they were given back is remembered for
        `DELIVERIES_SECONDS`. Raises FolderGone."""
        flagsets = self._mailbox.flagsets
        with self._mailbox.transaction():
            placed = self._copy(self._among(rows, _IS_LACKING, target), target)
            reflag(
                self._database,
                target,
                to_ranges(placed.uids),
                lambda flagset: flagsets.number_of(flagsets.flags_of(flagset) - {"\\Deleted"}),
                lambda: placed.modseq,
                None,
                listed=False,
            )
            self._database.executemany(
                f"INSERT OR REPLACE INTO deliveries SELECT '{GIVEN_BACK}' || id, ? FROM messages"
                " WHERE folder = ? AND uidvalidity = ? AND uid = ?",
                [(now_utc, target, placed.uidvalidity, uid) for uid in placed.uids],
            )
            return placed

    def _among(self, rows: Sequence[int], condition: str, *values: int) -> list[int]:
        """Those of ``rows`` that meet an SQL condition now, in their order. Within a transaction, where anything depends on it."""
        # NOT INDEXED: each by its row id. SQLite takes its folder's index otherwise, and goes through all that the folder holds.
        query = f"SELECT id FROM messages NOT INDEXED WHERE id IN (SELECT value FROM json_each(?)) AND {condition}"
        found = {row for (row,) in self._database.execute(query, (json.dumps(list(rows)), *values))}
        return [row for row in rows if row in found]

    def _copy(self, rows: Sequence[int], target: int) -> Placed:
        uidvalidity, uid, modseq = self._advance(target, len(rows))
        self._database.executemany(
            "INSERT INTO messages (folder, uidvalidity, uid, modseq, sha256, octets, traits, body, date_utc, zone_minutes, flagset, labels)"
            " SELECT ?, ?, ?, ?, sha256, octets, traits, body, date_utc, zone_minutes, flagset, labels FROM messages WHERE id = ?",
            [(target, uidvalidity, uid + place, modseq, row) for place, row in enumerate(rows)],
        )
        self._database.executemany(
            "INSERT INTO headers SELECT n.id, h.date_utc, h.subject, h.sender, h.recipients, h.message_id, h.in_reply_to, h.refs,"
            " h.has_attachments FROM headers h JOIN messages n ON n.folder = ? AND n.uidvalidity = ? AND n.uid = ? WHERE h.message = ?",
            [(target, uidvalidity, uid + place, row) for place, row in enumerate(rows)],
        )
        if self._database.execute("SELECT 1 FROM seen_by LIMIT 1").fetchone():
            self._database.executemany(
                "INSERT INTO seen_by SELECT s.reader, n.id FROM seen_by s"
                " JOIN messages n ON n.folder = ? AND n.uidvalidity = ? AND n.uid = ? WHERE s.message = ?",
                [(target, uidvalidity, uid + place, row) for place, row in enumerate(rows)],
            )
        return Placed(uidvalidity, list(range(uid, uid + len(rows))), modseq, tuple(rows))

    def move(self, folder: int, rows: Sequence[int], target: int, now_utc: int) -> Placed:
        """`copy` of those that are there still, and the originals are expunged, all at once. Raises FolderGone."""
        with self._mailbox.transaction():
            there = self._among(rows, _IS_THERE, folder)
            placed = self._copy(there, target)
            if there:
                _, _, modseq = self._advance(folder, 0)
                self._vanish(folder, there, modseq, now_utc)
        return placed

    def there(self, folder: int, rows: Sequence[int]) -> list[int]:
        """Those of these rows that are there, as of now."""
        return self._among(rows, _IS_THERE, folder)

    def expunge(self, folder: int, rows: Sequence[int], now_utc: int, *, only_flagged: bool = False) -> list[int]:
        """Those that were there still, and went. ``only_flagged``: those that have ``\\Deleted`` still. Raises FolderGone."""
        with self._mailbox.transaction():
            there = self._among(rows, _IS_FLAGGED if only_flagged else _IS_THERE, folder)
            if there:
                _, _, modseq = self._advance(folder, 0)
                self._vanish(folder, there, modseq, now_utc)
        return there

    def _vanish(self, folder: int, rows: Sequence[int], modseq: int, now_utc: int) -> None:
        """Rows of a folder, all of which are there."""
        with in_bulk(self._database, len(rows)) as counts:
            if counts:
                query = "SELECT flagset, count(*), sum(octets) FROM messages WHERE id IN (SELECT value FROM json_each(?)) GROUP BY flagset"
                for flagset, messages, octets in self._database.execute(query, (json.dumps(list(rows)),)).fetchall():
                    count_vanished(self._database, folder, flagset, messages, octets)
            self._database.executemany(
                "UPDATE messages SET vanished_utc = ?, modseq = ? WHERE id = ?",
                [(now_utc, modseq, row) for row in rows],
            )

    def set_flags(
        self, folder: int, uids: Iterable[int], change: Callable[[Flags], Flags], unchanged_since: int | None = None
    ) -> Flagged:
        """As `flag`, of messages by their UIDs."""
        return self.flag(folder, to_ranges(uids), change, unchanged_since)

    def flag(
        self,
        folder: int,
        uids: Sequence[Range],
        change: Callable[[Flags], Flags],
        unchanged_since: int | None = None,
        *,
        listed: bool = True,
    ) -> Flagged:
        """Change the flags of messages that are there, within ranges of UIDs that have none in common. ``unchanged_since``: only where MODSEQ is not
        above it. ``listed``: else what changed is not told one by one. Raises FolderGone, TooManyKeywords."""
        flagsets = self._mailbox.flagsets
        with self._mailbox.transaction():
            return reflag(
                self._database,
                folder,
                uids,
                lambda flagset: flagsets.number_of(self._require_room(change(flagsets.flags_of(flagset)))),
                lambda: self._advance(folder, 0)[2],
                unchanged_since,
                listed=listed,
            )
