"""What an import would change: each row of the list beside what is there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bascule.campaign.members_file import Row
from bascule.campaign.wrong import RowError, Wrong, gettext_noop


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    LEAVING = "leaving"
    """There, and no longer on a list that claims to be complete."""


@dataclass(frozen=True, slots=True)
class Present:
    """What is there, of one mailbox and its member."""

    sign_on: str
    name: str
    address: str
    aliases: tuple[str, ...]
    kind: str
    wave: str
    office: str
    site: str
    language: str
    role: str
    owners: tuple[str, ...]
    quota_octets: int | None
    old_url: str
    old_way: str
    old_secret: str = field(default="", repr=False)
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """``fields``: name, before, after; secrets only by name."""

    change: Change
    address: str
    line: int = 0
    row: Row | None = None
    present: Present | None = None
    fields: tuple[tuple[str, str, str], ...] = ()


FEW_LEAVE = 10
"""So many may always leave at once."""
PART_LEAVES = 10
"""Of a hundred, may leave at once: a list that was cut off, or a filter that finds nobody, is not obeyed."""


def surprising_leavers(found: list[Difference], present: Mapping[str, Present]) -> int:
    """How many would leave, where that is so many that somebody must say the number; otherwise 0."""
    leaving = sum(each.change is Change.LEAVING for each in found)
    here = sum(not each.is_gone for each in present.values())
    return leaving if leaving > max(FEW_LEAVE, here * PART_LEAVES // 100) else 0


_PLAIN = ("sign_on", "name", "address", "wave", "office", "site", "language", "role", "old_url", "old_way")
_LISTS = ("aliases", "owners")


def differences(
    rows: list[Row],
    present: Mapping[str, Present],
    waves: Mapping[str, str],
    default_wave: str,
    *,
    complete: bool = False,
    wrong: Sequence[RowError] = (),
) -> tuple[list[Difference], list[RowError]]:
    """What would change, and what is wrong, by line. ``present``: by address (the primary one). ``waves``: the names that there are. ``wrong``: what was
    found when the rows were read.

    ``complete``: who is not on the list leaves, of the kinds that it names: a directory of people says nothing of offices and scanners. While a
    line is wrong nobody leaves, because it may be theirs.
    """
    by_sign_on = {each.sign_on: each for each in present.values() if each.sign_on}
    taken = {alias: each.address for each in present.values() if not each.is_gone for alias in each.aliases}
    known_owners = {*by_sign_on, *(row.sign_on for row in rows if row.sign_on)}
    found, errors, met = [], [], set()
    for row in rows:
        was = present.get(row.address) or by_sign_on.get(row.sign_on)
        contradiction = _what_is_wrong(row, was, present, taken, waves, known_owners)
        if was is not None:
            met.add(was.address)
        if contradiction is not None:
            errors.append(contradiction.at(row.line, row.address))
        else:
            found.append(_difference(row, was, default_wave))
    if complete and not errors and not wrong:
        kinds = {row.kind for row in rows}
        gone = [each for each in present.values() if each.address not in met and not each.is_gone and each.kind in kinds]  # fmt: skip
        found += [Difference(Change.LEAVING, each.address, present=each) for each in gone]
    return found, sorted([*wrong, *errors], key=lambda error: error.line)


def _what_is_wrong(
    row: Row, was: Present | None, present: Mapping[str, Present], taken: Mapping[str, str], waves: Mapping[str, str], owners: set[str]
) -> Wrong | None:  # fmt: skip
    if row.wave and row.wave not in waves:
        return Wrong(
            gettext_noop("there is no wave “%(wave)s”; there are: %(waves)s"),
            wave=row.wave,
            waves=", ".join(waves) or "–",
        )
    for owner in row.owners or ():
        if owner not in owners:
            return Wrong(gettext_noop("owner %(owner)s is nobody's sign_on, here or in the list"), owner=owner)
    if row.kind != "personal" and not row.owners and not (was and was.owners):
        return Wrong(gettext_noop("nobody looks after it: name its owners"))
    if was is not None and row.kind != was.kind:
        return Wrong(
            gettext_noop("%(address)s is there as a %(was)s mailbox; it can't become %(kind)s"), address=row.address, was=was.kind, kind=row.kind
        )  # fmt: skip
    if was is not None and row.sign_on and was.sign_on and was.sign_on != row.sign_on and was.address == row.address:
        return Wrong(gettext_noop("%(address)s belongs to %(holder)s; it can't change hands"), address=row.address, holder=was.sign_on)  # fmt: skip
    own = was.address if was else row.address
    for address in (row.address, *(row.aliases or ())):
        holder = taken.get(address) or (address if address in present else own)
        if holder != own:
            return Wrong(gettext_noop("%(address)s belongs to %(holder)s"), address=address, holder=holder)
    return None


def _difference(row: Row, was: Present | None, default_wave: str) -> Difference:
    if was is None:
        return Difference(Change.NEW, row.address, row.line, row, None, (("wave", "", row.wave or default_wave),))
    changed = tuple(_changes(row, was))
    return Difference(Change.CHANGED if changed else Change.SAME, row.address, row.line, row, was, changed)


def _changes(row: Row, was: Present) -> Iterator[tuple[str, str, str]]:
    for name in _PLAIN:
        before, after = getattr(was, name), getattr(row, name)
        if after and after != before:
            yield name, before, after
    for name in _LISTS:
        after = getattr(row, name)
        if after is not None and sorted(after) != sorted(getattr(was, name)):
            yield name, " ".join(sorted(getattr(was, name))), " ".join(sorted(after))
    if row.quota_octets is not None and row.quota_octets != was.quota_octets:
        yield "quota", str(was.quota_octets or ""), str(row.quota_octets)
    if row.old_secret and row.old_secret != was.old_secret:
        yield "old_secret", "…" if was.old_secret else "", "…"
    if was.is_gone:
        yield "state", "left", "present"
