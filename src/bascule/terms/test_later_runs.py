"""The tables of later runs are those of docs/later-runs.md, cell by cell; and what they promise holds in every cell."""

import itertools
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bascule.terms import later_runs as rules
from bascule.terms.later_runs import Action, Finding, FolderAction, Knows, New, NewFolder, Old, OldFolder, Told, When
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


@cache
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


def differences_of_messages() -> list[str]:
    return [" × ".join(meeting) for meeting, word in cells().items() if told(rules.decide(*meeting)) != WORDS[word]]


def differences_of_folders() -> list[str]:
    page = {NewFolder(row[0]): row[1:] for row in table_after("Folders")}
    assert page.keys() == set(NewFolder)
    found = []
    for old, new in itertools.product(OldFolder, NewFolder):
        something = rules.decide_folder(old, new, has_something_to_deliver=True)
        nothing = rules.decide_folder(old, new, has_something_to_deliver=False)
        skips = old is OldFolder.GONE
        if (something, nothing) != (page[new][0], FolderAction.SKIP if skips else page[new][1]):
            found.append(f"{old} × {new}")
    return found


def differences_of_reading_back() -> list[str]:
    page = {Finding(row[0]): row[1:] for row in table_after("Reading back")}
    assert page.keys() == set(Finding)
    return [
        finding
        for finding, words in page.items()
        if [told(rules.judge(finding, when)) for when in When] != [WORDS[word] for word in words]
    ]


def test_every_cell_is_what_the_page_says() -> None:
    assert differences_of_messages() == []


def test_folders_are_as_the_page_says() -> None:
    assert differences_of_folders() == []


def test_reading_back_is_as_the_page_says() -> None:
    assert differences_of_reading_back() == []


def mutants(decision: rules.Decision) -> list[rules.Decision]:
    """The decision with each of its three parts changed in turn."""
    action = Action.SEND if decision.action is not Action.SEND else Action.LEAVE
    record = OutcomeCode.REMOVED if decision.record is not OutcomeCode.REMOVED else None
    how = Told.FAULT if decision.told is not Told.FAULT else Told.NOTHING
    return [replace(decision, action=action), replace(decision, record=record), replace(decision, told=how)]


@pytest.mark.parametrize("old", list(Old), ids=str)
def test_a_change_of_any_cell_is_noticed(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    for knows, row in rules._TABLES[old].items():
        for place, cell in enumerate(row):
            for mutant in mutants(cell):
                table = {**rules._TABLES[old], knows: (*row[:place], mutant, *row[place + 1 :])}
                with monkeypatch.context() as changed:
                    changed.setattr(rules, "_TABLES", {**rules._TABLES, old: table})
                    assert differences_of_messages(), f"{old} × {knows}, column {place}: {mutant}"


def test_a_change_of_what_a_word_stands_for_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another column for what happened on the new side, another table for what happened on the old one."""
    for new, column in rules._COLUMNS.items():
        with monkeypatch.context() as changed:
            changed.setattr(rules, "_COLUMNS", {**rules._COLUMNS, new: (column + 1) % 7})
            assert differences_of_messages(), new
    for old, table in rules._TABLES.items():
        for other in rules._TABLES.values():
            with monkeypatch.context() as changed:
                changed.setattr(rules, "_TABLES", {**rules._TABLES, old: other})
                assert bool(differences_of_messages()) == (other is not table), old


def test_a_change_of_any_cell_of_the_folders_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for new, row in rules._FOLDERS.items():
        for place, other in itertools.product((0, 1), FolderAction):
            if other is not row[place]:
                with monkeypatch.context() as changed:
                    changed.setattr(
                        rules, "_FOLDERS", {**rules._FOLDERS, new: (*row[:place], other, *row[place + 1 :])}
                    )
                    assert differences_of_folders(), f"{new}: {other}"


@pytest.mark.parametrize("when", list(When), ids=str)
def test_a_change_of_any_cell_of_reading_back_is_noticed(when: When, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rules._READ_BACK[when]
    for finding, decision in table.items():
        for mutant in mutants(decision):
            with monkeypatch.context() as changed:
                changed.setattr(rules, "_READ_BACK", {**rules._READ_BACK, when: {**table, finding: mutant}})
                assert differences_of_reading_back(), f"{finding}: {mutant}"


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
