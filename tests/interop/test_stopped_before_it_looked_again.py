"""A run that stops before it looked once more at what it delivered: the next one does."""

from datetime import timedelta
from pathlib import Path

import pytest

from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.quirks.syntax import Command, Hangup, No
from support.two_servers import TwoServers, text, two_servers

NONE: frozenset[bytes] = frozenset()


class FullSoon(Quirk):
    """While ``is_full`` there is no room for what is not in the folder A, or for a second batch."""

    is_full = True
    without = frozenset({"MULTIAPPEND"})
    both: TwoServers
    appends = 0

    def deliver_beside(self, *numbers: int) -> None:
        """To A on the new side, as the old side has them."""
        held = {message.octets: message for message in self.both.old.folders[b"A"].messages}
        for number in numbers:
            message = held[text(number)]
            self.both.new.append(self.both.new.folders[b"A"], message.octets, message.flags, message.date)


class CommitsLate(FullSoon):
    """The first batch is cut, and committed once it was sent again."""

    without = frozenset()

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            if self.is_full and b"B" in command.line.split():
                raise No("[OVERQUOTA] full")
            self.appends += 1
            if self.appends == 1:
                raise Hangup()

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and self.appends == 2:
            self.appends += 1
            self.deliver_beside(1, 2)


class Rival(FullSoon):
    """Another machine's run delivers the first message just before ours."""

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            self.appends += 1
            if self.appends == 1:
                self.deliver_beside(1)
            elif self.is_full:
                raise No("[OVERQUOTA] full")


@pytest.mark.parametrize("quirk", [CommitsLate, Rival])
def test_a_copy_too_many_makes_way_in_the_next_run(tmp_path: Path, quirk: type[FullSoon]) -> None:
    with two_servers(tmp_path, target := quirk()) as both:
        target.both = both
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for number in (1, 2):
            both.old.append(a, text(number))
        if quirk is CommitsLate:
            both.old.append(b, text(3))
        assert both.copy("--connections", "1").status == 1
        assert len(both.lies(text(1))) == 2
        target.is_full = False
        for _ in range(2):
            assert both.copy("--connections", "1").status == 0
            assert [both.lies(text(number)) for number in (1, 2)] == [[("A", NONE)]] * 2


class StopsAtTheSecond(FullSoon):
    """There is room for one message, and no UID is told."""

    without = frozenset({"MULTIAPPEND", "UIDPLUS"})

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            self.appends += 1
            if self.is_full and self.appends > 1:
                raise No("[OVERQUOTA] full")


def test_what_took_the_place_of_a_removed_copy_is_no_copy_too_many(tmp_path: Path) -> None:
    with two_servers(tmp_path, target := StopsAtTheSecond()) as both:
        target.both = both
        a = both.old.create(b"A")
        for number in (1, 2):
            both.old.append(a, text(number))
        for _ in range(2):  # the second learns its UID
            assert both.copy("--connections", "1", "--verify", "none").status == 1
        assert both.lies(text(1)) == [("A", NONE)]
        folder = both.new.folders[b"A"]
        folder.remove(folder.messages)
        target.deliver_beside(1)
        target.is_full = False
        for _ in range(2):
            ended = both.copy("--connections", "1", "--verify", "none")
            assert (ended.status, ended.codes) == (0, [])
            assert [both.lies(text(number)) for number in (1, 2)] == [[("A", NONE)]] * 2


class EndsBehindTheFirst(FullSoon):
    """While ``is_full`` every connection ends at what comes behind an APPEND that was taken; no UID is told."""

    without = frozenset({"MULTIAPPEND", "UIDPLUS"})

    def before(self, session: Session, command: Command) -> None:
        if self.is_full and self.appends and command.verb != "APPEND":
            raise Hangup

    def after(self, session: Session, command: Command) -> None:
        self.appends += command.verb == "APPEND"


def test_the_next_run_comes_to_the_end_of_it_though_nothing_is_new(tmp_path: Path) -> None:
    """So that what a member puts beside ours afterwards is not taken for another machine's."""
    with two_servers(tmp_path, target := EndsBehindTheFirst()) as both:
        target.both = both
        a = both.old.create(b"A")
        both.old.append(a, text(1))
        assert both.copy("--connections", "1", "--verify", "none").status not in (0, 1)
        assert both.lies(text(1)) == [("A", NONE)]
        target.is_full = False
        assert both.copy("--connections", "1", "--verify", "none").status == 0
        target.deliver_beside(1)
        both.old.append(a, text(2))
        ended = both.copy("--connections", "1")
        assert (ended.status, ended.codes) == (0, [])
        assert both.lies(text(1)) == [("A", NONE)] * 2


