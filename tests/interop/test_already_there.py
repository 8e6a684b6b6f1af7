"""What lies on the target before a run comes is taken for a message of the old side only where it is that message, and stays."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from support.mailbox_move import MailboxMove
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session


class MakesNulsOthers(Quirk):
    """NUL becomes 0x80, as on Dovecot."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, octets=message.octets.replace(b"\0", b"\x80"))


def test_what_a_target_altered_is_named_also_after_a_lost_state_folder(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, MakesNulsOthers()) as move:
        move.fill(2)
        move.inbox.messages[0].octets = b"Subject: nul\r\n\r\n\0\r\n"
        assert move.copy() == [(1, "altered")]
        move.state = "another state"
        for _ in range(2):
            assert (move.copy(), move.status) == ([(1, "altered")], 1)
            assert move.report["exceptions"][0]["subject"] == "nul"
            assert move.verify() == [(1, "fault")]
        assert len(move.arrived) == 2


def test_a_copy_that_is_marked_as_deleted_is_not_taken_for_the_message(tmp_path: Path) -> None:
    with MailboxMove(tmp_path) as move:
        move.fill(2)
        for message, flags in zip(move.inbox.messages, ({b"\\Deleted"}, set[bytes]()), strict=True):
            move.new.append(move.new.folders[b"INBOX"], message.octets, flags, message.date)
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 3
        move.new.folders[b"INBOX"].remove([one for one in move.arrived if b"\\Deleted" in one.flags])
        assert (move.verify(), move.status) == ([], 0)


def test_a_copy_that_was_marked_as_deleted_since_it_was_looked_at_is_not_taken_either(tmp_path: Path) -> None:
    with MailboxMove(tmp_path) as move:
        move.fill(2)
        second = move.inbox.messages.pop()
        inbox = move.new.folders[b"INBOX"]
        move.new.append(inbox, second.octets, (), second.date)
        assert move.copy() == []
        inbox.change(move.arrived[0], {b"\\Deleted"})
        move.old.append(move.inbox, second.octets, (), second.date)
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 3


def test_a_message_that_is_marked_as_deleted_on_both_sides_is_there_already(tmp_path: Path) -> None:
    with MailboxMove(tmp_path) as move:
        move.fill(1, b"\\Deleted")
        move.copy()
        move.state = "another state"
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 1


def test_a_copy_that_another_program_brought_with_another_date_keeps_it_and_that_is_said(tmp_path: Path) -> None:
    with MailboxMove(tmp_path) as move:
        move.fill(3)
        inbox = move.new.folders[b"INBOX"]
        for message in move.inbox.messages[:2]:
            move.new.append(inbox, message.octets, message.flags, message.date + timedelta(days=900))
        for _ in range(2):
            assert (move.copy(), move.status) == ([], 0)
            [text] = (tmp_path / "state" / "reports").glob("*/report.txt")
            assert (
                "2 messages have marks (read, flagged …) or a date of arrival on the new platform that somebody"
                in text.read_text()
            )
            text.unlink()
        assert len(move.arrived) == 3
        assert move.verify() == [(1, "theirs"), (2, "theirs")]
