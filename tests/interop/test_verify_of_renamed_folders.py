"""`bascule verify` after the member renamed folders on the new side: what is followed is equal, and what can't be followed is theirs.

Courier gives a folder another UIDVALIDITY with its new name, gives its messages other UIDs, and tells no MAILBOXID. Cyrus tells one (RFC 8474).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from support.command import bascule
from support.copying import Trial
from support.courier import PrivateCourier
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.kinds import USER, Place
from support.person import Person

pytestmark = pytest.mark.needs("dovecot")


def verify(trial: Trial) -> dict[str, Any]:
    """It finds all in order."""
    words = ("verify", trial.old.url, trial.new.url, "--json", "--state", trial.tmp_path / "state")
    found: dict[str, Any] = json.loads(bascule(trial.tmp_path, *words).stdout)
    assert found["in_order"]
    return found


def told(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    """(folder, what is said) → of how many messages."""
    differences = [(one["folder"], one["what"]) for one in found["differences"] if one["kind"] == "theirs"]
    return {each: differences.count(each) for each in differences}


@pytest.mark.needs("courier")
def test_a_folder_that_was_renamed_on_courier_is_theirs(tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old") as dovecot, PrivateCourier() as courier:
        old, new = (Place(server.url(USER), server.port) for server in (dovecot, courier))
        with Person(old) as them:
            them.add("Work", range(60))
        trial = Trial(
            tmp_path, old, new, "--max-messages", "20"
        )  # batches in which its UIDs go another way than by name
        trial.run()
        with Person(new) as member:
            member.rename("Work", "Done")
        found = verify(trial)
        assert told(found) == {("Work", "moved on the new side, to Done"): 60}


@pytest.fixture
def between(tmp_path: Path):
    """From Dovecot to Cyrus: three messages of A, and two of B."""
    with PrivateDovecot(tmp_path / "old") as dovecot, PrivateCyrus([USER]) as cyrus:
        old, new = (Place(server.url(USER), server.port) for server in (dovecot, cyrus))
        with Person(old) as them:
            them.add("A", range(3))
            them.add("B", range(10, 12))
        trial = Trial(tmp_path, old, new)
        trial.run()
        yield trial


@pytest.mark.needs("cyrus")
def test_folders_of_cyrus_that_have_one_anothers_names_are_followed(between: Trial) -> None:
    with Person(between.new) as member:
        for name, to in (("A", "between"), ("B", "A"), ("between", "B")):
            member.rename(name, to)
    for again in (False, True):
        found = verify(between)
        assert found["equal"] == 5
        assert found["folders"] == (
            [] if again else ["A is called B on the new side now", "B is called A on the new side now"]
        )
        between.run()


@pytest.mark.needs("cyrus")
def test_a_folder_of_cyrus_that_has_the_name_of_one_that_was_deleted_is_followed(between: Trial) -> None:
    with Person(between.new) as member:
        member.remove("A")
        member.rename("B", "A")
    for _ in range(2):
        found = verify(between)
        assert found["equal"] == 2
        assert told(found) == {("A", "not there any more: moved or removed on the new side since, with its folder"): 3}
        between.run()
