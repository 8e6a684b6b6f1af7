"""A move on paper: two mailboxes in memory, and an engine that keeps to `docs/later-runs.md`, or breaks one of its rules on purpose.

It is what the oracle is tried against: what keeps to the page must pass, and each broken rule must be found. It is slow, naive and in one thread.
"""

import copy
import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from model.oracle import Oracle
from model.person import TAG, Refused, Seen, Shelf
from model.rules import what_is_done
from model.runs import Ended, Order
from model.sequence import Sequence, Sides
from model.world import World
from support.runner import Done

_NOT_OURS = frozenset({"\\deleted", "\\recent"})


@dataclass(slots=True)
class Folder:
    ident: int
    validity: int
    next_uid: int = 1
    messages: dict[int, Seen] = field(default_factory=dict)


class PaperPerson:
    """Does what `Person` does, in memory."""

    def __init__(self) -> None:
        self.shelf: dict[str, Folder] = {}
        self._numbers = 1_000
        self.create("INBOX")

    def folders(self) -> list[str]:
        return sorted(self.shelf)

    def read(self) -> dict[str, Shelf]:
        return {name: self.read_folder(name) for name in self.folders()}

    def read_folder(self, folder: str) -> Shelf:
        found = self._folder(folder)
        return Shelf(found.validity, tuple(found.messages.values()))

    def append(self, folder: str, octets: bytes, flags: Iterable[str] = (), date: int = 1_580_551_200) -> int:
        found, tag = self._folder(folder), TAG.search(octets)
        uid, found.next_uid = found.next_uid, found.next_uid + 1
        names = frozenset(flag.lower() for flag in flags)
        found.messages[uid] = Seen(uid, tag[1].decode() if tag else "", octets, names, date)
        return uid

    def store(self, folder: str, uids: Iterable[int], change: str, flags: Iterable[str]) -> None:
        names = frozenset(flag.lower() for flag in flags)
        for seen in self._there(folder, uids):
            now = {"+": seen.flags | names, "-": seen.flags - names, "": names}[change]
            self._folder(folder).messages[seen.uid] = replace(seen, flags=now)

    def move(self, folder: str, uids: Iterable[int], to: str) -> None:
        uids = list(uids)
        self.copy(folder, uids, to)
        self.remove(folder, uids)

    def copy(self, folder: str, uids: Iterable[int], to: str) -> None:
        for seen in self._there(folder, uids):
            self.append(to, seen.octets, seen.flags, seen.date)

    def remove(self, folder: str, uids: Iterable[int]) -> None:
        for seen in self._there(folder, uids):
            del self._folder(folder).messages[seen.uid]

    def create(self, folder: str) -> None:
        if folder in self.shelf:
            raise Refused("it exists")
        self._numbers += 1
        self.shelf[folder] = Folder(self._numbers, self._numbers)

    def rename(self, folder: str, to: str) -> None:
        for name in [name for name in self.shelf if name == folder or name.startswith(f"{folder}/")]:
            self.shelf[to + name[len(folder) :]] = self.shelf.pop(name)

    def delete(self, folder: str) -> None:
        self._folder(folder)
        del self.shelf[folder]

    def close(self) -> None:
        return

    def _folder(self, name: str) -> Folder:
        if name not in self.shelf:
            raise Refused("it does not exist")
        return self.shelf[name]

    def _there(self, folder: str, uids: Iterable[int]) -> list[Seen]:
        messages = self._folder(folder).messages
        return [messages[uid] for uid in uids if uid in messages]


Key = tuple[str, int, int]
Target = tuple[int, int, int]
"""MAILBOXID, UIDVALIDITY, UID."""


@dataclass(slots=True)
class Row:
    """What the ledger has of one message."""

    octets: bytes
    ledger: str = "nothing"
    flags: frozenset[str] = frozenset()
    given: frozenset[str] | None = None
    target: Target | None = None
    name: str = ""
    earlier: list[tuple[Target, frozenset[str] | None]] = field(default_factory=list)


@dataclass(slots=True)
class State:
    rows: dict[Key, Row] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)


class Cut(Exception):
    """The run ends here."""


