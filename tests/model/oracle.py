"""What must hold after each run, by `docs/later-runs.md` and the README's promises; every violation is a sentence.

A message whose copies the member never touched must be as it is on the old side after each complete run, however many were cut before. One that they touched is
followed through the tables (`entries`). Equal messages, and what the document leaves open, are counted: none lost, none more than there may be.
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

from model import reports
from model.entries import NOTHING, Entry, Night, after_complete, after_cut
from model.person import Shelf
from model.runs import Ended
from model.world import Copy, Held, Past, Place, Side, World


@dataclass(slots=True)
class Knowledge:
    """What the state folder may know: it is kept, lost and put back with it. ``entries``: None where anything may be known."""

    entries: dict[str, frozenset[Entry] | None] = field(default_factory=dict)
    folders: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Folder of the old side → the new side's that took it, and its UIDVALIDITY."""
    unsure: set[str] = field(default_factory=set)
    """Folders whose taker a cut run may not have noted."""
    replaced: set[str] = field(default_factory=set)
    """Folders whose taker was deleted, and whose name another has since: by what that is known is noted once a run has something to do in it."""
    new: Side = field(default_factory=dict)
    """When it was last used."""
    complete: bool = False
    """Whether a complete run ever came to its end with it."""
    placed: dict[str, set[Copy | Place]] = field(default_factory=dict)
    """Where each message was on the old side when the last complete run with it looked."""
    resets: int = 0
    """How many of `World.resets` had been when the last complete run came to its end with it."""
    closed: set[str] = field(default_factory=set)
    """Folders of the old side that could not be opened in a run since."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Both sides at one moment."""

    old_shelves: dict[str, Shelf]
    new_shelves: dict[str, Shelf]
    old: Side
    new: Side


