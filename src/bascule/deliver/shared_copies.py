r"""Copies on the target that stand for several messages of ours: what makes way for one of them stays for the others.

The old side's folders are told apart by their names, and the target may have one folder for two of them: one of the two is gone there and another has taken its
place (it was renamed alike on both sides, or the target has one folder of its own for both), somebody gave a folder the name of another, or the server lists one
folder under two names. A message that moves between the two on the old side has one copy, before and after.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from bascule.deliver.expectation import DELETED, Expectation, newest_copies
from bascule.deliver.limits import LOOK_WINDOW
from bascule.deliver.look import read_details
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder, on_target_codes
from bascule.protocols.imap.fetch import MessageData
from bascule.wire.errors import CommandRefused

_STANDING = f"""
    SELECT o.target_uid, m.id, m.folder, coalesce(o.sent_sha256, m.sha256), coalesce(o.sent_octets, m.octets), m.date_utc, m.vanished_utc IS NULL, t.name,
        t.name = r.name OR coalesce(t.mailboxid = r.mailboxid, 0)
    FROM target_folders r JOIN target_folders t ON t.target = r.target AND t.uidvalidity = r.uidvalidity
    AND (t.mailboxid IS NULL OR r.mailboxid IS NULL OR t.mailboxid = r.mailboxid)
    CROSS JOIN messages m ON m.folder = t.folder CROSS JOIN outcomes o ON o.target = r.target AND o.message = m.id
    WHERE r.target = ?1 AND r.folder = ?2 AND t.folder <> ?4 AND o.target_uid IN (SELECT value FROM json_each(?3)) AND o.code IN {on_target_codes()}
    AND m.id NOT IN (SELECT earlier FROM moves WHERE target = ?1 AND done)
"""
"""Folders of one UIDVALIDITY are usual: some servers give it by the second."""


class Standing(NamedTuple):
    """A message of ours whose copy has this UID in a folder that may be the one asked for. ``name``: the folder's; ``is_certain``: it is that folder, by its name
    or MAILBOXID; ``is_present``: on the old side."""

    uid: int
    message: int
    folder: int
    sha256: bytes
    octets: int
    date_utc: int
    is_present: bool
    name: bytes
    is_certain: bool


def standing_on(
    mailbox: Mailbox, ledger: Ledger, folder: int, uids: Iterable[int], *, but_for: int = 0
) -> list[Standing]:
    """The messages that copies in the folder of the target that took the row ``folder`` stand for, of whatever folder of the old side ``but_for`` one; not those
    that moved on, and of which that copy has made way. Blocks."""
    values = (ledger.target, folder, json.dumps(list(uids)), but_for)
    return [Standing(*row) for row in mailbox.database.execute(_STANDING, values)]


Names = Mapping[bytes, Set[int]]
"""Of folders of the target that may be the one asked for, each with the rows that it took."""


@dataclass(slots=True)
class SharedCopies:
    """By UID: ``for_certain`` those that stand for another message as well; ``perhaps``: those that do if they are seen under one of these names too."""

    for_certain: set[int] = field(default_factory=set)
    perhaps: dict[int, dict[bytes, set[int]]] = field(default_factory=dict)


def shared_copies(mailbox: Mailbox, ledger: Ledger, folder: int, uids: Iterable[int], among: Set[int]) -> SharedCopies:
    """Of copies in the folder that took the row ``folder``. ``among``: messages that a copy need not stay for. Blocks."""
    shared = SharedCopies()
    others = [one for one in standing_on(mailbox, ledger, folder, uids) if one.message not in among]
    shared.for_certain = {one.uid for one in others if one.is_certain}
    for one in others:
        if one.name and one.uid not in shared.for_certain:
            shared.perhaps.setdefault(one.uid, {}).setdefault(one.name, set()).add(one.folder)
    return shared


@dataclass(slots=True)
class Looked:
    r"""By UID: copies of which our ``\Deleted`` is ``seen`` under another name; those of which that can't be told; and, with the rows that took it, those whose
    other folder is not under its name any more: it is gone, or it is the one in which we marked them."""

    seen: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    elsewhere: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


async def look_under(
    session: TargetSession, row: TargetFolder, marked: Mapping[int, MessageData], names: Mapping[int, Names]
) -> Looked:
    r"""Look for copies of the folder ``row``, which we have just marked ``\Deleted``, under other names. ``marked``: their sizes and dates. Another folder is
    selected afterwards. Raises ConnectionLost."""
    looked = Looked()
    for name in sorted(set().union(*names.values())):
        uids = [uid for uid in names if name in names[uid]]
        try:
            state = await session.select(name)
            if row.is_still(state.uidvalidity, state.mailboxid):
                found = await read_details(session.client, uids)
                looked.seen |= {uid for uid, data in found.items() if _is_one(data, marked[uid])}
                continue
        except CommandRefused:
            if await session.has_still(name):
                looked.unknown.update(uids)
                continue
        for uid in uids:
            looked.elsewhere[uid] |= names[uid][name]
    return looked


def _is_one(elsewhere: MessageData, here: MessageData) -> bool:
    r"""Whether what has our ``\Deleted`` here since is seen there."""
    is_marked = not DELETED.isdisjoint(elsewhere.flags or frozenset())
    return is_marked and (elsewhere.octets, elsewhere.date) == (here.octets, here.date)


def telling_copies(mailbox: Mailbox, ledger: Ledger, folder: int, others: Iterable[int]) -> list[Expectation]:
    """Of the newest copies in the folder that took the row ``folder``, those by which it is told from the folders that took the ``others``: under their UIDs
    these hold nothing of ours, or what has another size or date. Blocks."""
    unlike = {copy.target_uid: copy for copy in newest_copies(mailbox, ledger.target, folder, LOOK_WINDOW)}
    for one in standing_on(mailbox, ledger, folder, [uid for uid in unlike if uid is not None]):
        if one.folder in others and _is_alike(unlike.get(one.uid), one):
            del unlike[one.uid]
    return list(unlike.values())


def _is_alike(copy: Expectation | None, other: Standing) -> bool:
    return copy is not None and (copy.octets, copy.date.utc_seconds) == (other.octets, other.date_utc)
