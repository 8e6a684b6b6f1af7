"""Removing messages of ours from the target: a copy too many, or one that moved on the old side. Nothing else ever is."""

from collections.abc import Iterable

from bascule.deliver.expectation import DELETED
from bascule.deliver.look import windows
from bascule.protocols.imap.commands import How
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient


async def remove_messages(client: ImapClient, uids: Iterable[int]) -> bool:
    """Remove these from the selected folder, and only these; False where the target can't (without UIDPLUS, RFC 4315 §2.1)
    or refuses, and nothing is marked then. Raises ConnectionLost: some may be marked ``\\Deleted`` then, and still be there."""
    if not client.has_uid_expunge:
        return False
    for chosen in windows(uids):
        try:
            await client.store(chosen, DELETED, How.ADD)
        except CommandRefused:
            return False
        try:
            await client.uid_expunge(chosen)
        except CommandRefused:
            await client.store(chosen, DELETED, How.REMOVE)
            return False
    return True
