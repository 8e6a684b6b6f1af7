r"""Copies on the target that stand for several messages of ours: what makes way for one of them stays for the others.

The old side's folders are told apart by their names, and the target may have one folder for two of them: one of the two is gone there and another has taken its
place (it was renamed alike on both sides, or the target has one folder of its own for both), somebody gave a folder the name of another, or the server lists one
folder under two names. A message that moves between the two on the old side has one copy, before and after.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, on_target_codes

_STANDING = f"""
    SELECT o.target_uid, m.id, m.folder, coalesce(o.sent_sha256, m.sha256), m.vanished_utc IS NULL, t.name, t.name = r.name OR coalesce(t.mailboxid = r.mailboxid, 0)
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


@dataclass(slots=True)
class SharedCopies:
    """By UID: ``for_certain`` those that stand for another message as well; ``perhaps``: those that do if they are seen under one of these names too."""

    for_certain: set[int] = field(default_factory=set)
    perhaps: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))


def shared_copies(mailbox: Mailbox, ledger: Ledger, folder: int, uids: Iterable[int], among: Set[int]) -> SharedCopies:
    """Of copies in the folder that took the row ``folder``. ``among``: messages that a copy need not stay for. Blocks."""
    shared = SharedCopies()
    others = [one for one in standing_on(mailbox, ledger, folder, uids) if one.message not in among]
    shared.for_certain = {one.uid for one in others if one.is_certain}
    for one in others:
        if one.name and one.uid not in shared.for_certain:
            shared.perhaps[one.uid].add(one.name)
    return shared
