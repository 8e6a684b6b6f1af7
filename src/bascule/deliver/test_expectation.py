"""What is expected of a copy, how it differs from that in words, and what of it the ledger gives back."""

from dataclasses import replace

import pytest

from bascule.deliver.expectation import (
    ALTERED_THERE,
    BEHIND,
    THERE_BEFORE,
    Expectation,
    absent,
    copies_of,
    delivered_from,
    difference,
    expectation_of,
    is_behind,
    is_dated,
    is_of_flags,
    is_touched,
    newest_copies,
    removed_with_uid,
    to_read_back,
    was_there_before,
    without_uid,
)
from bascule.deliver.parcel import Parcel
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger, ReadBack
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.body import NO_TRAITS, HeldBody, Traits
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.instant import LAST_SECOND, InternalDate
from bascule.terms.later_runs import Finding
from bascule.terms.outcome import MENDED, REMEMBERED, Outcome, OutcomeCode

NONE: Flags = frozenset()
SEEN, DELETED = frozenset({"\\Seen"}), frozenset({"\\Deleted"})
DATE = InternalDate(1_580_000_000, 60)
SENT = Expectation(1, 10, b"a", 100, SEEN, DATE, NO_TRAITS, None)
FOUND = MessageData(uid=10, flags=SEEN, date=DATE, octets=100)
NEVER = InternalDate(LAST_SECOND + 1)
"""A year of five digits: no date-time can hold it."""
HUGE = 2**32 - 1
"""The highest UID that there is."""


# -- flags and dates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "given", "touched"),
    [
        (NONE, NONE, False),
        (SEEN, SEEN, False),
        (SEEN | DELETED, SEEN, False),
        (SEEN, SEEN | DELETED, False),
        (frozenset({"$forwarded"}), frozenset({"$Forwarded"}), False),
        (SEEN, NONE, True),
        (NONE, SEEN, True),
        (frozenset({"$A"}), frozenset({"$B"}), True),
        (DELETED | {"\\Flagged"}, DELETED, True),
    ],
)
def test_a_copy_is_touched_where_other_flags_than_deleted_differ(now: Flags, given: Flags, touched: bool) -> None:
    assert is_touched(now, given) is touched


@pytest.mark.parametrize(
    ("date", "utc_seconds", "dated"),
    [
        (None, 0, False),
        (InternalDate(0), 0, True),
        (InternalDate(0, -720), 0, True),
        (InternalDate(1), 0, False),
        (InternalDate(-1), -1, True),
        (NEVER, LAST_SECOND + 1, True),
    ],
)
def test_a_copy_has_a_date_by_the_instant_whatever_its_zone(
    date: InternalDate | None, utc_seconds: int, dated: bool
) -> None:
    assert is_dated(MessageData(date=date), utc_seconds) is dated


# -- how a copy differs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "finding", "told"),
    [
        (FOUND, Finding.EQUAL, ""),
        (replace(FOUND, date=InternalDate(DATE.utc_seconds, -300)), Finding.EQUAL, ""),
        (replace(FOUND, date=None), Finding.EQUAL, ""),
        (replace(FOUND, flags=SEEN | DELETED), Finding.EQUAL, ""),
        (replace(FOUND, flags=SEEN | {"$A", "\\Flagged"}), Finding.FURTHER_FLAGS, "with $A \\Flagged"),
        (replace(FOUND, flags=NONE), Finding.OTHER_FLAGS, "without \\Seen"),
        (replace(FOUND, flags=frozenset({"$A"})), Finding.OTHER_FLAGS, "without \\Seen; with $A"),
        (replace(FOUND, flags=DELETED), Finding.OTHER_FLAGS, "without \\Seen"),
        (replace(FOUND, date=InternalDate(0)), Finding.OTHER_DATE, "dated 1970-01-01T00:00:00Z instead of 2020-01-26T00:53:20Z"),
        (replace(FOUND, flags=NONE, date=InternalDate(DATE.utc_seconds + 1)), Finding.OTHER_DATE,
         "without \\Seen; dated 2020-01-26T00:53:21Z instead of 2020-01-26T00:53:20Z"),
    ],
)  # fmt: skip
def test_a_copy_differs_by_the_gravest_and_all_is_told(found: MessageData, finding: Finding, told: str) -> None:
    assert difference(SENT, found) == (finding, told)


