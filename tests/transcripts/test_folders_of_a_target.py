"""Folders on targets of every habit: each folder of the old side gets one of its own, and whatever is otherwise than its name says is told."""

import asyncio
import unicodedata
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.deliver import folder_making
from bascule.deliver.folder_map import KNOWN, FolderMap, MappedFolder
from bascule.deliver.folder_names import Numbers, same_letters
from bascule.deliver.session import TargetError
from bascule.mailbox import FolderRow
from bascule.protocols.imap.names import decode_utf7, encode_utf7
from bascule.terms.folder import FolderPath, SpecialUse
from support.folder_server import FolderServer


def row(number: int, *names: str, use: SpecialUse | None = None, subscribed: bool = False) -> FolderRow:
    return FolderRow(number, FolderPath(names), 0, 1, use, subscribed, True, False, b"", None, None)


def rows(*paths: str) -> list[FolderRow]:
    return [row(number, *path.split("/")) for number, path in enumerate(paths, 1)]


def run(
    server: FolderServer,
    wanted: Sequence[FolderRow],
    known: Mapping[int, bytes] | None = None,
    *,
    make: bool = True,
    **given: object,
) -> tuple[FolderMap, dict[str, MappedFolder]]:
    """Folder (as the old side has it) → where it went."""

    async def work() -> tuple[FolderMap, list[MappedFolder]]:
        client = await server.client()
        folders = FolderMap(**given)  # type: ignore[arg-type]
        mapped = await folders.map(client, wanted, known)
        if make:
            mapped = await folders.make_all(client, mapped)
        await client.logout()
        await server.stop()
        return folders, mapped

    folders, mapped = asyncio.run(work())
    raws = [each.name for each in mapped if not each.refusal]
    assert len(set(raws)) == len(raws)
    return folders, {each.row.path.join("/"): each for each in mapped}


def names(mapped: Mapping[str, MappedFolder]) -> dict[str, str]:
    return {path: each.display for path, each in mapped.items() if not each.refusal}


# -- prefixes and namespaces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["Old", "Old/", "Old."])
@pytest.mark.parametrize(("separator", "namespace", "expected"), [
    ("/", "", "Old/Sent"), (".", "", "Old.Sent"), (".", '(("INBOX." ".")) NIL NIL', "INBOX.Old.Sent"),
])  # fmt: skip
def test_a_prefix_is_a_folder(prefix: str, separator: str, namespace: str, expected: str) -> None:
    server = FolderServer(separator=separator, namespace=namespace)
    _, mapped = run(server, rows("INBOX", "Sent"), prefix=prefix)
    assert names(mapped) == {"INBOX": "INBOX", "Sent": expected}


def test_a_prefix_may_name_the_namespace_or_several_levels() -> None:
    courier = {"separator": ".", "namespace": '(("INBOX." ".")) NIL NIL'}
    assert names(run(FolderServer(**courier), rows("a"), prefix="INBOX")[1]) == {"a": "INBOX.a"}
    assert names(run(FolderServer(**courier), rows("a"), prefix="INBOX.Old.2020.")[1]) == {"a": "INBOX.Old.2020.a"}
    assert names(run(FolderServer(), rows("a"), prefix="INBOX/")[1]) == {"a": "INBOX/a"}
    assert names(run(FolderServer(), rows("a"), prefix="Old/2020")[1]) == {"a": "Old/2020/a"}
    assert names(run(FolderServer(), rows("a"), prefix="/")[1]) == {"a": "a"}


def test_a_target_whose_folders_all_lie_below_inbox_is_known_by_its_list() -> None:
    server = FolderServer({b"INBOX": "", b"INBOX/Drafts": ""})
    folders, mapped = run(server, rows("INBOX", "Sent", "Drafts"))
    assert names(mapped) == {"INBOX": "INBOX", "Sent": "INBOX/Sent", "Drafts": "INBOX/Drafts"}
    assert folders.notes == ["The target keeps folders below INBOX only, so they go there."]


def below_inbox_only(raw: bytes) -> str:
    return "" if raw.startswith(b"INBOX.") else "[CANNOT] Invalid mailbox name"


