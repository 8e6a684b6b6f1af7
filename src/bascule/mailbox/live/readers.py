r"""A live mailbox as somebody else than its owner sees it: all flags are common, but each reader has a ``\Seen`` of their own (RFC 4314 §4, right "s").

``\Seen`` among a message's flags is the owner's; those of others are rows of ``seen_by``. To a reader, the number that stands for a message's flags
is twice its flag set's, plus one where the reader has seen it: so what reads and writes flags need not know whose they are. Setting it raises
the message's MODSEQ, so that all sessions of that reader learn of it; those of others are told flags that they know (RFC 7162 §3.1 allows it).
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from bascule.mailbox.live.flagging import Flagged
from bascule.mailbox.live.folders import LiveFolder
from bascule.mailbox.live.messages import Arriving, LiveMessages, Placed
from bascule.mailbox.live.reading import Reading
from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.imap.sequence import Range
from bascule.protocols.mime import HeaderSummary
from bascule.terms.flags import Flags

SEEN = frozenset({"\\Seen"})
NOBODY = 0


class Reader:
    """``account`` names the reader for good."""

    def __init__(self, mailbox: Mailbox, account: str) -> None:
        self._database = mailbox.database
        self._account = account
        self._number = NOBODY

    @property
    def number(self) -> int:
        """`NOBODY` as long as this reader has seen nothing here."""
        if self._number == NOBODY:
            row = self._database.execute("SELECT id FROM readers WHERE account = ?", (self._account,)).fetchone()
            self._number = row[0] if row else NOBODY
        return self._number

    def enter(self) -> int:
        """The number, given now where there is none. Within a transaction: what is rolled back is asked for again."""
        if self.number == NOBODY:
            self._database.execute("INSERT INTO readers (account) VALUES (?)", (self._account,))
            number: int = self._database.execute(
                "SELECT id FROM readers WHERE account = ?", (self._account,)
            ).fetchone()[0]
            return number
        return self._number

    def flagset(self) -> str:
        """SQL: see the head of this file."""
        seen = f"EXISTS (SELECT 1 FROM seen_by WHERE reader = {self.number:d} AND message = messages.id)"
        return f"flagset * 2 + {seen}"


class ReadersReading(Reading):
    def __init__(self, mailbox: Mailbox, reader: Reader) -> None:
        super().__init__(mailbox)
        self._reader = reader

    def _flagset(self) -> str:
        return self._reader.flagset()

    def _is_seen(self) -> str:
        return f"EXISTS (SELECT 1 FROM seen_by WHERE reader = {self._reader.number:d} AND message = messages.id)"

    def flags(self, flagset: int) -> Flags:
        return super().flags(flagset >> 1) - SEEN | (SEEN if flagset & 1 else frozenset())

    def unseen(self, folder: LiveFolder) -> int:
        query = (
            "SELECT count(*) FROM seen_by s JOIN messages m ON m.id = s.message"
            " WHERE s.reader = ? AND m.folder = ? AND m.vanished_utc IS NULL"
        )
        seen: int = self._database.execute(query, (self._reader.number, folder.id)).fetchone()[0]
        return folder.messages - seen


class ReadersMessages(LiveMessages):
    def __init__(self, mailbox: Mailbox, reader: Reader) -> None:
        super().__init__(mailbox)
        self._reader = reader

    def _insert(self, folder: int, group: Sequence[tuple[Arriving, int, HeaderSummary]]) -> Placed:
        common = [(dataclasses.replace(new, flags=new.flags - SEEN), body, header) for new, body, header in group]
        placed = super()._insert(folder, common)
        reader = self._reader.enter()
        self._database.executemany(
            "INSERT INTO seen_by SELECT ?, id FROM messages WHERE folder = ? AND uidvalidity = ? AND uid = ?",
            [
                (reader, folder, placed.uidvalidity, uid)
                for (new, _, _), uid in zip(group, placed.uids, strict=True)
                if new.flags >= SEEN
            ],
        )
        return placed

    def flag(
        self,
        folder: int,
        uids: Sequence[Range],
        change: Callable[[Flags], Flags],
        unchanged_since: int | None = None,
        *,
        listed: bool = True,
    ) -> Flagged:
        done = Flagged()
        becomes: dict[int, int] = {}
        updates: list[tuple[int, int]] = []
        with self._mailbox.transaction():
            for row, uid, flagset, modseq in self._there(folder, uids):
                if unchanged_since is not None and modseq > unchanged_since:
                    done.refused.append(uid)
                    continue
                if flagset not in becomes:
                    becomes[flagset] = self._becomes(flagset, change)
                if becomes[flagset] != flagset:
                    done.changed.append((uid, becomes[flagset]))
                    updates.append((becomes[flagset], row))
            if updates:
                _, _, done.modseq = self._advance(folder, 0)
                self._write_flags(updates, done.modseq)
        return done

    def _there(self, folder: int, uids: Sequence[Range]) -> Iterator[tuple[int, int, int, int]]:
        """(row id, UID, flag set, MODSEQ) of those that are there."""
        query = (
            f"SELECT id, uid, {self._reader.flagset()}, modseq FROM messages WHERE folder = ? AND uidvalidity ="
            " (SELECT uidvalidity FROM folders WHERE id = folder) AND uid BETWEEN ? AND ? AND vanished_utc IS NULL ORDER BY uid"
        )
        for low, high in uids:
            yield from self._database.execute(query, (folder, low, high)).fetchall()

    def _becomes(self, flagset: int, change: Callable[[Flags], Flags]) -> int:
        flagsets = self._mailbox.flagsets
        common = flagsets.flags_of(flagset >> 1)
        flags = change(common - SEEN | (SEEN if flagset & 1 else frozenset()))
        return flagsets.number_of(self._require_room(flags - SEEN | common & SEEN)) * 2 + (flags >= SEEN)

    def _write_flags(self, updates: Sequence[tuple[int, int]], modseq: int) -> None:
        """(Flag set, row id) of each."""
        self._database.executemany(
            "UPDATE messages SET flagset = ?, modseq = ? WHERE id = ?",
            [(flagset >> 1, modseq, row) for flagset, row in updates],
        )
        reader = self._reader.enter()
        self._database.executemany(
            "INSERT OR IGNORE INTO seen_by VALUES (?, ?)", [(reader, row) for flagset, row in updates if flagset & 1]
        )
        self._database.executemany(
            "DELETE FROM seen_by WHERE reader = ? AND message = ?",
            [(reader, row) for flagset, row in updates if not flagset & 1],
        )