def test_keywords_in_other_capitals_are_no_difference() -> None:
    sent = replace(SENT, flags=frozenset({"$Forwarded", "\\Seen"}))
    assert difference(sent, replace(FOUND, flags=frozenset({"$FORWARDED", "\\Seen"}))) == (Finding.EQUAL, "")
    _, told = difference(sent, replace(FOUND, flags=frozenset({"$FORWARDED"})))
    assert told == "without \\Seen"


def test_a_date_that_none_can_write_is_expected_as_the_nearest_that_can_be_written() -> None:
    sent = replace(SENT, date=NEVER)
    kept = InternalDate(LAST_SECOND - 86400)
    assert difference(sent, replace(FOUND, date=kept)) == (Finding.EQUAL, "")
    finding, told = difference(sent, replace(FOUND, date=InternalDate(0)))
    assert (finding, told) == (Finding.OTHER_DATE, "dated 1970-01-01T00:00:00Z instead of 9999-12-30T23:59:59Z")


def test_what_a_target_calls_a_flag_is_told_on_one_line() -> None:
    _, told = difference(SENT, replace(FOUND, flags=SEEN | {"a\x1b[2J\n"}))
    assert told == "with a\\x1b[2J\\n"


# -- what a detail says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("detail", "behind", "of_flags"),
    [
        ("", False, False),
        ("without \\Seen", False, True),
        ("with $A", False, True),
        ("without \\Seen; with $A", False, True),
        (f"{THERE_BEFORE}without \\Seen", False, True),
        (f"{BEHIND}NO [LIMIT] too many", True, True),
        (f"{BEHIND}no; dated tomorrow", True, True),
        (f"{THERE_BEFORE}{BEHIND}no", True, True),
        (f"without \\Seen; {BEHIND}no", False, False),
        ("without \\Seen; dated 1970-01-01T00:00:00Z instead of 2020-01-26T00:53:20Z", False, False),
        ("dated 1970-01-01T00:00:00Z instead of 2020-01-26T00:53:20Z", False, False),
        (f"{MENDED}without NUL", False, False),
        (f"{MENDED}without $A; without \\Seen", False, False),
        ("altered by the target: 3 octets became 4; without \\Seen", False, False),
        (ALTERED_THERE, False, False),
        ("Without \\Seen", False, False),
        ("withering", False, False),
    ],
)
def test_an_alteration_is_of_flags_where_it_speaks_of_nothing_else(detail: str, behind: bool, of_flags: bool) -> None:
    assert (is_behind(detail), is_of_flags(detail)) == (behind, of_flags)


def test_what_is_told_of_flags_alone_is_known_as_such() -> None:
    for flags in (NONE, SEEN | {"$A"}, frozenset({"$A"})):
        assert is_of_flags(difference(SENT, replace(FOUND, flags=flags))[1])
        other_date = replace(FOUND, flags=flags, date=InternalDate(0))
        assert not is_of_flags(difference(SENT, other_date)[1])


@pytest.mark.parametrize("code", OutcomeCode)
def test_a_copy_was_there_before_where_its_outcome_or_its_detail_says_so(code: OutcomeCode) -> None:
    assert was_there_before(code, f"{THERE_BEFORE}without \\Seen")
    assert was_there_before(code, f"without \\Seen; {THERE_BEFORE}") is (code is OutcomeCode.ALREADY_THERE)


# -- one message ------------------------------------------------------------------------------------------------------


def test_what_is_expected_of_a_parcel_is_what_was_sent() -> None:
    whole, wire = HeldBody(b"Subject: a\n\nb\0\n"), HeldBody(b"Subject: a\r\n\r\nb\0\r\n")
    parcel = Parcel(7, SEEN, DATE, wire, message=3, original=whole)
    assert expectation_of(parcel, HUGE) == Expectation(
        3, HUGE, wire.sha256, wire.octets, SEEN, DATE, Traits(fragile=True), (wire.sha256, wire.octets)
    )
    assert expectation_of(parcel, None).target_uid is None


def test_of_a_parcel_that_was_mended_or_has_a_remark_the_alteration_is_known_before_it_is_read_back() -> None:
    parcel = Parcel(7, SEEN, DATE, HeldBody(b""), message=3, mended="without NUL", remark="without $A")
    expected = expectation_of(parcel, 1)
    assert (expected.code, expected.altered) == (OutcomeCode.ALTERED, "mended: without NUL; without $A")
    assert expectation_of(replace(parcel, mended="", remark=""), 1).code is OutcomeCode.DELIVERED


