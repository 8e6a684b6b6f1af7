"""What a message that moved on the old side came from: by content, and by the deltas in which it was here and there."""

import itertools

import pytest

from bascule.deliver.limits import ALIKE_MESSAGES
from bascule.deliver.moves import REMOVED_BEFORE, EarlierCopies, EarlierCopy, claim_delivered_moves
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.later_runs import Action, Knows, New, Old, decide
from bascule.terms.outcome import Outcome, OutcomeCode

pytestmark = pytest.mark.usefixtures("nine_deltas")

DATE = 1_580_000_000
HUGE = 2**62
X, Y = b"x" * 32, b"y" * 32


def a_copy(
    message: int,
    last_delta: int = 3,
    gone_delta: int = 6,
    date_utc: int = DATE,
    new: New = New.UNTOUCHED,
    knows: Knows = Knows.READ_BACK,
) -> EarlierCopy:
    return EarlierCopy(message, last_delta, gone_delta, date_utc, knows, new)


def copies(*these: EarlierCopy) -> EarlierCopies:
    """All of the content X."""
    earlier = EarlierCopies()
    for one in these:
        earlier.add(X, one)
    return earlier


def taken(earlier: EarlierCopies, after_delta: int = 3, date_utc: int = DATE) -> list[int]:
    """What each of ten messages is the move of, of those that are one."""
    found = [earlier.take(X, after_delta, date_utc) for _ in range(10)]
    return [one.message for one in found if one is not None]


# -- what becomes of one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("new", "knows"), list(itertools.product(New, Knows)))
def test_what_moved_is_decided_as_the_rules_say_and_without_looking_again(new: New, knows: Knows) -> None:
    one, rule = a_copy(1, new=new, knows=knows), decide(Old.MOVED, new, knows)
    assert one.decision.action is (Action.REPLACE if rule.action is Action.LOOK else rule.action)
    if one.removed is None:
        assert one.decision.action in (Action.SEND, Action.REPLACE)
    else:
        assert one.removed == Outcome(OutcomeCode.REMOVED, REMOVED_BEFORE)
        assert one.decision.action is Action.LEAVE


@pytest.mark.parametrize(
    ("new", "is_removed"),
    [(New.UNTOUCHED, False), (New.READ, False), (New.DELETED, True), (New.FOLDER_GONE, True), (New.NOT_LOOKED, False)],
)
def test_what_somebody_removed_before_does_not_come_back(new: New, is_removed: bool) -> None:
    assert (a_copy(1, new=new).removed is not None) is is_removed


# -- which one it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_delta", "gone_delta", "after_delta", "is_its_move"),
    [
        (3, 6, 2, False),
        (3, 6, 3, True),
        (3, 6, 5, True),
        (3, 6, 6, False),
        (3, 3, 3, False),
        (0, 1, 0, True),
        (0, HUGE, HUGE - 1, True),
        (HUGE, HUGE + 1, HUGE, True),
        (HUGE, HUGE + 1, 0, False),
    ],
)
def test_it_came_after_the_other_was_last_seen_and_before_that_was_known_to_be_gone(
    last_delta: int, gone_delta: int, after_delta: int, is_its_move: bool
) -> None:
    found = copies(a_copy(1, last_delta, gone_delta)).take(X, after_delta, DATE)
    assert (found is not None) is is_its_move


def test_only_an_equal_message_is_its_move_and_of_one_copy_only_one() -> None:
    earlier = copies(a_copy(1))
    assert earlier.take(Y, 3, DATE) is None
    assert taken(earlier) == [1]
    assert taken(earlier) == []


def test_of_identical_copies_each_is_given_out_once() -> None:
    assert taken(copies(*(a_copy(message) for message in (3, 1, 2)))) == [1, 2, 3]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (a_copy(2), a_copy(1, new=New.FLAGGED)),
        (a_copy(2), a_copy(1, new=New.DELETED)),
        (a_copy(2, new=New.FLAGGED), a_copy(1, new=New.DELETED)),
        (a_copy(2, date_utc=0), a_copy(1, new=New.FLAGGED)),
        (a_copy(2), a_copy(1, date_utc=DATE + 1)),
        (a_copy(2, last_delta=2), a_copy(1, last_delta=3, date_utc=0)),
        (a_copy(2, last_delta=3), a_copy(1, last_delta=2)),
        (a_copy(1), a_copy(2)),
    ],
)
def test_one_that_can_make_way_comes_first_then_one_of_its_date_then_the_last_that_was_seen(
    first: EarlierCopy, second: EarlierCopy
) -> None:
    for order in ((first, second), (second, first)):
        assert taken(copies(*order)) == [first.message, second.message]