def test_a_target_that_makes_folders_below_inbox_only_is_known_by_what_it_refuses() -> None:
    server = FolderServer(separator=".", refuses=below_inbox_only)
    folders, mapped = run(server, rows("INBOX", "Sent", "a", "a/b"))
    assert names(mapped) == {"INBOX": "INBOX", "Sent": "INBOX.Sent", "a": "INBOX.a", "a/b": "INBOX.a.b"}
    assert folders.notes == ["The target keeps folders below INBOX only, so they go there."]


def test_where_no_folder_is_made_one_sentence_says_what_to_do() -> None:
    server = FolderServer(refuses=lambda raw: "" if raw.startswith(b"users/anna/") else "Permission denied")
    folders, mapped = run(server, rows("INBOX", "Sent", "a"))
    assert [mapped[name].refusal for name in ("Sent", "a")] == ["Permission denied"] * 2
    [note] = folders.notes
    assert "--prefix NAME" in note
    assert names(run(server, rows("Sent"), prefix="users/anna")[1]) == {"Sent": "users/anna/Sent"}


# -- two folders that the target would have as one --------------------------------------------------------------------


def lower(raw: bytes) -> bytes:
    return raw.lower()


@pytest.mark.parametrize("tells_existing", [True, False])
def test_a_target_that_makes_no_difference_of_capitals_gets_other_names(tells_existing: bool) -> None:
    """CREATE was answered OK, and two folders became one."""
    server = FolderServer(key=lower, tells_existing=tells_existing)
    _, mapped = run(server, rows("Archive", "archive", "ARCHIVE", "Archive/x", "archive/x", "archive/y", "b"))
    assert names(mapped) == {
        "ARCHIVE": "ARCHIVE", "Archive": "Archive (2)", "archive": "archive (3)", "Archive/x": "Archive (2)/x",
        "archive/x": "archive (3)/x", "archive/y": "archive (3)/y", "b": "b",
    }  # fmt: skip
    assert mapped["archive"].renamed == "the target takes the name for another folder's"
    assert len(server.folders) == 8


def test_a_target_that_tells_capitals_apart_keeps_them() -> None:
    server = FolderServer()
    paths = ("A", "a", "A/x", "a/x", "B", "b", "c")
    assert names(run(server, rows(*paths))[1]) == {path: path for path in paths}
    assert sum(line.startswith(b"LIST") for line in server.asked) <= 6


def to_nfc(raw: bytes) -> bytes:
    return unicodedata.normalize("NFC", raw.decode("utf-8", "replace")).encode()


def utf7_nfc(raw: bytes) -> bytes:
    return encode_utf7(unicodedata.normalize("NFC", decode_utf7(raw)))


def test_a_target_that_composes_letters_gets_other_names_and_keeps_capitals() -> None:
    server = FolderServer(key=utf7_nfc, spelt=utf7_nfc, tells_existing=False)
    composed, taken_apart = "caf\u00e9", "cafe\u0301"
    _, mapped = run(server, rows(composed, taken_apart, "A", "a", "o\u0308"))
    assert names(mapped) == {
        composed: composed, taken_apart: f"{composed} (2)", "A": "A", "a": "a", "o\u0308": "\u00f6",
    }  # fmt: skip
    assert mapped[taken_apart].renamed == "the target takes the name for another folder's"
    assert mapped["o\u0308"].renamed == "the target spells it so"


def test_a_target_that_replaces_characters_is_believed_by_its_list() -> None:
    def spelt(raw: bytes) -> bytes:
        return raw.replace(b"+", b"_").rstrip()

    server = FolderServer(key=spelt, spelt=spelt, tells_existing=False)
    _, mapped = run(server, rows("C++", "C__", "x ", "x"))
    assert len(set(names(mapped).values())) == 4
    assert set(names(mapped).values()) <= {raw.decode() for raw in server.folders}
    assert sum(bool(each.renamed) for each in mapped.values()) >= 2


def test_a_folder_that_the_target_has_in_other_capitals_is_used() -> None:
    server = FolderServer({b"INBOX": "", b"sent": ""}, key=lower)
    _, mapped = run(server, rows("Sent"))
    assert (mapped["Sent"].name, mapped["Sent"].renamed) == (b"sent", "the target spells it so")


def test_an_ok_for_what_is_not_there_is_no_folder() -> None:
    server = FolderServer(spelt=lambda raw: b"INBOX" if raw.startswith(b"a") else raw)
    _, mapped = run(server, rows("a", "b"))
    assert mapped["a"].refusal == "the target says that it made the folder, and does not have it"
    assert mapped["b"].there