class PaperRuns:
    """Stands for `Runs`. ``broken``: the rule that is not kept."""

    def __init__(self, old: PaperPerson, new: PaperPerson, broken: str = "") -> None:
        self.old, self.new, self.broken = old, new, broken
        self.state = State()
        self.kept: dict[int, State] = {}

    def keep(self, number: int) -> None:
        self.kept[number] = copy.deepcopy(self.state)

    def put_back(self, number: int) -> None:
        self.state = copy.deepcopy(self.kept[number])

    def lose(self) -> None:
        self.state = State()

    def run(self, order: Order, chance: random.Random, meanwhile: Callable[[], None] | None = None) -> Ended:
        steps = chance.choice((2, 5, 10, 20, 40))
        self._left = chance.randrange(steps) if order.cut else -1
        self._meanwhile, self._until = meanwhile, chance.randrange(steps)
        self._verify = order.verify
        try:
            self._all(self.state)
            if order.beside == "another":
                self._all(State())
        except Cut:
            return Ended(order, (Done((), -9, "", ""),), False)
        finally:
            self._live()
        done = PaperDone((), 0, "", "", self._report())
        return Ended(order, (done, done) if order.beside else (done,), True)

    def _live(self) -> None:
        if self._meanwhile:
            self._meanwhile, act = None, self._meanwhile
            act()

    def _step(self) -> None:
        """Between any two writes."""
        self._left, self._until = self._left - 1, self._until - 1
        if self._left == -1:
            raise Cut
        if self._until < 0:
            self._live()

    def _report(self) -> dict[str, Any]:
        found = sum(len(folder.messages) for folder in self.old.shelf.values())
        line = {"found": found, "delivered": found, "already_there": 0, "refused": 0, "left_out": 0}
        return {"totals": line, "folders": [], "exceptions": [], "stopped": ""}

    # One run

    def _all(self, state: State) -> None:
        now = {
            (name, folder.validity, uid): seen
            for name, folder in copy.deepcopy(self.old.shelf).items()
            for uid, seen in folder.messages.items()
        }
        for name, ident in state.folders.items():  # another folder has the name: it is looked at in full
            if self._by_ident(ident)[1] is None and name in self.new.shelf:
                state.folders[name] = self.new.shelf[name].ident
        words = self._recognise(state, now)
        for name in {key[0] for key in now} | set(self.old.shelf):
            if name not in state.folders and name in self.old.shelf:
                self._make(state, name)
        for key, (word, row, seen) in words.items():
            self._one(state, key, word, row, seen)
            self._step()
        for key in [key for key in state.rows if key not in now]:
            row = state.rows.pop(key)
            self._clear(row)

    def _recognise(self, state: State, now: dict[Key, Seen]) -> dict[Key, tuple[str, Row, Seen]]:
        """The old side's word for each message, with the row that it continues."""
        found: dict[Key, tuple[str, Row, Seen]] = {}
        vanished = {key: row for key, row in state.rows.items() if key not in now}
        for key, seen in now.items():
            if key in state.rows:
                row = state.rows[key]
                found[key] = ("same" if row.flags == _flags(seen) else "flagged", row, seen)
        for same_folder in (True, False):
            for key, seen in now.items():
                if key in found:
                    continue
                alike = [
                    was for was, row in vanished.items()
                    if row.octets == seen.octets and (was[0] == key[0]) == same_folder
                ]  # fmt: skip
                if alike:
                    row = vanished.pop(alike[0])
                    if same_folder:
                        state.rows[key] = state.rows.pop(alike[0])
                        still = "same" if alike[0][1] == key[1] else "UIDVALIDITY new"
                        word = still if row.flags == _flags(seen) else "flagged"
                        found[key] = (word, row, seen)
                    elif self.broken != "moves are not seen":
                        found[key] = ("moved", row, seen)
        for key, seen in now.items():
            found.setdefault(key, ("new", Row(seen.octets), seen))
        return found

    def _one(self, state: State, key: Key, word: str, row: Row, seen: Seen) -> None:
        self._find_in_doubt(state, row)
        side = self._side(state, row)
        ledger = "nothing" if word == "new" else row.ledger
        done = self._break(what_is_done(word, ledger, side), word, side)
        if done == "look":
            done = what_is_done(word, ledger, "untouched")
        current = row if word not in ("new", "moved") else Row(row.octets, earlier=list(row.earlier))
        match done:
            case "send" | "send beside" | "replace":
                if done == "replace" and row.target:
                    current.earlier.append((row.target, row.given))
                self._send(state, key, current, seen, instead_of=row)
            case "follow":
                assert row.target is not None
                self._step()
                self._store(row.target, _flags(seen))
                row.given = row.flags = _flags(seen)
            case "removed":
                current.ledger, current.target = "removed", None
            case "found" | "found, theirs":
                current.ledger = "delivered"
                if done == "found" and row.target and row.flags != _flags(seen):
                    self._store(row.target, _flags(seen))
                    row.given = _flags(seen)
        current.flags = _flags(seen)
        _put(state, key, current, instead_of=row)
        self._clear(current)

    def _break(self, done: str, word: str, side: str) -> str:
        """What is done instead, where a rule is to be broken."""
        match self.broken, done:
            case ("what was removed is sent", "removed") | ("a touched copy is doubled", "theirs"):
                return "send"
            case ("a touched copy is followed", "theirs") if word == "flagged" and side == "touched":
                return "follow"
            case ("a touched copy makes way", "send beside"):
                return "replace"
            case "flags do not follow", "follow":
                return "leave"
            case "a moved copy stays", "replace":
                return "send beside"
        return done

    def _find_in_doubt(self, state: State, row: Row) -> None:
        if row.ledger == "in doubt" and row.target is None:
            taken = {each.target for each in state.rows.values()}
            for name, folder in self.new.shelf.items():
                for uid, seen in folder.messages.items():
                    target = (folder.ident, folder.validity, uid)
                    if name == row.name and seen.octets == row.octets and target not in taken:
                        row.target = target
                        return

    def _side(self, state: State, row: Row) -> str:
        """The new side's word; a copy in a folder with another UIDVALIDITY is looked for by content."""
        if row.target is None:
            return "gone" if row.ledger == "removed" else "never seen"
        name, folder = self._by_ident(row.target[0])
        if folder is None and row.name in self.new.shelf:
            name, folder = row.name, self.new.shelf[row.name]
        if folder is None:
            return "gone"
        if folder.validity != row.target[1]:
            taken = {each.target for each in state.rows.values()}
            alike = [
                uid for uid, seen in folder.messages.items()
                if seen.octets == row.octets and (folder.ident, folder.validity, uid) not in taken
            ]  # fmt: skip
            if not alike:
                return "gone"
            row.target = (folder.ident, folder.validity, alike[0])
        seen = folder.messages.get(row.target[2])
        if seen is None:
            return "gone"
        if row.given is None or _flags(seen) != row.given:
            return "touched"
        return "untouched" if name == row.name else "folder renamed"

    def _by_ident(self, ident: int) -> tuple[str, Folder | None]:
        return next(((name, folder) for name, folder in self.new.shelf.items() if folder.ident == ident), ("", None))

    def _make(self, state: State, name: str) -> str:
        """The name of the folder that takes what comes from ``name``; made where it is not there."""
        there = self._by_ident(state.folders.get(name, -1))
        if there[1] is not None:
            return there[0]
        if name not in self.new.shelf:
            self._step()
        if name not in self.new.shelf:
            self.new.create(name)
        state.folders[name] = self.new.shelf[name].ident
        return name

    def _send(self, state: State, key: Key, row: Row, seen: Seen, instead_of: Row) -> None:
        name = self._make(state, key[0])
        folder = self.new.shelf[name]
        taken = {each.target for each in state.rows.values()} | {target for target, _ in row.earlier}
        for uid, other in folder.messages.items():
            target = (folder.ident, folder.validity, uid)
            if other.octets == seen.octets and target not in taken and self.broken != "what is there is not seen":
                alike = _flags(other) == _flags(seen) and other.date == seen.date
                row.ledger, row.target, row.name, row.given = (
                    "already there",
                    target,
                    name,
                    _flags(seen) if alike else None,
                )
                return
        row.ledger, row.name, row.given, row.flags = "in doubt", name, _flags(seen), _flags(seen)
        _put(state, key, row, instead_of)
        self._step()
        while name not in self.new.shelf:  # the member took it away at this very moment
            name = row.name = self._make(state, key[0])
        uid = self.new.append(name, seen.octets, seen.flags - _NOT_OURS, seen.date)
        if self.broken == "a copy too many" and seen.uid % 5 == 0:
            self.new.append(name, seen.octets, seen.flags - _NOT_OURS, seen.date)
        target = (self.new.shelf[name].ident, self.new.shelf[name].validity, uid)
        self._step()
        row.ledger, row.target = "delivered", target

    def _clear(self, row: Row) -> None:
        """Earlier copies make way, once the new one was placed."""
        if row.ledger not in ("delivered", "already there"):
            return
        for target, given in row.earlier:
            name, folder = self._by_ident(target[0])
            seen = folder.messages.get(target[2]) if folder and folder.validity == target[1] else None
            if seen and (_flags(seen) == given or self.broken == "a touched copy makes way"):
                self.new.remove(name, [target[2]])
                self._step()
        row.earlier = []

    def _store(self, target: Target, flags: frozenset[str]) -> None:
        name, folder = self._by_ident(target[0])
        if folder and target[2] in folder.messages:
            marked = folder.messages[target[2]].flags & {"\\deleted"}
            self.new.store(name, [target[2]], "", flags | marked)


