"""Each message of the old side beside what the new side has of it: equal, theirs, to do, or at fault.

Pure functions of what is seen now and of what earlier runs remember. What a difference means is not decided here, but by the rules of later runs
(`bascule.terms.later_runs`, docs/later-runs.md), which `copy` and `deliver` ask too.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bascule.deliver.comparison.census import Fact
from bascule.deliver.comparison.copies import same_date
from bascule.deliver.comparison.findings import Finding, Kind
from bascule.deliver.comparison.memory import Remembered
from bascule.deliver.expectation import is_behind, is_touched
from bascule.protocols.imap.flags import writable_flags
from bascule.terms.flags import Flags, same_flags
from bascule.terms.later_runs import FOUND, SETTLED, Action, Knows, New, Old, Told, When, decide, judge
from bascule.terms.later_runs import Finding as Read
from bascule.terms.outcome import OutcomeCode
from bascule.terms.printable import printable

REMOVED = "not there any more: moved or removed on the new side since"
EQUAL = Finding(Kind.EQUAL)
_NOT_DELIVERED = {
    Knows.NOTHING: "not on the new side yet: no run has dealt with it",
    Knows.IN_DOUBT: "its delivery was cut off, and it is not there: the next run looks for it again",
    Knows.MISSING: "the target said OK, and does not have it",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the new side that has one of the old side's. ``name`` None: it is gone; ``is_renamed``: it has another name than we gave it;
    ``is_another``: its UIDVALIDITY is another than we knew; ``is_unread``: it could not be opened, or not be read to the end."""

    name: bytes | None
    is_renamed: bool = False
    is_another: bool = False
    is_unread: bool = False

    @property
    def absent(self) -> New:
        """What became of a message that is not in it."""
        return New.FOLDER_GONE if self.name is None else New.DELETED


def judge_copy(fact: Fact, there: Fact, known: Remembered | None, place: Place, old: Old = Old.SAME) -> Finding:
    """A message whose copy is there. ``old``: what happened on the old side, but for its flags."""
    if known is None:
        return _without_memory(fact, there)
    if known.code is OutcomeCode.ALTERED and is_behind(known.detail):
        known = replace(known, code=OutcomeCode.DELIVERED)
    if known.code is OutcomeCode.ALREADY_THERE and known.is_theirs and _has_octets_of(fact, there):
        told = _without_memory(fact, there)
        return told if told is EQUAL else replace(told, kind=Kind.THEIRS, what=f"it was there before: {told.what}")
    if finding := _altered(fact, there, known):
        return finding
    if same_flags(there.flags, fact.flags) and known.code is not OutcomeCode.DUPLICATE:
        return EQUAL
    given = fact.flags if known.given is None else known.given
    touched = known.is_theirs or is_touched(there.flags, given)
    if known.given_for is not None and is_touched(known.given_for, fact.flags):
        old = Old.FLAGGED
    decision = decide(old, _state(there, given, place, touched), known.knows)
    if decision.told is Told.FAULT:
        return Finding(Kind.FAULT, known.detail or _flags(there))
    if decision.action is Action.FOLLOW or (old is Old.FLAGGED and decision == FOUND):  # found first, then followed
        return Finding(Kind.TO_DO, f"marked on the old side since: {_named(writable_flags(fact.flags)[0])}")
    if touched or decision.told is Told.THEIRS or "\\Deleted" in there.flags - given:
        return Finding(Kind.THEIRS, f"marked on the new side: {_named(there.flags)}")
    if decision.action is Action.SEND:
        return Finding(Kind.THEIRS, f"an equal message is there with other flags: {_named(there.flags)}")
    if not is_touched(there.flags, fact.flags):
        return Finding(Kind.LEFT_OUT, "marked as deleted on the old side, which is not repeated")
    return Finding(Kind.FAULT, _flags(there))


def _altered(fact: Fact, there: Fact, known: Remembered) -> Finding | None:
    """Octets and dates are nobody's to change."""
    if not _has_octets_of(fact, there):
        read, what = Read.OTHER_OCTETS, f"its octets are others on the new side ({fact.octets} became {there.octets})"
    elif not _is_dated(fact, there, known):
        read, what = Read.OTHER_DATE, _date(there)
    else:
        return None
    if judge(read, When.LATER).told is not Told.FAULT:
        return None
    return Finding(Kind.FAULT, known.detail if known.code is OutcomeCode.ALTERED and known.detail else what)


