"""The ledger: for each target, what became of each message, what is in doubt, and what the target held before us."""

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bascule.mailbox.database import transaction
from bascule.mailbox.flagsets import FlagSets
from bascule.mailbox.tallies import Tally, tallies
from bascule.mailbox.unfinished import Unfinished
from bascule.terms.flags import Flags
from bascule.terms.later_runs import SETTLED
from bascule.terms.outcome import REMEMBERED, Outcome, OutcomeCode


def settled_codes() -> str:
    """The codes that later runs do not send again, as an SQL list."""
    return f"({', '.join(sorted(repr(code.value) for code in SETTLED))})"


def on_target_codes() -> str:
    """Those of them whose message has a copy on the target, as an SQL list."""
    return f"({', '.join(sorted(repr(code.value) for code in SETTLED - {OutcomeCode.REMOVED}))})"


_SETTLED = settled_codes()
_REMEMBERED = f"({', '.join(repr(code.value) for code in OutcomeCode if code.is_remembered)})"
MISSING_SECONDS = 600
"""A message that the target said OK to and does not show is sent again by a run so much later: until then the target may yet show it."""
DONE_WITH = f"(o.code IN {_SETTLED} OR (o.code = 'missing' AND coalesce(o.verified_utc, 0) > ?))"
"""SQL: whether no run has to deliver again what the outcome ``o`` is of. The value is `Ledger.missing_since`."""
_LATER_IS_SETTLED = f"later IN (SELECT message FROM outcomes WHERE target = ?1 AND code IN {_SETTLED})"
_LATER_IS_SENT = (
    "later IN (SELECT json_extract(one.value, '$[0]') FROM intents, json_each(messages) one WHERE target = ?1)"
)
_WAY_ON = (
    "WITH RECURSIVE way (message) AS (SELECT ?2 UNION SELECT later FROM moves JOIN way ON earlier = message WHERE target = ?1)"
    " SELECT message FROM way"
)
"""SQL: a message, and all that it moved to."""

_UIDS = (
    "SELECT o.target_uid FROM messages m CROSS JOIN outcomes o ON o.message = m.id"
    " WHERE o.target = ? AND m.folder = ? AND o.target_uid IS NOT NULL"
)
"""CROSS JOIN: SQLite takes the left one first, so that a folder costs what it holds, whatever the others hold."""


@dataclass(frozen=True, slots=True)
class TargetFolder:
    """``name``: the last that it had; empty where it is gone, and another folder has that name. ``looked_uidnext``: every UID of the target's folder below
    it is ours or recorded as somebody else's. ``mailboxid``: RFC 8474."""

    folder: int
    name: bytes
    uidvalidity: int = 0
    looked_uidnext: int = 1
    mailboxid: str | None = None

    def is_still(self, uidvalidity: int, mailboxid: str | None) -> bool:
        """Whether a folder that tells these is this one: its UIDs mean the same messages. Two folders may have one UIDVALIDITY."""
        return self.uidvalidity == uidvalidity and (not mailboxid or self.mailboxid in (None, mailboxid))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a message is known by on the target, where its own SHA-256 does not tell. ``as_other``: SHA-256 and size of the octets that are
    sent in place of its own; ``likeness``: of what servers are known to alter."""

    as_other: tuple[bytes, int] | None = None
    likeness: bytes | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch written down before it was sent, whose answer we have not heard. ``given``: message → the flags that it was sent with; None: not
    known (of a batch that an older Bascule wrote down). ``sent``: of those messages for which there is something to say."""

    id: int
    uidvalidity: int
    uidnext: int
    given: Mapping[int, Flags | None]
    at_utc: float
    sent: Mapping[int, Sent]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A message on the target that stands for none of ours. ``flags`` and ``date_utc`` are of when it was looked at; None: not known."""

    uid: int
    sha256: bytes
    likeness: bytes | None = None
    date_utc: int | None = None
    flags: Flags | None = None


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What reading back found of a message. ``how``: 0 it was not there, 1 size, date and flags, 2 every octet. ``flags``: of its copy; None: as given.
    ``is_as_recorded``: its outcome is the one that the ledger has."""

    message: int
    outcome: Outcome
    how: int
    flags: Flags | None = None
    is_as_recorded: bool = False


