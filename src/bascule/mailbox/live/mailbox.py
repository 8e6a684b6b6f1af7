"""Making, opening and closing a live mailbox."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bascule.mailbox.database import unusable
from bascule.mailbox.format import (
    CATALOGUE,
    LIVE_TABLES,
    SEGMENT_OCTETS,
    MailboxElsewhere,
    MailboxError,
    MailboxInUse,
    NotLive,
)
from bascule.mailbox.live.folders import LiveFolders
from bascule.mailbox.live.messages import LiveMessages
from bascule.mailbox.live.readers import Reader, ReadersMessages, ReadersReading
from bascule.mailbox.live.reading import Reading
from bascule.mailbox.live.sharing import Sharing
from bascule.mailbox.mailbox import Mailbox, was_never_made
from bascule.terms.folder import INBOX, FolderPath, SpecialUse

HANDED_OVER = "handed-over"
"""``meta.live`` of a mailbox that lives on another node now: nobody opens it here."""
FIRST_FOLDERS = {
    "Drafts": SpecialUse.DRAFTS,
    "Junk": SpecialUse.JUNK,
    "Sent": SpecialUse.SENT,
    "Trash": SpecialUse.TRASH,
}
"""What programs look for by its special use (RFC 6154), beside INBOX. A person may rename or delete each."""


class LiveMailbox:
    """Use `open` or `create`, then `close` (or ``with``). For one thread at a time; open it as often as needed."""

    def __init__(self, mailbox: Mailbox, reader: Reader | None = None) -> None:
        self.mailbox = mailbox
        self.root = mailbox.root
        self.folders = LiveFolders(mailbox)
        self.sharing = Sharing(mailbox)
        self.messages = ReadersMessages(mailbox, reader) if reader else LiveMessages(mailbox)
        self.reading = ReadersReading(mailbox, reader) if reader else Reading(mailbox)

    @classmethod
    def create(
        cls,
        root: Path,
        now_utc: int,
        *,
        first_folders: Mapping[str, SpecialUse] = FIRST_FOLDERS,
        segment_octets: int = SEGMENT_OCTETS,
    ) -> Self:
        """A new mailbox with INBOX and ``first_folders``; these are subscribed to, INBOX need not be: every program shows it. If its creation was interrupted, this completes it. Raises MailboxError."""
        with Mailbox.open_or_create(root) as mailbox:
            if mailbox.meta("live") != "1":
                _make_live(mailbox, now_utc, first_folders)
        return cls.open(root, segment_octets=segment_octets)

    @classmethod
    def open(cls, root: Path, *, segment_octets: int = SEGMENT_OCTETS) -> Self:
        """Raises MailboxError: not there, not live, damaged, newer, or in use by somebody who needs it alone."""
        try:
            mailbox = Mailbox.open(root, shared=True, segment_octets=segment_octets)
        except MailboxInUse:
            raise
        except MailboxError as error:
            if was_never_made(root / CATALOGUE):
                raise NotLive(
                    f"The making of {root} was cut off.", "It is gone on with when it is next used."
                ) from error
            raise
        live = mailbox.meta("live")
        if live == HANDED_OVER:
            mailbox.close()
            raise MailboxElsewhere(f"{root} was handed over to another node.", "Use it there, or take it back.")
        if live != "1":
            mailbox.close()
            raise NotLive(f"{root} is an archive, not a live mailbox.", "Deliver it into one with “bascule deliver”.")
        return cls(mailbox)

    def read_by(self, account: str) -> "LiveMailbox":
        r"""The same open files, as somebody else than the owner sees them: with a ``\Seen`` of their own. Not to be closed."""
        return LiveMailbox(self.mailbox, Reader(self.mailbox, account))

    def close(self) -> None:
        self.mailbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_live(mailbox: Mailbox, now_utc: int, first_folders: Mapping[str, SpecialUse]) -> None:
    if mailbox.folders.all(gone=True):
        raise MailboxError(f"{mailbox.root} is an archive, not a live mailbox.", "Name another folder.")
    try:
        mailbox.database.executescript(f"BEGIN IMMEDIATE; {LIVE_TABLES}")
        mailbox.database.executemany(
            "INSERT INTO folders (path, uidvalidity, special_use, subscribed) VALUES (?, ?, ?, ?)",
            [
                (INBOX.to_json(), now_utc, None, False),
                *((FolderPath((name,)).to_json(), now_utc, use.value, True) for name, use in first_folders.items()),
            ],
        )
        mailbox.set_meta("uidvalidity", str(now_utc))
        mailbox.set_meta("live", "1")
        mailbox.database.execute("COMMIT")
    except sqlite3.Error as error:
        raise unusable(mailbox.root / CATALOGUE, error) from error
