r"""Which flags a copy gets, and whose those are that it has: ours as we gave them, or somebody's on the new side."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.deliver.agenda import Reviewed
from bascule.deliver.expectation import BEHIND, THERE_BEFORE, is_touched
from bascule.deliver.following import (
    Following,
    _Change,
    _followed,
    _is_equal,
    _kept,
    _told,
    _was_given,
    state_of,
)
from bascule.deliver.session import TargetSession
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.flags import ordinary_flags
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.later_runs import New
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT

NONE: Flags = frozenset()
SEEN, DELETED, FLAGGED = (frozenset({name}) for name in ("\\Seen", "\\Deleted", "\\Flagged"))
LONG = frozenset({"$" + "x" * 100})
"""Longer than some servers take."""
FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$A", *LONG]))


def a_row(
    given: Flags | None = NONE,
    wanted: Flags = NONE,
    *,
    code: OutcomeCode = OutcomeCode.DELIVERED,
    detail: str = "",
    is_theirs: bool = False,
    unwritable: Flags = NONE,
) -> Reviewed:
    return Reviewed(1, 1, code, True, 10, given, wanted, b"x", 0, 0, 0, is_theirs, unwritable, detail)


# -- what became of a copy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "row", "state"),
    [
        (None, a_row(), New.DELETED),
        (NONE, a_row(), New.UNTOUCHED),
        (DELETED, a_row(), New.UNTOUCHED),
        (SEEN, a_row(), New.READ),
        (SEEN | FLAGGED, a_row(FLAGGED), New.READ),
        (SEEN | FLAGGED, a_row(), New.FLAGGED),
        (SEEN, a_row(FLAGGED), New.FLAGGED),
        (NONE, a_row(SEEN), New.FLAGGED),
        (frozenset({"$forwarded"}), a_row(frozenset({"$Forwarded"})), New.UNTOUCHED),
        (SEEN, a_row(None, SEEN), New.UNTOUCHED),
        (SEEN, a_row(None, NONE), New.READ),
        (NONE, a_row(NONE, SEEN), New.UNTOUCHED),
        (NONE, a_row(is_theirs=True), New.FLAGGED),
        (SEEN, a_row(is_theirs=True), New.READ),
        (None, a_row(is_theirs=True), New.DELETED),
    ],
)
def test_a_copy_is_as_we_left_it_where_it_has_what_it_was_given(now: Flags | None, row: Reviewed, state: New) -> None:
    assert state_of(now, row) is state


@pytest.mark.parametrize(
    ("now", "row", "equal"),
    [
        (SEEN, a_row(NONE, SEEN), True),
        (SEEN | DELETED, a_row(NONE, SEEN), True),
        (SEEN, a_row(NONE, SEEN | DELETED), True),
        (NONE, a_row(NONE, SEEN), False),
        (SEEN, a_row(SEEN, NONE), False),
        (SEEN, a_row(SEEN, SEEN, unwritable=frozenset({"two words"})), False),
    ],
)
def test_a_copy_is_equal_where_it_has_all_that_the_old_side_has(now: Flags, row: Reviewed, equal: bool) -> None:
    assert _is_equal(now, row) is equal


# -- what it gets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_before", "wanted", "now", "followed"),
    [
        (NONE, SEEN, NONE, SEEN),
        (SEEN, NONE, SEEN, NONE),
        (SEEN, FLAGGED, SEEN, FLAGGED),
        (NONE, SEEN | DELETED, NONE, SEEN),
        (NONE, DELETED, NONE, NONE),
        (NONE, SEEN, DELETED, SEEN | DELETED),
        (DELETED, SEEN, DELETED, SEEN),
        (DELETED, SEEN | DELETED, DELETED, SEEN | DELETED),
        (DELETED, SEEN, NONE, SEEN),
        (None, SEEN, DELETED, SEEN | DELETED),
    ],
)
def test_deleted_is_never_given_and_taken_off_only_where_we_gave_it(
    given_before: Flags | None, wanted: Flags, now: Flags, followed: Flags
) -> None:
    assert _followed(a_row(given_before, wanted), now) == followed


@given(FLAGS, FLAGS, FLAGS)
def test_what_is_added_and_taken_off_makes_of_what_it_has_what_it_is_to_have(
    given_before: Flags, wanted: Flags, now: Flags
) -> None:
    followed = _followed(a_row(given_before, wanted), now)
    change = _Change.between(now, followed)
    assert (now | change.add) - change.remove == followed
    assert not is_touched(followed, wanted)
    assert not change.add & DELETED


def test_keywords_in_other_capitals_are_neither_added_nor_taken_off() -> None:
    change = _Change.between(frozenset({"$forwarded", "$old"}), frozenset({"$Forwarded", "$new"}))
    assert change == _Change(frozenset({"$new"}), frozenset({"$old"}))


def on_the_way(now: Flags, wanted: Flags) -> Iterator[Flags]:
    """What a copy has while it is given other flags: the new ones come first, without the long ones where those are refused."""
    change = _Change.between(now, wanted)
    for added in (change.add, ordinary_flags(change.add)):
        yield now | added
        yield (now | added) - change.remove


@given(FLAGS, FLAGS, st.sampled_from([NONE, DELETED]))
def test_whatever_a_run_that_was_cut_had_given_is_known_as_ours(before: Flags, wanted: Flags, marked: Flags) -> None:
    for now in on_the_way(before, wanted):
        assert _was_given(now | marked, before, wanted)


@pytest.mark.parametrize(
    ("now", "before", "wanted"),
    [
        (FLAGGED, NONE, SEEN),
        (SEEN | FLAGGED, NONE, SEEN),
        (SEEN | FLAGGED, SEEN, SEEN | {"$A"}),
        (NONE, SEEN, SEEN | {"$A"}),
        (NONE, SEEN | FLAGGED, SEEN),
    ],
)
def test_what_no_step_of_ours_comes_to_was_given_by_somebody_else(now: Flags, before: Flags, wanted: Flags) -> None:
    assert not _was_given(now, before, wanted)


# -- what it has of us ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "before", "now", "kept"),
    [
        (SEEN, NONE, SEEN, SEEN),
        (SEEN, NONE, NONE, NONE),
        (SEEN, NONE, SEEN | FLAGGED, SEEN),
        (SEEN, FLAGGED, SEEN | FLAGGED, SEEN | FLAGGED),
        (SEEN, FLAGGED, FLAGGED, FLAGGED),
        (frozenset({"$Forwarded"}), NONE, frozenset({"$forwarded"}), frozenset({"$forwarded"})),
        (NONE, NONE, DELETED, NONE),
    ],
)
def test_what_somebody_marked_meanwhile_is_not_of_us(wanted: Flags, before: Flags, now: Flags, kept: Flags) -> None:
    assert _kept(wanted, before, now) == kept


@pytest.mark.parametrize(
    ("unwritable", "wanted", "kept", "told"),
    [
        (NONE, SEEN, SEEN, ""),
        (NONE, NONE, SEEN, ""),
        (NONE, frozenset({"$A"}), frozenset({"$a"}), ""),
        (NONE, SEEN | {"$B", "$A"}, NONE, "without $A $B \\Seen"),
        (frozenset({"two words"}), SEEN, SEEN, "without two words: not a keyword that IMAP can write"),
        (frozenset({"é", "a(b"}), SEEN, NONE, "without a(b é: not keywords that IMAP can write; without \\Seen"),
    ],
)
def test_what_a_copy_lacks_is_told(unwritable: Flags, wanted: Flags, kept: Flags, told: str) -> None:
    row = a_row(unwritable=unwritable)
    assert _told(row, wanted, kept) == told
    assert replace(row, code=OutcomeCode.ALTERED, detail=told).is_of_flags is bool(told)


# -- flags that can not follow now ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code", "detail"),
    [
        (a_row(), OutcomeCode.ALTERED, f"{BEHIND}no"),
        (a_row(code=OutcomeCode.ALREADY_THERE), OutcomeCode.ALTERED, f"{THERE_BEFORE}{BEHIND}no"),
        (a_row(code=OutcomeCode.ALTERED, detail="without $A"), OutcomeCode.ALTERED, f"{BEHIND}no"),
        (a_row(code=OutcomeCode.ALTERED, detail=f"{THERE_BEFORE}{BEHIND}busy"), OutcomeCode.ALTERED, f"{THERE_BEFORE}{BEHIND}no"),
        (a_row(code=OutcomeCode.ALTERED, detail="other octets"), OutcomeCode.ALTERED, "other octets"),
        (a_row(code=OutcomeCode.DUPLICATE, detail="twice"), OutcomeCode.DUPLICATE, "twice"),
        (a_row(given=None), OutcomeCode.DELIVERED, ""),
    ],
)  # fmt: skip
def test_what_can_not_follow_is_named_unless_a_graver_fault_is(
    mailbox: Mailbox, row: Reviewed, code: OutcomeCode, detail: str
) -> None:
    ledger = recorded(mailbox, row)
    following = Following(cast(TargetSession, None), mailbox, ledger, SILENT)
    asyncio.run(following.name_behind([row], "no"))
    assert mailbox.database.execute("SELECT code, detail, target_uid FROM outcomes").fetchall() == [(code, detail, 10)]


def recorded(mailbox: Mailbox, row: Reviewed) -> Ledger:
    """A ledger in which the row stands."""
    ledger = mailbox.ledger("imap://a@new.example")
    folder = mailbox.folders.record(
        FolderPath(("A",)), source_name=b"", special_use=None, subscribed=True, selectable=True
    ).id
    messages = mailbox.messages.store(folder, 1, [NewMessage(1, row.wanted, InternalDate(0), HeldBody(b"x"))])
    assert (folder, messages) == (row.folder, [row.message])
    ledger.settle(folder, [(row.message, Outcome(row.code, row.detail, row.target_uid, given=row.given))])
    return ledger
