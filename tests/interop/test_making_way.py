"""What moved on the old side, on targets and with members that make its way hard: what is in one place and what is in two, and what is said of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, Hangup, No
from support.two_servers import TwoServers, text, two_servers

NONE: frozenset[bytes] = frozenset()
MOVED = text(1)


def delivered(both: TwoServers) -> tuple[Folder, Folder]:
    """A and B, after a run; A has the message that will move, and another."""
    a, b = both.old.create(b"A"), both.old.create(b"B")
    for number in (1, 2):
        both.old.append(a, text(number))
    both.copy()
    return a, b


class KeepsAPart(Quirk):
    """Of what comes to B the first octets are kept."""

    octets = 120
    folder = b"B"

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        return replace(message, octets=message.octets[: self.octets]) if folder.name == self.folder else message


def test_an_intact_copy_stays_where_the_target_altered_the_message_in_its_new_place(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := KeepsAPart()) as both:
        quirk.octets = 50
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        for _ in range(2):
            ended = both.copy()
            assert (ended.status, ended.codes) == (1, ["altered"])
            assert "its earlier copy is still in A" in ended.report["exceptions"][0]["detail"]
            assert ended.report["exceptions"][0]["detail"].count("altered by the target") == 1
            assert both.lies(MOVED) == [("A", NONE)]


def test_a_copy_that_is_altered_in_both_places_is_left_in_one(tmp_path: Path) -> None:
    class Everywhere(KeepsAPart):
        octets = 50

        def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
            return replace(message, octets=message.octets[: self.octets])

    with two_servers(tmp_path, Everywhere()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        assert both.copy().status == 1
        assert both.lies(MOVED[:50]) == [("B", NONE)]


class DoesNotOpenA(Quirk):
    """A can't be opened, while ``closed``."""

    closed = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SELECT", "EXAMINE") and self.closed and b"A" in command.line.split():
            raise No("[SERVERBUG] internal error, the index is corrupted")


