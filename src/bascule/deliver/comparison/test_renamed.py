"""A folder that somebody renamed on the new side is the one that the next run takes for it, and what lies elsewhere is theirs."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bascule.deliver.comparison.census import Fact, FolderCensus
from bascule.deliver.comparison.compare import compare
from bascule.deliver.comparison.findings import Comparison, Kind
from bascule.deliver.comparison.judging import Place
from bascule.deliver.comparison.memory import Memory, Remembered
from bascule.deliver.comparison.old_side import KnownFolder
from bascule.deliver.comparison.renamed import find_used
from bascule.mailbox.ledger import TargetFolder
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.outcome import OutcomeCode

NONE: Flags = frozenset()
DATE = 1_580_000_000
A, B = FolderPath(("A",)), FolderPath(("B",))
GONE = Place(None)


def fact(uid: int, octets: bytes, date: int = DATE) -> Fact:
    return Fact(uid, octets, len(octets), NONE, date, octets.decode(), octets)


def there(name: bytes, octets: Sequence[bytes], *, first: int = 1, validity: int = 7, mailboxid: str = "", uidnext: int = 100) -> FolderCensus:  # fmt: skip
    """A folder of the new side. ``first``: the UID of its first message."""
    facts = [fact(uid, each) for uid, each in enumerate(octets, first)]
    return FolderCensus(FolderPath((name.decode(),)), name, validity, facts, uidnext=uidnext, mailboxid=mailboxid)


def old(path: FolderPath, octets: Sequence[bytes]) -> FolderCensus:
    return FolderCensus(path, str(path).encode(), 1, [fact(uid, each) for uid, each in enumerate(octets, 1)])


def remembered(*folders: tuple[FolderPath, Sequence[bytes], TargetFolder]) -> Memory:
    """Each with what was delivered to it, under the UIDs that the old side has, and read back."""
    memory = Memory()
    for path, octets, place in folders:
        memory.places[place.folder] = place
        memory.folders[path] = place.folder
        for uid, each in enumerate(octets, 1):
            one = Remembered(
                100 * place.folder + uid, place.folder, path, 1, uid, each, each, DATE, True, OutcomeCode.DELIVERED, "", uid, NONE, NONE, False, 1, 1,
                False, range(0),
            )  # fmt: skip
            memory.by_message[one.message] = one
            memory.by_path[path].append(one)
            memory.by_identity[path, 1, uid] = one
    return memory


def known(row: int, name: bytes, validity: int = 7, mailboxid: str | None = None) -> TargetFolder:
    return TargetFolder(row, name, validity, 50, mailboxid)


def counted(comparison: Comparison) -> dict[Kind, int]:
    return {kind: number for kind, number in comparison.counts.items() if number}


OURS = [b"a", b"b", b"c"]
MEMORY = remembered((A, OURS, known(1, b"A")))


# -- by UIDVALIDITY ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("census", "is_it"),
    [
        (there(b"new", OURS), True),
        (there(b"new", [b"theirs", b"b"]), True),
        (there(b"new", []), True),
        (there(b"new", [b"came since"], first=50), True),
        (replace(there(b"new", []), error="it is closed"), True),
        (there(b"new", OURS, validity=8), False),
        (there(b"new", [b"theirs"]), False),
        (there(b"new", OURS, first=2), False),
        (there(b"new", OURS, uidnext=49), False),
        (there(b"INBOX", OURS), False),
    ],
)
def test_it_is_the_only_stranger_with_its_uidvalidity_unless_all_in_it_is_somebody_elses(
    census: FolderCensus, is_it: bool
) -> None:
    place = Place(census.name, is_renamed=True, is_unread=bool(census.error)) if is_it else GONE
    assert find_used([census], MEMORY) == {1: place}


def test_of_two_that_may_be_it_neither_is() -> None:
    assert find_used([there(b"new", OURS), there(b"newer", [])], MEMORY) == {1: GONE}


def test_what_had_been_there_before_is_nobody_elses() -> None:
    memory = remembered((A, OURS, known(1, b"A")))
    memory.foreign[1] = {9}
    assert find_used([there(b"new", [b"was there"], first=9)], memory) == {1: Place(b"new", is_renamed=True)}
    assert find_used([there(b"new", [b"was there", b"was not"], first=9)], memory) == {1: GONE}


@pytest.mark.parametrize(
    ("code", "verified", "date", "is_it"),
    [
        (OutcomeCode.ALTERED, 1, DATE, True),
        (OutcomeCode.DELIVERED, 0, DATE, True),
        (OutcomeCode.DELIVERED, 1, DATE, False),
        (OutcomeCode.ALTERED, 1, DATE + 1, False),
    ],
)
def test_what_the_target_altered_or_may_have_is_known_by_its_date(
    code: OutcomeCode, verified: int, date: int, is_it: bool
) -> None:
    memory = remembered((A, [b"a"], known(1, b"A")))
    memory.by_message = {101: replace(memory.by_message[101], code=code, verified=verified)}
    census = replace(there(b"new", []), facts=[fact(1, b"altered", date)])
    assert find_used([census], memory) == {1: Place(b"new", is_renamed=True) if is_it else GONE}


@pytest.mark.parametrize("held", [OURS, [b"c", b"b", b"a"]])
def test_what_lies_in_a_folder_with_another_uidvalidity_is_theirs_whatever_uids_it_has(held: list[bytes]) -> None:
    """Courier gives a folder another UIDVALIDITY with its new name, and its messages other UIDs, of which some may be what they were."""
    found = compare([old(A, OURS)], [there(b"new", held, validity=8)], {A: b"A"}, MEMORY)
    assert counted(found) == {Kind.THEIRS: 3}
    assert {finding.what for finding in found.findings} == {"moved on the new side, to new"}
    assert found.is_in_order


def test_what_lies_in_another_folder_that_has_its_uidvalidity_is_theirs() -> None:
    """Two folders that were made in one second, and what the member moved to the other one: nothing under the UIDs of ours is ours."""
    found = compare([old(A, OURS)], [there(b"new", [b"b", b"c", b"a"])], {A: b"A"}, MEMORY)
    assert counted(found) == {Kind.THEIRS: 3}


def test_another_folder_of_the_same_name_is_not_it() -> None:
    """Its UIDs are other messages': what moved on the old side is looked for by its octets."""
    assert find_used([there(b"A", OURS, validity=8)], MEMORY) == {1: Place(b"A", is_another=True)}
    found = compare([old(A, OURS)], [there(b"A", OURS[::-1], validity=8)], {A: b"A"}, MEMORY)
    assert counted(found) == {Kind.EQUAL: 3}


