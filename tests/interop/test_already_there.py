"""What lies on the target before a run comes is taken for a message of the old side only where it is that message, and stays."""

from dataclasses import replace
from pathlib import Path

from support.nights import Nights
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session


class MakesNulsOthers(Quirk):
    """NUL becomes 0x80, as on Dovecot."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, octets=message.octets.replace(b"\0", b"\x80"))


def test_what_a_target_altered_is_named_also_after_a_lost_state_folder(tmp_path: Path) -> None:
    with Nights(tmp_path, MakesNulsOthers()) as nights:
        nights.fill(2)
        nights.inbox.messages[0].octets = b"Subject: nul\r\n\r\n\0\r\n"
        assert nights.copy() == [(1, "altered")]
        nights.state = "another state"
        for _ in range(2):
            assert (nights.copy(), nights.status) == ([(1, "altered")], 1)
            assert nights.report["exceptions"][0]["subject"] == "nul"
            assert nights.verify() == [(1, "fault")]
        assert len(nights.arrived) == 2


def test_a_copy_that_is_marked_as_deleted_is_not_taken_for_the_message(tmp_path: Path) -> None:
    with Nights(tmp_path) as nights:
        nights.fill(2)
        for message, flags in zip(nights.inbox.messages, ({b"\\Deleted"}, set[bytes]()), strict=True):
            nights.new.append(nights.new.folders[b"INBOX"], message.octets, flags, message.date)
        assert (nights.copy(), nights.status) == ([], 0)
        assert len(nights.arrived) == 3
        nights.new.folders[b"INBOX"].remove([one for one in nights.arrived if b"\\Deleted" in one.flags])
        assert (nights.verify(), nights.status) == ([], 0)


def test_a_copy_that_was_marked_as_deleted_since_it_was_looked_at_is_not_taken_either(tmp_path: Path) -> None:
    with Nights(tmp_path) as nights:
        nights.fill(2)
        second = nights.inbox.messages.pop()
        inbox = nights.new.folders[b"INBOX"]
        nights.new.append(inbox, second.octets, (), second.date)
        assert nights.copy() == []
        inbox.change(nights.arrived[0], {b"\\Deleted"})
        nights.old.append(nights.inbox, second.octets, (), second.date)
        assert (nights.copy(), nights.status) == ([], 0)
        assert len(nights.arrived) == 3


def test_a_message_that_is_marked_as_deleted_on_both_sides_is_there_already(tmp_path: Path) -> None:
    with Nights(tmp_path) as nights:
        nights.fill(1, b"\\Deleted")
        nights.copy()
        nights.state = "another state"
        assert (nights.copy(), nights.status) == ([], 0)
        assert len(nights.arrived) == 1
