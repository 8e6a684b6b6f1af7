"""Which folder of the new side has each of the old side's, also where somebody renamed it: seen by what is in it."""

from collections.abc import Mapping, Sequence

from bascule.deliver.comparison.census import FolderCensus
from bascule.deliver.comparison.copies import key_of
from bascule.deliver.comparison.judging import Place
from bascule.deliver.comparison.memory import Memory
from bascule.terms.folder import FolderPath


def find_places(
    expected: Sequence[FolderCensus],
    found: Sequence[FolderCensus],
    names: Mapping[FolderPath, bytes],
    memory: Memory | None,
) -> dict[FolderPath, Place]:
    """One for each folder of ``expected``. A folder that was used before and is not listed any more is the one that no earlier run used and that
    has its messages, under their UIDs: a renamed folder keeps these (RFC 9051 §6.3.6)."""
    listed = {key_of(census.name): census for census in found}
    used = {key_of(place.name) for place in memory.places.values()} if memory else set()
    strangers = [census for name, census in listed.items() if name not in used]
    places: dict[FolderPath, Place] = {}
    for folder in expected:
        known = memory.place_of(folder.path) if memory else None
        name = key_of(known.name) if known else key_of(names.get(folder.path, b""))
        there = listed.get(name)
        if there is not None:
            is_another = known is not None and known.uidvalidity not in (0, there.uidvalidity)
            places[folder.path] = Place(name, is_another=is_another, is_unread=bool(there.error))
            continue
        renamed = _renamed(memory, folder.path, strangers) if memory and known else None
        if renamed is not None:
            strangers.remove(renamed)
        places[folder.path] = _as_place(renamed)
    return places


def _as_place(renamed: FolderCensus | None) -> Place:
    if renamed is None:
        return Place(None)
    return Place(key_of(renamed.name), is_renamed=True, is_unread=bool(renamed.error))


def _renamed(memory: Memory, path: FolderPath, strangers: Sequence[FolderCensus]) -> FolderCensus | None:
    """The stranger that holds most of the folder's copies, under their UIDs; None where none holds any."""
    ours = {
        (one.target_uid, digest)
        for one in memory.by_path.get(path, ())
        if one.target_uid is not None
        for digest in (one.sha256, one.sent_sha256)
    }
    held = [
        (sum((fact.uid, fact.sha256) in ours for fact in census.facts), place) for place, census in enumerate(strangers)
    ]
    most, place = max(held, default=(0, 0))
    return strangers[place] if most else None
