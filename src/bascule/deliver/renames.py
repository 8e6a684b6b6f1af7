"""Folders that a member renamed on the new side: what was delivered to them is found under the new name, and so is what comes next."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Set
from dataclasses import replace
from typing import TypeVar

from bascule.deliver.expectation import newest_copies
from bascule.deliver.limits import LOOK_WINDOW
from bascule.deliver.recognition import read_ours
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder, settled_codes
from bascule.protocols.imap.responses import NO_NAMESPACE, Status
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import ImapClient

T = TypeVar("T")


async def find_renamed(
    client: ImapClient, mailbox: Mailbox, ledger: Ledger, others: Container[int] = ()
) -> frozenset[bytes]:
    """Write the new names of folders that earlier runs used and that are not listed any more, where they can be told; the folders that
    are listed. Nothing is asked where no run used any.

    A folder keeps its MAILBOXID when it is renamed (RFC 8474 §4), where the server tells one. Elsewhere it keeps its UIDs (RFC 9051 §6.3.6)
    and on most servers its UIDVALIDITY, and is this folder where it is the only one that we do not know with this UIDVALIDITY, its
    UIDNEXT, where it is asked for, is not below what we saw, and what lies under the UIDs of ours is not all somebody else's. One that is gone, and whose
    name is by MAILBOXID another's now, has none from then on. ``others``: rows whose folder on the old side is another one since, so that it may be so here as
    well: of these it is asked too whether their name has another UIDVALIDITY. Raises CommandRefused, ConnectionLost.
    """
    used = list((await mailbox.run(ledger.folders)).values())
    if not used:
        return frozenset()
    listed, found, states = await look_for_renamed(client, used, others)
    sure = {
        (folder.name, name)
        for folder, name in found
        if not name or states[name].mailboxid or await _may_be_ours(client, mailbox, ledger, folder, name)
    }
    for folder, name in found:
        if (folder.name, name) in sure:  # also where nothing of this one of two that lie there is left
            await mailbox.run(ledger.record_folder, replace(folder, name=name))
    return listed


async def look_for_renamed(
    client: ImapClient, used: Collection[TargetFolder], others: Container[int] = ()
) -> tuple[frozenset[bytes], list[tuple[TargetFolder, bytes]], Mapping[bytes, Status]]:
    """What is listed; the folders that have another name now, as far as no message need be looked at (`matches`); and what was told of the names. Nothing is
    written. Raises CommandRefused, ConnectionLost."""
    namespace = await client.namespace() or NO_NAMESPACE
    listed = frozenset(
        entry.name
        for entry in await client.list_all()
        if namespace.is_personal(entry.name) and not (entry.has("\\NonExistent") or entry.has("\\Noselect"))
    )
    strangers = _strangers(used, listed)
    by_mailboxid = client.tells_mailboxid and any(f.mailboxid for f in used)
    doubted = [f for f in used if f.folder in others and f.name in listed]
    replaced = replaced_names(doubted, await client.identities(sorted({f.name for f in doubted})) if doubted else {})
    free = strangers | replaced
    if not by_mailboxid and not (free and (replaced or _lost(used, listed))):
        return listed, [], {}
    states = await client.identities(sorted(listed if client.tells_mailboxid else free))
    return listed, matches(used, listed, states, replaced), states


def replaced_names(used: Collection[TargetFolder], states: Mapping[bytes, Status]) -> set[bytes]:
    """Names of these under which there is a folder of another UIDVALIDITY."""
    told = {name: status.items.get("UIDVALIDITY") for name, status in states.items()}
    return {f.name for f in used if f.uidvalidity and told.get(f.name) not in (None, f.uidvalidity)}


def _is_inbox(name: bytes) -> bool:
    return name.upper() == b"INBOX"


def _strangers(used: Iterable[TargetFolder], listed: Set[bytes]) -> frozenset[bytes]:
    """The names of folders that no run has used."""
    return frozenset(name for name in listed - {f.name for f in used} if not _is_inbox(name))


def _lost(used: Iterable[TargetFolder], listed: Set[bytes]) -> list[TargetFolder]:
    """Those that are not listed under the name that we know."""
    return [f for f in used if f.uidvalidity and f.name not in listed and not _is_inbox(f.name)]


class Listing:
    """What LIST told last: one for all tasks of a run, of which any may hear that a folder has another name now."""

    def __init__(self, mailbox: Mailbox, ledger: Ledger) -> None:
        self._mailbox = mailbox
        self._ledger = ledger
        self._names: frozenset[bytes] = frozenset()
        self._gone: dict[int, bytes] = {}
        """By row, the name under which LIST, asked again, did not have a folder that earlier runs used."""
        self._asking = asyncio.Lock()

    async def ask(self, client: ImapClient, others: Container[int] = ()) -> None:
        """Ask, and write the new names (`find_renamed`). Raises CommandRefused, ConnectionLost."""
        self._names = await find_renamed(client, self._mailbox, self._ledger, others)

    async def find(self, session: TargetSession, folder: int) -> TargetFolder | None:
        """The folder that took the row ``folder``, under the name that it has now, which may be none that the target opens; None: no run used one. Where
        LIST did not have it, it is asked again: what is listed no more may have been renamed since. Raises CommandRefused, TargetError."""
        async with self._asking:
            known = await self._mailbox.run(self._ledger.folder, folder)
            if known is None or self.has(known) or self._gone.get(folder) == known.name:
                return known
            self._names = await _ask(session, self._mailbox, self._ledger)
            used = await self._mailbox.run(self._ledger.folders)
            self._gone = {row: each.name for row, each in used.items() if not self.has(each)}
            return used[folder]

    def has(self, folder: TargetFolder) -> bool:
        """Whether it was listed under its name when LIST was asked last."""
        return folder.name in self._names or _is_inbox(folder.name)


_DELIVERED = (
    "SELECT 1 FROM messages m CROSS JOIN outcomes o ON o.message = m.id AND o.target = ?1"
    f" WHERE m.folder = f.id AND o.code IN {settled_codes()}"
)
_REPLACED = f"""
    SELECT f.id FROM folders f WHERE f.gone_utc IS NULL
    AND (EXISTS ({_DELIVERED} AND m.uidvalidity > f.uidvalidity) OR EXISTS ({_DELIVERED} AND m.uidvalidity > 0 AND m.uidvalidity < f.uidvalidity))
    AND NOT EXISTS ({_DELIVERED} AND m.vanished_utc IS NULL)
