"""What the ledger may know of one message, and what the rules of later runs then allow a run to do with it.

Where the document or a cut run leaves more than one possibility, all are kept; each run's outcome strikes out those that it contradicts. Nothing here knows
how Bascule keeps its ledger: an entry holds what the document's words need.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from model.rules import what_is_done
from model.world import Copy, Held, Place, World

Flags = frozenset[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """``given``: the flags that the copy got from us; None where it is theirs from the start. ``name``: its folder's, when it was recorded.
    ``earlier``: copies that were to make way for this one, with the flags given to each."""

    ledger: str
    copy: Copy | None = None
    name: str = ""
    given: Flags | None = None
    place: Place | None = None
    flags: Flags = frozenset()
    earlier: frozenset[tuple[Copy, Flags | None]] = frozenset()


NOTHING = Entry("nothing")


@dataclass(frozen=True, slots=True)
class Night:
    """One run, seen from one message. ``old``: the message on the old side, if it is there; ``targets``: the names that its folder may have on the new side.
    ``lasting``: whether an earlier copy may stay (nothing is read back, or the target can't remove one message). ``after_cut``: a run since the
    last complete one may have seen it elsewhere."""

    world: World
    old: Held | None
    before: tuple[Held, ...]
    after: tuple[Held, ...]
    targets: frozenset[str]
    lasting: bool
    after_cut: bool
    there_before: frozenset[str] = frozenset()
    """The folders of the new side when the run began."""
    unread: bool = False
    """Some run did not look at what it had delivered to a target that tells no UIDs."""

    @property
    def added(self) -> tuple[Held, ...]:
        known = {each.at for each in self.before}
        return tuple(each for each in self.after if each.at not in known)

    @property
    def removed(self) -> frozenset[Copy]:
        return frozenset(each.at for each in self.before) - {each.at for each in self.after}

    @property
    def marked(self) -> dict[Copy, Flags]:
        """Copies whose flags changed, with those that they have now."""
        was = {each.at: each.flags for each in self.before}
        return {each.at: each.flags for each in self.after if each.at in was and was[each.at] != each.flags}


def old_words(entry: Entry, night: Night) -> list[str]:
    """The words that the document may use for the old side; more than one where it does not decide."""
    now, place = night.old, entry.place
    if now is None:
        return ["deleted"]
    if place is None:
        return ["new"]
    here = now.at
    flagged = now.flags != entry.flags
    if (here.folder, here.validity) == (place.folder, place.validity):
        words = ["flagged" if flagged else "same"]
        return words if here.uid == place.uid or not night.after_cut else [*words, "moved", "new"]
    if here.folder == place.folder:
        return ["flagged" if flagged else "UIDVALIDITY new"]
    if {here.folder, place.folder} & (night.world.reset | night.world.closed):
        return [
            "moved",
            "new",
        ]  # one of the folders is another one since, or could not be looked into when it left or came
    return ["moved"]


def new_words(entry: Entry, night: Night) -> Sequence[tuple[str, Held | None]]:
    """The words that it may use for the new side, each with the copy that it speaks of. A run that has no reason to look learns nothing of the copy."""
    words = list(_new_words(entry, night))
    if entry.copy is not None:
        words.append(("not looked", None))
    if night.unread and entry.ledger == "delivered" and any(word == "gone" for word, _ in words):
        words.append(("never seen", None))
    return words


def _new_words(entry: Entry, night: Night) -> Sequence[tuple[str, Held | None]]:
    if entry.copy is None:
        if entry.ledger == "removed":
            return [("gone", None)]
        found = [(_touch(entry, each), each) for each in night.before] if entry.ledger == "in doubt" else []
        return [("never seen", None), *found]
    name = night.world.name_of(entry.copy.folder)
    if name is None:  # gone; or another folder with its name is taken for it, with a new UIDVALIDITY
        same = [each for each in night.before if each.name == entry.name]
        return [("gone", None), *((_touch(entry, each), each) for each in same)]
    inside = [each for each in night.before if each.at.folder == entry.copy.folder]
    renamed = name != entry.name
    # where no MAILBOXID is told, another folder that has the old name is taken for it
    other: list[tuple[str, Held | None]] = []
    if renamed and entry.name in night.there_before:
        other = [("gone", None), *((_touch(entry, each), each) for each in night.before if each.name == entry.name)]
    if night.world.validities.get(entry.copy.folder) != entry.copy.validity:
        found = [(_touch(entry, each), each) for each in inside] or [("gone", None)]
        return [*found, *other, ("gone", None)] if night.world.was_renamed(entry.copy.folder) else found
    for each in inside:
        if each.at == entry.copy:
            word = _touch(entry, each)
            return [("folder renamed" if renamed and word == "untouched" else word, each), *other]
    # what is in doubt is known by its content: the member may have removed it, and a run with a newer state folder sent it again
    again = [(_touch(entry, each), each) for each in inside] if entry.ledger == "in doubt" else []
    return [("gone", None), *again, *other]


def _touch(entry: Entry, copy: Held) -> str:
    return "untouched" if entry.given is not None and copy.flags == entry.given else "touched"


def actions(entry: Entry, night: Night) -> Iterator[tuple[str, str, Held | None]]:
    """(old word, what is done, the copy): every reading."""
    for old, (new, copy) in product(old_words(entry, night), new_words(entry, night)):
        ledger = "nothing" if old == "new" else entry.ledger
        done = what_is_done(old, ledger, new)
        if new == "not looked" and done != "leave":
            continue  # it looks, and the other words say what it finds
        if done == "look":  # in doubt, and its folder renamed: found there, or not
            yield old, what_is_done(old, ledger, "untouched"), copy
            yield old, what_is_done(old, ledger, "gone"), None
        else:
            yield old, done, copy


def after_complete(entries: frozenset[Entry], night: Night) -> frozenset[Entry]:
    """What the ledger may know after a complete run that left things as they are; empty: the document does not allow what the run did."""
    return frozenset(
        following
        for entry in (_found_again(each, night) for each in entries)
        for old, done, copy in actions(entry, night)
        for following in _complete(entry, night, old, done, copy)
    )


def _found_again(entry: Entry, night: Night) -> Entry:
    """Copies that are to make way lie under other UIDs where their folder has a new UIDVALIDITY: there they are known by what they are."""
    earlier: set[tuple[Copy, Flags | None]] = set()
    for at, given in entry.earlier:
        if night.world.validities.get(at.folder) == at.validity:
            earlier.add((at, given))
        else:
            alike = (each.at for each in night.before if each.at.folder == at.folder and each.at != entry.copy)
            earlier.update((each, given) for each in alike)
    return replace(entry, earlier=frozenset(earlier))


def after_cut(entries: frozenset[Entry], night: Night) -> frozenset[Entry]:
    """The same after a run that was cut, or that met a fault: each thing that it would have done may be undone."""
    return frozenset(
        following
        for entry in (_found_again(each, night) for each in entries)
        for _, done, copy in actions(entry, night)
        for following in _cut(entry, night, done, copy)
    ) | after_complete(entries, night)


def _complete(entry: Entry, night: Night, old: str, done: str, copy: Held | None) -> Iterator[Entry]:
    now, placed = night.old, _placed(entry, night, done)
    flags = now.flags if now else entry.flags
    still = frozenset((at, given) for at, given in entry.earlier if at not in night.removed)
    kept = replace(
        entry, place=now.at if now else entry.place, flags=flags, earlier=still if night.lasting else frozenset()
    )
    if copy and done not in ("removed",):
        kept = replace(kept, copy=copy.at, name=copy.name)
    for gone in _earlier_gone(entry, night, done, copy):
        match done:
            case "send" | "send beside" | "replace":
                way = {copy.at} if done == "replace" and copy else set()
                for leaving, pending in _makes_way(way, entry, copy, night):
                    if night.removed == gone | leaving and not night.marked:
                        for each in placed:
                            yield replace(each, earlier=pending | kept.earlier)
            case "follow":
                if night.removed == gone and copy and _marked_as(night, copy, flags):
                    yield replace(kept, given=flags)
            case "removed":
                if _untouched(night, gone):
                    yield replace(kept, ledger="removed", copy=None)
                    yield from (placed if old == "moved" else ())  # an equal copy lies there that stands for no message
            case "missing":
                if _untouched(night, gone):
                    yield replace(kept, ledger="missing", copy=None)
            case "found" | "found, theirs":
                if _untouched(night, gone):
                    yield replace(kept, ledger="delivered")
                    yield replace(kept, ledger="delivered", flags=entry.flags)
                if done == "found" and copy and night.removed == gone and _marked_as(night, copy, flags):
                    yield replace(kept, ledger="delivered", given=flags)
            case _:
                if _untouched(night, gone):
                    yield kept
                    if done == "theirs":
                        yield replace(kept, given=None)
                    if old == "UIDVALIDITY new":
                        yield replace(kept, flags=entry.flags)


def _untouched(night: Night, gone: frozenset[Copy]) -> bool:
    return night.removed == gone and not night.marked and not night.added


def _marked_as(night: Night, copy: Held, flags: Flags) -> bool:
    """Whether the one change is that the copy has these flags."""
    return not night.added and night.marked == ({} if copy.flags == flags else {copy.at: flags})


def _placed(entry: Entry, night: Night, done: str) -> list[Entry]:
    """Entries for a message that is delivered in this run, or finds an equal copy that stands for no message."""
    now = night.old
    if now is None:
        return []
    if night.added:
        if len(night.added) > 1 or not _right(night.added[0], night):
            return []
        if entry.ledger == "nothing" and any({each.name} == night.targets for each in night.before):
            return []  # it stood for no message, and is the message
        new = night.added[0]
        return [Entry("delivered", new.at, new.name, new.flags, now.at, now.flags)]
    earlier = {entry.copy, *(at for at, _ in entry.earlier)}
    return [
        Entry("already there", each.at, each.name, each.flags if each.flags == now.flags else None, now.at, now.flags)
        for each in night.after
        if each.name in night.targets and each.at not in earlier
    ]


def _right(copy: Held, night: Night) -> bool:
    return night.old is not None and copy.name in night.targets and copy.flags == night.old.flags


def _makes_way(
    way: set[Copy], entry: Entry, copy: Held | None, night: Night
) -> list[tuple[frozenset[Copy], frozenset[tuple[Copy, Flags | None]]]]:
    """(what leaves in this run, what is still to leave): all of it at once, or later where the run may not remove it."""
    all_of_it = [(frozenset(way), frozenset[tuple[Copy, Flags | None]]())]
    if not way or not night.lasting:
        return all_of_it
    return [*all_of_it, (frozenset(), frozenset((each, entry.given) for each in way)), (frozenset(), frozenset())]


def _earlier_gone(entry: Entry, night: Night, done: str, copy: Held | None) -> set[frozenset[Copy]]:
    """Which of the copies that were still to make way may leave in this run: each way it may go."""
    there = {each.at: each.flags for each in night.before}
    untouched = frozenset(at for at, given in entry.earlier if at in there and there[at] == given)
    untouched -= {copy.at} if copy else set()
    if not untouched:
        return {frozenset()}
    optional = night.lasting or night.old is None or done in ("removed", "theirs", "send")
    return {untouched, frozenset()} if optional else {untouched}


def _cut(entry: Entry, night: Night, done: str, copy: Held | None) -> Iterator[Entry]:
    now = night.old
    pending = entry.earlier
    if done == "replace" and copy:
        pending |= {(copy.at, entry.given)}
    removable = frozenset(at for at, _ in pending)
    if not night.removed <= removable or len(night.added) > 1:
        return
    left = frozenset((at, given) for at, given in pending if at not in night.removed)
    placing = done in ("send", "send beside", "replace") and now is not None
    if night.added:
        if not placing or not _right(night.added[0], night):
            return
        assert now is not None
        new = night.added[0]
        for ledger in ("delivered", "in doubt"):
            yield Entry(ledger, new.at, new.name, new.flags, now.at, now.flags, left)
        return
    if night.marked:
        if copy and now and done in ("follow", "found") and night.marked == {copy.at: now.flags}:
            given = replace(entry, given=now.flags, flags=now.flags, place=now.at, copy=copy.at, name=copy.name)
            yield from (given, replace(given, ledger="delivered"))
        return
    if night.removed:
        yield replace(entry, earlier=left)
        return
    yield entry
    if placing:
        assert now is not None
        yield Entry("in doubt", None, "", now.flags, now.at, now.flags, left)
        yield from (replace(each, earlier=left) for each in _placed(entry, night, done))
