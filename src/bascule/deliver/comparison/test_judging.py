"""What a difference means is what the rules of later runs say, whatever the ledger knows."""

from dataclasses import replace

import pytest

from bascule.deliver.comparison.census import Fact
from bascule.deliver.comparison.findings import Kind
from bascule.deliver.comparison.judging import Place, judge_absent, judge_copy, judge_moved, judge_new, state_of_earlier
from bascule.deliver.comparison.memory import Remembered
from bascule.terms.folder import INBOX
from bascule.terms.later_runs import FOUND, Action, Knows, New, Old, Told, decide
from bascule.terms.outcome import OutcomeCode

SEEN, FLAGGED, NONE = frozenset({"\\Seen"}), frozenset({"\\Flagged"}), frozenset[str]()
FACT = Fact(7, b"a", 100, SEEN, 1_580_000_000, "budget", b"a")
THERE = Fact(9, b"a", 100, SEEN, 1_580_000_000)
KNOWN = Remembered(
    1, 1, INBOX, 1, 7, b"a", b"a", 1_580_000_000, True, OutcomeCode.DELIVERED, "", 9, SEEN, SEEN, False, 2, 1_590_000_000, False, range(0)
)  # fmt: skip
PLACE = Place(b"INBOX")
STATES = {
    Knows.NOTHING: replace(KNOWN, code=None, target_uid=None, verified=0),
    Knows.IN_DOUBT: replace(KNOWN, code=None, target_uid=None, verified=0, is_in_doubt=True),
    Knows.DELIVERED: replace(KNOWN, verified=0),
    Knows.READ_BACK: KNOWN,
    Knows.ALREADY_THERE: replace(KNOWN, code=OutcomeCode.ALREADY_THERE),
    Knows.ALTERED: replace(KNOWN, code=OutcomeCode.ALTERED, detail="without \\Flagged"),
    Knows.DUPLICATE: replace(KNOWN, code=OutcomeCode.DUPLICATE, detail="one copy too many"),
    Knows.REFUSED: replace(KNOWN, code=OutcomeCode.REFUSED_SIZE, detail="too large", target_uid=None, verified=0),
    Knows.MISSING: replace(KNOWN, code=OutcomeCode.MISSING, target_uid=None),
    Knows.REMOVED: replace(KNOWN, code=OutcomeCode.REMOVED, target_uid=None),
}


@pytest.mark.parametrize("knows", Knows)
@pytest.mark.parametrize("place", [PLACE, Place(None)], ids=["there", "gone"])
def test_a_message_without_a_copy_is_theirs_exactly_where_the_rules_say_so(knows: Knows, place: Place) -> None:
    known = STATES[knows]
    assert known.knows is knows
    decision = decide(Old.SAME, New.FOLDER_GONE if place.name is None else New.DELETED, knows)
    found = judge_absent(known, place)
    assert (found.kind is Kind.THEIRS) is (decision.told is Told.THEIRS)
    assert found.kind is not Kind.EQUAL
    if decision.action is Action.SEND:
        assert found.kind in (Kind.TO_DO, Kind.FAULT)


@pytest.mark.parametrize("knows", Knows)
@pytest.mark.parametrize("flags", [SEEN, SEEN | FLAGGED, NONE])
@pytest.mark.parametrize("given_for", [SEEN, NONE])
def test_a_copy_is_judged_as_the_rules_say(knows: Knows, flags: frozenset[str], given_for: frozenset[str]) -> None:
    known = replace(STATES[knows], given=given_for, given_for=given_for, target_uid=9)
    old = Old.SAME if given_for == SEEN else Old.FLAGGED
    new = New.UNTOUCHED if flags == given_for else New.READ if flags - given_for == SEEN else New.FLAGGED
    decision = decide(old, new, knows)
    found = judge_copy(FACT, replace(THERE, flags=flags), known, PLACE)
    if flags == SEEN and knows is not Knows.DUPLICATE:
        assert found.kind is Kind.EQUAL
    else:
        assert (found.kind is Kind.FAULT) is (decision.told is Told.FAULT)
        is_followed = decision.action is Action.FOLLOW or (old is Old.FLAGGED and decision == FOUND)
        assert (found.kind is Kind.TO_DO) is is_followed


@pytest.mark.parametrize(
    "knows", [Knows.DELIVERED, Knows.READ_BACK, Knows.ALREADY_THERE, Knows.REMOVED, Knows.IN_DOUBT]
)
def test_other_octets_and_another_date_are_faults_whatever_is_known(knows: Knows) -> None:
    known = replace(STATES[knows], target_uid=9)
    for there in (replace(THERE, sha256=b"b", octets=99), replace(THERE, utc_seconds=1)):
        assert judge_copy(FACT, there, known, PLACE).kind is Kind.FAULT


def test_a_copy_that_was_mended_is_not_equal_to_what_the_old_side_has() -> None:
    known = replace(KNOWN, code=OutcomeCode.ALTERED, detail="mended: without NUL", sent_sha256=b"m")
    found = judge_copy(FACT, replace(THERE, sha256=b"m"), known, PLACE)
    assert (found.kind, found.what) == (Kind.FAULT, "mended: without NUL")


def test_the_form_for_the_wire_is_equal() -> None:
    assert judge_copy(replace(FACT, wire=b"w"), replace(THERE, sha256=b"w"), KNOWN, PLACE).kind is Kind.EQUAL


def test_deleted_marks_are_nobody_s_fault() -> None:
    marked = replace(THERE, flags=SEEN | {"\\Deleted"})
    assert judge_copy(FACT, marked, KNOWN, PLACE).kind is Kind.THEIRS
    assert judge_copy(replace(FACT, flags=SEEN | {"\\Deleted"}), THERE, KNOWN, PLACE).kind is Kind.LEFT_OUT


def test_what_was_there_before_keeps_its_flags_and_date() -> None:
    known = replace(KNOWN, code=OutcomeCode.ALREADY_THERE, is_theirs=True, given=NONE)
    found = judge_copy(FACT, replace(THERE, flags=NONE, utc_seconds=5), known, PLACE)
    assert found.kind is Kind.THEIRS
    assert judge_copy(FACT, THERE, known, PLACE).kind is Kind.EQUAL


@pytest.mark.parametrize("knows", Knows)
@pytest.mark.parametrize("there", [None, THERE, replace(THERE, flags=FLAGGED)])
def test_a_move_on_the_old_side_is_theirs_only_where_they_removed_its_copy(knows: Knows, there: Fact | None) -> None:
    new = New.DELETED if there is None else New.UNTOUCHED if there is THERE else New.FLAGGED
    decision = decide(Old.MOVED, new, knows)
    assert state_of_earlier(STATES[knows], there, PLACE) is new
    found = judge_moved(STATES[knows], new)
    assert (found.kind is Kind.THEIRS) is (decision.action is Action.LEAVE)


def test_an_equal_message_that_no_run_has_dealt_with_is_equal_or_to_do() -> None:
    assert judge_new(FACT, THERE).kind is Kind.EQUAL
    assert judge_new(FACT, replace(THERE, flags=NONE)).kind is Kind.TO_DO