@pytest.mark.parametrize("uid", [10, None])
def test_one_that_is_absent_keeps_the_uid_that_was_told(uid: int | None) -> None:
    row = absent(replace(SENT, target_uid=uid))
    assert (row.message, row.outcome.code, row.outcome.target_uid, row.how) == (1, OutcomeCode.MISSING, uid, 0)


@pytest.mark.parametrize(
    ("detail", "code", "altered"),
    [
        (f"gone{REMEMBERED}altered: without $A", OutcomeCode.ALTERED, "without $A"),
        (f"gone{REMEMBERED}altered: without $A: no keyword", OutcomeCode.ALTERED, "without $A: no keyword"),
        (f"gone{REMEMBERED}already-there: ", OutcomeCode.ALREADY_THERE, ""),
        (f"gone{REMEMBERED}duplicate: twice", OutcomeCode.DUPLICATE, ""),
        (f"gone{REMEMBERED}delivered: ", OutcomeCode.REMOVED, ""),
        (f"gone{REMEMBERED}no such code: ", OutcomeCode.REMOVED, ""),
        (f"gone{REMEMBERED}", OutcomeCode.REMOVED, ""),
        ("gone", OutcomeCode.REMOVED, ""),
        ("", OutcomeCode.REMOVED, ""),
    ],
)
def test_of_one_that_was_removed_what_is_remembered_is_expected_again(
    detail: str, code: OutcomeCode, altered: str
) -> None:
    before = replace(SENT, code=OutcomeCode.REMOVED, detail=detail).before_removal()
    assert (before.code, before.altered) == (code, altered)


# -- what the ledger gives --------------------------------------------------------------------------------------------


UNENDED = Traits(unended=True)


def stored(mailbox: Mailbox, ledger: Ledger, *outcomes: Outcome, name: str = "A") -> list[int]:
    """Messages of a folder, UIDs from 1, each with an outcome. All are equal, and not flagged."""
    folder = mailbox.folders.record(
        FolderPath((name,)), source_name=b"", special_use=None, subscribed=True, selectable=True
    ).id
    new = [NewMessage(uid, NONE, DATE, HeldBody(b"x"), None, "") for uid in range(1, len(outcomes) + 1)]
    messages = mailbox.messages.store(folder, 1, new)
    ledger.settle(folder, list(zip(messages, outcomes, strict=True)))
    return messages


def of_each_code(uid: int | None = 10) -> list[Outcome]:
    return [Outcome(code, "told", uid and uid + place) for place, code in enumerate(OutcomeCode)]


ON_TARGET = {OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.ALTERED, OutcomeCode.DUPLICATE}


def test_a_copy_is_expected_of_what_is_on_the_target_and_has_a_uid(mailbox: Mailbox, ledger: Ledger) -> None:
    named = stored(mailbox, ledger, *of_each_code())
    unnamed = stored(mailbox, ledger, *of_each_code(None), name="B")
    found = copies_of(mailbox, ledger.target, [*named, *unnamed, 0, 2**62])
    assert {one.code for one in found.values()} == ON_TARGET
    assert {message: one.message for message, one in found.items()} == {message: message for message in found}
    assert found.keys() <= set(named)
    assert {one.code for one in without_uid(mailbox, ledger.target, 2)} == ON_TARGET
    assert without_uid(mailbox, ledger.target, 1) == []
    assert copies_of(mailbox, ledger.target, []) == {}
    assert copies_of(mailbox, ledger.target + 1, named) == {}


def test_what_was_sent_and_given_is_expected_and_not_what_the_message_is(mailbox: Mailbox, ledger: Ledger) -> None:
    plain, other = stored(
        mailbox,
        ledger,
        Outcome(OutcomeCode.DELIVERED, "", 0),
        Outcome(OutcomeCode.ALTERED, "without $A", HUGE, (b"w" * 32, 2**40), given=SEEN),
    )
    found = copies_of(mailbox, ledger.target, [plain, other])
    body = HeldBody(b"x")
    assert found[plain] == Expectation(plain, 0, body.sha256, 1, NONE, DATE, UNENDED, None)
    assert found[other] == Expectation(
        other, HUGE, b"w" * 32, 2**40, SEEN, DATE, UNENDED, (b"w" * 32, 2**40), "without $A", OutcomeCode.ALTERED,
        detail="without $A",
    )  # fmt: skip


