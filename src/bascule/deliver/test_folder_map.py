"""Names of the mailbox's folders become names of the target's: each its own, and the same ones from run to run."""

import asyncio
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.deliver.folder_making import TAKEN
from bascule.deliver.folder_map import KEPT, KNOWN, NOTHING, SHOWN, Beside, FolderMap, MappedFolder, remembered_places
from bascule.mailbox import FolderRow
from bascule.protocols.imap.names import decode_utf7, encode_utf7
from bascule.protocols.imap.responses import Listing, Namespace
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.wire.imap import ImapClient

COMPOSED, TAKEN_APART = "caf\u00e9", "cafe\u0301"


@dataclass(slots=True)
class Target:
    """What a target tells without anything being made there: its folders' raw names with the attributes of each."""

    there: Mapping[bytes, str] = field(default_factory=lambda: {b"INBOX": ""})
    separates: str | None = "/"
    name: str = "new.example"
    speaks_utf8: bool = False

    async def namespace(self) -> Namespace | None:
        return None

    async def separator(self) -> str | None:
        return self.separates

    async def list_all(self) -> list[Listing]:
        return [Listing("LIST", frozenset(told.split()), self.separates, raw) for raw, told in self.there.items()]

    def encode(self, name: str) -> bytes:
        return encode_utf7(name)

    def decode(self, raw: bytes) -> str:
        return decode_utf7(raw)


def listing(*names: str) -> Mapping[bytes, str]:
    return {encode_utf7(name): "" for name in ("INBOX", *names)}


def path(text: str) -> FolderPath:
    return FolderPath(tuple(text.split("/")))


def a_row(number: int, folder: FolderPath, use: SpecialUse | None = None) -> FolderRow:
    return FolderRow(number, folder, 0, 1, use, False, True, False, b"", None, None)


def rows(*paths: str) -> list[FolderRow]:
    """Numbered from 1."""
    return [a_row(number, path(text)) for number, text in enumerate(paths, 1)]


def mapped(
    folders: FolderMap,
    target: Target,
    wanted: Sequence[FolderRow],
    known: Mapping[int, bytes] | None = None,
    others: Container[int] = (),
    beside: Beside = NOTHING,
) -> list[MappedFolder]:
    return asyncio.run(folders.map(cast(ImapClient, target), wanted, known, others, beside))


def names(target: Target, wanted: Sequence[FolderRow], known: Mapping[int, bytes] | None = None) -> dict[int, str]:
    """Row → its name on the target, as people read it."""
    return {each.row.id: each.display for each in mapped(FolderMap(), target, wanted, known)}


# -- any names --------------------------------------------------------------------------------------------------------


def test_inbox_comes_first_whatever_its_capitals_and_the_others_by_their_paths() -> None:
    wanted = rows("b", "inbox", "INBOX/a", "A", "a", "Inbox/b")
    found = mapped(FolderMap(), Target({b"Inbox": ""}), wanted)
    assert [each.display for each in found] == ["INBOX", "A", "INBOX/a", "INBOX/b", "a", "b"]
    assert (found[0].name, found[0].there) == (b"INBOX", True)


def test_what_only_looks_like_inbox_is_a_folder_like_any_other() -> None:
    """A Turkish dotless i becomes I in capitals."""
    assert names(Target(), rows("INBOX", "\u0131nbox", "a/INBOX")) == {1: "INBOX", 2: "\u0131nbox", 3: "a/INBOX"}


def test_a_folder_that_holds_no_messages_has_no_name() -> None:
    [first, second] = rows("a", "a/b")
    assert names(Target(), [replace(first, selectable=False), second]) == {2: "a/b"}
    assert names(Target(), []) == {}


@pytest.mark.parametrize(
    "pair",
    [
        ("Archive", "archive"),
        (COMPOSED, TAKEN_APART),
        ("a", "a "),
        ("x" * 300, "x" * 301),
        ("a", "\u0430"),
        ("0", "00"),
    ],
)
def test_names_that_differ_in_little_stay_as_they_are(pair: tuple[str, str]) -> None:
    """Whether the target tells them apart shows when they are made."""
    assert names(Target(), rows(*pair)) == dict(enumerate(pair, 1))
    assert names(Target(listing(*pair)), rows(*pair)) == dict(enumerate(pair, 1))


