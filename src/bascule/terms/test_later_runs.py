"""The tables of later runs are those of docs/later-runs.md, cell by cell; and what they promise holds in every cell."""

import itertools
import re
from pathlib import Path

import pytest

from bascule.terms import later_runs as rules
from bascule.terms.later_runs import Action, Finding, FolderAction, Knows, New, NewFolder, Old, OldFolder, Told
from bascule.terms.outcome import OutcomeCode

PAGE = Path(__file__).parents[3] / "docs/later-runs.md"

WORDS = {
    "send": (Action.SEND, None, Told.NOTHING),
    "send beside": (Action.SEND, None, Told.THEIRS),
    "look": (Action.LOOK, None, Told.NOTHING),
    "follow": (Action.FOLLOW, None, Told.NOTHING),
    "replace": (Action.REPLACE, None, Told.NOTHING),
    "leave": (Action.LEAVE, None, Told.NOTHING),
    "theirs": (Action.LEAVE, None, Told.THEIRS),
    "fault": (Action.LEAVE, None, Told.FAULT),
    "found": (Action.LEAVE, OutcomeCode.DELIVERED, Told.NOTHING),
    "found, theirs": (Action.LEAVE, OutcomeCode.DELIVERED, Told.THEIRS),
    "removed": (Action.LEAVE, OutcomeCode.REMOVED, Told.THEIRS),
    "altered": (Action.LEAVE, OutcomeCode.ALTERED, Told.FAULT),
    "missing": (Action.LEAVE, OutcomeCode.MISSING, Told.FAULT),
}
COLUMNS = {
    "untouched": {New.UNTOUCHED},
    "touched": {New.READ, New.FLAGGED},
    "gone": {New.MOVED, New.DELETED, New.FOLDER_GONE},
    "folder renamed": {New.FOLDER_RENAMED},
    "validity": {New.REVALIDATED},
    "never seen": {New.NEVER_SEEN},
    "not looked": {New.NOT_LOOKED},
}


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def cells() -> dict[tuple[Old, New, Knows], str]:
    """Every cell of the page's four tables of messages."""
    text = PAGE.read_text("utf-8")
    found = {}
    for names, table in re.findall(r"^Old side (\*.*?\*)(?: \(.*\))?:\n\n((?:\|.*\n)+)", text, re.MULTILINE):
        heads, _, *rows = rows_of(table)
        for old, row in itertools.product(re.findall(r"\*(.*?)\*", names), rows):
            for head, word in zip(heads[1:], row[1:], strict=True):
                for new in COLUMNS[head]:
                    found[Old(old), new, Knows(row[0])] = word
    return found


def told(decision: rules.Decision) -> tuple[Action, OutcomeCode | None, Told]:
    return decision.action, decision.record, decision.told


def table_after(heading: str) -> list[list[str]]:
    found = re.search(rf"^## {heading}\n.*?\n((?:\|[^\n]*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    return rows_of(found[1])[2:]


def test_the_page_has_a_cell_for_every_meeting() -> None:
    assert cells().keys() == set(itertools.product(Old, New, Knows))


@pytest.mark.parametrize("meeting", list(itertools.product(Old, New, Knows)), ids=lambda m: " × ".join(m))
def test_a_cell_is_what_the_page_says(meeting: tuple[Old, New, Knows]) -> None:
    assert told(rules.decide(*meeting)) == WORDS[cells()[meeting]]


def test_folders_are_as_the_page_says() -> None:
    page = {NewFolder(row[0]): row[1:] for row in table_after("Folders")}
    assert page.keys() == set(NewFolder)
    for old, new in itertools.product(OldFolder, NewFolder):
        something = rules.decide_folder(old, new, has_something_to_deliver=True)
        nothing = rules.decide_folder(old, new, has_something_to_deliver=False)
        assert something == FolderAction(page[new][0])
        assert nothing == (FolderAction.SKIP if old is OldFolder.GONE else FolderAction(page[new][1]))


def test_reading_back_is_as_the_page_says() -> None:
    page = {Finding(row[0]): row[1:] for row in table_after("Reading back")}
    assert page.keys() == set(Finding)
    for finding, (now, later) in page.items():
        assert told(rules.judge(finding, in_this_run=True)) == WORDS[now]
        assert told(rules.judge(finding, in_this_run=False)) == WORDS[later]


TOUCHED_OR_GONE = COLUMNS["touched"] | COLUMNS["gone"]


def test_what_the_member_did_is_never_undone() -> None:
    """A copy that was theirs to touch is not removed, nor given other flags; one that they removed does not come back."""
    settled = set(Knows) - {Knows.NOTHING, Knows.IN_DOUBT, Knows.REFUSED, Knows.MISSING}
    for old, new, knows in itertools.product(Old, TOUCHED_OR_GONE, settled):
        decision = rules.decide(old, new, knows)
        assert decision.action not in (Action.FOLLOW, Action.REPLACE)
        if new in COLUMNS["gone"]:
            assert decision.action is Action.LEAVE


def test_what_the_member_did_is_no_fault() -> None:
    for old, new, knows in itertools.product(Old, TOUCHED_OR_GONE, Knows):
        if knows not in (Knows.ALTERED, Knows.DUPLICATE):
            assert rules.decide(old, new, knows).told is not Told.FAULT


def test_nothing_that_is_on_the_old_side_is_left_without_a_row() -> None:
    for old, new in itertools.product(set(Old) - {Old.DELETED, Old.FOLDER_GONE}, New):
        for knows in (Knows.NOTHING, Knows.REFUSED):
            assert rules.decide(old, new, knows).action is Action.SEND


def test_a_deletion_is_never_repeated_and_nothing_that_was_deleted_is_sent() -> None:
    for old, new, knows in itertools.product((Old.DELETED, Old.FOLDER_GONE), New, Knows):
        assert rules.decide(old, new, knows).action in (Action.LEAVE, Action.LOOK)


def test_looking_ends() -> None:
    """Whatever is found after a look by UID and by content, the next decision is not to look again."""
    found = {New.UNTOUCHED, New.NEVER_SEEN} | TOUCHED_OR_GONE
    for old, new, knows in itertools.product(Old, found, Knows):
        assert rules.decide(old, new, knows).action is not Action.LOOK


def test_every_code_is_known() -> None:
    for code in OutcomeCode:
        assert (code in rules.SETTLED) == (rules.knowledge(code) not in (Knows.REFUSED, Knows.MISSING))
    assert rules.knowledge(OutcomeCode.DELIVERED, is_read_back=True) is Knows.READ_BACK
    assert rules.knowledge(OutcomeCode.DELIVERED, is_in_doubt=True) is Knows.IN_DOUBT
    assert rules.knowledge(None) is Knows.NOTHING