class Ledger:
    """One target's part of the ledger. Every method is one short transaction, or runs within the caller's."""

    def __init__(
        self,
        database: sqlite3.Connection,
        location: str,
        flagsets: FlagSets,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._now = now
        self._flagsets = flagsets
        database.execute("INSERT OR IGNORE INTO targets (location) VALUES (?)", (location,))
        query = "SELECT id FROM targets WHERE location = ?"
        self.target: int = database.execute(query, (location,)).fetchone()[0]
        self.unfinished = Unfinished(database, self.target, flagsets)

    # -- folders ------------------------------------------------------------------------------------------------------

    def folder(self, folder: int) -> TargetFolder | None:
        row = self._database.execute(
            "SELECT folder, name, uidvalidity, looked_uidnext, mailboxid FROM target_folders"
            " WHERE target = ? AND folder = ?",
            (self.target, folder),
        ).fetchone()
        return TargetFolder(*row) if row else None

    def folders(self) -> dict[int, TargetFolder]:
        """Every folder that a run has used on this target, by its row in the catalogue."""
        query = "SELECT folder, name, uidvalidity, looked_uidnext, mailboxid FROM target_folders WHERE target = ?"
        return {values[0]: TargetFolder(*values) for values in self._database.execute(query, (self.target,))}

    def record_folder(self, row: TargetFolder, *, is_another: bool = False) -> None:
        """Write the row. Where it is another folder than before, or its UIDs are (``is_another``), what was known by UID is forgotten: all is
        to be looked at again (`Unfinished.was_replaced`)."""
        with transaction(self._database):
            before = self.folder(row.folder)
            is_another = is_another or (before is not None and not before.is_still(row.uidvalidity, row.mailboxid))
            if before and before.uidvalidity and is_another:
                where = (self.target, row.folder)
                self.unfinished.replaced(row.folder)
                self._database.execute("DELETE FROM target_messages WHERE target = ? AND folder = ?", where)
                self._database.execute(
                    "UPDATE outcomes SET target_uid = NULL WHERE target = ? AND message IN"
                    " (SELECT id FROM messages WHERE folder = ?)",
                    where,
                )
            self._database.execute(
                "INSERT OR REPLACE INTO target_folders (target, folder, name, uidvalidity, looked_uidnext, mailboxid)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (self.target, row.folder, row.name, row.uidvalidity, row.looked_uidnext, row.mailboxid),
            )

    def hand_on(self, folder: int, former: int, messages: Mapping[int, int]) -> None:
        """The place of the one is that of the other, on every target, and no longer its own on this one, with all that is known of what lies there, and of what is
        in doubt. ``messages``: those of ``folder`` that others of ``former`` stand for now. Within the caller's transaction."""
        self._database.execute(
            "INSERT INTO target_folders (target, folder, name, uidvalidity, looked_uidnext, mailboxid)"
            " SELECT target, ?, name, uidvalidity, looked_uidnext, mailboxid FROM target_folders WHERE folder = ?",
            (former, folder),
        )
        where = (self.target, folder)
        self._database.execute("DELETE FROM target_folders WHERE target = ? AND folder = ?", where)
        query = "UPDATE target_messages SET folder = ? WHERE target = ? AND folder = ?"
        self._database.execute(query, (former, *where))
        query = "SELECT id, messages FROM intents WHERE folder = ?"
        for number, text in self._database.execute(query, (folder,)).fetchall():
            given = [[messages.get(message, message), *said] for message, *said in json.loads(text)]
            query = "UPDATE intents SET folder = ?, messages = ? WHERE id = ?"
            self._database.execute(query, (former, json.dumps(given), number))
        self.unfinished.hand_on(folder, former, messages)

    def placed(self) -> dict[int, int]:
        """By folder that was found under another UIDVALIDITY, the delta up to which it has its place on this target (`note_placed`)."""
        before = f"placed:{self.target}:"
        query = "SELECT substr(key, ?), value FROM meta WHERE key GLOB ?"
        found = self._database.execute(query, (len(before) + 1, f"{before}*")).fetchall()
        return {int(folder): int(delta) for folder, delta in found}

    def note_placed(self, folders: Iterable[int]) -> None:
        """These were found under another UIDVALIDITY by the last delta or before, and have their place."""
        query = "INSERT OR REPLACE INTO meta SELECT ?, max(id) FROM deltas HAVING max(id) IS NOT NULL"
        with transaction(self._database):
            self._database.executemany(query, [(f"placed:{self.target}:{folder}",) for folder in folders])

    # -- outcomes -----------------------------------------------------------------------------------------------------

    def settle(
        self,
        folder: int,
        outcomes: Sequence[tuple[int, Outcome]],
        intents: Sequence[int] = (),
        read_back: Collection[ReadBack] = (),
    ) -> None:
        """Record outcomes of a folder's messages, in one transaction with what they imply: ``intents`` are no longer in
        doubt, and a message on the target that now stands for one of ours is nobody else's any more. ``read_back``: of others of its
        messages."""
        with transaction(self._database):
            self._write_read_back(read_back)
            self._write(folder, outcomes)
            self._database.executemany("DELETE FROM intents WHERE id = ?", [(intent,) for intent in intents])

    def _write(self, folder: int, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Within the caller's transaction."""
        self._forget_foreign(folder, [o.target_uid for _, o in outcomes if o.target_uid is not None])
        self._database.executemany(
            "INSERT OR REPLACE INTO outcomes (target, message, code, detail, target_uid, sent_sha256, sent_octets, theirs,"
            " flagset, source_flagset) SELECT ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, flagset), coalesce(?, flagset) FROM messages WHERE id = ?",
            [
                (
                    self.target, message, o.code.value, o.detail, o.target_uid, *(o.sent_as or (None, None)), o.theirs,
                    self._number_of(o.given), self._number_of(o.for_flags), message,
                )
                for message, o in outcomes
            ],
        )  # fmt: skip

    def read_back(self, found: Collection[ReadBack]) -> None:
        """What reading back found, and when."""
        with transaction(self._database):
            self._write_read_back(found)

    def _write_read_back(self, found: Collection[ReadBack]) -> None:
        """Within the caller's transaction."""
        now = int(self._now())
        self._database.executemany(
            "UPDATE outcomes SET verified = max(verified, ?), verified_utc = ? WHERE target = ? AND message = ?",
            [(f.how, now, self.target, f.message) for f in found if f.is_as_recorded],
        )
        self._database.executemany(
            "UPDATE outcomes SET code = ?, detail = ?, target_uid = ?, theirs = max(theirs, ?), verified = max(verified, ?),"
            " verified_utc = ?, flagset = coalesce(?, flagset) WHERE target = ? AND message = ?",
            [
                (
                    f.outcome.code.value, f.outcome.detail, f.outcome.target_uid, f.outcome.theirs, f.how, now,
                    self._number_of(f.flags), self.target, f.message,
                )
                for f in found if not f.is_as_recorded
            ],
        )  # fmt: skip

    def _number_of(self, flags: Flags | None) -> int | None:
        return None if flags is None else self._flagsets.number_of(flags)

    def named(self, folder: int, uids: Mapping[int, int | None]) -> None:
        """Message → the UID of its copy on the target, for those delivered whose UID was not known; None: it is not known after all."""
        with transaction(self._database):
            self._forget_foreign(folder, [uid for uid in uids.values() if uid is not None])
            self._database.executemany(
                "UPDATE outcomes SET target_uid = ? WHERE target = ? AND message = ?",
                [(uid, self.target, message) for message, uid in uids.items()],
            )

    def removed(self, messages: Iterable[int], detail: str) -> None:
        """The copies of these are on the target no longer; what was seen of them before stays recorded, and where they lay. So does an outcome
        that they have again where they are found after all (`outcome_before`)."""
        with transaction(self._database):
            self._database.executemany(
                f"UPDATE outcomes SET code = 'removed', detail = ?1 || iif(code IN {_REMEMBERED}, ?2 || code || ': ' || detail,"
                " iif(code = 'removed' AND instr(detail, ?2), substr(detail, instr(detail, ?2)), ''))"
                " WHERE target = ?3 AND message = ?4",
                [(detail, REMEMBERED, self.target, message) for message in messages],
            )

    def recode(self, messages: Iterable[int], code: OutcomeCode, detail: str = "") -> None:
        """Another outcome for these; everything else that is known of their copies stays."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE outcomes SET code = ?, detail = ? WHERE target = ? AND message = ?",
                [(code.value, detail, self.target, message) for message in messages],
            )

    def taken_over(self, messages: Iterable[int]) -> None:
        """Somebody changed the copies of these on the new side: they are theirs from now on."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE outcomes SET theirs = 1 WHERE target = ? AND message = ?",
                [(self.target, message) for message in messages],
            )

    def followed(self, messages: Iterable[int], *, given: Flags | None = None) -> None:
        """The copies of these have the flags that the messages have now, or ``given``."""
        with transaction(self._database):
            number = self._number_of(given)
            self._database.executemany(
                "UPDATE outcomes SET flagset = coalesce(?, m.flagset), source_flagset = m.flagset"
                " FROM messages m WHERE m.id = outcomes.message AND target = ? AND message = ?",
                [(number, self.target, message) for message in messages],
            )

    def gave(self, messages: Iterable[int], flags: Flags) -> None:
        """The copies of these have ``flags`` of us, for flags of the messages that are not known any more: what these have now is to be compared."""
        with transaction(self._database):
            number = self._number_of(flags)
            self._database.executemany(
                "UPDATE outcomes SET flagset = ?, source_flagset = NULL WHERE target = ? AND message = ?",
                [(number, self.target, message) for message in messages],
            )

    def settled_uids(self, folder: int, uidvalidity: int) -> set[int]:
        """Source UIDs of the folder that no run has to deliver again."""
        query = (
            "SELECT m.uid FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND m.folder = ?"
            f" AND m.uidvalidity = ? AND {DONE_WITH}"
        )
        values = (self.target, folder, uidvalidity, self.missing_since())
        return {uid for (uid,) in self._database.execute(query, values).fetchall()}

    def never_taken(self, folder: int, uidvalidity: int) -> dict[int, int]:
        """Source UID → message, of those in the folder that the target refused, or was not sent: not one in doubt, nor one that it said OK to."""
        query = (
            "SELECT m.uid, m.id FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ? WHERE m.folder = ?"
            f" AND m.uidvalidity = ? AND m.vanished_utc IS NULL AND coalesce(o.code, '') NOT IN {_SETTLED} AND coalesce(o.code, '') <> 'missing'"
        )
        in_doubt = {message for intent in self.intents(folder) for message in intent.given}
        found = self._database.execute(query, (self.target, folder, uidvalidity)).fetchall()
        return {uid: message for uid, message in found if message not in in_doubt}

    def uids_of(self, messages: Iterable[int]) -> dict[int, int]:
        """Message → the UID of its copy on the target, where it is known."""
        query = (
            "SELECT target_uid FROM outcomes WHERE target = ? AND message = ? AND target_uid IS NOT NULL"
            " AND code NOT IN ('missing', 'removed')"
        )
        found = ((m, self._database.execute(query, (self.target, m)).fetchone()) for m in messages)
        return {message: row[0] for message, row in found if row is not None}

    def are_settled(self, messages: Iterable[int]) -> set[int]:
        """Those of the messages that no run has to deliver again."""
        query = f"SELECT 1 FROM outcomes o WHERE target = ? AND message = ? AND {DONE_WITH}"
        since = self.missing_since()
        return {m for m in messages if self._database.execute(query, (self.target, m, since)).fetchone()}

    def missing_since(self) -> int:
        """What was found *missing* after this instant, in seconds since 1970, is not sent again yet."""
        return int(self._now()) - MISSING_SECONDS

    def unsettled(self) -> dict[int, int]:
        """By folder, how many of its messages no run has settled yet; a folder with none is left out."""
        query = (
            "SELECT m.folder, count(*) FROM messages m NOT INDEXED LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?"
            f" WHERE m.vanished_utc IS NULL AND (o.code IS NULL OR o.code NOT IN {_SETTLED}) GROUP BY 1"
        )
        return dict(self._database.execute(query, (self.target,)).fetchall())

    def tallies(self) -> dict[int, Tally]:
        """What the outcomes come to, by folder; one without messages has none."""
        return tallies(self._database, self.target)

    # -- doubt --------------------------------------------------------------------------------------------------------

    def intend(
        self,
        folder: int,
        uidvalidity: int,
        uidnext: int,
        given: Mapping[int, Flags],
        sent: Mapping[int, Sent] = MappingProxyType({}),
    ) -> int:
        """Write down a batch before a single octet of it is sent: message → the flags that it is sent with; the batch's number."""
        messages = [
            (message, self._flagsets.number_of(flags), *_written(sent.get(message))) for message, flags in given.items()
        ]
        cursor = self._database.execute(
            "INSERT INTO intents (target, folder, uidvalidity, uidnext, messages, at_utc) VALUES (?, ?, ?, ?, ?, ?)",
            (self.target, folder, uidvalidity, uidnext, json.dumps(messages), self._now()),
        )
        return cursor.lastrowid or 0

    def touch(self, intents: Iterable[int]) -> None:
        """The connection that carried these batches ended just now: the wait for a late commit counts from here."""
        now = self._now()
        self._database.executemany("UPDATE intents SET at_utc = ? WHERE id = ?", [(now, i) for i in intents])

    def intents(self, folder: int) -> list[Intent]:
        """Batches of this folder in doubt, oldest first."""
        rows = self._database.execute(
            "SELECT id, uidvalidity, uidnext, messages, at_utc FROM intents WHERE target = ? AND folder = ? ORDER BY id",
            (self.target, folder),
        ).fetchall()
        return [
            Intent(i, validity, uidnext, self._given(text), at, _read(text)) for i, validity, uidnext, text, at in rows
        ]

    def _given(self, text: str) -> dict[int, Flags | None]:
        flags_of = self._flagsets.flags_of
        return {one[0]: flags_of(one[1]) if one[1] else None for one in json.loads(text)}

    def folders_in_doubt(self) -> set[int]:
        """Those that a run has to open though nothing new is to be delivered to them: of which a batch is in doubt, or that an earlier one left in the middle
        (`Unfinished.folders_to_deliver_to`)."""
        query = "SELECT DISTINCT folder FROM intents WHERE target = ?"
        in_doubt = {folder for (folder,) in self._database.execute(query, (self.target,))}
        return in_doubt | self.unfinished.folders_to_deliver_to()

    # -- moves --------------------------------------------------------------------------------------------------------

    def claim(self, earlier: int, later: int, *, done: bool = False) -> bool:
        """The message moved on the source; False: it did not, as the earlier one is there again, or is what the later one moved to. ``done``: nothing is left
        to do about its earlier copy."""
        query = (
            "INSERT OR IGNORE INTO moves (target, earlier, later, done) SELECT ?1, id, ?2, ?3 FROM messages"
            f" WHERE id = ?4 AND vanished_utc IS NOT NULL AND ?4 NOT IN ({_WAY_ON})"
        )
        return self._database.execute(query, (self.target, later, done, earlier)).rowcount > 0

    def claim_and_settle(self, earlier: int, later: int, folder: int, outcome: Outcome, *, done: bool) -> bool:
        """`claim`, together with the later message's outcome in ``folder``: one without the other would bring back what somebody removed."""
        with transaction(self._database):
            claimed = self.claim(earlier, later, done=done)
            if claimed:
                self._write(folder, [(later, outcome)])
            return claimed

    def move_was(self, earlier: int, later: int, *, not_: int) -> None:
        """The earlier message moved to where ``later`` is; the one that it was taken to have moved to has no outcome any more, and is delivered."""
        with transaction(self._database):
            self._database.execute(
                "UPDATE OR IGNORE moves SET later = ? WHERE target = ? AND earlier = ?", (later, self.target, earlier)
            )
            self._database.execute("DELETE FROM outcomes WHERE target = ? AND message = ?", (self.target, not_))

    def move_again(self, earlier: int, later: int) -> None:
        """The later message has no outcome any more, and is delivered; the earlier one's copy, which is there, is to make way then."""
        with transaction(self._database):
            self._database.execute("DELETE FROM outcomes WHERE target = ? AND message = ?", (self.target, later))
            query = "UPDATE moves SET done = 0 WHERE target = ? AND earlier = ?"
            self._database.execute(query, (self.target, earlier))

    def inherit(self, earlier: int, later: int, folder: int, uid: int) -> bool:
        """The later message, of ``folder``, has the copy of the earlier one, which has this UID there, and all that is known of it; False: it moved somewhere
        else, or is there again."""
        with transaction(self._database):
            claimed = self.claim(earlier, later, done=True)
            if claimed:
                self._forget_foreign(folder, [uid])
                self._database.execute(
                    "INSERT OR REPLACE INTO outcomes (target, message, code, detail, target_uid, sent_sha256, sent_octets, theirs,"
                    " flagset, source_flagset, verified, verified_utc) SELECT target, ?1, code, detail, ?2, sent_sha256, sent_octets, theirs,"
                    " flagset, source_flagset, verified, verified_utc FROM outcomes WHERE target = ?3 AND message = ?4",
                    (later, uid, self.target, earlier),
                )
            return claimed

    def release(self) -> None:
        """Moves whose later message was not delivered after all, nor may have been: what became of the earlier copy meanwhile is to be looked at
        again."""
        self._database.execute(
            f"DELETE FROM moves WHERE target = ?1 AND NOT {_LATER_IS_SETTLED} AND NOT {_LATER_IS_SENT}", (self.target,)
        )

    def moves_in_doubt(self) -> dict[int, int]:
        """Earlier message → the later one, of moves whose later message was sent, and the answer was not heard."""
        query = f"SELECT earlier, later FROM moves WHERE target = ?1 AND NOT {_LATER_IS_SETTLED} AND {_LATER_IS_SENT}"
        return dict(self._database.execute(query, (self.target,)).fetchall())

    def moves_to_end(self) -> dict[int, int]:
        """Earlier message → where it is now, of moves whose earlier copy may be there still. One that moved several times is followed to the last place; one that
        came back to itself, which `claim` takes no more, is nowhere."""
        query = "SELECT earlier, later FROM moves WHERE target = ? AND NOT done"
        to_end: dict[int, int] = dict(self._database.execute(query, (self.target,)).fetchall())
        if not to_end:
            return to_end
        query = "SELECT earlier, later FROM moves WHERE target = ?"
        links: dict[int, int] = dict(self._database.execute(query, (self.target,)).fetchall())
        ends: dict[int, int] = {}
        for earlier, later in to_end.items():
            seen = {earlier}
            while later in links and later not in seen:
                seen.add(later)
                later = links[later]
            if later not in seen:
                ends[earlier] = later
        return ends

    def made_way(self, earlier: Iterable[int]) -> None:
        """The earlier copies of these are gone, or are somebody else's now."""
        with transaction(self._database):
            rows = [(self.target, message) for message in earlier]
            self._database.executemany("UPDATE moves SET done = 1 WHERE target = ? AND earlier = ?", rows)

    # -- what the target held -----------------------------------------------------------------------------------------

    def record_foreign(self, folder: int, found: Iterable[Foreign]) -> None:
        """Messages on the target that are not ours."""
        with transaction(self._database):
            self._database.executemany(
                "INSERT OR REPLACE INTO target_messages (target, folder, uid, sha256, likeness, date_utc, flagset)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self.target, folder, f.uid, f.sha256, f.likeness, f.date_utc,
                        None if f.flags is None else self._flagsets.number_of(f.flags),
                    )
                    for f in found
                ],
            )  # fmt: skip

    def foreign(self, folder: int) -> list[Foreign]:
        """Those of them that stand for no message of ours yet."""
        query = (
            "SELECT uid, sha256, likeness, date_utc, flagset FROM target_messages WHERE target = ? AND folder = ?"
            " ORDER BY uid"
        )
        return [
            Foreign(uid, digest, alike, date, None if flags is None else self._flagsets.flags_of(flags))
            for uid, digest, alike, date, flags in self._database.execute(query, (self.target, folder)).fetchall()
        ]

    def forget_foreign(self, folder: int, uids: Iterable[int]) -> None:
        """These are on the target no longer."""
        with transaction(self._database):
            self._forget_foreign(folder, uids)

    def _forget_foreign(self, folder: int, uids: Iterable[int]) -> None:
        self._database.executemany(
            "DELETE FROM target_messages WHERE target = ? AND folder = ? AND uid = ?",
            [(self.target, folder, uid) for uid in uids],
        )

    def our_uids(self, folder: int) -> set[int]:
        """Target UIDs that hold messages of ours."""
        query = f"{_UIDS} AND o.code NOT IN ('missing', 'removed')"
        return {uid for (uid,) in self._database.execute(query, (self.target, folder)).fetchall()}

    def missing_uids(self, folder: int) -> set[int]:
        """Target UIDs that were told for messages of ours, and held none when they were read back."""
        query = f"{_UIDS} AND o.code = 'missing'"
        return {uid for (uid,) in self._database.execute(query, (self.target, folder)).fetchall()}


def _written(sent: Sent | None) -> tuple[object, ...]:
    """What an intent says of a message behind its flags; nothing where there is nothing to say."""
    if sent is None:
        return ()
    other = (sent.as_other[0].hex(), sent.as_other[1]) if sent.as_other is not None else None
    return other, sent.likeness.hex() if sent.likeness is not None else None


def _read(text: str) -> dict[int, Sent]:
    found = {}
    for message, _, *said in json.loads(text):
        if said:
            other, alike = said
            found[message] = Sent(
                (bytes.fromhex(other[0]), other[1]) if other else None, bytes.fromhex(alike) if alike else None
            )
    return found