@pytest.mark.parametrize("by_steps", [False, True], ids=["copy", "capture and deliver"])
def test_a_folder_that_was_left_in_the_middle_and_then_deleted_is_not_made_again(
    tmp_path: Path, by_steps: bool
) -> None:
    """Nothing is to be put in: there is nobody beside whom anything could have come."""
    with two_servers(tmp_path, target := StopsAtTheSecond()) as both:
        a = both.old.create(b"A")
        for number in (1, 2):
            both.old.append(a, text(number))
        run = both.capture_and_deliver if by_steps else both.copy
        assert run("--connections", "1").status == 1
        a.remove(a.messages[1:])
        target.is_full = False
        del both.new.folders[b"A"]
        for _ in range(2):
            assert run("--connections", "1").status == 0
            assert sorted(both.new.folders) == [b"INBOX"]


class CommitsOnce(CommitsLate):
    """The first batch is cut, sent again, and committed that one time."""

    def after(self, session: Session, command: Command) -> None: ...


def test_what_the_member_copied_stays_where_the_folder_has_other_uids_since(tmp_path: Path) -> None:
    """The UID from which on a batch that had been cut may come late is none of the new ones."""
    with two_servers(tmp_path, target := CommitsOnce()) as both:
        target.both = both
        a, b = both.old.create(b"A"), both.old.create(b"B")
        both.old.append(a, text(1))
        both.old.append(b, text(2))
        assert both.copy("--connections", "1").status == 1
        target.is_full = False
        folder = both.new.folders[b"A"]
        folder.uidvalidity += 1000
        target.deliver_beside(1)
        for _ in range(3):
            assert both.copy("--connections", "1").status == 0
            assert both.lies(text(1)) == [("A", NONE)] * 2


class Listens(Quirk):
    """Which folders are opened."""

    def __init__(self) -> None:
        self.opened: set[bytes] = set()

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "EXAMINE":
            self.opened.add(command.line.split()[2])


def test_a_folder_that_was_left_in_the_middle_and_then_deleted_is_not_read_each_night(tmp_path: Path) -> None:
    with two_servers(tmp_path, target := StopsAtTheSecond(), source := Listens()) as both:
        a = both.old.create(b"A")
        for number in (1, 2):
            both.old.append(a, text(number))
        assert both.copy("--connections", "1").status == 1
        a.remove(a.messages[1:])
        target.is_full = False
        del both.new.folders[b"A"]
        for name in (b"B", b"C", b"D"):  # those to which messages came last are opened in any case
            both.old.append(both.old.create(name), text(3), NONE, ARRIVAL + timedelta(days=1))
        for _ in range(2):
            assert both.copy("--connections", "1").status == 0
        source.opened.clear()
        assert both.copy("--connections", "1").status == 0
        assert source.opened == {b"B", b"C", b"D"}


class CutsAndRefuses(Quirk):
    """While ``is_bad`` the connection ends at what is put into B, and B is not opened afterwards. ``takes``: it is kept all the same."""

    is_bad = False
    has_cut = False

    def __init__(self, takes: bool) -> None:
        self.takes = takes

    def before(self, session: Session, command: Command) -> None:
        if self.has_cut and command.verb == "SELECT" and b"B" in command.line.split():
            raise No("not now")
        if not self.takes:
            self._cut(command)

    def after(self, session: Session, command: Command) -> None:
        if self.takes:
            self._cut(command)

    def _cut(self, command: Command) -> None:
        if self.is_bad and command.verb == "APPEND" and b"B" in command.line.split():
            self.has_cut = True
            raise Hangup


@pytest.mark.parametrize("by_steps", [False, True], ids=["copy", "capture and deliver"])
@pytest.mark.parametrize("takes", [False, True])
def test_what_moved_on_from_a_folder_that_was_deleted_since_its_batch_was_cut_there_is_in_one_place(
    tmp_path: Path, takes: bool, by_steps: bool
) -> None:
    with two_servers(tmp_path, target := CutsAndRefuses(takes)) as both:
        run = both.capture_and_deliver if by_steps else both.copy
        a, b, c = (both.old.create(name) for name in (b"A", b"B", b"C"))
        both.old.append(a, text(1))
        both.old.append(b, text(2))
        assert run("--connections", "1").status == 0
        both.move(a.messages[0], a, b)
        target.is_bad = True
        run("--connections", "1")
        assert target.has_cut
        target.is_bad = target.has_cut = False
        both.move(b.messages[1], b, c)
        del both.new.folders[b"B"]
        for _ in range(2):
            ended = run("--connections", "1")
            assert (ended.status, ended.codes) == (0, [])
            assert both.lies(text(1)) == [("C", NONE)]
        assert b"B" not in both.new.folders