@pytest.mark.parametrize(("number", "first"), [(ALIKE_MESSAGES, ALIKE_MESSAGES), (ALIKE_MESSAGES + 1, 1)])
def test_of_very_many_equal_ones_the_first_that_fits_is_as_good_as_any(number: int, first: int) -> None:
    earlier = copies(*(a_copy(message, last_delta=message, gone_delta=HUGE) for message in range(1, number + 1)))
    found = earlier.take(X, HUGE - 1, DATE)
    assert found is not None
    assert found.message == first


def test_of_very_many_one_that_can_not_make_way_or_has_another_date_is_not_taken_for_the_first_that_fits() -> None:
    worse = [a_copy(message, date_utc=0) for message in range(1, ALIKE_MESSAGES)]
    worse += [a_copy(message, new=New.FLAGGED) for message in range(1001, 1003)]
    found = copies(*worse, a_copy(9999)).take(X, 3, DATE)
    assert found is not None
    assert found.message == 9999


def test_what_is_forgotten_is_given_out_no_more() -> None:
    earlier = copies(a_copy(1), a_copy(2))
    earlier.forget({2, 3})
    assert taken(earlier) == [1]


# -- doubt ------------------------------------------------------------------------------------------------------------


def test_a_copy_whose_move_is_in_doubt_is_no_other_messages() -> None:
    earlier = EarlierCopies(in_doubt={1: 7})
    earlier.add(X, a_copy(1, new=New.DELETED))
    assert not earlier
    assert taken(earlier) == []
    assert earlier.removed_before(7) == Outcome(OutcomeCode.REMOVED, REMOVED_BEFORE)
    assert earlier.removed_before(1) is None


def test_it_is_one_again_when_its_later_message_never_came() -> None:
    earlier = EarlierCopies(in_doubt={1: 7, 2: 8})
    earlier.add(X, a_copy(1))
    earlier.add(X, a_copy(2, new=New.DELETED))
    earlier.settle_doubts({2: 8})
    assert taken(earlier) == [1]
    assert earlier.removed_before(7) is None
    assert earlier.removed_before(8) is not None
    earlier.settle_doubts({})
    assert taken(earlier) == [2]


# -- moves whose later message was delivered already ------------------------------------------------------------------


def placed(
    mailbox: Mailbox,
    ledger: Ledger,
    name: str,
    seen: tuple[int, int | None],
    gone: int = 0,
    *,
    code: OutcomeCode | None = OutcomeCode.DELIVERED,
    uid: int | None = 10,
    text: bytes = b"x",
) -> int:
    """A message in the folder ``name``. ``seen``: the last delta in which it was not there yet, and the last that saw it, where it is gone;
    ``gone``: the delta that did not find it."""
    folder = mailbox.folders.record(
        FolderPath((name,)), source_name=b"", special_use=None, subscribed=True, selectable=True
    ).id
    (number,) = mailbox.database.execute("SELECT count(*) + 1 FROM messages").fetchone()
    [message] = mailbox.messages.store(folder, 1, [NewMessage(number, frozenset(), InternalDate(0), HeldBody(text))])
    mailbox.database.execute(
        "UPDATE messages SET after_delta = ?, last_delta = ?, vanished_utc = ? WHERE id = ?",
        (*seen, 1000 * gone if gone else None, message),
    )
    if code is not None:
        ledger.settle(folder, [(message, Outcome(code, "", uid))])
    return message


def moves(mailbox: Mailbox) -> dict[int, int]:
    return dict(mailbox.database.execute("SELECT earlier, later FROM moves").fetchall())


@pytest.mark.parametrize(("after", "is_move"), [(2, False), (3, True), (5, True), (6, False), (HUGE, False)])
def test_a_move_that_was_delivered_before_it_was_known_as_one_is_found_in_hindsight(
    mailbox: Mailbox, ledger: Ledger, after: int, is_move: bool
) -> None:
    earlier = placed(mailbox, ledger, "A", (1, 3), gone=6)
    later = placed(mailbox, ledger, "B", (after, None))
    claimed = claim_delivered_moves(mailbox, ledger)
    assert claimed == ({earlier} if is_move else set())
    assert moves(mailbox) == ({earlier: later} if is_move else {})


@pytest.mark.parametrize("code", [None, *OutcomeCode])
def test_both_must_be_on_the_target(mailbox: Mailbox, ledger: Ledger, code: OutcomeCode | None) -> None:
    is_there = code in {OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.ALTERED, OutcomeCode.DUPLICATE}
    earlier = placed(mailbox, ledger, "A", (1, 3), gone=6, code=code)
    placed(mailbox, ledger, "B", (3, None))
    other_earlier = placed(mailbox, ledger, "A", (1, 3), gone=6, text=b"y")
    placed(mailbox, ledger, "B", (3, None), code=code, text=b"y")
    claimed = claim_delivered_moves(mailbox, ledger)
    assert claimed == ({earlier, other_earlier} if is_there else set())


