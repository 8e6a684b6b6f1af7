"""Both sides, each read in full, and what earlier runs remember: what is equal, and what every difference is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bascule.deliver.comparison.census import Fact, FolderCensus
from bascule.deliver.comparison.copies import Copies
from bascule.deliver.comparison.findings import Comparison, Finding, Kind
from bascule.deliver.comparison.judging import Place, judge_absent, judge_copy, judge_moved, judge_new, state_of_earlier
from bascule.deliver.comparison.memory import Memory, Remembered
from bascule.deliver.comparison.renamed import find_places, find_used
from bascule.deliver.doubled import other_uid
from bascule.deliver.moves import EarlierCopies, EarlierCopy
from bascule.terms.folder import FolderPath
from bascule.terms.later_runs import SETTLED, Old
from bascule.terms.outcome import OutcomeCode
from bascule.terms.printable import printable

_WITHDRAWN = "the new side listed its copy and, asked for it, had it no longer: its server lost it, or somebody removed it at this moment"
_NOT_READ = "{} messages more were found there, and no run has read them yet: run the same capture or import again"
_UNREAD = "its folder on the new side could not be read"


def compare(
    expected: Sequence[FolderCensus],
    found: Sequence[FolderCensus],
    names: Mapping[FolderPath, bytes],
    memory: Memory | None,
    unread: frozenset[FolderPath] = frozenset(),
) -> Comparison:
    """``names``: folder of the old side → the name of the new side's folder that takes it, whether that is there or not; ``memory`` None: nothing is
    known of earlier runs, and every difference is one; ``unread``: folders of the old side that were not asked for. Messages that only the new side
    has are no difference."""
    result = Comparison(memory is not None)
    used = find_used(found, memory, expected)
    places = find_places(expected, found, names, memory, used)
    unread |= {census.path for census in expected if census.error}
    work = _Comparing(result, Copies.of(found, _taken(used, memory)), places, used, memory, unread)
    for census in expected:
        work.sort_out(census)
    for census in expected:
        work.look_for(census)
    work.look_elsewhere()
    _name_what_was_not_given(expected, found, result)
    _tell_of_folders(expected, work, result)
    return result


def _taken(used: Mapping[int, Place], memory: Memory | None) -> dict[bytes, set[int]]:
    """Folder of the new side → UIDs that the ledger knows as copies of messages of ours, there on the old side or not."""
    taken: dict[bytes, set[int]] = defaultdict(set)
    for one in memory.by_message.values() if memory else ():
        place = used.get(one.folder, Place(None))
        if place.name is not None and not place.is_another and one.target_uid is not None:
            taken[place.name].add(one.target_uid)
    return taken


@dataclass(slots=True)
class _Waiting:
    """A message of which no copy was found yet."""

    census: FolderCensus
    fact: Fact
    place: Place
    known: Remembered | None
    old: Old = Old.SAME


@dataclass(slots=True)
class _Comparing:
    """Copies that the ledger names come first, then what lies in the right folder, then what lies anywhere: each copy stands for one message."""

    result: Comparison
    copies: Copies
    places: Mapping[FolderPath, Place]
    used: Mapping[int, Place]
    """By row in the catalogue, those of folders that the old side has no longer, too."""
    memory: Memory | None
    unread: frozenset[FolderPath]
    waiting: dict[FolderPath, list[_Waiting]] = field(default_factory=lambda: defaultdict(list))
    present: set[int] = field(default_factory=set)
    """The rows of the messages that the old side has where they were."""

    def sort_out(self, census: FolderCensus) -> None:
        """What the ledger knows of each message, and the copies that it names."""
        place = self.places[census.path]
        if place.name is None and self.memory is None:
            self._folder_is_missing(census)
            return
        renewed = self.memory.under_other_uids(census) if self.memory else {}
        for fact in census.facts:
            one = _Waiting(census, fact, place, self._known(census, fact))
            if one.known is None and renewed.get(fact.sha256):
                one.known, one.old = renewed[fact.sha256].pop(0), Old.REVALIDATED
            if one.known is not None:
                self.present.add(one.known.message)
            if not self._is_left_out(one) and not self._has_its_copy(one):
                self.waiting[census.path].append(one)

    def _folder_is_missing(self, census: FolderCensus) -> None:
        """Named once, for all that is in it."""
        self.result.counts[Kind.FAULT] += len(census.facts)
        if census.facts:
            self.result.name_fault(str(census.path), f"the folder is missing, with {len(census.facts)} messages")

    def _known(self, census: FolderCensus, fact: Fact) -> Remembered | None:
        if self.memory is None:
            return None
        if fact.row:
            return self.memory.by_message.get(fact.row)
        known = self.memory.by_identity.get((census.path, census.uidvalidity, fact.uid))
        return known if known is not None and known.sha256 == fact.sha256 else None

    def _is_left_out(self, one: _Waiting) -> bool:
        if one.known is not None:
            reason = one.known.detail if one.known.code is OutcomeCode.LEFT_OUT else None
        else:
            identity = (one.census.path, one.census.uidvalidity, one.fact.uid)
            reason = self.memory.left_out.get(identity) if self.memory else None
        if reason is None:
            return False
        self._tell(one, Finding(Kind.LEFT_OUT, f"left out: {reason}"))
        return True

    def _has_its_copy(self, one: _Waiting) -> bool:
        known, name = one.known, one.place.name
        if known is None or known.target_uid is None or name is None or one.place.is_another:
            return False
        known = self._without_double(name, known)
        there = self.copies.at(name, known.target_uid or 0)
        if there is not None:
            self._tell(one, judge_copy(one.fact, there, known, one.place, one.old), there)
            return True
        folder = self.copies.folders[name]
        if reason := folder.unreadable.get(known.target_uid or 0):
            self._tell(one, Finding(Kind.FAULT, f"the new side lists its copy and does not give it: {reason}"))
        elif known.target_uid in folder.withdrawn:
            self._tell(one, Finding(Kind.FAULT, _WITHDRAWN))
        else:
            return False
        return True

    def _without_double(self, name: bytes, known: Remembered) -> Remembered:
        """Where there was a copy too many, and one of the two is there no longer: the one that is left is the message's."""
        other, folder = other_uid(known.code, known.detail), self.copies.folders[name]
        silent = folder.unreadable.keys() | folder.withdrawn
        left = [uid for uid in (known.target_uid, other) if uid is not None and self.copies.at(name, uid) is not None]
        if other is None or len(left) != 1 or not silent.isdisjoint({known.target_uid, other}):
            return known
        return replace(known, code=OutcomeCode.ALREADY_THERE, detail="", target_uid=left[0])

    # -- by content ---------------------------------------------------------------------------------------------------

    def look_for(self, census: FolderCensus) -> None:
        """Of one folder, in the folder of the new side that takes it: equal ones first, so that none is taken for another that differs."""
        name = self.places[census.path].name
        left = self.waiting.pop(census.path, [])
        if name is not None:
            left = [one for one in left if not self._takes(one, self.copies.take_equal(name, one.fact))]
            left = [one for one in left if not self._takes(one, self._take(name, one))]
            left = [one for one in left if not self._takes_alike(one, self.copies.take_alike(name, one.fact))]
        self.waiting[census.path] = left

    def _take(self, name: bytes, one: _Waiting) -> Fact | None:
        """What was delivered and is gone from its place is not what has another date."""
        was_delivered = one.known is not None and one.known.code in SETTLED
        return self.copies.take(name, one.fact, any_date=not was_delivered)

    def _takes(self, one: _Waiting, there: Fact | None) -> bool:
        if there is not None:
            is_new = self.memory is not None and one.known is None
            known = self._replaced(one)
            judged = judge_new(one.fact, there) if is_new else judge_copy(one.fact, there, known, one.place, one.old)
            self._tell(one, judged, there)
        return there is not None

    def _replaced(self, one: _Waiting) -> Remembered | None:
        """What is known of a message whose copy is no longer where it was put: an equal one that lies in its folder is theirs, be it the same one, which they
        moved away and back; and what had been wrong with ours is over (`later_runs`: *altered* or *duplicate*, and gone)."""
        known = one.known
        if known is None or known.target_uid is None or known.code not in SETTLED or one.place.is_another:
            return known
        is_over = known.code in (OutcomeCode.ALTERED, OutcomeCode.DUPLICATE)
        return replace(known, is_theirs=True, code=OutcomeCode.REMOVED if is_over else known.code)

    def _takes_alike(self, one: _Waiting, there: Fact | None) -> bool:
        if there is not None:
            self._tell(one, Finding(Kind.FAULT, f"altered on the new side (UID {there.uid} there)"))
        return there is not None

    def look_elsewhere(self) -> None:
        """What is left is told by what earlier runs knew of it; what somebody moved to another folder is found there."""
        earlier = self._earlier_copies()
        for one in [one for left in self.waiting.values() for one in left]:
            moved = self._judge_moved(one, earlier)
            if one.place.is_unread:
                finding = Finding(Kind.FAULT, _UNREAD)
            elif one.known is not None:
                finding = judge_absent(one.known, one.place, one.old)
            elif moved is not None:
                finding = moved
            else:
                what = "not on the new side yet: no run has dealt with it" if self.memory else "missing"
                finding = Finding(Kind.TO_DO if self.memory else Kind.FAULT, what)
            if finding.kind is Kind.THEIRS and (elsewhere := self.copies.take_elsewhere(one.place.name, one.fact)):
                finding = replace(finding, what=f"moved on the new side, to {elsewhere[0].path}")
            self._tell(one, finding)
        self.waiting.clear()

    def _earlier_copies(self) -> EarlierCopies:
        """Of messages that were dealt with, are not where they were on the old side, and whose move no run has dealt with."""
        found = EarlierCopies()
        if self.memory is not None:
            for one in self.memory.by_message.values():
                is_seen = one.message in self.present or one.path in self.unread
                if one.code is not None and not is_seen and one.message not in self.memory.followed:
                    found.add(one.sha256, self._as_earlier(one))
        return found

    def _as_earlier(self, one: Remembered) -> EarlierCopy:
        place = self.used.get(one.folder, Place(None))
        there = None
        if place.name is not None and place.is_another:  # its UIDs are another's
            there = self.copies.find_equal(place.name, one.sha256, one.sent_sha256)
        elif place.name is not None and one.target_uid is not None:
            there = self.copies.at(place.name, one.target_uid)
        new = state_of_earlier(one, there, place)
        return EarlierCopy(one.message, one.meanwhile.start, one.meanwhile.stop, one.date_utc, one.knows, new)

    def _judge_moved(self, one: _Waiting, copies: EarlierCopies) -> Finding | None:
        """None: the message is known where it is, or is not known to have moved there."""
        if self.memory is None or one.known is not None:
            return None
        after = self.memory.old_side.absent_in(one.census.path, one.census.uidvalidity, one.fact.uid)
        earlier = copies.take(one.fact.sha256, after, one.fact.utc_seconds or 0)
        return None if earlier is None else judge_moved(self.memory.by_message[earlier.message], earlier.new)

    def _tell(self, one: _Waiting, finding: Finding, there: Fact | None = None) -> None:
        if finding.kind is Kind.EQUAL and there is not None and there.sha256 != one.fact.sha256:
            self.result.line_ends += 1
        fact = one.fact
        self.result.add(replace(finding, folder=str(one.census.path), uid=fact.uid, title=printable(fact.title)))


