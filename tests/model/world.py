"""What the test knows of both sides: the messages by name, what was done to each and by whom, and the folders of the new side under any name."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from model.letters import letter
from model.person import Person, Seen, Shelf

_NOT_OURS = frozenset({"\\recent", "\\deleted"})


@dataclass(frozen=True, slots=True)
class Copy:
    """A message of the new side. ``folder`` is the folder itself, whatever its name is at the time."""

    folder: int
    validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies on the old side."""

    folder: str
    validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Held:
    """One side's message: where it is, and how IMAP shows it. ``name``: its folder's, when it was looked at."""

    at: Copy | Place
    name: str
    seen: Seen

    @property
    def flags(self) -> frozenset[str]:
        """Those that count: without ``\\Recent`` and ``\\Deleted``."""
        return self.seen.flags - _NOT_OURS


Side = dict[str, list[Held]]
"""The messages of one side by their tag."""


@dataclass(slots=True)
class Past:
    """What happened to the messages of one tag, counted."""

    octets: bytes
    date: int
    old_ever: int = 0
    """Copies that the old side ever got, but by moving."""
    old_moves: int = 0
    old_deleted: int = 0
    flags_ever: set[frozenset[str]] = field(default_factory=set)
    """Sets of flags that the old side ever had for it: Bascule gives no others."""
    deeds: set[str] = field(default_factory=set)
    """What the member did to copies of it on the new side."""
    made: int = 0
    removed: int = 0
    forgotten: int = 0
    """How many of ``removed`` no state folder tells of."""
    touched: int = 0
    moved: int = 0
    unclear: set[str] = field(default_factory=set)
    """Why the document leaves more than one outcome open."""
    allowed: set[tuple[str, int]] = field(default_factory=set)
    """What was counted in ``more`` already."""
    more: int = 0
    """Copies that the document allows beyond one for each of the old side's."""
    during: bool = False
    """Whether something happened to it while the last run was at work."""