@pytest.mark.parametrize(
    ("separates", "paths", "found"),
    [
        (".", ["a.b", "a/b"], ["a_b", "a.b"]),
        (".", ["a.b", "a_b"], ["a_b", "a_b (2)"]),
        ("/", ["a.b", "a/b"], ["a.b", "a/b"]),
        (None, ["a/b", "a_b", "a"], ["a_b", "a_b (2)", "a"]),
        (None, ["a/b/c", "a_b/c", "a/b_c"], ["a_b_c", "a_b_c (3)", "a_b_c (2)"]),
        (".", [".", "..", "..."], ["_", "__", "___"]),
    ],
)
def test_a_separator_within_a_name_becomes_another_sign_and_no_two_become_one(
    separates: str | None, paths: list[str], found: list[str]
) -> None:
    assert list(names(Target(separates=separates), rows(*paths)).values()) == sorted_as_mapped(paths, found)


def sorted_as_mapped(paths: list[str], found: list[str]) -> list[str]:
    """The names in the order of the folders' paths."""
    return [name for _, name in sorted(zip(map(path, paths), found, strict=True))]


def test_what_lies_in_a_folder_that_got_another_name_goes_there_with_it() -> None:
    wanted = [a_row(n, FolderPath(p)) for n, p in enumerate([("a.b",), ("a_b",), ("a_b", "c"), ("a_b", "c.d", "e")], 1)]
    assert names(Target(separates="."), wanted) == {1: "a_b", 2: "a_b (2)", 3: "a_b (2).c", 4: "a_b (2).c_d.e"}


def test_a_number_that_another_folder_has_is_passed_over() -> None:
    wanted = rows("a.b", "a_b (2)", "a_b")
    assert names(Target(separates="."), wanted) == {1: "a_b", 3: "a_b (2)", 2: "a_b (2) (2)"}
    there = Target(listing("a_b (2)"), ".")
    assert names(there, wanted, {2: b"a_b (2)"}) == {1: "a_b", 2: "a_b (2)", 3: "a_b (3)"}


PARTS = st.sampled_from(
    ["a", "A", "a.b", "a_b", "a (2)", "a (3)", "INBOX", "inbox", COMPOSED, TAKEN_APART, "x" * 300, " ", "\0"]
)
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: FolderPath(tuple(parts))), max_size=12)
RAW = st.sampled_from([b"INBOX", b"a", b"A", b"a.b", b"a (2)", b"a.b (2)", b"gone"])


@given(PATHS, st.sampled_from([".", "/", None]), st.dictionaries(st.integers(1, 12), RAW), st.booleans())
def test_no_two_folders_have_one_name_whatever_earlier_runs_used(
    paths: list[FolderPath], separates: str | None, known: dict[int, bytes], is_renamed: bool
) -> None:
    """Nor where all are to be called the same."""
    wanted = [a_row(number, each) for number, each in enumerate(paths, 1)]
    target = Target(listing("a", "A", "a.b", "a (2)", "a.b (2)"), separates)
    folders = FolderMap(renames=dict.fromkeys(paths, FolderPath(("a",))) if is_renamed else {})
    found = mapped(folders, target, wanted, known)
    assert len({each.name for each in found}) == len(found) == len(wanted)
    again = mapped(folders, target, wanted, {each.row.id: each.name for each in found if each.there})
    assert {each.row.id: each.name for each in again if each.there} == {
        each.row.id: each.name for each in found if each.there
    }


# -- what the user chose ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("renames", "found"),
    [
        ({"a": "new"}, {1: "new", 2: "a/b", 3: "c", 4: "INBOX"}),
        ({"a": "c"}, {1: "c", 2: "a/b", 3: "c (2)", 4: "INBOX"}),
        ({"a": "x", "c": "x"}, {1: "x", 2: "a/b", 3: "x (2)", 4: "INBOX"}),
        ({"a": "c", "c": "a"}, {1: "c", 2: "a/b", 3: "a", 4: "INBOX"}),
        ({"a": "inbox"}, {1: "INBOX (2)", 2: "a/b", 3: "c", 4: "INBOX"}),
        ({"INBOX": "old"}, {1: "a", 2: "a/b", 3: "c", 4: "old"}),
        ({"none": "x"}, {1: "a", 2: "a/b", 3: "c", 4: "INBOX"}),
    ],
)
def test_a_folder_has_the_name_that_was_chosen_unless_another_has_it(
    renames: Mapping[str, str], found: Mapping[int, str]
) -> None:
    folders = FolderMap(renames={path(old): path(new) for old, new in renames.items()})
    assert {each.row.id: each.display for each in mapped(folders, Target(), rows("a", "a/b", "c", "INBOX"))} == found