def _has_octets_of(fact: Fact, there: Fact) -> bool:
    return there.sha256 in (fact.sha256, fact.wire)


def _is_dated(fact: Fact, there: Fact, known: Remembered) -> bool:
    return same_date(replace(fact, utc_seconds=known.date_utc), there)


def _state(there: Fact, given: Flags, place: Place, touched: bool) -> New:
    if touched:
        return New.READ if there.flags - given == {"\\Seen"} and not given - there.flags else New.FLAGGED
    return New.FOLDER_RENAMED if place.is_renamed else New.UNTOUCHED


def judge_new(fact: Fact, there: Fact) -> Finding:
    """A message that no run has dealt with, and an equal one that lies in its folder already."""
    told = _without_memory(fact, there)
    return (
        told
        if told is EQUAL
        else replace(told, kind=Kind.TO_DO, what=f"no run has dealt with it; an equal message is there: {told.what}")
    )


def judge_absent(known: Remembered, place: Place, old: Old = Old.SAME) -> Finding:
    """A message of which no copy is there."""
    is_unnamed = known.target_uid is None and known.code in SETTLED - {OutcomeCode.REMOVED}
    decision = decide(old, New.NEVER_SEEN if is_unnamed and not place.is_another else place.absent, known.knows)
    if decision.told is Told.THEIRS:
        what = REMOVED if place.name is not None else f"{REMOVED}, with its folder"
        return Finding(Kind.THEIRS, what, last_seen=last_seen(known))
    if decision.told is Told.FAULT:
        what = known.detail or _NOT_DELIVERED[Knows.MISSING]
        return Finding(Kind.FAULT, what, last_seen=last_seen(known))
    if known.knows is Knows.REFUSED and known.code is not None:
        return Finding(Kind.FAULT, f"{known.code}: {known.detail}" if known.detail else known.code)
    what = _NOT_DELIVERED.get(known.knows, "not there")
    return Finding(Kind.FAULT if known.knows is Knows.MISSING else Kind.TO_DO, what, last_seen=last_seen(known))


def state_of_earlier(earlier: Remembered, there: Fact | None, place: Place) -> New:
    """What became of the copy of a message that is in its folder on the old side no longer. ``there``: that copy, in ``place``."""
    if there is None:
        return place.absent
    given = earlier.given if earlier.given is not None else there.flags
    return _state(there, given, place, earlier.is_theirs or is_touched(there.flags, given))


def judge_moved(earlier: Remembered, new: New) -> Finding:
    """A message that no run has seen where it is: it moved on the old side since. ``new``: what became of its earlier copy."""
    if decide(Old.MOVED, new, earlier.knows).action is Action.LEAVE:
        what = f"moved on the old side; its copy in {earlier.path} had been removed or moved on the new side"
        return Finding(Kind.THEIRS, what, last_seen=last_seen(earlier))
    return Finding(Kind.TO_DO, f"moved on the old side since, from {earlier.path}")


def _without_memory(fact: Fact, there: Fact) -> Finding:
    told = [] if same_date(fact, there) else [_date(there)]
    if not same_flags(fact.flags, there.flags):
        told.append(_flags(there))
    return Finding(Kind.FAULT, "; ".join(told)) if told else EQUAL


def last_seen(known: Remembered) -> str:
    """How and when its copy was read back last; empty where no run did."""
    if not known.verified:
        return ""
    how = "in full" if known.verified > 1 else "by size, date and flags"
    if known.verified_utc is None:
        return f"read back {how}"
    return f"read back {how} on {datetime.fromtimestamp(known.verified_utc, UTC):%Y-%m-%d at %H:%M} UTC"


def _named(flags: Flags) -> str:
    return printable(" ".join(sorted(flags))) or "no flag"


def _flags(there: Fact) -> str:
    return f"its flags are {_named(there.flags)}" if there.flags else "its flags are none"


def _date(there: Fact) -> str:
    if there.utc_seconds is None:
        return "it has no date there"
    return f"its date differs: {datetime.fromtimestamp(there.utc_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC there"
