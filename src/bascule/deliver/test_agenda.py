"""Which of what earlier runs delivered is looked at again, by what the catalogue and the ledger say of it, and of nothing else."""

import pytest

from bascule.deliver.agenda import Agenda, Reviewed, agenda_of, faulty_in, flagged_in, vanished_in
from bascule.deliver.expectation import BEHIND, THERE_BEFORE
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.stations import Stations
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger, ReadBack
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import Outcome, OutcomeCode

pytestmark = pytest.mark.usefixtures("nine_deltas")

NONE: Flags = frozenset()
SEEN, FLAGGED = frozenset({"\\Seen"}), frozenset({"\\Flagged"})
ON_TARGET = {OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.ALTERED, OutcomeCode.DUPLICATE}
ALTERED, DUPLICATE = OutcomeCode.ALTERED, OutcomeCode.DUPLICATE
HUGE = 2**62


# -- one message ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "detail", "held"),
    [
        (OutcomeCode.DELIVERED, "", ""),
        (OutcomeCode.ALREADY_THERE, "", "was_there"),
        (ALTERED, "without $A", "is_of_flags"),
        (ALTERED, f"{THERE_BEFORE}without $A", "is_of_flags was_there"),
        (ALTERED, f"{BEHIND}no", "is_behind is_of_flags"),
        (ALTERED, f"{THERE_BEFORE}{BEHIND}no", "is_behind is_of_flags was_there"),
        (ALTERED, "without $A; dated then instead of now", "is_graver"),
        (ALTERED, f"{THERE_BEFORE}other octets", "is_graver was_there"),
        (ALTERED, "", "is_graver"),
        (DUPLICATE, f"{BEHIND}no", "is_graver"),
        (DUPLICATE, "without $A", "is_graver"),
        (OutcomeCode.DELIVERED, f"{BEHIND}no", ""),
    ],
)
def test_what_is_wrong_with_a_copy_is_read_from_its_outcome(code: OutcomeCode, detail: str, held: str) -> None:
    row = Reviewed(1, 1, code, True, 10, NONE, NONE, b"x", 0, 0, 0, False, NONE, detail)
    names = ("is_behind", "is_graver", "is_of_flags", "was_there")
    assert " ".join(name for name in names if getattr(row, name)) == held
    assert row.in_order is (OutcomeCode.ALREADY_THERE if "was_there" in held else OutcomeCode.DELIVERED)


# -- a mailbox --------------------------------------------------------------------------------------------------------


def stored(
    mailbox: Mailbox,
    ledger: Ledger,
    name: str = "A",
    outcome: Outcome | None = Outcome(OutcomeCode.DELIVERED, "", 10),  # noqa: B008 - it does not change
    flags: Flags = NONE,
    text: bytes = b"x",
) -> int:
    """A message in the folder ``name``, with its outcome."""
    folder = mailbox.folders.record(
        FolderPath((name,)), source_name=b"", special_use=None, subscribed=True, selectable=True
    ).id
    (uid,) = mailbox.database.execute("SELECT count(*) + 1 FROM messages").fetchone()
    [message] = mailbox.messages.store(folder, 1, [NewMessage(uid, flags, InternalDate(0), HeldBody(text))])
    if outcome is not None:
        ledger.settle(folder, [(message, outcome)])
    return message


def vanish(mailbox: Mailbox, message: int, last: int, gone: int) -> None:
    """It was seen last in one delta, and not found in another."""
    mailbox.database.execute(
        "UPDATE messages SET last_delta = ?, vanished_utc = ? WHERE id = ?", (last, 1000 * gone, message)
    )


def of_each_code(mailbox: Mailbox, ledger: Ledger, uid: int | None = 10) -> dict[OutcomeCode, int]:
    return {code: stored(mailbox, ledger, "A", Outcome(code, "told", uid)) for code in OutcomeCode}


def messages(rows: dict[int, list[Reviewed]]) -> set[int]:
    return {row.message for each in rows.values() for row in each}


def codes(rows: dict[int, list[Reviewed]]) -> set[OutcomeCode]:
    return {row.code for each in rows.values() for row in each}


def agenda(
    mailbox: Mailbox,
    ledger: Ledger,
    level: VerifyLevel = VerifyLevel.NONE,
    fresh_since: int | None = None,
    among: set[int] | None = None,
) -> Agenda:
    return agenda_of(mailbox, ledger, level, fresh_since, among)


