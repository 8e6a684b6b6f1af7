"""Folders as servers list them: each has a path of its own, whatever it is called."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap.names import decode_name, decode_utf7, encode_name, encode_utf7
from bascule.protocols.imap.responses import NO_NAMESPACE, Listing, Namespace
from bascule.sources.imap_folders import NameForm, _pieces, folders_of
from bascule.sources.paths import Spelling, tell_apart
from bascule.terms.folder import FolderPath, SpecialUse

UTF7 = NameForm(decode_utf7, encode_utf7)
UTF8 = NameForm(lambda raw: decode_name(raw, utf8=True), lambda name: encode_name(name, utf8=True))
COURIER = Namespace(((b"INBOX.", "."),), (), ((b"shared.", "."),))
SEVERAL = Namespace(((b"", "/"), (b"Archive/", "/"), (b"#mh/", "/")), (), ())


def paths(
    *names: bytes, namespace: Namespace = NO_NAMESPACE, separator: str | None = "/", form: NameForm = UTF7
) -> dict[bytes, tuple[str, ...]]:
    """Raw name → path, in whatever order they are listed."""
    entries = [Listing("LIST", frozenset(), separator, name) for name in names]
    found = {f.name: f.path.parts for f in folders_of(entries, namespace, form)}
    random.Random(1).shuffle(entries)
    assert {f.name: f.path.parts for f in folders_of(entries, namespace, form)} == found
    return found


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"INBOX", ("INBOX",)),
        (b"INBOX.Sent", ("Sent",)),
        (b"INBOX.INBOX", ("INBOX", "INBOX")),
        (b"INBOX.Inbox", ("INBOX", "Inbox")),
        (b"INBOX.INBOX.old", ("INBOX", "INBOX", "old")),
        (b"elsewhere", ("elsewhere",)),
    ],
)
def test_the_prefix_of_ones_own_namespace_is_no_folder_and_what_is_called_inbox_lies_in_inbox(
    raw: bytes, expected: tuple[str, ...]
) -> None:
    """Courier, and Dovecot with ``prefix = INBOX.``: two of three folders were dropped in silence."""
    listed = paths(b"INBOX", b"INBOX.INBOX", b"INBOX.Inbox", raw, namespace=COURIER, separator=".")
    assert listed[raw] == expected
    assert len(set(listed.values())) == len(listed)


def test_of_several_namespaces_of_ones_own_each_folder_is_found_under_the_name_that_people_know() -> None:
    listed = paths(b"INBOX", b"2020", b"Archive/2020", b"#mh/2020", namespace=SEVERAL)
    assert listed[b"2020"] == ("2020",)
    assert listed[b"Archive/2020"] == ("Archive", "2020")
    assert listed[b"#mh/2020"] == ("#mh", "2020")


def test_what_others_share_is_not_ones_own() -> None:
    assert set(paths(b"INBOX", b"INBOX.a", b"shared.b", namespace=COURIER, separator=".")) == {b"INBOX", b"INBOX.a"}


def test_of_two_spellings_of_a_name_the_regular_one_keeps_it() -> None:
    listed = paths(b"R&D", b"R&-D", b"R&D/x", b"R&-D/x", "café".encode(), b"caf\xe9", b"caf&AOk-")
    assert listed[b"R&-D"] == ("R&D",)
    assert listed[b"R&D"] == ("R&D (2)",)
    assert listed[b"R&-D/x"] == ("R&D", "x")
    assert listed[b"R&D/x"] == ("R&D (2)", "x")
    assert listed[b"caf&AOk-"] == ("café",)
    assert {listed["café".encode()], listed[b"caf\xe9"]} == {("café (2)",), ("café (3)",)}


def test_why_two_are_told_apart_is_said_of_the_second() -> None:
    entries = [Listing("LIST", frozenset(), "/", name) for name in (b"caf\xe9", b"caf&AOk-", b"a\x1b[2J", b"a")]
    told = {f.name: f.told_apart for f in folders_of(entries, NO_NAMESPACE, UTF7)}
    assert told[b"caf\xe9"] == "another folder of the old side is called café, too"
    assert [told[name] for name in (b"caf&AOk-", b"a\x1b[2J", b"a")] == ["", "", ""]


def test_another_spelling_of_inbox_beside_inbox_is_another_folder() -> None:
    listed = paths(b"inbox", b"INBOX", b"Inbox", b"INBOX/", b"Inbox/sub")
    assert listed[b"INBOX"] == ("INBOX",)
    assert listed[b"Inbox"][0].startswith("Inbox (")
    assert listed[b"Inbox/sub"] == (*listed[b"Inbox"], "sub")
    assert len(set(listed.values())) == 5
    assert paths(b"Inbox", b"Inbox/sub") == {b"Inbox": ("INBOX",), b"Inbox/sub": ("INBOX", "sub")}
    assert paths("ınbox".encode(), form=UTF8) == {"ınbox".encode(): ("ınbox",)}


def test_an_encoded_separator_is_part_of_a_name() -> None:
    listed = paths(b"a/b", b"a&AC8-b")
    assert listed == {b"a/b": ("a", "b"), b"a&AC8-b": ("a/b",)}


def test_empty_names_are_dropped_but_for_what_they_tell_apart() -> None:
    listed = paths(b"a", b"a/", b"/a", b"a//b", b"a/b", b"/", b"")
    assert (listed[b"a"], listed[b"a/b"], listed[b"/"]) == (("a",), ("a", "b"), ("/",))
    assert len(set(listed.values())) == len(listed) == 6  # a name without a character opens nothing


def test_the_same_entry_twice_is_one_folder_and_holds_messages_if_either_says_so() -> None:
    entries = [
        Listing("LIST", frozenset({"\\Noselect", "\\Sent"}), "/", b"a"), Listing("LIST", frozenset({"\\Subscribed"}), "/", b"a"),
    ]  # fmt: skip
    [folder] = folders_of(entries, NO_NAMESPACE, UTF7)
    assert (folder.selectable, folder.subscribed, folder.special_use) == (True, True, SpecialUse.SENT)


def test_what_only_leads_to_folders_takes_no_folders_name() -> None:
    entries = [Listing("LIST", frozenset({"\\Noselect"}), "/", b"R&-D"), Listing("LIST", frozenset(), "/", b"R&D")]
    [folder] = folders_of(entries, NO_NAMESPACE, UTF7)
    assert (folder.name, folder.path) == (b"R&D", FolderPath(("R&D",)))


PIECES = st.sampled_from(
    [b"INBOX", b"Inbox", b"inbox", b"a", b"A", b"&-", b"&", b"&AOk-", b"\xc3\xa9", b"\xe9", b"e\xcc\x81", b"", b"a (2)", b"&AC8-", b"&AC4-",
     b"\0", b"\n", b"&2D0-", b"&3gA-", b"&2D3eAA-", b"\xed\xa0\xbd", b"\xff", b" ", b"&AAo-"],
)  # fmt: skip
RAW = st.lists(PIECES, min_size=1, max_size=4).map(b"/".join) | st.binary(min_size=1, max_size=6)
NAMESPACES = [
    NO_NAMESPACE,
    SEVERAL,
    Namespace(((b"INBOX/", "/"),), (), ()),
    Namespace(((b"a/", "/"), (b"INBOX/", "/")), (), ()),
]


@given(
    st.sets(RAW, max_size=12), st.sampled_from(NAMESPACES), st.sampled_from(["/", None]), st.sampled_from([UTF7, UTF8])
)
def test_any_names_have_paths_of_their_own_in_whatever_order(
    names: set[bytes], namespace: Namespace, separator: str | None, form: NameForm
) -> None:
    listed = paths(*sorted(names), namespace=namespace, separator=separator, form=form)
    assert len(listed) == len({name for name in names if name and namespace.is_personal(name)})
    assert len(set(listed.values())) == len(listed)
    stored = {FolderPath(path).to_json().encode() for path in listed.values()}
    assert len(stored) == len(listed)


def test_names_of_separators_and_of_many_levels_are_read_in_time() -> None:
    """What takes the square of their length takes minutes here."""
    assert _pieces(300_000 * b"/", "/") == []
    deep = Spelling(tuple(b"x" for _ in range(20_000)), tuple("x" for _ in range(20_000)))
    assert len(tell_apart([deep])) == 1


def test_each_number_of_a_second_folder_is_tried_once() -> None:
    """If each of 30,000 folders of one name began anew at its own number, 450 million numbers would be tried."""
    taken = [Spelling((b"x (%d)" % number,), (f"x ({number})",)) for number in range(2, 30_000)]
    alike = [Spelling((b"x" + b"/" * number,), ("x",), odd=number) for number in range(30_000)]
    places = tell_apart([*taken, *alike])
    assert [places[each].path.parts[0] for each in alike[:3]] == ["x", "x (30000)", "x (30001)"]
    assert len({place.path for place in places.values()}) == 59_998