class PaperDone(Done):
    """A run with a report that was never printed."""

    __slots__ = ("_said",)

    def __init__(self, words: tuple[str, ...], status: int, output: str, errors: str, said: dict[str, Any]) -> None:
        super().__init__(words, status, output, errors)
        object.__setattr__(self, "_said", said)

    @property
    def report(self) -> dict[str, Any]:
        return self._said  # type: ignore[no-any-return]


class PaperSequence(Sequence):
    """A sequence without servers. ``broken``: see `PaperRuns`."""

    def __init__(self, seed: str, broken: str = "") -> None:
        self.seed, self.sides, self._broken = seed, Sides("on paper", 0, 0, ("", "")), broken

    def _open(self, stack: ExitStack) -> None:
        old, new = PaperPerson(), PaperPerson()
        self.runs = PaperRuns(old, new, self._broken)  # type: ignore[assignment]
        self.world = World(old, new)  # type: ignore[arg-type]
        self.oracle = Oracle(self.world, uidplus=True, steps=False)
        self._kept, self._tight = 0, False


def _put(state: State, key: Key, row: Row, instead_of: Row) -> None:
    """One write: the row of a message that moved takes the place of its earlier one."""
    state.rows = {at: each for at, each in state.rows.items() if each is not instead_of} | {key: row}


def _flags(seen: Seen) -> frozenset[str]:
    return seen.flags - _NOT_OURS
