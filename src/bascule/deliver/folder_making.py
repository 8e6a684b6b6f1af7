"""Making folders on a target that may refuse a name, spell it otherwise, or take it for a name that is there already.

Every folder is asked for at once; then one LIST shows what came of it, since an OK says only that the target was willing. What has no folder of
its own yet is asked for under another name in the next round. Folders whose names differ in little (capitals, normalisation) are not asked for
together: the first such pair shows whether the target tells them apart.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bascule.deliver.folder_names import INBOX, Numbers, TargetNames, same_core, same_form, same_letters
from bascule.deliver.limits import FOLDER_LEVELS, FOLDER_ROUNDS, FOLDER_WAIT_SECONDS
from bascule.protocols.imap.responses import Condition
from bascule.terms.folder import FolderPath
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient

TAKEN = "the name is taken by another folder"
MERGED = "the target takes the name for another folder's"
SPELT = "the target spells it so"
REFUSED = "the target refuses the name"
NO_NAME = "no name that the target takes was found"
TOO_DEEP = "it lies deeper than any target makes folders"
NOT_THERE = "the target says that it made the folder, and does not have it"
_HELPLESS = frozenset(
    {"OVERQUOTA", "SERVERBUG", "EXPIRED", "CONTACTADMIN"}
)  # RFC 5530 §3: another name changes nothing
_WAIT = frozenset({"UNAVAILABLE", "INUSE"})
_EXISTS = re.compile(r"\balready\b|\bexists\b", re.IGNORECASE)


@dataclass(slots=True)
class Making:
    """A folder that is not there yet. ``use``: the special use to ask for. ``why``, ``refusal``: as in `MappedFolder`. ``reason``: of the last no.
    ``was_lost``: the target once said that it made it, and did not have it."""

    path: FolderPath
    name: str
    use: str = ""
    why: str = ""
    refusal: str = ""
    reason: str = ""
    done: bool = False
    was_asked: bool = False
    was_lost: bool = False
    simpler: Iterator[str] | None = None

    @property
    def is_open(self) -> bool:
        return not (self.done or self.refusal)


@dataclass(slots=True)
class FolderMaking:
    """``ours``: the names that our other folders have, to which those of ``makings`` are added. ``target`` is what the last LIST showed; ``moved``:
    paths whose name is another than their place says, below which their folders go. ``look`` asks again."""

    client: ImapClient
    target: TargetNames
    look: Callable[[ImapClient], Awaitable[TargetNames]]
    makings: Sequence[Making]
    ours: set[str]
    moved: dict[FolderPath, str]
    found_below_inbox: bool = False
    found_no_root: bool = False
    _told_apart: dict[str, bool] = field(default_factory=dict)
    _numbers: Numbers = field(default_factory=Numbers)

    async def run(self) -> None:
        """Afterwards each making is done, under its ``name``, or has a refusal. Raises ConnectionLost."""
        for making in self.makings:
            if len(making.path.parts) > FOLDER_LEVELS:
                making.refusal = TOO_DEEP
        self._learn_from_list()
        for _ in range(FOLDER_ROUNDS):
            batch = self._next_batch()
            if not batch:
                return
            answers = await self._create(batch)
            if await self._goes_below_inbox(batch, answers):
                continue
            await self._settle_all(batch, answers)
            if any(_code(answer) in _WAIT for answer in answers):
                await asyncio.sleep(FOLDER_WAIT_SECONDS)
        for making in self.makings:
            if making.is_open:
                making.refusal = making.reason or NO_NAME

    # -- which are asked for together ---------------------------------------------------------------------------------

    def _learn_from_list(self) -> None:
        """Two names in one LIST that differ in little: the target tells them apart."""
        seen: dict[str, str] = {}
        for name in self.target.there:
            twin = seen.setdefault(same_letters(name), name)
            if twin != name:
                self._told_apart[_difference(name, twin)] = True

    def _next_batch(self) -> list[Making]:
        """Those that are open, in order; but while it is not known whether the target tells two names apart, the second waits until the first is
        there, then one such second shows it, and what lies in the second waits for that."""
        batch: list[Making] = []
        twins = {same_letters(name): name for name in self.ours}
        asked: set[str] = set()
        tested: set[str] = set()
        waiting: set[FolderPath] = set()
        for making in self.makings:
            if not making.is_open or (waiting and any(above in waiting for above in _above(making.path))):
                continue
            if not making.was_asked:
                making.name = below(making.path, making.name, self.moved, self.target)
            twin = twins.setdefault(same_letters(making.name), making.name)
            kind = _difference(making.name, twin)
            apart = twin == making.name or self._told_apart.get(kind)
            if apart is None:
                waiting.add(making.path)
                if twin in asked or kind in tested:
                    continue
                tested.add(kind)
            elif not apart:
                self._rename(making, self._free(making.name), MERGED)
            asked.add(making.name)
            batch.append(making)
        return batch

    # -- asking -------------------------------------------------------------------------------------------------------

    async def _create(self, batch: Sequence[Making]) -> list[Condition]:
        started = []
        for making in batch:
            making.was_asked = True
            started.append(await self.client.start_create(self.client.encode(making.name), making.use))
        return [await pending.answer() for pending in started]

    async def _goes_below_inbox(self, batch: Sequence[Making], answers: Sequence[Condition]) -> bool:
        """Where no namespace is told, nothing lies beside INBOX and no folder is made there: try below INBOX, and put all there if that is taken."""
        if not self.target.may_lie_below_inbox:
            return False
        top = [(m, a) for m, a in zip(batch, answers, strict=True) if not self.target.is_below_inbox(m.name)]
        refused = [m for m, a in top if not _says_there(a) and _code(a) not in _HELPLESS | _WAIT]
        if len(refused) < len(top) or all(making.use for making in refused):
            return False
        root = f"{INBOX}{self.target.separator}"
        [answer] = await self._create([replace(refused[0], name=root + refused[0].name, use="")])
        if not _says_there(answer):
            self.found_no_root = True
            return False
        self.found_below_inbox = True
        self.target = replace(self.target, root=root, below_inbox=True)
        self._put_below(root)
        return True

    def _put_below(self, root: str) -> None:
        for path, name in self.moved.items():
            if not self.target.is_below_inbox(name):
                self.moved[path] = root + name
        for making in self.makings:
            if making.is_open and not self.target.is_below_inbox(making.name):
                if same_letters(root + making.name) in self._letters():
                    self._rename(making, self._free(root + making.name), TAKEN)
                else:
                    making.name = root + making.name

    # -- what came of it ----------------------------------------------------------------------------------------------

    async def _settle_all(self, batch: Sequence[Making], answers: Sequence[Condition]) -> None:
        before = self.target
        if any(_says_there(answer) for answer in answers):
            self.target = replace(
                await self.look(self.client), root=self.target.root, below_inbox=self.target.below_inbox
            )
        settled = {same_letters(name): name for name in self.ours}
        for making, answer in zip(batch, answers, strict=True):
            is_there = making.name in self.target.there
            twin = settled.get(same_letters(making.name))
            if twin is not None and (is_there or _says_there(answer)):
                self._told_apart[_difference(making.name, twin)] = is_there
            if is_there:
                self._finish(making, making.name)
        for making, answer in zip(batch, answers, strict=True):
            if making.is_open and await self._is_there(making.name, answer):
                await self._find(making, before)
            elif making.is_open:
                self._try_otherwise(making, answer)

    async def _is_there(self, name: str, answer: Condition) -> bool:
        """Whether CREATE made it, or was refused because it is there, which not every server says: as one that LIST has in other letters, where
        the target is not seen to tell them apart, or as one that opens."""
        if _says_there(answer):
            return True
        if _code(answer) in _HELPLESS | _WAIT:
            return False
        alike = [each for each in self.target.there if same_letters(each) == same_letters(name)]
        return any(not self._told_apart.get(_difference(name, each)) for each in alike) or await self._opens(name)

    async def _find(self, making: Making, before: TargetNames) -> None:
        """It is there, and the target does not list it so: under which name is it, and is that another folder of ours?"""
        name = making.name
        letters, core = same_letters(name), same_core(name)
        ours = {*self.ours, *(other.name for other in self.makings if other is not making and other.is_open)}
        alike = [each for each in self.target.there if same_letters(each) == letters]
        alike += [each for each in self.target.there if core and each not in before.there and same_core(each) == core]
        free = next((each for each in alike if each not in ours), None)
        if free is not None:
            self._finish(making, free, SPELT)
        elif alike or any(core and same_core(each) == core for each in ours) or await self._is_inbox(name):
            self._rename(making, self._free(name), MERGED)
        elif await self._opens(name):
            self._finish(making, name)
        elif making.was_lost:
            self._next_name(making, NOT_THERE)
        else:
            making.was_lost = True  # somebody may have renamed what it lies in just then: it is asked for once more

    async def _opens(self, name: str) -> bool:
        """Whether a folder is there that LIST does not show, or not yet. A name with a line's end in it is not asked for: a server that repeats it in
        its refusal says lines that are none."""
        if not {"\r", "\n"}.isdisjoint(name):
            return False
        try:
            await self.client.select(self.client.encode(name), read_only=True)
        except CommandRefused:
            return False
        return True

    async def _is_inbox(self, name: str) -> bool:
        """Some servers take ``INBOX.INBOX`` for INBOX: the same state tells. RFC 9051 §2.3.1.1"""
        try:
            inbox = await self.client.select(INBOX.encode(), read_only=True)
            other = await self.client.select(self.client.encode(name), read_only=True)
        except CommandRefused:
            return False
        return inbox.uidvalidity > 0 and inbox == other

    def _try_otherwise(self, making: Making, answer: Condition) -> None:
        making.reason = answer.reason
        if _code(answer) in _HELPLESS:
            making.refusal = answer.reason
        elif making.use:
            making.use = ""  # another folder has it, or the target gives none: RFC 6154 §3
        elif _code(answer) not in _WAIT:
            self._next_name(making, answer.reason)

    def _next_name(self, making: Making, reason: str) -> None:
        if making.simpler is None:
            making.simpler = self._simpler(making.name)
        candidate = next(making.simpler, None)
        if candidate is None:
            making.refusal = reason
        else:
            self._rename(making, candidate, REFUSED)

    def _simpler(self, name: str) -> Iterator[str]:
        """Names to try in place of ``name``, none of them another folder's."""
        tried = {name}
        candidates = list(self.target.simpler(name))
        for candidate in [*candidates, f"{candidates[0]} (2)"]:
            if candidate not in tried:
                tried.add(candidate)
                yield candidate if same_letters(candidate) not in self._letters() else self._free(candidate)

    # -- names --------------------------------------------------------------------------------------------------------

    def _letters(self) -> set[str]:
        """Of every name that a folder of ours has or is to have."""
        return {same_letters(name) for name in (*self.ours, *(each.name for each in self.makings if each.is_open))}

    def _free(self, name: str) -> str:
        taken = self._letters()
        return self._numbers.free(name, lambda candidate: same_letters(candidate) in taken)

    def _rename(self, making: Making, name: str, why: str) -> None:
        making.name, making.why = name, why
        self.moved[making.path] = name

    def _finish(self, making: Making, name: str, why: str = "") -> None:
        if name != making.name:
            self._rename(making, name, making.why or why)
        making.done = True
        self.ours.add(name)


def below(path: FolderPath, name: str, moved: dict[FolderPath, str], target: TargetNames) -> str:
    """``name``, or what it becomes where a folder above has another name than its place says."""
    for depth in range(min(len(path.parts) - 1, FOLDER_LEVELS), 0, -1) if moved else ():
        above = moved.get(FolderPath(path.parts[:depth]))
        if above is not None:
            rest = target.join(FolderPath(("_", *path.parts[depth:]))).removeprefix(f"{target.root}_")
            return above + rest
    return name


def _above(path: FolderPath) -> Iterator[FolderPath]:
    above = path.parent
    while above is not None:
        yield above
        above = above.parent


def _difference(one: str, other: str) -> str:
    return "form" if same_form(one) == same_form(other) else "letters"


def _code(answer: Condition) -> str:
    return answer.code.name if answer.code else ""


def _says_there(answer: Condition) -> bool:
    """Made, or made before (RFC 5530 §3; not every server has the code)."""
    if answer.status == "OK" or _code(answer) == "ALREADYEXISTS":
        return True
    return answer.status == "NO" and not _code(answer) and _EXISTS.search(answer.text) is not None