def test_a_target_that_lists_late_is_asked_whether_the_folder_opens() -> None:
    server = FolderServer(hidden=lambda raw: raw != b"INBOX")
    _, mapped = run(server, rows("a", "a/b", "c"))
    assert names(mapped) == {"a": "a", "a/b": "a/b", "c": "c"}
    assert len(server.created()) == 3


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_what_is_there_already_is_no_refusal() -> None:
    server = FolderServer({b"INBOX": "", b"a": ""}, hidden=lambda raw: raw == b"a")
    _, mapped = run(server, rows("a"))
    assert (mapped["a"].there, mapped["a"].renamed) == (True, "")


def test_a_name_that_is_refused_is_made_simpler_or_shorter() -> None:
    def refuses(raw: bytes) -> str:
        return "bad character" if set(raw) & set(b"%*") else "[LIMIT] too long" if len(raw) > 60 else ""

    _, mapped = run(FolderServer(refuses=refuses), rows("50% *", "50_ _", "x" * 200, "x" * 201, "ok"))
    found = names(mapped)
    assert found["50_ _"] == "50_ _"
    assert found["50% *"] == "50_ _ (2)"
    assert {found["x" * 200], found["x" * 201]} == {"x" * 40, "x" * 40 + " (2)"}
    assert mapped["50% *"].renamed == "the target refuses the name"


def test_a_refusal_is_told_once_a_folder_and_quota_needs_no_other_name() -> None:
    server = FolderServer(
        refuses=lambda raw: "[OVERQUOTA] full" if raw == b"a" else "never" if raw.startswith(b"b") else ""
    )
    _, mapped = run(server, rows("a", "b", "c"))
    assert [(mapped[name].refusal, mapped[name].there) for name in "abc"] == [
        ("[OVERQUOTA] full", False), ("never", False), ("", True),
    ]  # fmt: skip
    assert server.created().count(b"a") == 1


def test_what_can_not_be_made_just_now_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_making, "FOLDER_WAIT_SECONDS", 0.01)
    left = 2

    def refuses(raw: bytes) -> str:
        nonlocal left
        left -= 1
        return "[INUSE] wait" if left >= 0 else ""

    assert names(run(FolderServer(refuses=refuses), rows("a"))[1]) == {"a": "a"}


def test_a_special_use_that_the_target_does_not_give_is_done_without() -> None:
    server = FolderServer(capabilities="CREATE-SPECIAL-USE SPECIAL-USE")
    seen: list[bytes] = []

    def refuses(raw: bytes) -> str:
        seen.append(server.asked[-1])
        return "[USEATTR] no" if b"USE" in server.asked[-1] else ""

    server.refuses = refuses
    _, mapped = run(server, [row(1, "Sent Items", use=SpecialUse.SENT), row(2, "Starred", use=SpecialUse.FLAGGED)])
    assert names(mapped) == {"Sent Items": "Sent Items", "Starred": "Starred"}
    assert sum(b"USE" in line for line in seen) == 1


def test_a_list_that_is_refused_is_a_sentence() -> None:
    with pytest.raises(TargetError, match="does not list its folders"):
        run(FolderServer(list_answer="NO [SERVERBUG] oh"), rows("a"))


# -- from run to run --------------------------------------------------------------------------------------------------


def test_a_special_folder_of_the_target_takes_one_folder_of_ours() -> None:
    server = FolderServer({b"INBOX": "\\Archive", b"Sent": "\\Sent"})
    wanted = [
        row(1, "Envoyés", use=SpecialUse.SENT),
        row(2, "Sent"),
        row(3, "Sent Items", use=SpecialUse.SENT),
        row(4, "Old", use=SpecialUse.ARCHIVE),
    ]
    _, mapped = run(server, wanted)
    assert names(mapped) == {"Envoyés": "Sent", "Sent": "Sent (2)", "Sent Items": "Sent Items", "Old": "Old"}
    assert mapped["Envoyés"].renamed == "the target's own \\Sent folder"


