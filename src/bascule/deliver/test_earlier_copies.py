"""What becomes of the earlier copy of a message that moved, where its UID on the target is not known."""

import pytest

from bascule.deliver.agenda import Reviewed
from bascule.deliver.making_way import pending_moves
from bascule.deliver.moves import EarlierCopies, EarlierCopy
from bascule.deliver.review import note_vanished
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.terms.body import body_of
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.later_runs import Action, New, knowledge
from bascule.terms.outcome import Outcome, OutcomeCode

ON_TARGET = [OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.ALTERED, OutcomeCode.DUPLICATE]
NONE: frozenset[str] = frozenset()


def two_messages(mailbox: Mailbox, code: OutcomeCode) -> tuple[Ledger, int, int]:
    """One that moved, of this outcome, and the one that it is now."""
    ledger = mailbox.ledger("imap://a@new.example")
    folder = mailbox.folders.record(
        FolderPath(("A",)), source_name=b"A", special_use=None, subscribed=True, selectable=True
    ).id
    new = [NewMessage(uid, NONE, InternalDate(1), body_of(iter([b"x"])), None, "") for uid in (1, 2)]
    earlier, later = mailbox.messages.store(folder, 1, new)
    ledger.record_folder(TargetFolder(folder, b"A", 7, 100))
    ledger.settle(folder, [(earlier, Outcome(code, "", 10)), (later, Outcome(OutcomeCode.DELIVERED, "", 11))])
    mailbox.database.execute("UPDATE messages SET vanished_utc = 1, last_delta = 1 WHERE id = ?", (earlier,))
    assert ledger.claim(earlier, later)
    return ledger, earlier, later


@pytest.mark.parametrize("code", ON_TARGET)
def test_it_waits_for_its_uid_and_makes_way_then(mailbox: Mailbox, code: OutcomeCode) -> None:
    ledger, earlier, later = two_messages(mailbox, code)
    ledger.named(1, {earlier: None})
    assert pending_moves(mailbox, ledger) == []
    ledger.named(1, {earlier: 20})
    assert [(move.earlier.target_uid, move.later.message) for move in pending_moves(mailbox, ledger)] == [(20, later)]


def test_one_that_was_removed_is_waited_for_no_longer(mailbox: Mailbox) -> None:
    ledger, earlier, _ = two_messages(mailbox, OutcomeCode.DELIVERED)
    ledger.removed([earlier], "gone")
    assert pending_moves(mailbox, ledger) == []
    assert mailbox.database.execute("SELECT done FROM moves").fetchone() == (1,)


@pytest.mark.parametrize("code", ON_TARGET)
def test_it_is_not_taken_for_removed_by_the_member(code: OutcomeCode) -> None:
    earlier = EarlierCopies()
    row = Reviewed(1, 1, code, True, None, NONE, NONE, b"x", 1, 1, 3, False, NONE)
    note_vanished(earlier, [row], {}, New.DELETED)
    copy = earlier.take(b"x", 2, 1)
    assert copy is not None
    assert copy.decision.action is Action.SEND


def test_of_two_places_that_a_message_had_it_comes_from_the_one_in_which_it_was_seen_last() -> None:
    earlier = EarlierCopies()
    for message, last_delta in ((1, 3), (2, 6), (3, 4)):
        earlier.add(
            b"x",
            EarlierCopy(message, last_delta, 9, 1, knowledge(OutcomeCode.DELIVERED, is_read_back=True), New.UNTOUCHED),
        )
    taken = [earlier.take(b"x", 8, 1) for _ in range(3)]
    assert [copy.message for copy in taken if copy] == [2, 3, 1]