class World:
    """Both sides, and what is known of them."""

    def __init__(self, old: Person, new: Person) -> None:
        self.old, self.new = old, new
        self.past: dict[str, Past] = {}
        self.log: list[str] = []
        self.folders: dict[str, int] = {}
        """The new side's folders, by the name that each has now."""
        self._names: dict[int, set[str]] = {}
        """All names that each folder of the new side ever had."""
        self.validities: dict[int, int] = {}
        """Of each folder of the new side, when it was last looked at."""
        self.shelves: tuple[dict[str, Shelf], dict[str, Shelf]] = ({}, {})
        """Both sides as they were last looked at."""
        self.running = False
        self.changed_during = False
        """Whether anything happened while the last run was at work."""
        self.emptied_during: set[str] = set()
        """Folders of the new side that were deleted, with all that was in them, while the last run was at work."""
        self.changed = True
        """Whether anything happened since the last run."""
        self.theirs: dict[Copy, frozenset[str] | None] = {}
        """Copies that the member marked since the state folder that is taken was last lost or put back, with the flags that each had before."""
        self.reset: set[str] = set()
        """Folders of the old side that got a new UIDVALIDITY since the last complete run with the state folder that is taken."""
        self.resets: list[str] = []
        """All that ever got one, in order."""
        self.alike: set[str] = set()
        """Names that a folder of the old side got, and that one of the new side had by then."""
        self.closed: set[str] = set()
        """Folders of the old side that could not be opened in a run since the last complete one."""
        self._numbers = count(1)
        self._fids = count(1)

    def tell(self, line: str) -> None:
        self.log.append(("   (meanwhile) " if self.running else "") + line)

    def fresh(self, chance_octets: int, twin_of: str = "") -> str:
        """A new message, which no side has yet; with ``twin_of`` it borrows that one's Message-ID."""
        tag = f"m{next(self._numbers)}"
        self.past[tag] = Past(
            letter(tag, octets=chance_octets, message_id=twin_of), 1_580_000_000 + 977 * len(self.past)
        )
        return tag

    def note_old(self, tag: str, *, new: int = 0, moves: int = 0, deleted: int = 0) -> None:
        """Something was done to messages of this tag on the old side."""
        past = self.past[tag]
        past.old_ever, past.old_moves, past.old_deleted = (
            past.old_ever + new,
            past.old_moves + moves,
            past.old_deleted + deleted,
        )
        past.during |= self.running
        self.change()

    def note_flags(self, tag: str, flags: frozenset[str]) -> None:
        """The old side has the message with these flags, perhaps for a moment that only a run sees."""
        self.past[tag].flags_ever.add(flags - _NOT_OURS)

    def note_new(
        self, tag: str, deed: str, *, made: int = 0, removed: int = 0, touched: int = 0, moved: int = 0
    ) -> None:
        """The member did something to copies of this tag."""
        self.change()
        if tag not in self.past:
            return  # a message of the member's own
        past = self.past[tag]
        past.deeds.add(deed)
        past.made, past.removed, past.touched = past.made + made, past.removed + removed, past.touched + touched
        past.moved += moved
        past.during |= self.running

    def note_marked(self, folder: str, validity: int, messages: Iterable[Seen]) -> None:
        """The member is about to mark these of the new side; what we gave them can't be told where a run may be giving it at this moment."""
        for each in messages:
            given = None if self.running else each.flags - _NOT_OURS
            self.theirs.setdefault(Copy(self.folder(folder), validity, each.uid), given)

    def note_reset(self, folder: str) -> None:
        """A folder of the old side got a new UIDVALIDITY."""
        self.reset.add(folder)
        self.resets.append(folder)
        self.change()

    def note_emptied(self, folder: str) -> None:
        """A folder of the new side is about to be deleted, with what a run may have put there since it was looked into."""
        if self.running:
            self.emptied_during.add(folder)
        self.change()

    def change(self) -> None:
        """Something happened, to whatever it was."""
        self.changed = True
        self.changed_during |= self.running

    def look_old(self) -> Side:
        shelves = self.old.read()
        self.shelves = (shelves, self.shelves[1])
        side = _by_tag(
            Held(Place(name, shelf.uidvalidity, seen.uid), name, seen)
            for name, shelf in shelves.items()
            for seen in shelf.messages
        )
        for tag, held in side.items():
            self.past[tag].flags_ever |= {each.flags for each in held}
        return side

    def look_new(self) -> Side:
        """Also learns which folders there are: a name that was not there is a new folder."""
        shelves = self.new.read()
        self.shelves = (self.shelves[0], shelves)
        self.folders = {name: self.folder(name) for name in shelves}
        self.validities = {self.folders[name]: shelf.uidvalidity for name, shelf in shelves.items()}
        return _by_tag(
            Held(Copy(self.folders[name], shelf.uidvalidity, seen.uid), name, seen)
            for name, shelf in shelves.items()
            for seen in shelf.messages
        )

    def folder(self, name: str) -> int:
        """The new side's folder of this name."""
        if name not in self.folders:
            self.folders[name] = next(self._fids)
        self._names.setdefault(self.folders[name], set()).add(name)
        return self.folders[name]

    def now_called(self, name: str) -> set[str]:
        """What the folders are called that once had this name."""
        return {now for now, fid in self.folders.items() if name in self._names.get(fid, ())}

    def was_renamed(self, fid: int) -> bool:
        return len(self._names[fid]) > 1

    def rename_new(self, name: str, to: str) -> None:
        """The member renamed a folder, and with it those below."""
        for each in [each for each in self.folders if each == name or each.startswith(f"{name}/")]:
            fid = self.folders.pop(each)
            self.folders[to + each[len(name) :]] = fid
            self._names[fid].add(to + each[len(name) :])

    def delete_new(self, name: str) -> None:
        del self.folders[name]

    def name_of(self, fid: int) -> str | None:
        """What a folder of the new side is called now; nothing where it is gone."""
        return next((name for name, each in self.folders.items() if each == fid), None)

    def begin_run(self) -> None:
        """What happens from now on happens during this run."""
        self.changed_during = False
        self.emptied_during.clear()
        for past in self.past.values():
            past.during = False

    def forget_run(self) -> None:
        """A complete run without anything going on beside it is over: what comes now is since then."""
        self.changed = False
        self.reset.clear()
        self.closed.clear()


def _by_tag(held: Iterable[Held]) -> Side:
    side: Side = {}
    for each in held:
        side.setdefault(each.seen.tag, []).append(each)
    return side


def counted(side: Side) -> Counter[tuple[str, str, frozenset[str]]]:
    """Folder, tag and flags of everything: what two looks at a side that must be equal are compared by."""
    return Counter((each.name, tag, each.seen.flags) for tag, held in side.items() for each in held)
