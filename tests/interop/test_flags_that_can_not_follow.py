"""Flags of the old side that can't follow are named as long as they do not; and a fault of flags is over once the copy has those of the old side."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.mailbox_move import MailboxMove
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, No


class TakesNoFlags(Quirk):
    """STORE is refused."""

    refuses = True

    def before(self, session: Session, command: Command) -> None:
        if self.refuses and command.verb == "UID STORE":
            raise No("[NOPERM] no right to mark")


class OpensNoMore(TakesNoFlags):
    """The folder can't be opened."""

    refuses = False

    def before(self, session: Session, command: Command) -> None:
        if self.refuses and command.verb == "SELECT":
            raise No("[NOPERM] no right to open")


@pytest.mark.parametrize("quirk", [TakesNoFlags, OpensNoMore])
def test_flags_that_can_not_follow_are_named_until_they_do(tmp_path: Path, quirk: type[TakesNoFlags]) -> None:
    with MailboxMove(tmp_path, target := quirk()) as move:
        move.fill(3)
        assert move.copy() == []
        target.refuses = True
        move.inbox.change(move.inbox.messages[1], {b"\\Seen"})
        for _ in range(2):
            assert (move.copy("--language", "fr"), move.status) == ([(2, "altered")], 1)
            assert "its flags do not follow: " in move.report["exceptions"][0]["detail"]
        target.refuses = False
        assert (move.copy(), move.status) == ([], 0)
        assert move.arrived[1].flags == {b"\\Seen"}
        assert move.verify() == []


def test_flags_that_the_old_side_takes_back_need_not_follow_any_more(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, TakesNoFlags()) as move:
        move.fill(2)
        move.copy()
        move.inbox.change(move.inbox.messages[1], {b"\\Seen"})
        assert move.copy() == [(2, "altered")]
        move.inbox.change(move.inbox.messages[1], ())
        assert (move.copy(), move.status) == ([], 0)


def test_a_copy_that_the_member_marked_while_flags_could_not_follow_is_theirs(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, TakesNoFlags()) as move:
        move.fill(2)
        move.copy()
        move.inbox.change(move.inbox.messages[1], {b"\\Seen"})
        assert move.copy() == [(2, "altered")]
        move.new.folders[b"INBOX"].change(move.arrived[1], {b"\\Flagged"})
        assert move.verify() == [(2, "theirs")]
        assert (move.copy(), move.status) == ([], 0)
        assert sum(row["marked"] for row in move.report["folders"]) == 1


class DropsAKeyword(Quirk):
    """A keyword is dropped when it is appended, or stored."""

    drops = True

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, flags=message.flags - {b"Projet"}) if self.drops else message

    def after(self, session: Session, command: Command) -> None:
        if self.drops and command.verb == "UID STORE":
            inbox = session.store.folders[b"INBOX"]
            inbox.change(inbox.messages[0], inbox.messages[0].flags - {b"Projet"})


@pytest.mark.parametrize("flags", [{b"\\Seen"}, {b"Projet", b"\\Seen"}], ids=["taken off", "taken after all"])
def test_a_copy_that_has_the_old_sides_flags_again_is_no_fault(tmp_path: Path, flags: set[bytes]) -> None:
    with MailboxMove(tmp_path, target := DropsAKeyword()) as move:
        move.fill(1, b"Projet")
        assert move.copy() == [(1, "altered")]
        target.drops = False
        move.inbox.change(move.inbox.messages[0], flags)
        assert (move.copy(), move.status) == ([], 0)
        assert (move.verify(), move.status) == ([], 0)


def test_a_copy_that_somebody_gave_by_hand_what_it_lacked_is_no_fault(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, DropsAKeyword()) as move:
        move.fill(1, b"Projet")
        assert move.copy() == [(1, "altered")]
        move.new.folders[b"INBOX"].change(move.arrived[0], {b"Projet"})
        assert (move.verify(), move.status) == ([], 0)
        assert (move.copy(), move.status) == ([], 0)


def test_a_store_without_effect_is_over_once_a_later_one_has_its_effect(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, target := DropsAKeyword()) as move:
        move.fill(1)
        assert move.copy() == []
        move.inbox.change(move.inbox.messages[0], {b"Projet"})
        assert move.copy() == [(1, "altered")]
        target.drops = False
        move.inbox.change(move.inbox.messages[0], {b"Projet", b"\\Flagged"})
        assert (move.copy(), move.status) == ([], 0)
        assert move.verify() == []


class AltersAndTakesNoFlags(TakesNoFlags):
    """A header line is put before every message, and STORE is refused."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, octets=b"X-Scanned: yes\r\n" + message.octets)


def test_flags_that_do_not_follow_and_then_do_hide_no_other_fault(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, target := AltersAndTakesNoFlags()) as move:
        move.fill(1)
        assert move.copy() == [(1, "altered")]
        [before] = move.report["exceptions"]
        move.inbox.change(move.inbox.messages[0], {b"\\Seen"})
        for refuses in (True, False, False):
            target.refuses = refuses
            assert (move.copy(), move.status) == ([(1, "altered")], 1)
            assert move.report["exceptions"][0]["detail"] == before["detail"]
        assert move.arrived[0].flags == {b"\\Seen"}


@pytest.mark.parametrize("quirk", [TakesNoFlags, OpensNoMore])
@pytest.mark.parametrize("marks", [False, True])
def test_what_had_been_there_before_us_is_already_there_again(
    tmp_path: Path, quirk: type[TakesNoFlags], marks: bool
) -> None:
    """``marks``: the member does, on the new side, while flags could not follow."""
    with MailboxMove(tmp_path, target := quirk()) as move:
        target.refuses = False
        move.fill(1)
        [one] = move.inbox.messages
        move.new.append(move.new.folders[b"INBOX"], one.octets, one.flags, one.date)
        assert move.copy() == []
        assert move.report["totals"]["already_there"] == 1
        target.refuses = True
        move.inbox.change(one, {b"\\Flagged"})
        for _ in range(2):
            assert move.copy() == [(1, "altered")]
            told = move.report["exceptions"][0]["detail"]
            assert told.startswith("it had been there before; its flags do not follow: ")
        target.refuses = False
        if marks:
            move.new.folders[b"INBOX"].change(move.arrived[0], {b"\\Answered"})
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["totals"]["already_there"] == 1
        assert move.arrived[0].flags == ({b"\\Answered"} if marks else {b"\\Flagged"})
        assert move.verify() == ([(1, "theirs")] if marks else [])