class Oracle:
    """Of one sequence. ``uidplus``: whether the target has it. ``steps``: capture and deliver, with a mailbox on disk between."""

    def __init__(self, world: World, *, uidplus: bool, steps: bool) -> None:
        self.world, self.uidplus, self.steps = world, uidplus, steps
        self.knowledge = Knowledge()
        self.kept: dict[int, Knowledge] = {}
        self.at_rest = False
        """The last run was complete, with nothing left to do."""
        self.faults: set[str] = set()
        """Tags that a report may name as a fault from now on: something happened to them while a run was at work."""
        self._sure: dict[str, set[Copy | Place]] = {}
        self._perhaps: dict[str, set[Copy | Place]] = {}
        """Where each message was on the old side when the last complete run looked, and where any run since may have seen it."""
        self._complete_runs = 0
        self._back: Side | None = None
        """What the new side had when the state folder that was taken was last used; until a complete run has come after it."""
        self._taken = 0
        """How often the state folder was lost, or an older one put back."""
        self._there_before: frozenset[str] = frozenset()
        """The folders of the new side when the run began."""
        self._unread = False
        """A run to a target without UIDPLUS did not look at what it had delivered, or not to its end: what the member removed then was seen by nobody."""
        self._cut_since = self._during = False
        """``_cut_since``: a run was cut, or met a fault, after the last complete one."""

    def look(self) -> Looks:
        old, new = self.world.look_old(), self.world.look_new()
        return Looks(*self.world.shelves, old, new)

    # The state folder

    def keep(self, number: int) -> None:
        self.kept[number] = deepcopy(self.knowledge)

    def lose(self) -> None:
        self._take(Knowledge())

    def put_back(self, number: int) -> None:
        self._take(deepcopy(self.kept[number]))

    def _take(self, knowledge: Knowledge) -> None:
        """From now on only this is known."""
        self.knowledge, self._back = knowledge, knowledge.new
        self.world.reset.update(self.world.resets[knowledge.resets :])
        self.world.closed = set(knowledge.closed)
        self.world.theirs.clear()
        self.at_rest, self._during, self._taken = False, False, self._taken + 1
        self._blur(self.look())

    def _blur(self, looks: Looks) -> None:
        """Until a complete run has found out again what is where: what happens, and is not to be seen on both sides, can't be told."""
        assert self._back is not None
        for tag, past in self.world.past.items():
            now, then = looks.new.get(tag, []), self._back.get(tag, [])
            alike = not then or _places(now) == _places(then)
            if not then or not self.knowledge.complete:  # it may not be known, and is found as it is
                alike = alike and self._mirrors(tag, looks.old, looks.new)
            if now and not alike:
                past.unclear.add("state")
                self._allow_more(past, f"state {self._taken}", len(looks.old.get(tag, [])) + past.old_moves)

    # After a run

    def after(
        self, ended: Ended, before: Looks, now: Looks, *, faulty: bool = False, during: bool = False
    ) -> list[str]:
        """The violations. ``faulty``: a server was made to refuse something. ``during``: life went on meanwhile."""
        if self._back is not None:
            self._blur(before)
        if self._back is not None or self._cut_since or ended.order.beside == "another":
            for past in self.world.past.values():
                past.forgotten = past.removed
        self._during = during
        self._there_before = frozenset(before.new_shelves)
        self._note_what_came_back(before)
        if during:
            self._learn_places(before)
            self._note_what_came_back(now)
            self._note_what_went_with_its_folder(now)
        found = [
            *([] if during else self._old_is_unchanged(before, now)),
            *self._nothing_of_theirs_changed(before, now),
            *self._nothing_is_marked_for_removal(before, now, cut=not ended.complete),
            *self._what_came_is_right(before, now),
            *reports.ended_well(ended),
        ]
        complete = ended.complete and not faulty
        self._unread = self._unread or (not self.uidplus and (ended.order.verify == "none" or not ended.complete))
        found += reports.violations(ended, self.world, faulty=faulty, may_be=self._may_be_a_fault)
        if ended.complete and not faulty and not during and ended.order.beside != "another":
            found += [*reports.finds_everything(ended, before.old), *self._kept_still(before, now)]
        for tag, past in self.world.past.items():
            found += self._message(tag, ended, before, now, complete=complete, faulty=faulty)
            if past.during:
                self.faults.add(tag)
                if past.deeds:  # what the member did to a copy at the moment when the run wrote to it
                    self._allow_more(past, "during")
        found += self._folders(ended, before, now, complete=complete and not during)
        self._learn(ended, now, complete=complete, during=during)
        return found

    def _may_be_a_fault(self, tag: str, code: str) -> bool:
        """Something happened to it while a run was at work; or it moved, or was copied and then deleted, and the target can't remove its
        earlier copy; or a person made a copy of it behind a run that was cut, and the target can't tell which is ours."""
        past = self.world.past[tag]
        moves = past.old_moves + min(past.old_ever - 1, past.old_deleted)
        moved = code == "duplicate" and not self.uidplus and moves > 0
        unseen = code == "missing" and self._unread and past.removed + past.moved > 0
        beside = code == "duplicate" and not self.uidplus and self._cut_since and past.made > 0
        return past.during or tag in self.faults or moved or unseen or beside

    def _kept_still(self, before: Looks, now: Looks) -> list[str]:
        """Where nothing happened since a run that left nothing to do, the next one changes nothing."""
        if not self.at_rest or self.world.changed or before.new_shelves == now.new_shelves:
            return []
        return [f"with nothing to do, the run changed the new side: {_difference(before, now)}"]

    def _learn_places(self, looks: Looks) -> None:
        for tag, held in looks.old.items():
            self._perhaps.setdefault(tag, set()).update(each.at for each in held)

    def _old_is_unchanged(self, before: Looks, now: Looks) -> list[str]:
        if before.old_shelves == now.old_shelves:
            return []
        return ["the old side was changed"]

    def _nothing_of_theirs_changed(self, before: Looks, now: Looks) -> list[str]:
        """Flags that the old side never had are the member's: such a copy stays as it is, and so does what the old side never had."""
        found = []
        for tag, held in before.new.items():
            past = self.world.past.get(tag)
            after = {each.at: each for each in now.new.get(tag, [])}
            for each in held:
                if (past and (past.during or not self._is_theirs(each, past))) or (
                    not past and self.world.changed_during
                ):
                    continue
                if each.at not in after:
                    found.append(f"{tag} in {each.name} {set(each.flags)}, which is the member's, was removed")
                elif after[each.at].seen != each.seen:
                    found.append(
                        f"{tag} in {each.name} was the member's with {set(each.seen.flags)}, has {set(after[each.at].seen.flags)}"
                    )
        return found

    def _is_theirs(self, copy: Held, past: Past) -> bool:
        """It has flags that we never gave it: the old side never had them, or the member made them so."""
        assert isinstance(copy.at, Copy)
        given = self.world.theirs.get(copy.at)
        return copy.flags not in past.flags_ever or (given is not None and copy.flags != given)

    def _nothing_is_marked_for_removal(self, before: Looks, now: Looks, *, cut: bool) -> list[str]:
        r"""A run that is not cut leaves no copy ``\Deleted`` that was not: the next EXPUNGE of a mail program would remove it."""
        if cut:
            return []
        found = []
        for tag, held in before.new.items():
            past = self.world.past.get(tag)
            if past.during if past else self.world.changed_during:
                continue
            after = {each.at: each for each in now.new.get(tag, [])}
            found += [
                f"{tag} in {each.name} was marked as deleted"
                for each in held
                if each.at in after and "\\deleted" in after[each.at].seen.flags - each.seen.flags
            ]
        return found

    def _what_came_is_right(self, before: Looks, now: Looks) -> list[str]:
        found = []
        for tag, held in now.new.items():
            known = {each.at for each in before.new.get(tag, [])}
            past = self.world.past.get(tag)
            for each in held:
                if each.at in known or (past and past.during) or (not past and self.world.changed_during):
                    continue
                if not past:
                    found.append(f"the run brought {tag} to {each.name}, which the old side never had")
                elif each.seen.octets != past.octets:
                    found.append(f"{tag} in {each.name} has other octets")
                elif each.seen.date != past.date:
                    found.append(f"{tag} in {each.name} has another date: {each.seen.date - past.date:+d} s")
                elif each.flags not in past.flags_ever:
                    found.append(f"{tag} in {each.name} has flags that it never had: {set(each.seen.flags)}")
        return found

    # One message

    def _message(self, tag: str, ended: Ended, before: Looks, now: Looks, *, complete: bool, faulty: bool) -> list[str]:
        past, knowledge = self.world.past[tag], self.knowledge
        old, new = now.old.get(tag, []), now.new.get(tag, [])
        solo = past.old_ever == 1 and len(old) <= 1
        stale = faulty and self.steps and self._is_behind(past, old)
        if past.during or not solo or stale or ended.order.beside == "another":
            knowledge.entries[tag] = None
        if ended.order.beside == "another" and (
            any(self._target(each.name) != each.name for each in old)
            or (before.new.get(tag) and not _mirrors(before.old, before.new, tag))
        ):
            past.unclear.add("two states")  # one knows where it was before, the other doesn't
            past.more += len(old)
        if past.during:
            return []
        entries = knowledge.entries.get(tag, frozenset({NOTHING}))
        found: list[str] = []
        if complete and tag not in reports.named(ended, self.world):
            found += self._counts(tag, ended, before, old, new)
        told = self.world.changed_during and {(each.name, each.at.uid) for each in old} & reports.refused(ended)
        if complete and not past.deeds and not past.unclear and not past.old_deleted and not told:
            found += self._is_mirrored(tag, ended, now)
        if entries is not None:
            names = self._targets(old[0].name) if old else frozenset()
            lasting = not self.uidplus or ended.order.verify == "none"
            night = Night(
                self.world,
                old[0] if old else None,
                tuple(before.new.get(tag, [])),
                tuple(new),
                frozenset(names),
                lasting,
                tag in self._perhaps,
                self._there_before,
                self._unread,
            )
            following = (after_complete if complete else after_cut)(entries, night) or self._lies_there_already(night)
            if not following and not found:
                found.append(f"{tag}: {_told(entries, night)}")
            knowledge.entries[tag] = following or None
        elif complete and solo and not found and ended.order.beside != "another":
            knowledge.entries[tag] = self._known_again(tag, ended, now)
        return found

    def _lies_there_already(self, night: Night) -> frozenset[Entry]:
        """What is known of a message that moved on the old side to the folder that its copy lies in: that one has the same name on both sides since."""
        old = night.old
        if old is None or old.name not in self.world.alike:
            return frozenset()
        before = {copy.at: {copy.flags, old.flags} for copy in night.before}
        if any(copy.flags not in before.get(copy.at, ()) for copy in night.after) or len(before) != len(night.after):
            return frozenset()
        return frozenset(
            Entry(ledger, copy.at, copy.name, given, old.at, old.flags)
            for copy in night.after
            if copy.name in night.targets
            for given in (copy.flags, None)
            for ledger in ("delivered", "already there")
        )

    def _is_behind(self, past: Past, old: list[Held]) -> bool:
        """Whether the mailbox on disk may say something else of a message than the old side: a folder could not be opened, and it is delivered from
        there as it was captured."""
        is_closed = any(each.name in self.world.closed for each in old)
        return bool(past.old_moves or past.old_deleted or (is_closed and len(past.flags_ever) > 1))

    def _known_again(self, tag: str, ended: Ended, now: Looks) -> frozenset[Entry] | None:
        """What is known of a message after a run that left it as it is on the old side, whatever was open before; None: still open."""
        past, old, new = self.world.past[tag], now.old.get(tag, []), now.new.get(tag, [])
        if len(old) != 1 or len(new) != 1 or past.removed or past.made or past.unclear or past.old_deleted:
            return None
        if not self.uidplus or ended.order.verify == "none" or new[0].name not in self._targets(old[0].name):
            return None
        here = Entry("delivered", new[0].at, new[0].name, new[0].flags, old[0].at, old[0].flags)
        return frozenset({here, replace(here, given=None)})

    def _counts(self, tag: str, ended: Ended, before: Looks, old: list[Held], new: list[Held]) -> list[str]:
        past = self.world.past[tag]
        stayed = min(len(old), len(before.old.get(tag, [])))
        # a copy that the member moved may be taken for an equal message that came later, where it lies now
        # and with an older state each of equal messages may be taken for another, whose copy is gone
        least = 0 if "state" in past.unclear else stayed - past.removed - past.moved
        least = max(least, min(stayed, 1) if not past.removed else 0)
        if self._cut_since and "folder renamed" in past.deeds:  # what is in doubt may be looked for under the old name
            self._allow_more(past, "renamed and in doubt")
        if past.old_ever > 1 and past.old_moves and any(each.name in self.world.alike for each in old):
            self._allow_more(past, "equal, and one's folder renamed alike")
        if "reset" in past.deeds:  # which of several copies was ours can't be told by content
            self._allow_more(past, "another UIDVALIDITY", 2 if "folder renamed" in past.deeds else 1)
        most = past.old_ever + past.made + past.touched + past.more
        if not past.unclear:
            most -= past.removed - past.forgotten
        if not self.uidplus or ended.order.verify == "none":
            most += past.old_moves
        if len(new) < least:
            return [f"{tag} is lost: {len(old)} on the old side, {_where(new)} on the new one"]
        if len(new) > most:
            return [f"{tag} is there too often: {_where(new)} on the new side, {_where(old)} on the old one"]
        return []

    def _note_what_came_back(self, looks: Looks) -> None:
        """It left its folder, may have been seen elsewhere by a run that was cut, and came back: as itself, or moved from there. Or its folder is
        another one since, or could not be looked into: the document does not say then whether this is a move."""
        for tag, held in looks.old.items():
            past, now = self.world.past[tag], {each.at for each in held}
            sure, perhaps = self._sure.get(tag, set()), self._perhaps.get(tag, set())
            seen = sure | perhaps
            left = {(at.folder, at.validity) for at in seen - now if isinstance(at, Place)}
            back = any((at.folder, at.validity) in left for at in now - sure if isinstance(at, Place))
            if back and (perhaps or self._back is not None):
                self._allow_more(past, "came back", len(held))
            unseen = self.world.reset | self.world.closed
            if past.old_moves and any(at.folder in unseen for at in now | seen if isinstance(at, Place)):
                self._allow_more(past, "reset and moved", len(held))

    def _note_what_went_with_its_folder(self, looks: Looks) -> None:
        """The run put it into a folder, perhaps, that was looked into, and was deleted a moment later."""
        for tag, held in looks.old.items():
            past, there = self.world.past[tag], {each.name for each in looks.new.get(tag, [])}
            gone = [each for each in held if (self._targets(each.name) & self.world.emptied_during) - there]
            if gone and not past.during:
                past.during = True
                past.deeds.add("folder deleted")
                past.removed += len(gone)

    def _allow_more(self, past: Past, why: str, count: int = 1) -> None:
        """Once for each thing that happened, as long as no complete run came after it."""
        if (why, self._complete_runs) not in past.allowed:
            past.allowed.add((why, self._complete_runs))
            past.unclear.add(why)
            past.more += count

    def _mirrors(self, tag: str, old: Side, new: Side) -> bool:
        """Whether both sides surely show the same of it."""
        if any(len(self._targets(each.name)) > 1 for each in old.get(tag, [])):
            return False
        return _mirrors(old, new, tag, self._target)

    def _is_mirrored(self, tag: str, ended: Ended, now: Looks) -> list[str]:
        """Nobody touched it on the new side: it is there as on the old one."""
        past = self.world.past[tag]
        old, new = now.old.get(tag, []), now.new.get(tag, [])
        loose = not self.uidplus or ended.order.verify == "none"
        left = list(new)
        for each in old:
            names = self._targets(each.name)
            match = [
                copy
                for copy in left
                if copy.name in names and (copy.flags == each.flags or (past.old_ever > 1 and loose))
            ]
            if match:
                left.remove(match[0])
            else:
                return [
                    f"{tag} is {_where(old)} on the old side, and {_where(new)} on the new one, where nobody touched it"
                ]
        if left and not (loose and len(new) <= past.old_ever + past.old_moves) and not past.unclear:
            return [f"{tag} is {_where(old)} on the old side, and {_where(new)} on the new one: once too often"]
        if not self.knowledge.entries.get(tag, True) and len(old) == len(new) == 1:
            self.knowledge.entries[tag] = frozenset(
                {Entry("delivered", new[0].at, new[0].name, new[0].flags, old[0].at, old[0].flags)}
            )
        return []

    # Folders

    def _target(self, folder: str) -> str:
        return next(iter(sorted(self._targets(folder) - {folder})), folder)

    def _targets(self, folder: str) -> frozenset[str]:
        """The names that a folder of the old side may have on the new one."""
        taker = self.knowledge.folders.get(folder)
        name = self.world.name_of(taker[0]) if taker else None
        if self._during or (taker is None and folder in self.knowledge.unsure):
            return frozenset({folder, *self.world.now_called(folder)})
        if taker is None or name is None:
            return frozenset({folder})
        changed = self.world.validities.get(taker[0]) != taker[1] and name != folder
        # where no MAILBOXID is told, the folder that has the name now is taken for the one that was renamed
        another = name != folder and folder in self._there_before
        if folder in self.knowledge.unsure or changed or another:
            return frozenset({name, folder, *self.world.now_called(folder)})
        return frozenset({name})

    def _folders(self, ended: Ended, before: Looks, now: Looks, *, complete: bool) -> list[str]:
        if self.world.changed_during or ended.order.beside == "another":
            return []
        found = []
        made = set(now.new_shelves) - set(before.new_shelves)
        for name in sorted(made):
            if any(other.startswith(f"{name}/") for other in made):
                continue
            if name not in before.old_shelves:
                found.append(f"the run made a folder {name}, which the old side does not have")
            elif name in self.knowledge.folders and name not in self._targets(name):
                found.append(f"the run made {name} again, which the member renamed {set(self._targets(name))}")
            elif (
                name in self.knowledge.folders
                and complete
                and not now.new_shelves[name].messages
                and name not in self.knowledge.unsure
                and not self._came_to(name, now)
            ):
                found.append(f"the run made {name} again, which the member deleted, with nothing in it")
        gone = set(before.new_shelves) - set(now.new_shelves)
        found += [f"the run removed the folder {name} of the new side" for name in sorted(gone)]
        if complete and ended.status == 0 and not self._taken:
            never = set(now.old_shelves) - set(self.knowledge.folders) - set(now.new_shelves) - self.knowledge.unsure
            found += [f"the folder {name} was never made on the new side" for name in sorted(never)]
        return found

    def _came_to(self, name: str, now: Looks) -> bool:
        """Whether the old side's folder has something that was not in it when the last complete run with this state folder looked."""
        return any(
            each.name == name and each.at not in self.knowledge.placed.get(tag, set())
            for tag, held in now.old.items()
            for each in held
        )

    def _learn_taker(self, name: str, *, here: bool, surely: bool) -> None:
        """Which folder of the new side takes what comes from ``name``. ``here``: one of that name is there. ``surely``: the run came to its end."""
        knowledge, world = self.knowledge, self.world
        taker = knowledge.folders.get(name)
        called = world.name_of(taker[0]) if taker else None
        if taker and called is not None and world.validities[taker[0]] != taker[1]:
            knowledge.unsure.add(name)  # a run that had nothing to do in it does not know its new UIDVALIDITY
            return
        if called is None and here:
            fid = world.folders[name]
            knowledge.folders[name] = (fid, world.validities[fid])
            if taker:
                knowledge.replaced.add(name)
        elif taker and called == name and surely:
            knowledge.folders[name] = (taker[0], world.validities[taker[0]])
        alone = called is not None and world.now_called(name) == {called}
        if name in knowledge.replaced:
            knowledge.unsure.add(name)
        elif surely and ((alone and here == (called == name)) or (called is None and here)):
            # as it was; or renamed, where no other folder had the name since; or made again: it is known
            knowledge.unsure.discard(name)
        elif called is None or (here and called != name):
            knowledge.unsure.add(name)

    def _learn(self, ended: Ended, now: Looks, *, complete: bool, during: bool) -> None:
        knowledge = self.knowledge
        surely = complete and not during and ended.order.beside != "another"
        for name in now.old_shelves:
            self._learn_taker(name, here=name in now.new_shelves, surely=surely)
        self.at_rest = (
            complete and ended.status == 0 and ended.order.verify != "none" and not during and not ended.order.beside
        )
        self._learn_places(now)
        self._cut_since = not complete or during
        if complete and not during:
            self.faults &= reports.named(ended, self.world)
            self._back, knowledge.complete = None, True
            knowledge.resets = len(self.world.resets)
            knowledge.placed = {tag: {each.at for each in held} for tag, held in now.old.items()}
            self._sure = {tag: {each.at for each in held} for tag, held in now.old.items()}
            self._perhaps.clear()
            self._complete_runs += 1
            self.world.forget_run()
        knowledge.new, knowledge.closed = now.new, set(self.world.closed)


