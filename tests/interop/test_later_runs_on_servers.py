"""What people do on both sides between two runs, on every server: the second run follows as README, “Copy a mailbox”, says.

What the old side marked, moved, renamed and added follows; what it deleted stays; what the member deleted on the new side stays deleted,
and what they read stays read. None of it is a fault.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import messages, reference, standing
from support.copying import Trial, added
from support.dovecot import PrivateDovecot
from support.kinds import USER, Kind, Place, as_parameters
from support.person import Person

pytestmark = pytest.mark.needs("dovecot")
_FIRST = {"A": range(8), "B": range(10, 13), "C": range(20, 23), "E": range(30, 32)}


def what_happens(old: Place, new: Place) -> None:
    """A night's life on both sides."""
    with Person(old) as them:
        them.mark("A", 1, "\\Flagged")
        them.move("A", 2, "B")
        them.delete("A", 3)
        them.rename("C", "D")
        them.remove("E")
        them.add("A", range(8, 9))
        them.add("F", range(40, 41))
    with Person(new) as member:
        member.delete("A", 4)
        member.mark("A", 5, "\\Seen")


AFTERWARDS = {
    "A": {0: "", 1: "\\flagged", 3: "", 5: "\\seen", 6: "", 7: "", 8: ""},
    "B": {2: "", 10: "", 11: "", 12: ""},
    "D": {20: "", 21: "", 22: ""},
    "E": {30: "", 31: ""},
    "F": {40: ""},
}


def _shown(found: dict[bytes, standing.Standing]) -> dict[str, dict[int, str]]:
    """Of each folder that holds something: number of the message → its flags."""
    numbers = {
        reference.digest(messages.plain(number)): number
        for numbers in (*_FIRST.values(), (8, 40))
        for number in numbers
    }
    return {
        folder.shown: dict(sorted((numbers[key[0]], " ".join(sorted(key[1]))) for _, key in folder.messages))
        for folder in found.values()
        if folder.messages
    }


def begin(tmp_path: Path, old: Place, new: Place, *words: str) -> Trial:
    with Person(old) as them:
        for folder, numbers in _FIRST.items():
            them.add(folder, numbers)
    trial = Trial(tmp_path, old, new, *words)
    assert trial.run()["accounted"]
    return trial


def follow(trial: Trial, afterwards: dict[str, dict[int, str]] = AFTERWARDS) -> None:
    """The next run brings the new side there and finds no fault; the one after it changes nothing."""
    report = trial.run()
    after = trial.new.look()
    assert _shown(after) == afterwards
    assert report["accounted"], report["exceptions"]
    held = sum(len(numbers) for numbers in afterwards.values())
    assert sum(len(folder.messages) for folder in after.values()) == held, "a copy too many"
    again = trial.run()
    assert added(after, trial.new.look()) == {}
    assert again["accounted"]


@pytest.fixture
def dovecot(tmp_path: Path) -> Iterator[Place]:
    with PrivateDovecot(tmp_path / "dovecot") as server:
        yield Place(server.url(USER), server.port)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Place]:
    with PrivateDovecot(tmp_path / "other") as server:
        yield Place(server.url(USER), server.port)


ALIKE = ("dovecot-maildir", "dovecot-mbox", "cyrus-munge8bit")
"""Kinds that differ from another one in what they hold, not in how it changes."""


@pytest.mark.parametrize("kind", as_parameters(leave_out=ALIKE))
def test_life_on_every_server_is_followed_on_dovecot(kind: Kind, tmp_path: Path, dovecot: Place) -> None:
    with kind.start(tmp_path / "old") as old:
        trial = begin(tmp_path, old, dovecot)
        what_happens(old, dovecot)
        follow(trial)


@pytest.mark.parametrize("kind", as_parameters(leave_out=ALIKE))
def test_life_on_dovecot_is_followed_on_every_server(kind: Kind, tmp_path: Path, dovecot: Place) -> None:
    with kind.start(tmp_path / "new") as new:
        trial = begin(tmp_path, dovecot, new)
        what_happens(dovecot, new)
        follow(trial)


def test_life_is_no_fault_where_every_octet_is_read_back(tmp_path: Path, dovecot: Place, other: Place) -> None:
    trial = begin(tmp_path, dovecot, other, "--verify", "full")
    what_happens(dovecot, other)
    follow(trial)


def test_life_is_followed_after_a_lost_state_folder(tmp_path: Path, dovecot: Place, other: Place) -> None:
    trial = begin(tmp_path, dovecot, other)
    shutil.rmtree(tmp_path / "state")
    assert trial.run()["totals"]["delivered"] == 0
    what_happens(dovecot, other)
    follow(trial)


def test_a_folder_that_the_member_renamed_goes_on_under_its_new_name(
    tmp_path: Path, dovecot: Place, other: Place
) -> None:
    trial = begin(tmp_path, dovecot, other)
    with Person(other) as member:
        member.rename("B", "Kept")
    with Person(dovecot) as them:
        them.mark("B", 10, "\\Flagged")
        them.add("B", range(8, 9))
    kept = dict.fromkeys(range(8), "")
    follow(
        trial,
        {
            "A": kept,
            "C": {20: "", 21: "", 22: ""},
            "E": {30: "", 31: ""},
            "Kept": {8: "", 10: "\\flagged", 11: "", 12: ""},
        },
    )
