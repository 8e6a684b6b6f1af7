r"""Flags that changed on the old side after a message was delivered, repeated on the target.

Only where the target's flags are still those that we gave: what a person changed on the new side stays as it is. ``\Deleted`` is never
repeated, so that no deletion reaches the new side.
"""

from collections import defaultdict
from dataclasses import dataclass

from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.append import format_flags
from bascule.protocols.imap.fetch import FLAGS, Fetch
from bascule.protocols.imap.sequence import format_set
from bascule.terms.flags import Flags, same_flags
from bascule.wire.imap import ImapClient

_DELETED = frozenset({"\\Deleted"})


@dataclass(frozen=True, slots=True)
class FlagChange:
    """``given``: what the target got from us; ``wanted``: what the mailbox says now."""

    message: int
    target_uid: int
    given: Flags
    wanted: Flags


def flag_changes(mailbox: Mailbox, target: int, folder: int) -> list[FlagChange]:
    """Delivered messages of the folder whose flags have changed since. Blocks."""
    rows = mailbox.database.execute(
        "SELECT o.message, o.target_uid, o.flagset, m.flagset FROM outcomes o JOIN messages m ON m.id = o.message"
        " WHERE o.target = ? AND m.folder = ? AND m.vanished_utc IS NULL AND o.flagset <> m.flagset"
        " AND o.target_uid IS NOT NULL",
        (target, folder),
    ).fetchall()
    flags_of = mailbox.flagsets.flags_of
    return [FlagChange(message, uid, flags_of(given), flags_of(wanted)) for message, uid, given, wanted in rows]


async def follow_flags(client: ImapClient, mailbox: Mailbox, ledger: Ledger, folder: int) -> int:
    """Bring the selected folder's flags up to date; how many messages that were. Raises CommandRefused, ConnectionLost."""
    changes = await mailbox.run(flag_changes, mailbox, ledger.target, folder)
    if not changes:
        return 0
    there: dict[int, Flags] = {}

    def take(reply: Fetch) -> None:
        if reply.data.uid is not None and reply.data.flags is not None:
            there[reply.data.uid] = reply.data.flags

    await (await client.fetch(format_set(change.target_uid for change in changes), FLAGS, take)).ok()
    alike: dict[Flags, list[int]] = defaultdict(list)
    for change in changes:
        now = there.get(change.target_uid)
        wanted = (change.wanted - _DELETED) | (change.given & _DELETED)
        if now is not None and same_flags(now, change.given) and not same_flags(now, wanted):
            alike[wanted].append(change.target_uid)
    for flags, uids in alike.items():
        await client.store(format_set(uids), b"FLAGS.SILENT (" + format_flags(flags) + b")")
    await mailbox.run(ledger.followed, [change.message for change in changes])
    return sum(map(len, alike.values()))
