"""Which folder of the new side has each of the old side's, also where somebody renamed it.

It is decided as a run decides it (`bascule.deliver.renames`), with all that was read in place of what a run looks at: what `verify` takes for the
folder that was renamed is what the next run goes on with.
"""

from collections.abc import Mapping, Sequence, Set

from bascule.deliver.comparison.census import Fact, FolderCensus
from bascule.deliver.comparison.copies import key_of
from bascule.deliver.comparison.judging import Place
from bascule.deliver.comparison.memory import Memory, Remembered
from bascule.deliver.renames import matches, replaced_names
from bascule.mailbox.ledger import TargetFolder
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.responses import Status
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import OutcomeCode


def find_used(
    found: Sequence[FolderCensus], memory: Memory | None, expected: Sequence[FolderCensus] = ()
) -> dict[int, Place]:
    """Where each folder that earlier runs used is now, by its row in the catalogue. ``expected``: those of the old side, of which one may be another than it was."""
    if memory is None:
        return {}
    there = {key_of(census.name): census for census in found}
    others = {row for census in expected if (row := memory.other_than_known(census.path, census.uidvalidity))}
    renamed = _new_names(found, memory, others)
    return {
        row: _place(known, there.get(key_of(renamed.get(row, known.name))), is_renamed=row in renamed)
        for row, known in memory.places.items()
    }


def find_places(
    expected: Sequence[FolderCensus],
    found: Sequence[FolderCensus],
    names: Mapping[FolderPath, bytes],
    memory: Memory | None,
    used: Mapping[int, Place],
) -> dict[FolderPath, Place]:
    """One for each folder of ``expected``. ``names``: of the folder that takes one which no run has delivered; ``used``: as `find_used` tells."""
    there = {key_of(census.name): census for census in found}
    places = {}
    for folder in expected:
        known = used.get(memory.folders.get(folder.path, 0)) if memory else None
        places[folder.path] = known or _place(None, there.get(key_of(names.get(folder.path, b""))))
    return places


def _place(known: TargetFolder | None, there: FolderCensus | None, *, is_renamed: bool = False) -> Place:
    if there is None:
        return Place(None)
    is_another = known is not None and known.uidvalidity != 0 and not known.is_still(there.uidvalidity, there.mailboxid)
    return Place(key_of(there.name), is_renamed=is_renamed, is_another=is_another, is_unread=bool(there.error))


def _new_names(found: Sequence[FolderCensus], memory: Memory, others: Set[int]) -> dict[int, bytes]:
    """By row: the name that a folder has now, where it is another than earlier runs knew; empty where the folder is gone and its name is another's."""
    listed = {census.name: census for census in found}
    states = {name: _status(census) for name, census in listed.items()}
    used = list(memory.places.values())
    replaced = replaced_names([folder for folder in used if folder.folder in others], states)
    return {
        folder.folder: name
        for folder, name in matches(used, listed.keys(), states, replaced)
        if not name or states[name].mailboxid or _may_be_ours(memory, folder, listed[name])
    }


def _status(census: FolderCensus) -> Status:
    items = {"UIDVALIDITY": census.uidvalidity, "UIDNEXT": census.uidnext}
    return Status(census.name, {name: number for name, number in items.items() if number}, census.mailboxid)


def _may_be_ours(memory: Memory, folder: TargetFolder, census: FolderCensus) -> bool:
    """Whether a message of ours is in it; or, since the member may have removed them all, nothing under the UIDs that we knew but what lay there before."""
    if census.error:
        return True
    ours = {
        one.target_uid: one
        for one in memory.by_message.values()
        if one.folder == folder.folder and one.target_uid is not None
    }
    if any(fact.uid in ours and _is_ours(ours[fact.uid], fact) for fact in census.facts):
        return True
    uids = {*(fact.uid for fact in census.facts), *census.unreadable}
    return memory.foreign[folder.folder].issuperset(uid for uid in uids if uid < folder.looked_uidnext)


def _is_ours(known: Remembered, there: Fact) -> bool:
    """By its octets; of what the target altered, or may have, by its date."""
    if there.sha256 in (known.sha256, known.sent_sha256):
        return True
    is_read_back = known.code is not OutcomeCode.DELIVERED or known.verified > 0
    may_differ = known.code is OutcomeCode.ALTERED or not is_read_back
    return may_differ and there.utc_seconds == writable_date(InternalDate(known.date_utc)).utc_seconds
