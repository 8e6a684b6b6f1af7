"""The folders of a live mailbox: what there is and what it holds; making, renaming and deleting them."""

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from bascule.mailbox.database import lazily
from bascule.mailbox.mailbox import Mailbox
from bascule.terms.folder import INBOX, FolderPath, SpecialUse

_COLUMNS = "id, path, uidvalidity, uidnext, modseq, special_use, subscribed, messages, unseen, deleted, octets, recent_uid, purged_modseq"


NAMES = 20_000
"""Folders of a mailbox, those included that were deleted and are not purged yet, and as many subscriptions: twice what anybody was seen to have…"""
NAMES_CHARACTERS = 4_000_000
"""…and characters of their names, of both. No quota counts them, and each LIST reads them all."""


class NameRefused(Exception):
    """A folder can't be made, renamed or deleted so. ``code``: the response code of RFC 9051 §7.1 that says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class LiveFolder:
    """``modseq``: the highest of any change. ``recent_uid``: see the format. ``deleted``: messages flagged ``\\Deleted``."""

    id: int
    path: FolderPath
    uidvalidity: int
    uidnext: int
    modseq: int
    special_use: SpecialUse | None
    subscribed: bool
    messages: int
    unseen: int
    deleted: int
    octets: int
    recent_uid: int
    purged_modseq: int


def _folder(values: tuple[Any, ...]) -> LiveFolder:
    identity, path, validity, uidnext, modseq, use, subscribed, *counts = values
    return LiveFolder(
        identity, FolderPath.from_json(path), validity, uidnext, modseq, SpecialUse(use) if use else None, bool(subscribed), *counts
    )  # fmt: skip


class LiveFolders:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._database = mailbox.database

    def all(self) -> list[LiveFolder]:
        """Every folder, by path."""
        query = f"SELECT {_COLUMNS} FROM folders WHERE gone_utc IS NULL"
        return sorted(map(_folder, self._database.execute(query)), key=lambda folder: folder.path)

    def find(self, path: FolderPath) -> LiveFolder | None:
        query = f"SELECT {_COLUMNS} FROM folders WHERE path = ? AND gone_utc IS NULL"
        row = self._database.execute(query, (path.to_json(),)).fetchone()
        return _folder(row) if row else None

    def for_use(self, use: SpecialUse) -> LiveFolder | None:
        """The folder of that special use."""
        query = f"SELECT {_COLUMNS} FROM folders WHERE special_use = ? AND gone_utc IS NULL"
        row = self._database.execute(query, (use.value,)).fetchone()
        return _folder(row) if row else None

    def get(self, identity: int) -> LiveFolder | None:
        """None where it was deleted."""
        query = f"SELECT {_COLUMNS} FROM folders WHERE id = ? AND gone_utc IS NULL"
        row = self._database.execute(query, (identity,)).fetchone()
        return _folder(row) if row else None

    def octets(self) -> tuple[int, int]:
        """(octets, messages) of the whole mailbox: what a quota counts."""
        query = "SELECT coalesce(sum(octets), 0), coalesce(sum(messages), 0) FROM folders WHERE gone_utc IS NULL"
        octets, messages = self._database.execute(query).fetchone()
        return octets, messages

    def keywords(self) -> list[str]:
        """Every keyword that any message of the mailbox ever had, sorted."""
        names = {name for (flags,) in self._database.execute("SELECT names FROM flagsets") for name in flags.split()}
        return sorted(name for name in names if not name.startswith("\\"))

    # -- changes ------------------------------------------------------------------------------------------------------

    def create(self, path: FolderPath, now_utc: int, special_use: SpecialUse | None = None) -> LiveFolder:
        """Make it, shared as the folder above it is; one above it that is missing stays so, as a name only. Raises NameRefused where it exists."""
        with self._mailbox.transaction():
            if self.find(path):
                raise NameRefused("ALREADYEXISTS", f"{path} exists already")
            if (
                special_use
                and self._database.execute(
                    "SELECT 1 FROM folders WHERE special_use = ? AND gone_utc IS NULL", (special_use.value,)
                ).fetchone()
            ):
                raise NameRefused("USEATTR", f"another folder is {special_use.value} already")
            made = self._insert(path, now_utc, special_use)
            above = self.find(path.parent) if path.parent else None
            if above:
                self._database.execute(
                    "INSERT INTO rights SELECT ?, identifier, rights FROM rights WHERE folder = ?", (made.id, above.id)
                )
            return made

    def require_room(self) -> None:
        """For one folder more that a person's program makes; what is given back has its place. Raises NameRefused."""
        self._require_room("folders", "path")

    def _require_room(self, table: str, column: str) -> None:
        """For one name more. Raises NameRefused."""
        query = f"SELECT count(*), coalesce(sum(length({column})), 0) FROM {table}"
        count, characters = self._database.execute(query).fetchone()
        if count >= NAMES or characters >= NAMES_CHARACTERS:
            raise NameRefused("LIMIT", "a mailbox has no more names than these; delete some first")

    def find_or_create(self, path: FolderPath, now_utc: int, special_use: SpecialUse | None = None) -> LiveFolder:
        """`find`, or `create`; with ``special_use`` where it is made and no other folder has that. Others may make it at the same time."""
        while True:
            if found := self.find(path):
                return found
            use = special_use if special_use and self.for_use(special_use) is None else None
            with contextlib.suppress(NameRefused):  # somebody was quicker
                return self.create(path, now_utc, use)

    def _insert(self, path: FolderPath, now_utc: int, special_use: SpecialUse | None) -> LiveFolder:
        name = path.join("/")
        kept = self._database.execute("DELETE FROM subscriptions WHERE name = ?", (name,)).rowcount
        cursor = self._database.execute(
            "INSERT INTO folders (path, uidvalidity, special_use, subscribed) VALUES (?, ?, ?, ?)",
            (path.to_json(), self._next_uidvalidity(now_utc), special_use.value if special_use else None, kept > 0),
        )
        folder = self.get(cursor.lastrowid or 0)
        assert folder is not None
        return folder

    def _next_uidvalidity(self, now_utc: int) -> int:
        """Greater than any that this mailbox ever gave (RFC 9051 §2.3.1.1)."""
        last = int(self._mailbox.meta("uidvalidity") or 0)
        following = max(now_utc, last + 1)
        self._mailbox.set_meta("uidvalidity", str(following))
        return following

    def delete(self, path: FolderPath, now_utc: int) -> None:
        """Mark it and its messages as gone; both can be given back until they are purged. Raises NameRefused."""
        if path.is_inbox:
            raise NameRefused("CANNOT", "INBOX can't be deleted")
        with self._mailbox.transaction():
            folder = self.find(path)
            if folder is None:
                raise NameRefused("NONEXISTENT", f"{path} does not exist")
            if folder.subscribed:  # RFC 9051 §6.3.7: a subscription outlives its mailbox
                self._database.execute("INSERT OR IGNORE INTO subscriptions VALUES (?)", (path.join("/"),))
            self._database.execute(
                "UPDATE messages SET vanished_utc = ? WHERE folder = ? AND vanished_utc IS NULL", (now_utc, folder.id)
            )
            self._database.execute(
                "UPDATE folders SET gone_utc = ?, modseq = modseq + 1 WHERE id = ?", (now_utc, folder.id)
            )

    def rename(self, old: FolderPath, new: FolderPath, now_utc: int) -> None:
        """With all below it. INBOX stays: its messages move to ``new`` (RFC 9051 §6.3.6). Raises NameRefused."""
        if new.parts[: len(old.parts)] == old.parts:
            raise NameRefused("CANNOT", "a folder can't be moved into itself")
        with self._mailbox.transaction():
            if self.find(new):
                raise NameRefused("ALREADYEXISTS", f"{new} exists already")
            moved = [folder for folder in self.all() if folder.path.parts[: len(old.parts)] == old.parts]
            if not moved:
                raise NameRefused("NONEXISTENT", f"{old} does not exist")
            if old == INBOX:
                self._empty_inbox_into(moved[0], new, now_utc)
                return
            for folder in moved:
                path = FolderPath(new.parts + folder.path.parts[len(old.parts) :])
                if self.find(path):
                    raise NameRefused("ALREADYEXISTS", f"{path} exists already")
                self._database.execute("UPDATE folders SET path = ? WHERE id = ?", (path.to_json(), folder.id))

    def _empty_inbox_into(self, inbox: LiveFolder, new: FolderPath, now_utc: int) -> None:
        """INBOX's row becomes the new folder, UIDs and all; a new INBOX, shared as the old one was, takes its place."""
        self._database.execute("UPDATE folders SET path = ?, subscribed = 0 WHERE id = ?", (new.to_json(), inbox.id))
        made = self._insert(INBOX, now_utc, None)
        self._database.execute("UPDATE folders SET subscribed = ? WHERE id = ?", (inbox.subscribed, made.id))
        self._database.execute("UPDATE rights SET folder = ? WHERE folder = ?", (made.id, inbox.id))

    def subscribe(self, name: str, folder: LiveFolder | None, wanted: bool) -> None:
        """``name``: as people see it, for a mailbox that is no folder here (``folder`` None). Raises NameRefused where there are too many."""
        with self._mailbox.transaction():
            if folder is not None:
                self._database.execute("UPDATE folders SET subscribed = ? WHERE id = ?", (wanted, folder.id))
            elif wanted:
                self._require_room("subscriptions", "name")
                self._database.execute("INSERT OR IGNORE INTO subscriptions VALUES (?)", (name,))
            if not wanted:
                self._database.execute("DELETE FROM subscriptions WHERE name = ?", (name,))

    def other_subscriptions(self) -> list[str]:
        """Names of mailboxes that are no folders here."""
        return [name for (name,) in self._database.execute("SELECT name FROM subscriptions ORDER BY name")]

    def take_recent(self, folder: LiveFolder) -> int:
        """The first of ``folder``'s UIDs that no session was told of; from now on those are taken (RFC 3501 §2.3.2). Not synced: a crash may repeat it.

        ``folder`` may be older than the row: what another session, of this process or another, took meanwhile is not given again, since the row
        is read and written in one transaction.
        """
        first = folder.recent_uid
        if first < folder.uidnext:
            # A full disk must not keep anyone from reading: who comes next is told of them again.
            with contextlib.suppress(sqlite3.OperationalError), lazily(self._database):
                query = "SELECT recent_uid FROM folders WHERE id = ?"
                first = int(self._database.execute(query, (folder.id,)).fetchone()[0])
                self._database.execute(
                    "UPDATE folders SET recent_uid = max(recent_uid, ?) WHERE id = ?", (folder.uidnext, folder.id)
                )
        return first