def test_a_message_whose_earlier_copy_nobody_can_see_is_named_until_it_is_in_one_place(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := DoesNotOpenA()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.closed = True
        for _ in range(2):
            ended = both.copy()
            assert (ended.status, ended.codes) == (1, ["duplicate"])
            assert ended.report["exceptions"][0]["detail"].endswith("its earlier copy may still be in A of the target")
        quirk.closed = False
        assert (both.copy().status, both.lies(MOVED)) == (0, [("B", NONE)])


@pytest.mark.parametrize("renewed", [b"A", b"B", b"A B"], ids=["the earlier", "the later", "both"])
def test_a_copy_that_could_not_make_way_does_so_where_its_folder_has_other_uids_since(
    tmp_path: Path, renewed: bytes
) -> None:
    with two_servers(tmp_path, quirk := DoesNotOpenA()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.closed = True
        assert (both.copy().status, len(both.lies(MOVED))) == (1, 2)
        quirk.closed = False
        for name in renewed.split():
            folder = both.new.folders[name]
            folder.uidvalidity += 1
            folder.uidnext += 10
            for message in folder.messages:
                message.uid += 10
        assert (both.copy().status, both.lies(MOVED)) == (0, [("B", NONE)])


class EndsAtOnce(Quirk):
    """The connection ends once at this command: before it is carried out, or behind it."""

    def __init__(self, verb: str, behind: bool) -> None:
        self.verb, self.behind, self.armed = verb, behind, False

    def before(self, session: Session, command: Command) -> None:
        self._end(command, behind=False)

    def after(self, session: Session, command: Command) -> None:
        self._end(command, behind=True)

    def _end(self, command: Command, behind: bool) -> None:
        if self.armed and command.verb == self.verb and behind is self.behind:
            self.armed = False
            self.ended()
            raise Hangup

    def ended(self) -> None:
        """Something may happen then."""


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("verb", ["UID STORE", "UID EXPUNGE"])
def test_a_connection_that_ends_while_a_copy_makes_way_is_opened_again(tmp_path: Path, verb: str, behind: bool) -> None:
    with two_servers(tmp_path, quirk := EndsAtOnce(verb, behind)) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.armed = True
        assert both.copy().status == 0
        assert not quirk.armed
        assert both.lies(MOVED) == [("B", NONE)]


def test_what_we_marked_as_deleted_and_the_member_touched_behind_a_lost_connection_is_not_deleted(
    tmp_path: Path,
) -> None:
    class AndIsStarred(EndsAtOnce):
        def ended(self) -> None:
            copy = both.new.folders[b"A"].messages[0]
            assert b"\\Deleted" in copy.flags
            both.new.folders[b"A"].change(copy, copy.flags | {b"\\Flagged"})

    with two_servers(tmp_path, quirk := AndIsStarred("UID STORE", True)) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.armed = True
        assert both.copy().status == 0
        assert sorted(both.lies(MOVED)) == [("A", {b"\\Flagged"}), ("B", NONE)]


class EndsForGood(Quirk):
    """From the mark on no connection is taken, while ``is_down``."""

    is_down = armed = False

    def greeting(self, session: Session, line: bytes) -> bytes:
        return b"* BYE down" if self.is_down else line

    def after(self, session: Session, command: Command) -> None:
        if self.armed and command.verb == "UID STORE":
            self.is_down = True
            raise Hangup


def test_what_a_run_that_could_not_go_on_marked_as_deleted_is_unmarked_where_the_member_touched_it(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path, quirk := EndsForGood()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.armed = True
        assert both.copy().status == 3
        assert sorted(both.lies(MOVED)) == [("A", {b"\\Deleted"}), ("B", NONE)]
        quirk.armed = quirk.is_down = False
        copy = both.new.folders[b"A"].messages[0]
        both.new.folders[b"A"].change(copy, copy.flags | {b"\\Flagged"})
        assert both.copy().status == 0
        assert sorted(both.lies(MOVED)) == [("A", {b"\\Flagged"}), ("B", NONE)]


class StarsAtTheStore(Quirk):
    """The member stars the copy between our look at it and its mark."""

    armed = False

    def before(self, session: Session, command: Command) -> None:
        if self.armed and command.verb == "UID STORE" and b"\\Deleted" in command.line:
            self.armed = False
            folder = session.store.folders[b"A"]
            folder.change(folder.messages[0], {b"\\Flagged", b"todo"})


def test_a_copy_that_the_member_stars_while_it_is_being_removed_stays(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := StarsAtTheStore()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        quirk.armed = True
        ended = both.copy()
        assert (ended.status, ended.codes) == (0, [])
        assert sorted(both.lies(MOVED)) == [("A", {b"\\Flagged", b"todo"}), ("B", NONE)]


class DoesNotExpunge(Quirk):
    """UID EXPUNGE is refused, while ``refuses``."""

    refuses = True

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID EXPUNGE" and self.refuses:
            raise No("not now")


def test_a_copy_that_could_not_be_removed_is_named_until_it_is(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := DoesNotExpunge()) as both:
        a, b = delivered(both)
        both.move(a.messages[0], a, b)
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"])
        assert sorted(both.lies(MOVED)) == [("A", NONE), ("B", NONE)]
        quirk.refuses = False
        assert (both.copy().status, both.lies(MOVED)) == (0, [("B", NONE)])


class TakesAnothersForOurs(Quirk):
    """Of what comes to A one message is dropped in silence, as another of somebody else's arrives; no UIDs are told."""

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if folder.name == b"A" and message.octets == MOVED:
            session.store.append(folder, b"Subject: only here\r\n\r\nof somebody else's\r\n", ())
            return None
        return message


def test_what_was_taken_for_ours_and_is_like_nothing_that_we_sent_is_never_removed(tmp_path: Path) -> None:
    with two_servers(tmp_path, TakesAnothersForOurs()) as both:
        a, b = delivered(both)
        theirs = [m for m in both.new.folders[b"A"].messages if b"only here" in m.octets]
        theirs[0].date += timedelta(days=1)
        both.move(a.messages[0], a, b)
        for _ in range(2):
            both.copy()
            assert both.lies(theirs[0].octets) == [("A", NONE)]
            assert both.lies(MOVED) == [("B", NONE)]
