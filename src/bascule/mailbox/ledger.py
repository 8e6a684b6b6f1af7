"""The ledger: for each target, what became of each message, what is in doubt, and what the target held before us."""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bascule.mailbox.database import transaction
from bascule.terms.outcome import Outcome, OutcomeCode


@dataclass(frozen=True, slots=True)
class TargetFolder:
    """``looked_uidnext``: every UID of the target's folder below it is ours or recorded as somebody else's."""

    folder: int
    name: bytes
    uidvalidity: int = 0
    looked_uidnext: int = 1
    verified_state: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch written down before it was sent, whose answer we have not heard."""

    id: int
    uidvalidity: int
    uidnext: int
    messages: tuple[int, ...]
    at_utc: float


class Ledger:
    """One target's part of the ledger. Every method is one short transaction, or runs within the caller's."""

    def __init__(self, database: sqlite3.Connection, location: str, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        database.execute("INSERT OR IGNORE INTO targets (location) VALUES (?)", (location,))
        query = "SELECT id FROM targets WHERE location = ?"
        self.target: int = database.execute(query, (location,)).fetchone()[0]

    # -- folders ------------------------------------------------------------------------------------------------------

    def folder(self, folder: int) -> TargetFolder | None:
        row = self._database.execute(
            "SELECT folder, name, uidvalidity, looked_uidnext, verified_state FROM target_folders"
            " WHERE target = ? AND folder = ?",
            (self.target, folder),
        ).fetchone()
        return TargetFolder(*row) if row else None

    def record_folder(self, row: TargetFolder) -> None:
        """Write the row. A change of UIDVALIDITY forgets what was known by UID: all is to be looked at again."""
        with transaction(self._database):
            before = self.folder(row.folder)
            if before and before.uidvalidity not in (0, row.uidvalidity):
                where = (self.target, row.folder)
                self._database.execute("DELETE FROM target_messages WHERE target = ? AND folder = ?", where)
                self._database.execute(
                    "UPDATE outcomes SET target_uid = NULL, verified = 0 WHERE target = ? AND message IN"
                    " (SELECT id FROM messages WHERE folder = ?)",
                    where,
                )
            self._database.execute(
                "INSERT OR REPLACE INTO target_folders VALUES (?, ?, ?, ?, ?, ?)",
                (self.target, row.folder, row.name, row.uidvalidity, row.looked_uidnext, row.verified_state),
            )

    # -- outcomes -----------------------------------------------------------------------------------------------------

    def settle(self, folder: int, outcomes: Sequence[tuple[int, Outcome]], intents: Sequence[int] = ()) -> None:
        """Record outcomes of a folder's messages, in one transaction with what they imply: ``intents`` are no longer in
        doubt, and a message on the target that now stands for one of ours is nobody else's any more."""
        with transaction(self._database):
            self._forget_foreign(folder, [o.target_uid for _, o in outcomes if o.target_uid is not None])
            self._database.executemany(
                "INSERT OR REPLACE INTO outcomes (target, message, code, detail, target_uid, sent_sha256, sent_octets, flagset)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT flagset FROM messages WHERE id = ?))",
                [
                    (
                        self.target, message, o.code.value, o.detail, o.target_uid, *(o.sent_as or (None, None)),
                        message if o.code is OutcomeCode.DELIVERED else None,
                    )
                    for message, o in outcomes
                ],
            )  # fmt: skip
            self._database.executemany("DELETE FROM intents WHERE id = ?", [(intent,) for intent in intents])

    def verified(self, found: Iterable[tuple[int, Outcome, int]]) -> None:
        """What reading back found: (message, outcome, 1 for details or 2 for every octet)."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE outcomes SET code = ?, detail = ?, target_uid = ?, verified = max(verified, ?)"
                " WHERE target = ? AND message = ?",
                [(o.code.value, o.detail, o.target_uid, how, self.target, message) for message, o, how in found],
            )

    def followed(self, messages: Iterable[int]) -> None:
        """The target's flags of these were brought up to date, or left to the person who changed them there."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE outcomes SET flagset = (SELECT flagset FROM messages WHERE id = ?) WHERE target = ? AND message = ?",
                [(message, self.target, message) for message in messages],
            )

    def replaced(self, pairs: Iterable[tuple[int, int]]) -> None:
        """(earlier, later): the message moved on the source; its earlier copy on the target is ours no longer."""
        with transaction(self._database):
            for earlier, later in pairs:
                where = (self.target, earlier)
                self._database.execute("UPDATE outcomes SET target_uid = NULL WHERE target = ? AND message = ?", where)
                self._database.execute(
                    "UPDATE outcomes SET replaces = ? WHERE target = ? AND message = ?", (earlier, self.target, later)
                )

    def settled_uids(self, folder: int, uidvalidity: int) -> set[int]:
        """Source UIDs of the folder that no run has to deliver again."""
        query = (
            "SELECT m.uid FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND m.folder = ?"
            " AND m.uidvalidity = ? AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')"
        )
        return {uid for (uid,) in self._database.execute(query, (self.target, folder, uidvalidity)).fetchall()}

    def settled_count(self, folder: int) -> int:
        """How many of the folder's messages that are there need not be delivered again."""
        query = (
            "SELECT count(*) FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND m.folder = ?"
            " AND m.vanished_utc IS NULL AND o.code IN ('delivered', 'already-there', 'altered', 'duplicate')"
        )
        return int(self._database.execute(query, (self.target, folder)).fetchone()[0])

    def unsettled(self, folder: int) -> int:
        """How many of the folder's messages that are there have no outcome that settles them."""
        query = (
            "SELECT count(*) FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?"
            " WHERE m.folder = ? AND m.vanished_utc IS NULL"
            " AND (o.code IS NULL OR o.code NOT IN ('delivered', 'already-there', 'altered', 'duplicate'))"
        )
        return int(self._database.execute(query, (self.target, folder)).fetchone()[0])

    def has_open_ends(self, folder: int) -> bool:
        """Whether a batch of this folder is in doubt, something delivered was never read back, or flags changed since."""
        where = (self.target, folder)
        if self._database.execute("SELECT 1 FROM intents WHERE target = ? AND folder = ?", where).fetchone():
            return True
        query = (
            "SELECT 1 FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ? AND m.folder = ?"
            " AND o.code = 'delivered' AND (o.verified = 0 OR (o.flagset <> m.flagset AND m.vanished_utc IS NULL)) LIMIT 1"
        )
        return self._database.execute(query, where).fetchone() is not None

    def counts(self) -> dict[int, Counter[str]]:
        """Folder → outcome code (or ``none``) → how many of its messages that have not vanished."""
        counted: dict[int, Counter[str]] = {}
        query = (
            "SELECT m.folder, coalesce(o.code, 'none'), count(*) FROM messages m"
            " LEFT JOIN outcomes o ON o.message = m.id AND o.target = ? WHERE m.vanished_utc IS NULL GROUP BY 1, 2"
        )
        for folder, code, number in self._database.execute(query, (self.target,)):
            counted.setdefault(folder, Counter())[code] = number
        return counted

    # -- doubt --------------------------------------------------------------------------------------------------------

    def intend(self, folder: int, uidvalidity: int, uidnext: int, messages: Sequence[int]) -> int:
        """Write down a batch before a single octet of it is sent; its number."""
        cursor = self._database.execute(
            "INSERT INTO intents (target, folder, uidvalidity, uidnext, messages, at_utc) VALUES (?, ?, ?, ?, ?, ?)",
            (self.target, folder, uidvalidity, uidnext, json.dumps(list(messages)), self._now()),
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
        return [Intent(i, validity, uidnext, tuple(json.loads(text)), at) for i, validity, uidnext, text, at in rows]

    # -- what the target held -----------------------------------------------------------------------------------------

    def record_foreign(self, folder: int, found: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Messages on the target that are not ours: (UID, SHA-256, likeness)."""
        with transaction(self._database):
            self._database.executemany(
                "INSERT OR REPLACE INTO target_messages VALUES (?, ?, ?, ?, ?)",
                [(self.target, folder, uid, digest, like) for uid, digest, like in found],
            )

    def foreign(self, folder: int) -> list[tuple[int, bytes, bytes | None]]:
        """Those of them that stand for no message of ours yet."""
        query = "SELECT uid, sha256, likeness FROM target_messages WHERE target = ? AND folder = ? ORDER BY uid"
        return self._database.execute(query, (self.target, folder)).fetchall()

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
        query = (
            "SELECT o.target_uid FROM outcomes o JOIN messages m ON m.id = o.message"
            " WHERE o.target = ? AND m.folder = ? AND o.target_uid IS NOT NULL"
        )
        return {uid for (uid,) in self._database.execute(query, (self.target, folder)).fetchall()}
