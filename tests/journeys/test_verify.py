"""`bascule verify` after people lived on both sides: what is theirs is told as theirs, and what was damaged or lost stays a fault."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import messages
from support.command import bascule
from support.dovecot import PrivateDovecot
from support.kinds import USER, Place
from support.person import Person
from support.proxy import Faults, Proxy
from support.quirks import QuirkServer

pytestmark = pytest.mark.needs("dovecot")
FIRST = {"A": range(8), "B": range(10, 13), "C": range(20, 23), "E/F": range(30, 32)}
MESSAGES = 16


def at(server: PrivateDovecot | QuirkServer) -> Person:
    return Person(Place("", server.port))


@pytest.fixture
def old(tmp_path: Path) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path / "old") as server:
        with at(server) as them:
            for folder, numbers in FIRST.items():
                them.add(folder, numbers)
        yield server


@pytest.fixture
def new(tmp_path: Path) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path / "new") as server:
        yield server


def copy(tmp_path: Path, old: PrivateDovecot, new: PrivateDovecot, *words: str, status: int = 0) -> None:
    bascule(
        tmp_path, "copy", old.url(USER), new.url(USER), "--quiet", "--state", tmp_path / "state", *words, status=status
    )


def verify(
    tmp_path: Path, old: object, new: PrivateDovecot, *words: object, state: bool = True, status: int = 0
) -> dict[str, Any]:
    kept = ["--state", tmp_path / "state"] if state else []
    url = old.url(USER) if isinstance(old, PrivateDovecot) else old
    done = bascule(tmp_path, "verify", url, new.url(USER), "--json", *kept, *words, status=status)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["in_order"] is (status == 0)
    counted = sum(found[name] for name in ("equal", "theirs", "to_do", "faults", "left_out"))
    assert counted == found["expected"]
    return found


def named(found: dict[str, Any], kind: str) -> dict[tuple[str, str], str]:
    """(folder, number of the message) → what is said, of the differences of this kind."""
    return {
        (one["folder"], one["title"].removeprefix("number ")): one["what"]
        for one in found["differences"]
        if one["kind"] == kind
    }


def test_what_the_member_did_on_the_new_side_is_theirs(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    assert verify(tmp_path, old, new)["equal"] == MESSAGES
    with at(new) as member:
        member.mark("A", 0, "\\Seen")
        member.mark("A", 1, "\\Flagged")
        member.delete("A", 2)
        member.move("A", 3, "B")
        member.rename("C", "C2")
        member.remove("E/F")
    found = verify(tmp_path, old, new)
    theirs = named(found, "theirs")
    assert theirs["A", "0"] == "marked on the new side: \\Seen"
    assert theirs["A", "1"] == "marked on the new side: \\Flagged"
    assert theirs["A", "2"] == "not there any more: moved or removed on the new side since"
    assert theirs["A", "3"] == "moved on the new side, to B"
    assert theirs["E/F", "30"].endswith("on the new side since, with its folder")
    assert len(theirs) == 6
    assert (found["theirs"], found["equal"], found["faults"], found["to_do"]) == (6, MESSAGES - 6, 0, 0)
    assert "C is called C2 on the new side now" in found["folders"]
    gone = next(one for one in found["differences"] if one["title"] == "number 2")
    assert re.fullmatch(r"read back by size, date and flags on \d{4}-\d\d-\d\d at \d\d:\d\d UTC", gone["last_seen"])


def test_a_french_administrator_is_told_in_french(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member, at(old) as them:
        member.mark("A", 0, "\\Seen")
        member.delete("A", 2)
        member.rename("C", "C2")
        them.add("B", range(13, 14))
    words = ("verify", old.url(USER), new.url(USER), "--quiet", "--state", tmp_path / "state")
    told = bascule(tmp_path, *words, "--language", "fr", status=1).stdout
    assert bascule(tmp_path, *words, status=1, LC_ALL="fr_FR.UTF-8").stdout == told
    lines = re.sub(r"le \d\d/\d\d/\d{4} à \d\d h \d\d UTC", "le JOUR", told).splitlines()
    assert lines == [
        "C s’appelle maintenant C2 sur la nouvelle plateforme.",
        "par l’usager : A, 1 message : marqué sur la nouvelle plateforme : \\Seen",
        "par l’usager : A, 1 message : n’est plus là : déplacé ou supprimé depuis sur la nouvelle plateforme",
        "  UID 3 « number 2 » (relu par taille, date et indicateurs le JOUR)",
        "à faire : B UID 4 « number 13 » : pas encore sur la nouvelle plateforme : aucune exécution ne l’a traité",
        f"{MESSAGES - 2} messages sur {MESSAGES + 1} sont identiques jusqu’au dernier octet, indicateur et date.",
        "2 diffèrent par ce qui a été fait sur la nouvelle plateforme (déplacés, supprimés, marqués, ou déjà là avec une autre date), ce qui n’est pas une faute du "
        "transfert. Si personne ne l’a fait, interroger les responsables de la nouvelle plateforme.",
        "1 diffère par ce qui s’est passé depuis sur l’ancienne plateforme, ou n’est pas encore transféré. La prochaine exécution de « bascule copy » ou de "
        "« bascule deliver » s’en charge.",
    ]


def test_the_same_after_a_run_that_wrote_it_down(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.mark("A", 1, "\\Flagged")
        member.delete("A", 2)
        member.rename("C", "C2")
    with at(old) as them:
        for number in (0, 1, 2):
            them.mark("A", number, "\\Seen")
        them.add("C", range(23, 24))
    copy(tmp_path, old, new)
    found = verify(tmp_path, old, new)
    assert named(found, "theirs").keys() == {("A", "1"), ("A", "2")}
    assert (found["expected"], found["equal"]) == (MESSAGES + 1, MESSAGES - 1)


@pytest.mark.parametrize("between", [False, True])
def test_a_copy_that_the_member_moved_away_and_back_is_theirs_whatever_the_old_side_marks(between, tmp_path, old, new):
    """No run follows a mark to it."""
    copy(tmp_path, old, new)
    with at(new) as member, at(old) as them:
        member.move("A", 0, "B")
        if between:
            copy(tmp_path, old, new)
        member.move("B", 0, "A")
        them.mark("A", 0, "\\Flagged")
    for _ in range(2):
        found = verify(tmp_path, old, new)
        assert named(found, "theirs").keys() == {("A", "0")}
        assert (found["equal"], found["to_do"]) == (MESSAGES - 1, 0)
        copy(tmp_path, old, new)


def test_what_happened_on_the_old_side_since_is_to_do(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.delete("A", 5)
    with at(old) as them:
        them.mark("A", 0, "\\Flagged")
        them.move("A", 1, "B")
        them.delete("A", 2)
        them.add("A", range(8, 9))
        them.move("A", 5, "B")
        them.rename("C", "D")
    found = verify(tmp_path, old, new, status=1)
    assert named(found, "to do") == {
        ("A", "0"): "marked on the old side since: \\Flagged",
        ("B", "1"): "moved on the old side since, from A",
        ("A", "8"): "not on the new side yet: no run has dealt with it",
        **{("D", str(number)): "moved on the old side since, from C" for number in range(20, 23)},
    }
    assert named(found, "theirs") == {
        ("B", "5"): "moved on the old side; its copy in A had been removed or moved on the new side"
    }
    assert found["faults"] == 0
    copy(tmp_path, old, new)
    assert verify(tmp_path, old, new)["equal"] == MESSAGES - 1


def test_what_comes_anew_after_an_equal_message_was_deleted_on_both_sides_is_no_move(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.delete("A", 2)
        member.delete("C", 20)
    with at(old) as them:
        them.delete("A", 2)
        them.delete("C", 20)
    copy(tmp_path, old, new)
    with at(old) as them:
        them.add("B", range(2, 3))
        them.add("D", range(20, 21))
    found = verify(tmp_path, old, new, status=1)
    told = "not on the new side yet: no run has dealt with it"
    assert named(found, "to do") == {("B", "2"): told, ("D", "20"): told}
    copy(tmp_path, old, new)
    assert verify(tmp_path, old, new)["equal"] == MESSAGES


def test_a_copy_that_was_damaged_or_lost_on_the_target_is_a_fault(tmp_path, old, new) -> None:
    copy(tmp_path, old, new, "--verify", "full")
    folder = new.root / "mail" / USER / "sdbox" / "mailboxes" / "A" / "dbox-Mails"
    damaged, lost = sorted(folder.glob("u.*"))[:2]
    octets = damaged.read_bytes()
    damaged.write_bytes(octets.replace(b"number 0", b"number 9"))
    lost.unlink()
    found = verify(tmp_path, old, new, status=1)
    faults = named(found, "fault")
    assert faults["A", "0"].startswith("its octets are others on the new side")
    assert faults["A", "1"].startswith("the new side listed its copy and, asked for it, had it no longer")
    assert (found["faults"], found["equal"]) == (2, MESSAGES - 2)
    told = bascule(tmp_path, "verify", old.url(USER), new.url(USER), "--state", tmp_path / "state", "--quiet", status=1)
    assert re.search(r"^A UID 1 “number 0”: its octets are others on the new side", told.stdout, re.M)


def test_a_copy_with_another_date_is_a_fault(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.delete("B", 10)
    with QuirkServer() as quirky:
        with at(quirky) as them:
            them.add("A", range(8))
        assert quirky.store.folders[b"A"].messages
        url = f"imap://{USER}@127.0.0.1:{quirky.port}"
        bascule(tmp_path, "copy", old.url(USER), url, "--quiet", "--state", tmp_path / "other", "--folder", "A")
        kept = quirky.store.folders[b"A"].messages[3]
        kept.date = kept.date.replace(year=2001)
        done = bascule(
            tmp_path, "verify", old.url(USER), url, "--json", "--state", tmp_path / "other", "--folder", "A", status=1
        )  # fmt: skip
    faults = named(json.loads(done.stdout), "fault")
    assert faults == {("A", "3"): "its date differs: 2001-02-01 10:00:00 UTC there"}


def test_without_a_memory_one_sentence_says_so_and_every_difference_is_one(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.mark("A", 0, "\\Seen")
        member.delete("A", 2)
    found = verify(tmp_path, old, new, state=False, status=1)
    assert not found["knows_earlier_runs"]
    assert named(found, "fault") == {("A", "0"): "its flags are \\Seen", ("A", "2"): "missing"}
    told = bascule(tmp_path, "verify", old.url(USER), new.url(USER), "--quiet", status=1)
    assert told.stdout.startswith("No run of Bascule's is remembered for these two, so that it can't be told")
    assert f"{MESSAGES - 2} of {MESSAGES} messages are equal" in told.stdout


def test_a_state_that_remembers_nothing_is_said_before_anything_is_read(tmp_path, old, new) -> None:
    done = bascule(tmp_path, "verify", old.url(USER), new.url(USER), "--state", tmp_path / "nowhere", status=2)
    assert f"No run of “bascule copy” is remembered in {tmp_path / 'nowhere'}." in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_after_deliver_from_a_mailbox_on_disk(tmp_path, old, new) -> None:
    kept = tmp_path / "anna.mailbox"
    bascule(tmp_path, "capture", old.url(USER), kept, "--quiet")
    words = ["--prefix", "Old", "--rename", "B=Else"]
    bascule(tmp_path, "deliver", kept, new.url(USER), "--quiet", *words)
    assert verify(tmp_path, kept, new, *words, state=False)["equal"] == MESSAGES
    with at(new) as member:
        member.delete("Old/A", 2)
        member.mark("Old/Else", 10, "\\Seen")
        member.add("Old/Mine", range(0))
        member.move("Old/A", 3, "Old/Mine")
    before = _files(kept)
    found = verify(tmp_path, kept, new, *words, state=False)
    assert found["knows_earlier_runs"]
    assert named(found, "theirs")["A", "3"] == "moved on the new side, to Old/Mine"
    assert found["theirs"] == 3
    assert _files(kept) == before, "verify wrote into the mailbox"


def test_a_rename_is_found_without_a_memory_too(tmp_path, old, new) -> None:
    copy(tmp_path, old, new, "--rename", "A=Else", "--prefix", "Old")
    found = verify(tmp_path, old, new, "--rename", "A=Else", "--prefix", "Old", state=False)
    assert found["equal"] == MESSAGES
    found = verify(tmp_path, old, new, state=False, status=1)
    assert found["equal"] == 0
    assert found["differences"][0]["what"] == "the folder is missing, with 8 messages"


def test_lines_that_end_in_lf_alone_are_equal_and_named(tmp_path, new) -> None:
    box = tmp_path / "box"
    for folder in ("cur", "new", "tmp"):
        (box / folder).mkdir(parents=True)
    (box / "cur" / "1.a:2,S").write_bytes(b"Subject: unix\n\nline\nline\n")
    (box / "cur" / "2.a:2,S").write_bytes(messages.plain(5))
    url = f"maildir:{box}"
    for place in (["--state", tmp_path / "state"], []):
        if place:
            bascule(tmp_path, "copy", url, new.url(USER), "--quiet", *place)
        found = verify(tmp_path, url, new, *place, state=False)
        assert (found["equal"], found["line_ends"]) == (2, 1)


def test_a_target_that_takes_one_connection_at_a_time_is_waited_for(tmp_path, old) -> None:
    with PrivateDovecot(tmp_path / "narrow", connections=1) as new:
        copy(tmp_path, old, new)
        assert verify(tmp_path, old, new, "--connections", "4")["equal"] == MESSAGES
        dry = bascule(tmp_path, "copy", old.url(USER), new.url(USER), "--dry-run")
        assert f"{MESSAGES}  messages in" in dry.stdout


def test_a_folder_that_the_new_side_does_not_open_is_a_fault_and_no_removal(tmp_path, old) -> None:
    with PrivateDovecot(tmp_path / "new", acl=True) as new:
        copy(tmp_path, old, new)
        with at(new) as member:
            member.leave_rights("A", "l")
        found = verify(tmp_path, old, new, status=1)
    assert found["theirs"] == 0
    assert found["faults"] == 8
    assert {one["what"] for one in found["differences"] if one["uid"]} == {
        "its folder on the new side could not be read"
    }
    assert any(one["what"].startswith("the new side does not open the folder") for one in found["differences"])


def test_only_the_folders_that_are_asked_for_are_compared(tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with at(new) as member:
        member.delete("A", 2)
    assert verify(tmp_path, old, new, "--without-folder", "A", "--folder", "?")["expected"] == 6


def test_what_was_left_out_or_refused_is_told_as_that(tmp_path, old, new) -> None:
    with at(old) as them:
        them.add_octets("B", messages.plain(50, 30_000))
    copy(tmp_path, old, new, "--max-size", "20k")
    found = verify(tmp_path, old, new)
    assert (found["left_out"], found["equal"]) == (1, MESSAGES)
    [left] = found["differences"]
    assert left["what"].startswith("left out: ")


@pytest.mark.parametrize("octets", [600, 1100, 3000], ids=["signed-in", "listing", "reading"])
def test_a_connection_that_ends_in_the_middle_is_opened_again(octets: int, tmp_path, old, new) -> None:
    copy(tmp_path, old, new)
    with Proxy(new.port, Faults(cut_down=octets)) as proxy:
        url = f"imap://{USER}@127.0.0.1:{proxy.port}"
        words = ["--json", "--connections", 1]
        done = bascule(tmp_path, "verify", old.url(USER), url, *words)
    assert json.loads(done.stdout)["equal"] == MESSAGES
    assert proxy.connections == 2


def _files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.suffix == ".sqlite"}
