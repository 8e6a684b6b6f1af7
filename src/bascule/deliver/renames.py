"""Folders that a member renamed on the new side: what was delivered to them is found under the new name, and so is what comes next."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from bascule.deliver.expectation import newest_copies
from bascule.deliver.limits import LOOK_WINDOW
from bascule.deliver.recognition import read_ours
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.protocols.imap.responses import NO_NAMESPACE, Status
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import ImapClient

T = TypeVar("T")


async def find_renamed(client: ImapClient, mailbox: Mailbox, ledger: Ledger) -> frozenset[bytes]:
    """Write the new names of folders that earlier runs used and that are not listed any more, where they can be told; the folders that
    are listed. Nothing is asked where no run used any.

    A folder keeps its MAILBOXID when it is renamed (RFC 8474 §4), where the server tells one. Elsewhere it keeps its UIDs (RFC 9051 §6.3.6)
    and on most servers its UIDVALIDITY, and is this folder where it is the only one that we do not know with this UIDVALIDITY, its
    UIDNEXT, where it is asked for, is not below what we saw, and what lies under the UIDs of ours is not all somebody else's. Raises CommandRefused,
    ConnectionLost.
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
    strangers = frozenset(name for name in listed - used.keys() if name.upper() != b"INBOX")
    lost = [f for name, f in used.items() if f.uidvalidity and name not in listed and name.upper() != b"INBOX"]
    if not lost or not (strangers or client.tells_mailboxid):
        return listed
    states = await client.identities(sorted(listed if client.tells_mailboxid else strangers))
    for folder, name in _matches(list(used.values()), lost, strangers, states):
        if states[name].mailboxid or await _may_be_ours(client, mailbox, ledger, folder, name):
            await mailbox.run(ledger.record_folder, replace(folder, name=name))
    return listed


async def _may_be_ours(client: ImapClient, mailbox: Mailbox, ledger: Ledger, folder: TargetFolder, name: bytes) -> bool:
    """Whether a message of ours is in the folder ``name``; or, since the member may have removed them all, nothing under the UIDs that we knew but
    what lay there before."""
    newest = await mailbox.run(newest_copies, mailbox, ledger.target, folder.folder, LOOK_WINDOW)
    known = await mailbox.run(ledger.our_uids, folder.folder) - {e.target_uid for e in newest}
    known |= {copy.uid for copy in await mailbox.run(ledger.foreign, folder.folder)}
    try:
        await client.select(name, read_only=True)
        if (await read_ours(client, newest)).ours:
            return True
        return known.issuperset(uid for uid in await client.uids_from() if uid < folder.looked_uidnext)
    except CommandRefused:
        return True  # who looks into it is told why that can't be done now


async def find_again(session: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: TargetFolder) -> bytes | None:
    """The new name of a folder that somebody renamed since this run listed the folders; None: it is not there any more, or can't be told.
    Raises CommandRefused, TargetError."""
    while True:
        try:
            await find_renamed(session.client, mailbox, ledger)
            break
        except ConnectionLost as error:
            await session.renew(error)
    known = await mailbox.run(ledger.folder, folder.folder)
    return known.name if known is not None and known.name != folder.name else None


def _matches(
    used: Iterable[TargetFolder], lost: list[TargetFolder], strangers: frozenset[bytes], states: Mapping[bytes, Status]
) -> list[tuple[TargetFolder, bytes]]:
    """Each folder that has another name now, with that name. By MAILBOXID it is found under one that was another folder's, too; where several have it (an
    alias), under its own, or the first."""
    names: dict[str, list[bytes]] = defaultdict(list)
    for name in sorted(states):
        if told := states[name].mailboxid:
            names[told].append(name)
    by_id = {
        f.folder: f.name if f.name in names[f.mailboxid] else names[f.mailboxid][0]
        for f in used
        if f.mailboxid in names and f.name.upper() != b"INBOX"
    }
    renamed = [(f, by_id[f.folder]) for f in used if by_id.get(f.folder, f.name) != f.name]
    free = {n: s for n, s in states.items() if n in strangers and n not in by_id.values()}
    left = [f for f in lost if f.folder not in by_id]
    by_validity = _alone(left, lambda folder: folder.uidvalidity)
    validities = _alone(free.values(), lambda status: status.items.get("UIDVALIDITY", 0))
    renamed += [
        (folder, status.name)
        for validity, folder in by_validity.items()
        if (status := validities.get(validity)) and _may_be(folder, status)
    ]
    return renamed


def _may_be(folder: TargetFolder, status: Status) -> bool:
    told_apart = folder.mailboxid and status.mailboxid  # both are known, and are not the same
    return not told_apart and status.items.get("UIDNEXT", folder.looked_uidnext) >= folder.looked_uidnext


def _alone(found: Iterable[T], key: Callable[[T], int]) -> dict[int, T]:
    """Those that share their key with no other."""
    by_key: dict[int, list[T]] = defaultdict(list)
    for each in found:
        by_key[key(each)].append(each)
    return {value: alike[0] for value, alike in by_key.items() if len(alike) == 1}