@pytest.mark.parametrize(("level", "left"), [(0, []), (1, [0]), (2, [0, 1])])
def test_what_was_not_read_back_to_the_level_is_to_be(
    mailbox: Mailbox, ledger: Ledger, level: int, left: list[int]
) -> None:
    outcome = Outcome(OutcomeCode.DELIVERED, "", 10)
    messages = stored(mailbox, ledger, outcome, outcome, outcome)
    ledger.read_back([ReadBack(messages[how], outcome, how, is_as_recorded=True) for how in (1, 2)])
    found = to_read_back(mailbox, ledger.target, 1, level)
    assert [one.message for one in found] == [messages[place] for place in left]
    assert [one.is_read_back for one in found] == [place > 0 for place in left]


def test_what_is_gone_on_the_old_side_or_was_not_sent_by_us_is_not_read_back(mailbox: Mailbox, ledger: Ledger) -> None:
    messages = stored(mailbox, ledger, *of_each_code())
    found = to_read_back(mailbox, ledger.target, 1, 2)
    assert [one.code for one in found] == [OutcomeCode.DELIVERED, OutcomeCode.ALTERED]
    mailbox.messages.set_vanished(messages, 1)
    assert to_read_back(mailbox, ledger.target, 1, 2) == []


def test_what_was_removed_is_expected_where_it_lay_unless_it_was_followed(mailbox: Mailbox, ledger: Ledger) -> None:
    kept, altered, followed, unnamed, later = stored(
        mailbox,
        ledger,
        Outcome(OutcomeCode.DELIVERED, "", 10),
        Outcome(OutcomeCode.ALTERED, "without $A", 11),
        Outcome(OutcomeCode.DELIVERED, "", 12),
        Outcome(OutcomeCode.DELIVERED, "", None),
        Outcome(OutcomeCode.DELIVERED, "", 14),
    )
    for _ in range(2):  # what was removed, and is removed again, is remembered as it was at first
        ledger.removed([kept, altered, followed, unnamed], "gone")
    mailbox.messages.set_vanished([followed], 1)
    assert ledger.claim(followed, later)
    assert [(one.message, one.target_uid, one.code, one.altered) for one in removed_with_uid(mailbox, ledger.target, 1)] == [
        (kept, 10, OutcomeCode.REMOVED, ""), (altered, 11, OutcomeCode.ALTERED, "without $A"),
    ]  # fmt: skip


def test_what_is_missing_takes_no_place_among_the_newest_copies(mailbox: Mailbox, ledger: Ledger) -> None:
    codes = {10: OutcomeCode.DELIVERED, 11: OutcomeCode.MISSING, 12: OutcomeCode.MISSING}
    stored(mailbox, ledger, *(Outcome(code, "", uid) for uid, code in codes.items()))
    assert [one.target_uid for one in newest_copies(mailbox, ledger.target, 1, 2)] == [10]


def test_what_was_delivered_from_a_uid_on_is_ours_and_nobody_elses(mailbox: Mailbox, ledger: Ledger) -> None:
    first, second, taken, _ = stored(
        mailbox,
        ledger,
        Outcome(OutcomeCode.DELIVERED, "", 10),
        Outcome(OutcomeCode.DELIVERED, "", HUGE),
        Outcome(OutcomeCode.DELIVERED, "", 20),
        Outcome(OutcomeCode.ALREADY_THERE, "", 21),
    )
    ledger.taken_over([taken])
    found = {uid: [one.message for one in delivered_from(mailbox, ledger.target, 1, uid)] for uid in (0, 10, 11, 2**40)}
    assert found == {0: [first, second], 10: [first, second], 11: [second], 2**40: []}


@pytest.mark.parametrize(("most", "uids"), [(0, []), (1, [30]), (2, [20, 30]), (2**40, [10, 20, 30])])
def test_the_newest_copies_have_the_highest_uids_of_their_folder(
    mailbox: Mailbox, ledger: Ledger, most: int, uids: list[int]
) -> None:
    outcomes = [Outcome(OutcomeCode.DELIVERED, "", uid) for uid in (30, 10, None, 20, 40)]
    *_, removed = stored(mailbox, ledger, *outcomes)
    stored(mailbox, ledger, Outcome(OutcomeCode.DELIVERED, "", 99), name="B")
    ledger.removed([removed], "gone")
    found = newest_copies(mailbox, ledger.target, 1, most)
    assert sorted(one.target_uid or 0 for one in found) == uids