def test_a_name_that_is_not_the_mailboxs_own_says_why() -> None:
    folders = FolderMap(renames={path("a"): path("b"), path("c"): path("b")})
    found = mapped(
        folders, Target({b"Junk": "\\Junk"}), [*rows("a", "c", "d"), a_row(4, path("Spam"), SpecialUse.JUNK)]
    )
    assert [each.renamed for each in found] == ["the target's own \\Junk folder", "as you asked", TAKEN, ""]


def test_a_special_folder_of_the_target_takes_the_first_of_its_use() -> None:
    wanted = [
        a_row(number, path(name), SpecialUse.JUNK) for number, name in ((1, "Spam"), (2, "Pourriel"), (3, "Junk"))
    ]
    target = Target({b"INBOX": "", b"Junk": "\\Junk"})
    assert names(target, wanted) == {3: "Junk", 2: "Pourriel", 1: "Spam"}
    assert names(target, wanted[:2]) == {2: "Junk", 1: "Spam"}
    assert names(target, wanted, {1: b"Junk"}) == {1: "Junk", 2: "Pourriel", 3: "Junk (2)"}
    assert names(Target({b"INBOX": "\\Junk"}), wanted[:1]) == {1: "Spam"}


def test_a_folder_that_was_chosen_another_name_goes_to_no_special_folder() -> None:
    folders = FolderMap(renames={path("Spam"): path("kept")})
    [found] = mapped(folders, Target({b"Junk": "\\Junk"}), [a_row(1, path("Spam"), SpecialUse.JUNK)])
    assert (found.display, found.there) == ("kept", False)


# -- from run to run --------------------------------------------------------------------------------------------------


def test_of_two_that_an_earlier_run_is_said_to_have_put_in_one_the_first_stays() -> None:
    assert names(Target(listing("a")), rows("b", "a"), {1: b"a", 2: b"a"}) == {2: "a", 1: "b"}


def test_a_folder_stays_where_it_went_though_another_has_that_name_now() -> None:
    found = mapped(FolderMap(), Target(listing("a")), rows("a", "b"), {2: b"a"})
    assert [(each.row.id, each.display, each.renamed) for each in found] == [(1, "a (2)", TAKEN), (2, "a", KNOWN)]


def test_inbox_is_there_though_a_target_does_not_list_it() -> None:
    assert names(Target({}), rows("a", "b"), {1: b"INBOX"}) == {1: "INBOX", 2: "b"}


@pytest.mark.parametrize("raw", [b"gone", b"A", b"inbox", b"", b"&"])
def test_a_name_that_the_target_does_not_list_is_forgotten(raw: bytes) -> None:
    assert names(Target(listing("a")), rows("a"), {1: raw}) == {1: "a"}


def test_what_other_options_do_not_change_is_said_of_the_first_ones() -> None:
    paths = [f"f{number}" for number in range(SHOWN + 2)]
    folders = FolderMap(prefix="Old")
    found = mapped(folders, Target(listing(*paths)), rows(*paths), {n: p.encode() for n, p in enumerate(paths, 1)})
    assert [each.display for each in found] == paths
    first = ", ".join(f"{each} stays {each}" for each in paths[:SHOWN])
    assert folders.notes == [KEPT.format(f"{first} and 2 more")]


@pytest.mark.parametrize("raw", [b"a", b"A", b"a (2)", b"elsewhere"])
def test_without_options_nothing_is_said(raw: bytes) -> None:
    folders = FolderMap()
    mapped(folders, Target({b"INBOX": "", raw: ""}), rows("a"), {1: raw})
    assert folders.notes == []


@pytest.mark.parametrize(("raw", "below"), [(b"A", "A/b"), (b"a (2)", "a (2)/b"), (b"elsewhere", "a/b")])
def test_what_is_new_in_a_folder_goes_with_it_unless_somebody_gave_that_its_name(raw: bytes, below: str) -> None:
    assert names(Target({b"INBOX": "", raw: ""}), rows("a", "a/b"), {1: raw})[2] == below


# -- while a run goes on ----------------------------------------------------------------------------------------------


def test_a_folder_is_followed_to_the_name_that_somebody_gave_it() -> None:
    folders, target = FolderMap(), Target(listing("a"))
    [found] = mapped(folders, target, rows("a"))
    followed = folders.follow(cast(ImapClient, target), found, encode_utf7(f"{COMPOSED}\x1b"))
    assert (followed.display, followed.renamed, followed.there) == (f"{COMPOSED}\\x1b", KNOWN, True)
    assert followed.name == encode_utf7(f"{COMPOSED}\x1b")