def test_one_whose_uid_is_not_known_or_that_is_there_still_or_whose_content_is_another_is_no_earlier_copy(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    placed(mailbox, ledger, "A", (1, 3), gone=6, uid=None)
    placed(mailbox, ledger, "A", (1, None))
    placed(mailbox, ledger, "A", (1, 3), gone=6, text=b"X")
    placed(mailbox, ledger, "B", (3, None))
    assert claim_delivered_moves(mailbox, ledger) == set()


def test_of_several_earlier_ones_that_which_was_seen_last_moved_and_the_others_stay(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    placed(mailbox, ledger, "A", (1, 2), gone=6)
    last = placed(mailbox, ledger, "B", (1, 4), gone=6)
    placed(mailbox, ledger, "C", (1, 3), gone=6)
    later = placed(mailbox, ledger, "D", (4, None))
    assert claim_delivered_moves(mailbox, ledger) == {last}
    assert moves(mailbox) == {last: later}
    assert claim_delivered_moves(mailbox, ledger) == set()


def test_of_several_later_ones_each_is_the_move_of_one(mailbox: Mailbox, ledger: Ledger) -> None:
    earlier = [placed(mailbox, ledger, name, (1, 3), gone=6) for name in ("A", "B", "A")]
    later = [placed(mailbox, ledger, "C", (after, None)) for after in (5, 4)]
    assert claim_delivered_moves(mailbox, ledger) == set(earlier[:2])
    assert moves(mailbox) == {earlier[0]: later[1], earlier[1]: later[0]}


def test_at_first_only_those_count_whose_later_message_has_vanished_too(mailbox: Mailbox, ledger: Ledger) -> None:
    there = placed(mailbox, ledger, "A", (1, 3), gone=6)
    placed(mailbox, ledger, "B", (3, None))
    on_its_way = placed(mailbox, ledger, "A", (1, 3), gone=6, text=b"y")
    station = placed(mailbox, ledger, "B", (3, 7), gone=8, text=b"y")
    assert claim_delivered_moves(mailbox, ledger, to_what_vanished=True) == {on_its_way}
    assert moves(mailbox) == {on_its_way: station}
    assert claim_delivered_moves(mailbox, ledger) == {there}


def test_a_move_is_followed_through_a_place_from_which_nothing_was_delivered(mailbox: Mailbox, ledger: Ledger) -> None:
    earlier = placed(mailbox, ledger, "A", (1, 2), gone=4)
    placed(mailbox, ledger, "B", (3, 5), gone=7, code=None)
    later = placed(mailbox, ledger, "C", (6, None))
    assert claim_delivered_moves(mailbox, ledger) == {earlier}
    assert moves(mailbox) == {earlier: later}


def test_what_came_between_two_looks_of_one_delta_is_no_move_of_itself(mailbox: Mailbox, ledger: Ledger) -> None:
    """That delta knows that it was not there yet, and that it was: then it is deleted. Its copy on the target would make way for itself."""
    placed(mailbox, ledger, "A", (3, 3), gone=5)
    assert claim_delivered_moves(mailbox, ledger) == set()
    assert moves(mailbox) == {}


@pytest.mark.parametrize("number", [2, 3, 5])
def test_of_equal_ones_that_came_so_and_went_one_stays_on_the_target(
    mailbox: Mailbox, ledger: Ledger, number: int
) -> None:
    """Each may be what another moved to, and none is where all of them went."""
    these = {placed(mailbox, ledger, name, (3, 3), gone=5) for name in "ABCDE"[:number]}
    for _ in range(2):
        claim_delivered_moves(mailbox, ledger)
        [last] = these - moves(mailbox).keys()
        assert set(ledger.moves_to_end().values()) == {last}


def test_a_message_does_not_move_to_where_it_came_from(mailbox: Mailbox, ledger: Ledger) -> None:
    first, second, third = (placed(mailbox, ledger, name, (3, 3), gone=5) for name in "ABC")
    assert ledger.claim(first, second)
    assert ledger.claim(second, third)
    assert not ledger.claim(third, first)
    assert not ledger.claim(third, third)
    assert moves(mailbox) == {first: second, second: third}


def test_what_an_older_version_took_for_the_move_of_itself_stays(mailbox: Mailbox, ledger: Ledger) -> None:
    first, second, third, last = (placed(mailbox, ledger, name, (3, 3), gone=5) for name in "ABCD")
    rows = [(ledger.target, *move) for move in ((first, first), (second, third), (third, second))]
    mailbox.database.executemany("INSERT INTO moves (target, earlier, later, done) VALUES (?, ?, ?, 0)", rows)
    assert ledger.moves_to_end() == {}
    assert not ledger.claim(last, last)


def test_what_lies_on_another_target_is_nobodys_move_here(mailbox: Mailbox, ledger: Ledger) -> None:
    other = mailbox.ledger("imap://a@other.example")
    placed(mailbox, ledger, "A", (1, 3), gone=6)
    placed(mailbox, other, "B", (3, None))
    assert claim_delivered_moves(mailbox, ledger) == set()
    assert claim_delivered_moves(mailbox, other) == set()
