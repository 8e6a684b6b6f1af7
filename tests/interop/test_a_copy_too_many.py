"""A copy too many is named with what to do; when one of the two was removed by hand, whichever, nothing is at fault any more."""

import re
from pathlib import Path

import pytest

from support.mailbox_move import MailboxMove
from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command


class AnotherDelivers(Quirk):
    """Without UIDPLUS; another program delivers the same messages in the moment in which ours come."""

    without = frozenset({"UIDPLUS"})
    move: MailboxMove

    def before(self, session: Session, command: Command) -> None:
        inbox = session.store.folders[b"INBOX"]
        if command.verb == "APPEND" and not inbox.messages:
            for message in self.move.inbox.messages:
                session.store.append(inbox, message.octets, message.flags, message.date)


@pytest.mark.parametrize("removes_the_named", [True, False])
@pytest.mark.parametrize("verb", ["copy", "verify"])
def test_a_duplicate_is_over_when_either_copy_was_removed(tmp_path: Path, removes_the_named: bool, verb: str) -> None:
    with MailboxMove(tmp_path, other := AnotherDelivers()) as move:
        other.move = move
        move.fill(3)
        assert {code for _, code in move.copy()} == {"duplicate"}
        details = [one["detail"] for one in move.report["exceptions"]]
        named = {int(uid) for detail in details for uid in re.findall(r"UID (\d+)", detail)}
        assert len(named) == 3
        assert {kind for _, kind in move.verify()} == {"fault"}
        move.new.folders[b"INBOX"].remove([one for one in move.arrived if (one.uid in named) is removes_the_named])
        assert (getattr(move, verb)(), move.status) == ([], 0)
        assert len(move.arrived) == 3
        assert (move.copy(), move.verify()) == ([], [])


def test_of_a_duplicate_of_which_both_copies_were_removed_the_member_has_removed_the_message(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, other := AnotherDelivers()) as move:
        other.move = move
        move.fill(2)
        move.copy()
        move.new.folders[b"INBOX"].remove(list(move.arrived))
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["totals"]["removed"] == 2
        assert move.arrived == []
