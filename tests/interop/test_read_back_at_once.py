"""What is recorded of a message that was read back is of that message and of no other, and what the member does meanwhile is theirs; also where the target
tells no UID of what it takes (without UIDPLUS)."""

from pathlib import Path

import pytest

from support.mailbox_move import MailboxMove
from support.quirks import Folder, Message, Quirk
from support.quirks.keeping import ShownAfterNoop
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.quirks.syntax import Command, No


class DropsTheFirst(Quirk):
    """The first report is answered OK and not kept, once."""

    without = frozenset({"UIDPLUS"})
    has_dropped = False

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if b"report A" in message.octets and not self.has_dropped:
            self.has_dropped = True
            return None
        return message


def test_of_two_messages_of_one_size_and_second_the_one_that_was_lost_is_named_and_sent_again(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, DropsTheFirst()) as move:
        for letter in (b"A", b"B"):
            move.old.append(move.inbox, b"Subject: report %b\r\n\r\nok\r\n" % letter, [], ARRIVAL)
        assert move.copy() == [(1, "missing")]
        move.later()
        assert move.copy() == []
        held = sorted(message.octets.split(b"\r\n")[0] for message in move.arrived)
        assert held == [b"Subject: report A", b"Subject: report B"]


class ReadsAndDeletesMeanwhile(Quirk):
    """While a later batch is delivered, the member reads the first message and deletes the second."""

    batches = 0

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            self.batches += 1
            if self.batches == 5:
                inbox = session.store.folders[b"INBOX"]
                inbox.change(inbox.messages[0], {b"\\Seen"})
                inbox.remove(inbox.messages[1:2])


class ReadsAndDeletesMeanwhileWithoutUids(ReadsAndDeletesMeanwhile):
    """The same, where no UID is told."""

    without = frozenset({"UIDPLUS"})


def test_what_the_member_reads_or_deletes_while_the_folder_is_filled_is_theirs(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, ReadsAndDeletesMeanwhileWithoutUids()) as move:
        move.fill(600)
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 599
        assert move.report["verified"] == {"details": 600}
        move.later()
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 599
        assert move.arrived[0].flags == {b"\\Seen"}


@pytest.mark.parametrize("quirk", [ReadsAndDeletesMeanwhile, ReadsAndDeletesMeanwhileWithoutUids])
def test_what_was_seen_there_and_is_deleted_before_its_octets_are_read_is_not_missing(
    tmp_path: Path, quirk: type[Quirk]
) -> None:
    with MailboxMove(tmp_path, quirk()) as move:
        move.fill(600)
        move.inbox.messages[1].octets = b"Subject: caf\xe9\r\n\r\ntext\r\n"  # octets that servers are known to alter
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["totals"]["removed"] == 1
        move.later()
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 599


class ShownAfterNoopAndRead(ShownAfterNoop):
    """The member reads the first message, which our connection is shown only at the end."""

    def after(self, session: Session, command: Command) -> None:
        inbox = session.store.folders[b"INBOX"]
        if command.verb == "APPEND" and len(inbox.messages) == 3:
            inbox.change(inbox.messages[0], {b"\\Seen"})


def test_what_a_target_shows_only_at_the_end_may_have_been_read_by_then(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, ShownAfterNoopAndRead()) as move:
        move.fill(3)
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["verified"] == {"details": 3}
        assert sum(row["marked"] for row in move.report["folders"]) == 1


class DropsTheSecond(Quirk):
    """The second message is answered OK and not kept."""

    without = frozenset({"UIDPLUS"})

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return None if b"message 2" in message.octets else message


def test_what_never_came_to_anything_is_missing_also_where_nothing_is_read_back(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, DropsTheSecond()) as move:
        move.fill(3)
        assert (move.copy("--verify", "none"), move.status) == ([(2, "missing")], 1)
        assert move.verify() == [(2, "fault")]


def test_what_a_killed_run_delivered_and_nobody_ever_saw_is_missing_and_not_removed(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, DropsTheSecond()) as move:
        move.fill(3)
        move.copy()
        move.write(
            "UPDATE outcomes SET code = 'delivered', target_uid = NULL, verified = 0, verified_utc = NULL, detail = '' WHERE code = 'missing'"
        )
        assert move.verify() == [(2, "fault")]
        assert (move.copy(), move.status) == ([(2, "missing")], 1)


class GivesNothingBack(Quirk):
    """UID FETCH is refused, at first."""

    refuses = True

    def before(self, session: Session, command: Command) -> None:
        if self.refuses and command.verb == "UID FETCH":
            raise No("[NOPERM] no right to read")


def test_a_target_that_lets_nothing_be_read_back_is_filled_all_the_same_and_that_is_said(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, target := GivesNothingBack()) as move:
        move.fill(600)
        move.copy()
        assert len(move.arrived) == 600
        assert move.report["verified"] == {"no": 600}
        assert "does not let what was delivered be read back: " in move.told
        target.refuses = False
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["verified"] == {"details": 600}
        assert len(move.arrived) == 600