# -- flags ------------------------------------------------------------------------------------------------------------


def test_what_has_other_flags_on_the_old_side_than_its_copy_got_is_flagged(mailbox: Mailbox, ledger: Ledger) -> None:
    same, other = (stored(mailbox, ledger, "A") for _ in range(2))
    elsewhere = stored(mailbox, ledger, "B")
    mailbox.messages.set_flags([(other, SEEN), (elsewhere, SEEN | FLAGGED), (same, SEEN)])
    mailbox.messages.set_flags([(same, NONE)])
    found = flagged_in(mailbox, ledger.target)
    assert {folder: [(row.message, row.given, row.wanted) for row in rows] for folder, rows in found.items()} == {
        1: [(other, NONE, SEEN)],
        2: [(elsewhere, NONE, SEEN | FLAGGED)],
    }
    assert messages(flagged_in(mailbox, ledger.target, 2)) == {elsewhere}
    assert flagged_in(mailbox, ledger.target, 3) == {}
    assert flagged_in(mailbox, ledger.target + 1) == {}


def test_a_copy_that_was_given_other_flags_is_flagged_only_once_the_old_side_changes(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    """It could not be given all, or had been there before with flags of its own."""
    message = stored(mailbox, ledger, "A", Outcome(OutcomeCode.ALREADY_THERE, "", 10, given=FLAGGED))
    assert flagged_in(mailbox, ledger.target) == {}
    mailbox.messages.set_flags([(message, SEEN)])
    [row] = flagged_in(mailbox, ledger.target)[1]
    assert (row.given, row.wanted) == (FLAGGED, SEEN)
    ledger.followed([message], given=SEEN | FLAGGED)
    assert flagged_in(mailbox, ledger.target) == {}


def test_a_copy_whose_flags_are_not_known_is_flagged_whatever_the_old_side_has(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    message = stored(mailbox, ledger)
    mailbox.database.execute("UPDATE outcomes SET flagset = NULL")
    [row] = flagged_in(mailbox, ledger.target)[1]
    assert (row.message, row.given, row.wanted) == (message, None, NONE)


def test_flags_follow_to_copies_of_ours_that_are_there_and_have_a_uid(mailbox: Mailbox, ledger: Ledger) -> None:
    found = of_each_code(mailbox, ledger)
    of_each_code(mailbox, ledger, None)
    theirs, gone = stored(mailbox, ledger), stored(mailbox, ledger)
    mailbox.database.execute("UPDATE outcomes SET source_flagset = NULL")
    ledger.taken_over([theirs])
    vanish(mailbox, gone, 3, 6)
    assert messages(flagged_in(mailbox, ledger.target)) == {found[code] for code in ON_TARGET}


def test_what_no_command_can_hold_is_told_apart(mailbox: Mailbox, ledger: Ledger) -> None:
    message = stored(mailbox, ledger)
    odd = frozenset({"two\\x20words", "é", "$" + "x" * 300})
    mailbox.messages.set_flags([(message, SEEN | odd)])
    [row] = flagged_in(mailbox, ledger.target)[1]
    assert (row.wanted, row.unwritable) == (SEEN, odd)


# -- faults -----------------------------------------------------------------------------------------------------------


def test_a_fault_is_what_was_altered_or_is_there_twice_as_long_as_the_old_side_has_it(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    found = of_each_code(mailbox, ledger)
    of_each_code(mailbox, ledger, None)
    faulty = {row.message for row in faulty_in(mailbox, ledger.target, 1)}
    assert faulty == {found[ALTERED], found[DUPLICATE]}
    assert faulty_in(mailbox, ledger.target, 2) == []
    vanish(mailbox, found[ALTERED], 3, 6)
    assert [row.message for row in faulty_in(mailbox, ledger.target, 1)] == [found[DUPLICATE]]


# -- what vanished ----------------------------------------------------------------------------------------------------


def vanished(
    mailbox: Mailbox, ledger: Ledger, since: int = 1, in_doubt: tuple[int, ...] = (), stations: Stations | None = None
) -> dict[int, list[Reviewed]]:
    return vanished_in(mailbox, ledger.target, stations or Stations({}), since, in_doubt)


@pytest.mark.parametrize(("since", "is_one"), [(0, True), (3, True), (6, True), (7, False), (HUGE, False)])
def test_what_a_delta_since_then_did_not_find_has_vanished(
    mailbox: Mailbox, ledger: Ledger, since: int, is_one: bool
) -> None:
    message = stored(mailbox, ledger)
    stored(mailbox, ledger)
    vanish(mailbox, message, 3, 6)
    rows = vanished(mailbox, ledger, since)
    assert messages(rows) == ({message} if is_one else set())
    assert [(row.last_delta, row.gone_delta) for row in rows.get(1, [])] == ([(3, 6)] if is_one else [])


def test_what_was_seen_then_has_vanished_since_whatever_the_clock_said(mailbox: Mailbox, ledger: Ledger) -> None:
    message = stored(mailbox, ledger)
    vanish(mailbox, message, 6, 1)
    [[row]] = vanished(mailbox, ledger, 6).values()
    assert (row.last_delta, row.gone_delta) == (6, 7)
    assert vanished(mailbox, ledger, 7) == {}


def test_what_vanished_is_that_of_which_later_runs_send_nothing_with_or_without_a_uid(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    found = of_each_code(mailbox, ledger)
    unnamed = of_each_code(mailbox, ledger, None)
    for message in (*found.values(), *unnamed.values(), stored(mailbox, ledger, outcome=None)):
        vanish(mailbox, message, 3, 6)
    rows = vanished(mailbox, ledger)
    assert codes(rows) == ON_TARGET | {OutcomeCode.REMOVED}
    assert {row.target_uid for row in rows[1]} == {10, None}


def test_what_was_followed_to_another_place_has_not_unless_that_is_in_doubt(mailbox: Mailbox, ledger: Ledger) -> None:
    earlier, later, other = (stored(mailbox, ledger, name) for name in ("A", "B", "A"))
    for message in (earlier, other):
        vanish(mailbox, message, 3, 6)
    assert ledger.claim(earlier, later)
    assert messages(vanished(mailbox, ledger)) == {other}
    assert messages(vanished(mailbox, ledger, in_doubt=(earlier, 0, HUGE))) == {earlier, other}


def test_it_is_as_gone_as_from_the_last_place_in_which_it_was_seen(mailbox: Mailbox, ledger: Ledger) -> None:
    message = stored(mailbox, ledger)
    vanish(mailbox, message, 2, 4)
    station = stored(mailbox, ledger, "B", None)
    vanish(mailbox, station, 5, 7)
    mailbox.database.execute("UPDATE messages SET after_delta = 3 WHERE id = ?", (station,))
    [row] = vanished(mailbox, ledger, stations=Stations.read(mailbox, ledger))[1]
    assert (row.message, row.last_delta, row.gone_delta) == (message, 5, 7)


# -- the agenda -------------------------------------------------------------------------------------------------------


def test_where_nothing_changed_nothing_is_looked_at(mailbox: Mailbox, ledger: Ledger) -> None:
    message = stored(mailbox, ledger)
    ledger.read_back([ReadBack(message, Outcome(OutcomeCode.DELIVERED, "", 10), 2, is_as_recorded=True)])
    for level in VerifyLevel:
        found = agenda(mailbox, ledger, level, fresh_since=1)
        assert (found.folders, found.vanished, list(found.moved_in_doubt)) == (set(), {}, [])
    assert agenda(mailbox, mailbox.ledger("imap://a@other.example")).folders == set()


@pytest.mark.parametrize(
    ("level", "read_back", "is_opened"),
    [
        (VerifyLevel.NONE, 0, False),
        (VerifyLevel.DELIVERED, 0, True),
        (VerifyLevel.DELIVERED, 1, False),
        (VerifyLevel.FULL, 1, True),
        (VerifyLevel.FULL, 2, False),
    ],
)
def test_what_was_not_read_back_to_the_level_opens_its_folder(
    mailbox: Mailbox, ledger: Ledger, level: VerifyLevel, read_back: int, is_opened: bool
) -> None:
    outcome = Outcome(OutcomeCode.DELIVERED, "", 10)
    message = stored(mailbox, ledger, outcome=outcome)
    if read_back:
        ledger.read_back([ReadBack(message, outcome, read_back, is_as_recorded=True)])
    assert agenda(mailbox, ledger, level).folders == ({1} if is_opened else set())
    vanish(mailbox, message, 3, 6)
    assert agenda(mailbox, ledger, level).folders == set()


@pytest.mark.parametrize("code", OutcomeCode)
def test_of_what_is_on_the_target_a_copy_without_a_uid_opens_its_folder(
    mailbox: Mailbox, ledger: Ledger, code: OutcomeCode
) -> None:
    stored(mailbox, ledger, "A", Outcome(code, "told", None))
    assert agenda(mailbox, ledger).folders == ({1} if code in ON_TARGET else set())


@pytest.mark.parametrize("among", [None, {1}, {2}, {1, HUGE}, set()])
def test_flags_open_only_the_folders_among_which_they_may_differ(
    mailbox: Mailbox, ledger: Ledger, among: set[int] | None
) -> None:
    changed = [stored(mailbox, ledger, name) for name in ("A", "B")]
    mailbox.messages.set_flags([(message, SEEN) for message in changed])
    assert agenda(mailbox, ledger, among=among).folders == ({1, 2} if among is None else {1, 2} & among)


@pytest.mark.parametrize(("code", "is_opened"), [(ALTERED, True), (DUPLICATE, True), (OutcomeCode.ALREADY_THERE, False)])  # fmt: skip
def test_a_fault_opens_its_folder_where_all_are_looked_at(
    mailbox: Mailbox, ledger: Ledger, code: OutcomeCode, is_opened: bool
) -> None:
    stored(mailbox, ledger, "A", Outcome(code, "told", 10))
    assert agenda(mailbox, ledger).folders == ({1} if is_opened else set())
    assert agenda(mailbox, ledger, among={1}).folders == set()


def test_a_removed_copy_opens_its_folder_once_the_old_side_changes_the_flags(mailbox: Mailbox, ledger: Ledger) -> None:
    message = stored(mailbox, ledger)
    ledger.removed([message], "gone")
    assert agenda(mailbox, ledger).folders == set()
    mailbox.messages.set_flags([(message, SEEN)])
    assert agenda(mailbox, ledger).folders == {1}
    ledger.taken_over([message])
    assert agenda(mailbox, ledger).folders == set()


def test_what_vanished_opens_its_folder_where_a_copy_can_be_looked_at(mailbox: Mailbox, ledger: Ledger) -> None:
    named = stored(mailbox, ledger, "A")
    unnamed = stored(mailbox, ledger, "B", Outcome(OutcomeCode.REMOVED, "gone", None))
    for message in (named, unnamed):
        vanish(mailbox, message, 3, 6)
    found = agenda(mailbox, ledger, fresh_since=4)
    assert found.folders == {1}
    assert messages(found.vanished) == {named, unnamed}
    assert agenda(mailbox, ledger, fresh_since=None).vanished == {}


@pytest.mark.parametrize(("fresh_since", "earliest"), [(0, 0), (2, 2), (4, 3), (6, 3), (HUGE, 9)])
def test_what_came_by_a_place_in_between_may_have_left_the_first_before(
    mailbox: Mailbox, ledger: Ledger, fresh_since: int, earliest: int
) -> None:
    station = stored(mailbox, ledger, "B", None)
    vanish(mailbox, station, 5, 7)
    mailbox.database.execute("UPDATE messages SET after_delta = 3 WHERE id = ?", (station,))
    assert agenda(mailbox, ledger, fresh_since=fresh_since).fresh_since == earliest


def test_what_a_run_that_was_cut_left_open_opens_its_folders(mailbox: Mailbox, ledger: Ledger) -> None:
    following, earlier, later, sent, doubtful = (stored(mailbox, ledger, name) for name in "ABCDE")
    ledger.unfinished.about_to_follow(1, {following: SEEN})
    assert agenda(mailbox, ledger).folders == {1}
    vanish(mailbox, earlier, 3, 6)
    assert ledger.claim(earlier, later)
    assert agenda(mailbox, ledger).folders == {1, 2, 3}
    ledger.made_way([earlier])
    ledger.intend(5, 1, 1, {sent: NONE, doubtful: NONE})
    assert agenda(mailbox, ledger).folders == {1}
    vanish(mailbox, doubtful, 3, 6)
    assert agenda(mailbox, ledger).folders == {1, 5}


def test_a_move_in_doubt_is_told_and_what_it_came_from_is_looked_at(mailbox: Mailbox, ledger: Ledger) -> None:
    earlier, later = stored(mailbox, ledger, "A"), stored(mailbox, ledger, "B", None)
    vanish(mailbox, earlier, 3, 6)
    assert ledger.claim(earlier, later)
    ledger.intend(2, 1, 1, {later: NONE})
    found = agenda(mailbox, ledger, fresh_since=1)
    assert list(found.moved_in_doubt) == [earlier]
    assert messages(found.vanished) == {earlier}