def test_what_goes_to_a_special_folder_and_not_below_the_prefix_says_so() -> None:
    server = FolderServer({b"INBOX": "", b"Drafts": "\\Drafts"})
    _, mapped = run(server, [row(1, "Drafts", use=SpecialUse.DRAFTS)], prefix="Old/")
    assert names(mapped) == {"Drafts": "Drafts"}
    assert mapped["Drafts"].renamed == "the target has a \\Drafts folder of its own, so not below Old"


def test_a_later_run_finds_the_same_folders() -> None:
    server = FolderServer(key=lower)
    wanted = rows("INBOX", "Archive", "archive", "archive/x")
    _, first = run(server, wanted)
    known = {each.row.id: each.name for each in first.values()}
    made = len(server.created())
    later = [*wanted, row(9, "ARCHIVE"), row(10, "archive", "new")]
    _, second = run(server, later, known)
    assert {path: each.name for path, each in second.items() if path in first} == {
        path: each.name for path, each in first.items()
    }
    assert second["archive"].display == "archive (2)"
    assert second["archive/new"].display == "archive (2)/new"
    assert second["ARCHIVE"].display == "ARCHIVE (3)"
    assert set(server.created()[made:]) >= {b"archive (2)/new", b"ARCHIVE (3)"}
    _, third = run(server, wanted)  # and so does one that has lost what it knew
    assert {path: each.name for path, each in third.items()} == {path: each.name for path, each in first.items()}


def test_what_an_earlier_run_used_wins_while_it_is_there() -> None:
    server = FolderServer({b"INBOX": "", b"Sent": "\\Sent", b"kept": ""})
    wanted = [row(1, "Sent", use=SpecialUse.SENT), row(2, "b")]
    _, mapped = run(server, wanted, {1: b"kept", 2: b"gone"})
    assert (mapped["Sent"].display, mapped["Sent"].renamed) == ("kept", KNOWN)
    assert mapped["b"].display == "b"


def test_mapping_writes_nothing_and_says_what_is_there() -> None:
    server = FolderServer({b"INBOX": "", b"Sent": ""})
    _, mapped = run(server, rows("INBOX", "Sent", "a", "a.b"), make=False)
    assert {path: each.there for path, each in mapped.items()} == {
        "INBOX": True,
        "Sent": True,
        "a": False,
        "a.b": False,
    }
    assert not server.created()
    assert not server.subscribed


@pytest.mark.parametrize("known", [None, {1: b"INBOX", 3: b"Else"}])
def test_mapping_again_gives_the_same(known: Mapping[int, bytes] | None) -> None:
    """As after the connection had ended in the middle of it."""
    wanted = [*rows("INBOX", "Sent", "a", "A", "a/b"), row(6, "Gesendet", use=SpecialUse.SENT)]
    server = FolderServer({b"INBOX": "", b"INBOX.Sent": "\\Sent", b"INBOX.Else": ""}, separator=".")

    async def work() -> list[tuple[list[MappedFolder], list[str]]]:
        client = await server.client()
        folders = FolderMap()
        found = [(await folders.map(client, wanted, known), list(folders.notes)) for _ in range(2)]
        await client.logout()
        await server.stop()
        return found

    first, second = asyncio.run(work())
    assert first == second


def test_one_folder_is_made_when_it_is_needed() -> None:
    server = FolderServer()

    async def work() -> list[MappedFolder]:
        client = await server.client()
        folders = FolderMap()
        mapped = await folders.map(client, [row(1, "a", subscribed=True), row(2, "b", subscribed=True)])
        found = await asyncio.gather(*(folders.make_all(client, mapped[:1]) for _ in range(3)))
        await client.logout()
        await server.stop()
        return [each for [each] in found]

    found = asyncio.run(work())
    assert all(each.there for each in found)
    assert set(server.folders) == {b"INBOX", b"a"}
    assert server.subscribed == [b"a"]


def test_what_an_earlier_run_used_is_not_subscribed_to_again() -> None:
    server = FolderServer({b"INBOX": "", b"a": "", b"b": ""})
    run(server, [row(1, "a", subscribed=True), row(2, "b", subscribed=True)], {1: b"a"})
    assert server.subscribed == [b"b"]


def test_a_folder_of_very_many_levels_is_refused_at_once_and_the_others_are_made() -> None:
    """What makes a path of each level takes minutes here, on the event loop."""
    deep = row(1, *(["a"] * 20_000))
    _, mapped = run(FolderServer(), [deep, row(2, *(["b"] * folder_making.FOLDER_LEVELS)), row(3, "c")])
    assert [each.refusal for each in mapped.values()] == [folder_making.TOO_DEEP, "", ""]