"""
"""By ranges, so that a folder costs what it holds under other UIDVALIDITYs; CROSS JOIN: SQLite takes the left one first."""


def replaced_folders(mailbox: Mailbox, ledger: Ledger) -> set[int]:
    """The rows whose folder on the old side is another one than it was: it has another UIDVALIDITY, and nothing in it that was delivered from there. Blocks."""
    return {folder for (folder,) in mailbox.database.execute(_REPLACED, (ledger.target,))}


_HOLDS = f"SELECT EXISTS (SELECT 1 FROM folders f WHERE f.id = ?2 AND EXISTS ({_DELIVERED} AND m.vanished_utc IS NULL))"


def holds_what_was_delivered(mailbox: Mailbox, ledger: Ledger, folder: int) -> bool:
    """Whether anything that was delivered from the folder of the old side is in it still. Blocks."""
    return bool(mailbox.database.execute(_HOLDS, (ledger.target, folder)).fetchone()[0])


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
    await _ask(session, mailbox, ledger)
    known = await mailbox.run(ledger.folder, folder.folder)
    return known.name if known is not None and known.name not in (folder.name, b"") else None


async def _ask(session: TargetSession, mailbox: Mailbox, ledger: Ledger) -> frozenset[bytes]:
    """`find_renamed`, on another connection where one ends. Raises CommandRefused, TargetError."""
    while True:
        try:
            return await find_renamed(session.client, mailbox, ledger)
        except ConnectionLost as error:
            await session.renew(error)


def matches(
    used: Collection[TargetFolder],
    listed: Set[bytes],
    states: Mapping[bytes, Status],
    replaced: Set[bytes] = frozenset(),
) -> list[tuple[TargetFolder, bytes]]:
    """Each folder that has another name now, with that name. By MAILBOXID it is found under one that was another folder's, too, and that one has none then;
    where several have it (an alias), under its own, or the first. What was found by UIDVALIDITY alone may yet be another's, by what lies in it.

    ``listed``: the person's own folders that can be opened; ``states``: by what they are known (`ImapClient.identities`), at least those that no run has
    used, those of ``replaced``, names that have another UIDVALIDITY than they had, and all of them where the target tells MAILBOXIDs."""
    names: dict[str, list[bytes]] = defaultdict(list)
    for name in sorted(states):
        if told := states[name].mailboxid:
            names[told].append(name)
    by_id = {
        f.folder: f.name if f.name in names[f.mailboxid] else names[f.mailboxid][0]
        for f in used
        if f.mailboxid in names and not _is_inbox(f.name)
    }
    renamed = [(f, by_id[f.folder]) for f in used if by_id.get(f.folder, f.name) != f.name]
    strangers = _strangers(used, listed) | replaced | ({f.name for f, _ in renamed} & listed)
    free = {n: s for n, s in states.items() if n in strangers and n not in by_id.values()}
    left = [f for f in _lost(used, listed - replaced - set(by_id.values())) if f.folder not in by_id]
    lost: dict[tuple[bytes, int], list[TargetFolder]] = defaultdict(list)
    for folder in left:  # several of ours may have one folder there
        lost[folder.name, folder.uidvalidity].append(folder)
    by_validity = _alone(lost.values(), lambda alike: alike[0].uidvalidity)
    validities = _alone(free.values(), lambda status: status.items.get("UIDVALIDITY", 0))
    renamed += [
        (folder, status.name)
        for validity, alike in by_validity.items()
        for folder in alike
        if (status := validities.get(validity)) and _may_be(folder, status)
    ]
    found, taken = {*by_id, *(f.folder for f, _ in renamed)}, {name for _, name in renamed}
    return renamed + [(f, b"") for f in used if f.folder not in found and f.name in taken and not _is_inbox(f.name)]


def _may_be(folder: TargetFolder, status: Status) -> bool:
    told_apart = folder.mailboxid and status.mailboxid  # both are known, and are not the same
    return not told_apart and status.items.get("UIDNEXT", folder.looked_uidnext) >= folder.looked_uidnext


def _alone(found: Iterable[T], key: Callable[[T], int]) -> dict[int, T]:
    """Those that share their key with no other."""
    by_key: dict[int, list[T]] = defaultdict(list)
    for each in found:
        by_key[key(each)].append(each)
    return {value: alike[0] for value, alike in by_key.items() if len(alike) == 1}