def _mirrors(old: Side, new: Side, tag: str, target: Callable[[str], str] = str) -> bool:
    """Whether both sides show the same of it; ``target``: where the messages of a folder go (to one of the same name)."""
    wanted = Counter((target(each.name), each.flags) for each in old.get(tag, []))
    return wanted == Counter((each.name, each.flags) for each in new.get(tag, []))


def _places(held: list[Held]) -> list[tuple[object, frozenset[str]]]:
    return sorted(((str(each.at), each.flags) for each in held), key=str)


def _where(held: list[Held]) -> str:
    if not held:
        return "nowhere"
    return ", ".join(sorted(f"in {each.name} {{{' '.join(sorted(each.seen.flags))}}}" for each in held))


def _difference(before: Looks, now: Looks) -> str:
    was, is_now = set(before.new_shelves.items()), set(now.new_shelves.items())
    return ", ".join(sorted({name for name, _ in was ^ is_now}))


def _told(entries: frozenset[Entry], night: Night) -> str:
    known = " or ".join(
        sorted(
            {f"{e.ledger} in {e.name or '–'} with {set(e.given) if e.given is not None else 'theirs'}" for e in entries}
        )
    )
    return (
        f"{_where(list(night.before))} became {_where(list(night.after))}; on the old side it is {_where([night.old] if night.old else [])};"
        f" the ledger may say: {known}"
    )