# -- by MAILBOXID -----------------------------------------------------------------------------------------------------

TWO = remembered((A, OURS, known(1, b"A", 7, "id-a")), (B, [b"x", b"y"], known(2, b"B", 8, "id-b")))
OLD = [old(A, OURS), old(B, [b"x", b"y"])]


def test_folders_that_have_one_anothers_names_are_followed() -> None:
    new = [there(b"B", OURS, validity=7, mailboxid="id-a"), there(b"A", [b"x", b"y"], validity=8, mailboxid="id-b")]
    assert find_used(new, TWO) == {1: Place(b"B", is_renamed=True), 2: Place(b"A", is_renamed=True)}
    found = compare(OLD, new, {A: b"A", B: b"B"}, TWO)
    assert counted(found) == {Kind.EQUAL: 5}
    assert found.of_folders == ["A is called B on the new side now", "B is called A on the new side now"]


def test_one_that_has_the_name_of_one_that_is_gone_is_followed() -> None:
    new = [there(b"A", [b"x", b"y"], validity=8, mailboxid="id-b")]
    assert find_used(new, TWO) == {1: GONE, 2: Place(b"A", is_renamed=True)}
    found = compare(OLD, new, {A: b"A", B: b"B"}, TWO)
    assert counted(found) == {Kind.THEIRS: 3, Kind.EQUAL: 2}


def test_one_that_is_known_to_have_no_name_any_more_is_gone() -> None:
    memory = remembered((A, OURS, known(1, b"", 7, "id-a")), (B, [b"x"], known(2, b"A", 8, "id-b")))
    new = [there(b"A", [b"x"], validity=8, mailboxid="id-b")]
    assert find_used(new, memory) == {1: GONE, 2: Place(b"A")}
    found = compare([old(A, OURS), old(B, [b"x"])], new, {A: b"A", B: b"A"}, memory)
    assert counted(found) == {Kind.THEIRS: 3, Kind.EQUAL: 1}


def test_its_uids_are_others_where_its_uidvalidity_is() -> None:
    new = [there(b"new", OURS[::-1], validity=9, mailboxid="id-a"), there(b"B", [b"x", b"y"], validity=8, mailboxid="id-b")]  # fmt: skip
    assert find_used(new, TWO)[1] == Place(b"new", is_renamed=True, is_another=True)
    found = compare(OLD, new, {A: b"A", B: b"B"}, TWO)
    assert counted(found) == {Kind.EQUAL: 5}


def test_another_folder_of_its_name_is_told_by_its_mailboxid_alone() -> None:
    """Two folders may have one UIDVALIDITY."""
    new = [there(b"A", OURS[::-1], mailboxid="id-c"), there(b"B", [b"x", b"y"], validity=8, mailboxid="id-b")]
    assert find_used(new, TWO)[1] == Place(b"A", is_another=True)


def test_the_copy_of_what_moved_from_a_folder_that_has_other_uids_now_is_there() -> None:
    """The next run replaces it; only where it is gone it is theirs."""
    memory = remembered((A, OURS, known(1, b"A")), (B, [], known(2, b"B", 8)))
    memory.by_message[101] = replace(memory.by_message[101], meanwhile=range(0, 9))
    gone_from_a = replace(old(A, []), facts=old(A, OURS).facts[1:])
    for held, kind in (([b"c", b"b", b"a"], Kind.TO_DO), ([b"c", b"b"], Kind.THEIRS)):
        new = [there(b"A", held, validity=9), there(b"B", [], validity=8)]
        moved = replace(old(B, []), facts=[fact(1, b"a")])
        found = compare([gone_from_a, moved], new, {A: b"A", B: b"B"}, memory)
        assert counted(found) == {Kind.EQUAL: 2, kind: 1}, found.findings


# -- where the old side's is another one as well ----------------------------------------------------------------------


@pytest.mark.parametrize("is_other", [True, False])
def test_without_mailboxid_names_were_exchanged_where_the_old_side_s_uidvalidity_is_another_too(is_other: bool) -> None:
    memory = remembered((A, OURS, known(1, b"A")), (B, [b"x"], known(2, b"B", 8)))
    for path in (A, B):
        memory.old_side.folders[path] = KnownFolder(1, True, 1, True, ())
    new = [there(b"B", OURS), there(b"A", [b"x"], validity=8)]
    expected = [replace(folder, uidvalidity=2 if is_other else 1) for folder in (old(A, [b"x"]), old(B, OURS))]
    if is_other:
        assert find_used(new, memory, expected) == {1: Place(b"B", is_renamed=True), 2: Place(b"A", is_renamed=True)}
    else:
        assert find_used(new, memory, expected) == {1: Place(b"A", is_another=True), 2: Place(b"B", is_another=True)}