def _name_what_was_not_given(
    expected: Sequence[FolderCensus], found: Sequence[FolderCensus], result: Comparison
) -> None:
    """What either side lists and does not give, so that it can't be compared."""
    for side, folders in (("old", expected), ("new", found)):
        for census in folders:
            folder = str(census.path)
            if census.error:
                result.not_compared += 1
                result.name_fault(
                    folder, f"the {side} side does not open the folder, or not to the end: {census.error}"
                )
            for uid, reason in census.unreadable.items():
                result.name_fault(folder, f"the {side} side lists it and does not give it: {reason}", uid)
            if side == "old":
                result.counts[Kind.FAULT] += len(census.unreadable) + census.unlisted
            if not census.reached:
                result.name_to_do(folder, "no run has read it: nothing is known of what it holds")
            if census.unread and not census.error:
                result.name_to_do(folder, _NOT_READ.format(census.unread))
            if census.unlisted:
                result.name_fault(folder, f"the {side} side counts {census.unlisted} more messages than it lists")


def _tell_of_folders(expected: Sequence[FolderCensus], work: _Comparing, result: Comparison) -> None:
    """What people did to folders on the new side."""
    for census in expected:
        place = work.places[census.path]
        if place.is_renamed and place.name is not None:
            result.of_folders.append(
                f"{census.path} is called {work.copies.folders[place.name].path} on the new side now"
            )
        elif place.name is None and work.memory and work.memory.place_of(census.path) and census.facts:
            result.of_folders.append(
                f"{census.path} is no longer there under that name: somebody removed or renamed it on the new side"
            )