def test_each_number_of_a_name_is_tried_once_and_the_letters_of_each_name_are_worked_out_once() -> None:
    tried: list[str] = []
    numbers, taken = Numbers(), {"a (3)"}

    def is_taken(name: str) -> bool:
        tried.append(name)
        return name in taken

    for _ in range(1000):
        taken.add(numbers.free("a", is_taken))
    assert taken == {f"a ({number})" for number in range(2, 1003)}
    assert len(tried) == 1001
    before = same_letters.cache_info().misses
    run(FolderServer(refuses=lambda raw: "no"), [row(number, f"Refused {number}") for number in range(200)])
    assert same_letters.cache_info().misses - before < 200 * 4


def test_names_are_shown_harmless() -> None:
    _, mapped = run(FolderServer(), [row(1, "a\x1b[2J\nb")])
    [folder] = mapped.values()
    assert (folder.display, folder.name) == ("a\\x1b[2J\\nb", b"a&ABs-[2J&AAo-b")


def test_a_target_that_takes_utf_8_gets_no_control_characters() -> None:
    server = FolderServer(capabilities="ENABLE UTF8=ACCEPT")
    _, mapped = run(server, [row(1, "a\nb"), row(2, "a_b"), row(3, "é\0")])
    assert {each.name for each in mapped.values()} == {b"a_b", b"a_b (2)", "é_".encode()}
    assert mapped["é\0"].renamed == "control characters can't stand in a name on the target"


# -- any names, any target --------------------------------------------------------------------------------------------

PART = st.sampled_from(
    [
        "a",
        "A",
        "b",
        "é",
        "e\u0301",
        "É",
        "a.b",
        "a/b",
        "INBOX",
        "inbox",
        "a (2)",
        "A (2)",
        "%",
        "*",
        "_",
        " a",
        "a ",
        "x" * 90,
        "\0",
        "&",
    ]
)
PATHS = st.sets(st.lists(PART, min_size=1, max_size=3).map(lambda parts: FolderPath(tuple(parts))), max_size=14)
COMMON = {
    "separator": st.sampled_from(["/", ".", ""]),
    "namespace": st.sampled_from(["", '(("" "/")) NIL NIL', '(("INBOX." ".")) NIL NIL']),
    "refuses": st.sampled_from(
        [
            lambda raw: "",
            below_inbox_only,
            lambda raw: "no" if set(raw) & set(b"%*") else "",
            lambda raw: "long" if len(raw) > 80 else "",
        ]
    ),
    "tells_existing": st.booleans(),
}
IN_UTF7 = {
    "key": st.sampled_from([bytes, lower, utf7_nfc, lambda raw: utf7_nfc(raw).lower(), bytes.strip]),
    "spelt": st.sampled_from([bytes, utf7_nfc]),
}
IN_UTF8 = {"key": st.sampled_from([bytes, lower, to_nfc]), "capabilities": st.just("ENABLE UTF8=ACCEPT")}
HABITS = st.fixed_dictionaries(COMMON | IN_UTF7) | st.fixed_dictionaries(COMMON | IN_UTF8)


@settings(max_examples=150, deadline=None)
@given(PATHS, HABITS, st.sampled_from(["", "Old"]))
def test_any_folders_have_each_their_own_on_any_target(
    paths: set[FolderPath], habits: dict[str, object], prefix: str
) -> None:
    server = FolderServer(**habits)  # type: ignore[arg-type]
    wanted = [
        FolderRow(number, path, 0, 1, None, True, True, False, b"", None, None)
        for number, path in enumerate(sorted(paths), 1)
    ]
    _, mapped = run(server, wanted, prefix=prefix)
    used = [each.name for each in mapped.values() if not each.refusal]
    assert len({server.key(raw) for raw in used}) == len(used)
    assert all(server._has(raw) for raw in used)
    assert all(each.there or each.refusal for each in mapped.values())
    known = {each.row.id: each.name for each in mapped.values() if not each.refusal}
    made = len(server.folders)
    _, again = run(server, wanted, known, prefix=prefix)
    assert {each.row.id: each.name for each in again.values() if each.row.id in known} == known
    assert len(server.folders) == made
