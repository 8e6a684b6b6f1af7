"""`verify`: both sides read in full, and compared as multisets of (SHA-256, flags, date) for each folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bascule.deliver.likeness import likeness
from bascule.mailbox import Mailbox
from bascule.sources import Source, SourceMessage
from bascule.sources.arrival import arrival_of
from bascule.sources.contract import FolderError
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.watch import SILENT, Watcher


@dataclass(frozen=True, slots=True)
class Fact:
    """What is compared of a message. ``uid`` only names it."""

    sha256: bytes
    flags: Flags
    utc_seconds: int | None
    uid: int = field(compare=False, default=0)
    likeness: bytes | None = field(compare=False, default=None)

    def folded(self) -> tuple[bytes, frozenset[str], int | None]:
        return self.sha256, frozenset(name.lower() for name in self.flags), self.utc_seconds


Census = dict[FolderPath, list[Fact]]
"""Folder → its messages."""


@dataclass(slots=True)
class Comparison:
    """Counts over all folders, and each difference in words."""

    expected: int = 0
    equal: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not self.differences


async def census_of_source(source: Source, watcher: Watcher = SILENT) -> tuple[Census, list[str]]:
    """Every message of a source, read in full; and the folders that it does not open. Raises SourceError."""
    census: Census = {}
    errors: list[str] = []
    folders = [folder for folder in await source.folders() if folder.selectable]
    states = await source.states(folders)
    watcher.expect(sum(state.messages for state in states.values()))
    reader = await source.reader()
    try:
        for folder in folders:
            facts = census.setdefault(folder.path, [])
            try:
                survey = await reader.open(folder, None)
                async for group in reader.read(survey.uids):
                    watcher.done(len(group), 0)
                    for message in group:
                        if isinstance(message, SourceMessage):
                            facts.append(_fact(message))
                        else:
                            errors.append(f"{folder.path} UID {message.uid}: {message.reason}")
            except FolderError as error:
                errors.append(f"{folder.path}: {error}")
    finally:
        await reader.close()
        await source.close()
    return census, errors


def _fact(message: SourceMessage) -> Fact:
    body, date = message.body, arrival_of(message)
    # What a server altered no longer shows it: every message has its likeness here.
    fact = Fact(body.sha256, message.flags, date.utc_seconds if date else None, message.uid, likeness(body.whole()))
    body.close()
    return fact


def census_of_mailbox(mailbox: Mailbox) -> Census:
    """The default view of a mailbox on disk. Bodies that servers are known to alter are read. Blocks."""
    census: Census = {}
    for folder in mailbox.folders.all():
        if folder.selectable:
            facts = census.setdefault(folder.path, [])
            for row in mailbox.messages.list(folder.id):
                alike = None
                if row.traits.fragile or row.traits.bare_lf:
                    body = mailbox.messages.body(row)
                    alike = likeness(body.whole())
                    body.close()
                facts.append(Fact(row.sha256, row.flags, row.date.utc_seconds, row.uid, alike))
    return census


def compare(expected: Census, found: Census, places: Mapping[FolderPath, FolderPath]) -> Comparison:
    """``places``: folder of ``expected`` → folder of ``found``; one that has none there is missing."""
    result = Comparison()
    for folder, facts in expected.items():
        place = places.get(folder)
        there = found.get(place) if place is not None else None
        result.expected += len(facts)
        if there is None:
            if facts:
                result.differences.append(f"{folder}: the folder is missing, with {len(facts)} messages")
            continue
        _compare_folder(folder, facts, there, result)
    return result


def _compare_folder(folder: FolderPath, expected: Sequence[Fact], there: Sequence[Fact], result: Comparison) -> None:
    free = Counter(fact.folded() for fact in there)
    rest: list[Fact] = []
    for fact in expected:
        if free[fact.folded()]:
            free[fact.folded()] -= 1
            result.equal += 1
        else:
            rest.append(fact)
    left = [fact for fact in there if _take(free, fact)]
    for fact in rest:
        result.differences.append(f"{folder} UID {fact.uid}: {_explain(fact, left)}")


def _take(free: Counter[tuple[bytes, frozenset[str], int | None]], fact: Fact) -> bool:
    if free[fact.folded()]:
        free[fact.folded()] -= 1
        return True
    return False


def _explain(fact: Fact, left: list[Fact]) -> str:
    """The nearest message that is left on the other side tells what happened to this one."""
    for candidate in left:
        if candidate.sha256 == fact.sha256:
            left.remove(candidate)
            what = []
            if candidate.utc_seconds != fact.utc_seconds:
                what.append("its date differs")
            if candidate.folded()[1] != fact.folded()[1]:
                what.append(f"its flags are {' '.join(sorted(candidate.flags)) or 'none'}")
            return "; ".join(what) or "differs"
    for candidate in left:
        if fact.likeness is not None and candidate.likeness == fact.likeness:
            left.remove(candidate)
            return f"altered by the target (UID {candidate.uid} there)"
    return "missing"