@pytest.mark.parametrize("name", ["a", "kept"])
def test_one_that_was_deleted_meanwhile_is_made_anew_under_its_own_name(name: str) -> None:
    folders = FolderMap()
    [found] = mapped(folders, Target(listing(name)), rows("a"), {1: name.encode()})
    anew = folders.anew(found)
    assert (found.display, found.there, anew.display, anew.there) == (name, True, "a", False)


def test_it_is_made_anew_beside_those_that_have_its_name_by_now() -> None:
    folders = FolderMap()
    first, second = mapped(folders, Target(listing("a", "b")), rows("a", "b"), {1: b"b", 2: b"a"})
    assert (first.display, second.display) == ("b", "a")
    anew = folders.anew(first)
    assert (anew.display, anew.renamed) == ("a (2)", TAKEN)


def test_one_that_was_followed_and_then_deleted_is_made_anew_under_its_own_name() -> None:
    folders, target = FolderMap(), Target(listing("a"))
    [found] = mapped(folders, target, rows("a"))
    followed = folders.follow(cast(ImapClient, target), found, b"b")
    assert folders.anew(followed).display == "a"


# -- without asking anybody -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "display", "why"),
    [
        (b"A/B", "A/B", ""),
        (b"A.B", "A.B", ""),
        (b"INBOX.A.B", "INBOX.A.B", ""),
        (b"A/C", "A/C", KNOWN),
        (b"INBOX.Envoy&AOk-s", "INBOX.Envoyés", KNOWN),
        ("Envoyés".encode(), "Envoyés", KNOWN),
    ],
)
def test_of_what_a_run_knew_a_report_says_where_it_lies_and_whether_that_is_another_name(
    raw: bytes, display: str, why: str
) -> None:
    row, other = rows("A/B", "C")
    [place] = remembered_places([row, other], {1: raw, 3: b"D"})
    assert (place.row, place.name, place.display, place.renamed) == (row, raw, display, why)


# -- folders of the old side that are others since --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "there", "expected", "leaving"),
    [
        ({1: b"A 2025"}, ("A", "A 2025"), {1: "A", 2: "A 2025"}, {1}),  # on both sides
        (
            {1: b"A 2025"},
            ("A 2025",),
            {1: "A", 2: "A 2025"},
            {1},
        ),  # made anew on the old side alone: its name is wanted
        ({1: b"A"}, ("A",), {1: "A", 2: "A 2025"}, set()),  # nothing happened on the new side
        ({1: b"T"}, ("A", "T"), {1: "A", 2: "A 2025"}, {1}),  # the member has an A of their own
        ({1: b"T"}, ("T",), {1: "T", 2: "A 2025"}, set()),
        ({1: b"A", 2: b"A"}, ("A",), {1: "A (2)", 2: "A"}, {1}),  # the other one's messages lie there
        ({1: b"gone"}, ("A",), {1: "A", 2: "A 2025"}, set()),  # there is nothing to leave
        ({}, ("A",), {1: "A", 2: "A 2025"}, set()),
    ],
)
def test_one_that_is_another_since_goes_to_its_own_name_and_leaves_its_place_to_whose_it_is(
    known: Mapping[int, bytes], there: Sequence[str], expected: dict[int, str], leaving: set[int]
) -> None:
    folders = FolderMap()
    found = mapped(folders, Target(listing(*there)), rows("A", "A 2025"), known, others={1})
    assert {each.row.id: each.display for each in found} == expected
    assert folders.leaving == leaving


def test_one_that_is_the_same_after_all_stays() -> None:
    folders = FolderMap()
    [first, _] = mapped(folders, Target(listing("A", "T")), rows("A", "B"), {1: b"T"}, others={1})
    assert folders.leaving == {1}
    assert (folders.stay(first, b"T").display, folders.leaving) == ("T", frozenset())


def test_only_who_has_it_already_is_put_where_a_folder_lies_that_is_not_in_the_run() -> None:
    target = Target(listing("A", "B"))
    assert {f.display for f in mapped(FolderMap(), target, rows("A", "B"), beside=Beside(names=frozenset({b"A"})))} == {
        "A (2)",
        "B",
    }
    assert {
        f.display for f in mapped(FolderMap(), target, rows("A"), {1: b"A"}, beside=Beside(names=frozenset({b"A"})))
    } == {"A"}
    assert {f.display for f in mapped(FolderMap(), target, rows("A"), beside=Beside(names=frozenset({b"gone"})))} == {
        "A"
    }
