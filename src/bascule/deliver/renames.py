"""Folders that a member renamed on the new side: what was delivered to them is found under the new name, and so is what comes next."""

from collections import defaultdict
from dataclasses import replace

from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.protocols.imap.responses import NO_NAMESPACE
from bascule.wire.imap import ImapClient


async def find_renamed(client: ImapClient, mailbox: Mailbox, ledger: Ledger) -> frozenset[bytes]:
    """Write the new names of folders that earlier runs used and that are not listed any more, where they can be told; the folders that
    are listed. Nothing is asked where no run used any.

    A folder keeps its UIDs when it is renamed (RFC 9051 §6.3.6); most servers keep its UIDVALIDITY, too. It is this folder where it is
    the only one that we do not know with this UIDVALIDITY, and its UIDNEXT is not below what we saw. Raises CommandRefused, ConnectionLost.
    """
    known = await mailbox.run(ledger.folders)
    used = {folder.name: folder for folder in known.values()}
    if not used:
        return frozenset()
    namespace = await client.namespace() or NO_NAMESPACE
    listed = frozenset(
        entry.name
        for entry in await client.list_all()
        if namespace.is_personal(entry.name) and not (entry.has("\\NonExistent") or entry.has("\\Noselect"))
    )
    lost = [f for name, f in used.items() if f.uidvalidity and name not in listed and name.upper() != b"INBOX"]
    strangers = sorted(listed - used.keys())
    if not lost or not strangers:
        return listed
    states = await client.status_all(strangers)
    for folder, name in _matches(lost, states):
        await mailbox.run(ledger.record_folder, replace(folder, name=name))
    return listed


def _matches(lost: list[TargetFolder], states: dict[bytes, dict[str, int]]) -> list[tuple[TargetFolder, bytes]]:
    by_validity: dict[int, list[bytes]] = defaultdict(list)
    for name, state in states.items():
        by_validity[state.get("UIDVALIDITY", 0)].append(name)
    wanted: dict[int, list[TargetFolder]] = defaultdict(list)
    for folder in lost:
        wanted[folder.uidvalidity].append(folder)
    return [
        (folders[0], by_validity[validity][0])
        for validity, folders in wanted.items()
        if len(folders) == 1
        and len(by_validity[validity]) == 1
        and states[by_validity[validity][0]].get("UIDNEXT", 0) >= folders[0].looked_uidnext
    ]
