"""A mailbox on disk with known messages, without any server."""

from pathlib import Path

from bascule.mailbox import Mailbox, NewMessage
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from support import messages


def fill(root: Path, folders: dict[str, list[bytes]], *, segment_octets: int = 1_000_000_000) -> None:
    """Make a mailbox with these folders (``A/B``) and messages; UIDs from 1, UIDVALIDITY 7."""
    with Mailbox.create(root, segment_octets=segment_octets) as mailbox:
        for name, octets in folders.items():
            add(mailbox, name, octets)


def add(mailbox: Mailbox, name: str, octets: list[bytes], first_uid: int = 1) -> int:
    path = FolderPath.split(name, "/")
    row = mailbox.folders.record(path, source_name=name.encode(), special_use=None, subscribed=True, selectable=True)
    mailbox.folders.set_uidvalidity(row.id, 7)
    mailbox.messages.advance(row.id, first_uid + len(octets))
    flags = [frozenset({"\\Seen"}), frozenset(), frozenset({"\\Flagged", "$Forwarded"})]
    new = [
        NewMessage(uid, flags[uid % 3], InternalDate(1_580_000_000 + uid), HeldBody(body))
        for uid, body in enumerate(octets, first_uid)
    ]
    mailbox.messages.store(row.id, 7, new)
    return row.id


def sample(root: Path) -> None:
    fill(root, {"INBOX": messages.many(30), "Archive/2015": messages.many(10, 2), "Été": [messages.plain(1)] * 2})
