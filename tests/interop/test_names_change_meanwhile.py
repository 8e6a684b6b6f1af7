"""Folders of the new side that get other names while a run is at work, or that one LIST leaves out: none counts as deleted that LIST, asked again, has."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.store import Store
from support.quirks.syntax import Command, No
from support.two_servers import text, two_servers


def rename(store: Store, name: bytes, to: bytes) -> None:
    folder = store.folders.pop(name)
    folder.name = to
    store.folders[to] = folder


class Renames(Quirk):
    """What lies below P is below Q once a folder there is to be opened for the first time: LIST has told of P by then."""

    def __init__(self) -> None:
        self.is_armed = False

    def before(self, session: Session, command: Command) -> None:
        if self.is_armed and command.verb in ("SELECT", "EXAMINE") and command.arguments[0].startswith(b"P"):
            self.is_armed = False
            for name in [name for name in session.store.folders if name.startswith(b"P")]:
                rename(session.store, name, name.replace(b"P", b"Q"))


@pytest.mark.parametrize("connections", ["1", "3"])
@pytest.mark.parametrize("what", ["moved", "flagged"])
def test_folders_below_one_that_was_renamed_are_all_found_again(tmp_path: Path, what: str, connections: str) -> None:
    with two_servers(tmp_path, quirk := Renames()) as both:
        away = both.old.create(b"D")
        folders = [both.old.create(b"P/%d" % n) for n in (1, 2, 3)]
        for n, folder in enumerate(folders, 1):
            both.old.append(folder, text(n))
            both.old.append(folder, text(n + 10))
        assert both.copy("--connections", connections).status == 0
        for folder in folders:
            if what == "moved":
                both.move(folder.messages[0], folder, away)
            else:
                folder.change(folder.messages[0], frozenset({b"\\Flagged"}))
        quirk.is_armed = True
        for _ in range(2):
            assert both.copy("--connections", connections).status == 0
            assert not quirk.is_armed
            found = [both.lies(text(n)) for n in (1, 2, 3)]
            if what == "moved":
                assert [[name for name, _ in places] for places in found] == [["D"]] * 3
            else:
                assert [places[0][1] for places in found] == [{b"\\Flagged"}] * 3


class RenamesAndAlters(Renames):
    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        return replace(message, octets=message.octets[:150]) if b"message 9" in message.octets else message


def test_a_fault_in_a_folder_that_was_renamed_meanwhile_stays_one(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := RenamesAndAlters()) as both:
        p, b = both.old.create(b"P"), both.old.create(b"B")
        for n in (1, 9):
            both.old.append(p, text(n))
        assert both.copy().codes == ["altered"]
        both.move(p.messages[0], p, b)
        quirk.is_armed = True
        for _ in range(3):
            ended = both.copy()
            assert not quirk.is_armed
            assert (ended.status, ended.codes) == (1, ["altered"])


def test_the_report_calls_a_folder_by_the_name_under_which_it_was_found(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := Renames()) as both:
        p = both.old.create(b"P")
        both.old.append(p, text(1))
        assert both.copy().status == 0
        p.change(p.messages[0], frozenset({b"\\Flagged"}))
        quirk.is_armed = True
        ended = both.copy()
        assert [folder["target"] for folder in ended.report["folders"] if folder["folder"] == "P"] == ["Q"]


class LeavesOut(Quirk):
    """The LIST of this number does not tell of A."""

    def __init__(self) -> None:
        self.left = 0

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        self.left -= 1
        return [line for line in lines if self.left or not line.endswith((b' "A"', b" A"))]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("what", ["moved", "flagged"])
def test_a_folder_that_one_list_leaves_out_is_not_deleted(tmp_path: Path, what: str, number: int) -> None:
    with two_servers(tmp_path, quirk := LeavesOut()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for n in (1, 2):
            both.old.append(a, text(n))
        assert both.copy().status == 0
        if what == "moved":
            both.move(a.messages[0], a, b)
        else:
            a.change(a.messages[0], frozenset({b"\\Flagged"}))
        quirk.left = number
        for _ in range(2):
            both.copy()
        expected = ("B", frozenset()) if what == "moved" else ("A", {b"\\Flagged"})
        assert both.lies(text(1)) == [expected]
        assert [name for name, _ in both.lies(text(2))] == ["A"]


class Hides(Quirk):
    """LIST tells of A no more, while its index is being mended."""

    is_armed = False

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not (self.is_armed and line.endswith((b' "A"', b" A")))]


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("what", ["one moves", "the folder is renamed"])
@pytest.mark.parametrize("how", ["copy", "capture and deliver"])
def test_what_moved_while_the_new_side_had_lost_its_folder_moves_once_that_is_there_again(
    tmp_path: Path, how: str, what: str, touched: bool
) -> None:
    """The member may have marked it there: then it stays, beside the one that came."""
    with two_servers(tmp_path, quirk := Hides()) as both:
        run = both.copy if how == "copy" else both.capture_and_deliver
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for n in (1, 2):
            both.old.append(a, text(n))
        assert run().status == 0
        quirk.is_armed = True
        if what == "one moves":
            both.move(a.messages[0], a, b)
        else:
            rename(both.old, b"A", b"E")
        assert run().status == 0
        assert [name for name, _ in both.lies(text(1))] == ["A"]
        quirk.is_armed = False
        if touched:
            there = both.new.folders[b"A"]
            there.change(there.messages[0], frozenset({b"\\Flagged"}))
        to = "B" if what == "one moves" else "E"
        for _ in range(2):
            assert run().status == 0
            assert sorted(name for name, _ in both.lies(text(1))) == (["A", to] if touched else [to])
            assert [name for name, _ in both.lies(text(2))] == (["A"] if what == "one moves" else ["E"])


class Closed(Quirk):
    """Of the old side: A does not open."""

    is_armed = False

    def before(self, session: Session, command: Command) -> None:
        if self.is_armed and command.verb in ("SELECT", "EXAMINE") and command.arguments[0] == b"A":
            raise No("[UNAVAILABLE] not tonight")


@pytest.mark.parametrize("there", [True, False], ids=["with its mail", "empty"])
def test_a_folder_that_got_the_name_of_another_and_can_not_be_read_tonight_is_dealt_with_later(
    tmp_path: Path, there: bool
) -> None:
    """Both sides have called A “E”, and made another A, in which one message of the former one is as well, or none."""
    with two_servers(tmp_path, old=(closed := Closed())) as both:
        for n in (1, 2, 3):
            both.old.append(both.old.folders.get(b"A") or both.old.create(b"A"), text(n))
        assert both.copy().status == 0
        for store in (both.old, both.new):
            rename(store, b"A", b"E")
            store.create(b"A")
        if there:
            both.old.append(both.old.folders[b"A"], text(3))
        both.old.append(both.old.folders[b"A"], text(4))
        closed.is_armed = True
        assert both.copy().status == 1
        closed.is_armed = False
        for _ in range(2):
            assert both.copy().status == 0
            found = [sorted(name for name, _ in both.lies(text(n))) for n in (1, 2, 3, 4)]
            assert found == [["E"], ["E"], ["A", "E"] if there else ["E"], ["A"]]


def test_a_folder_that_the_member_deleted_for_good_costs_later_runs_nothing(tmp_path: Path) -> None:
    with two_servers(tmp_path) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for n, folder in ((1, a), (2, a), (3, b)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        both.target.commands.clear()
        assert both.copy().status == 0
        before = len(both.target.commands)
        del both.new.folders[b"A"]
        both.move(a.messages[0], a, b)
        assert both.copy().status == 0
        both.target.commands.clear()
        assert both.copy().status == 0
        assert len(both.target.commands) <= before


def test_what_moved_twice_meanwhile_moves_to_where_it_is_now(tmp_path: Path) -> None:
    with two_servers(tmp_path, quirk := Hides()) as both:
        a, b, c = (both.old.create(name) for name in (b"A", b"B", b"C"))
        for n, folder in ((1, a), (2, a), (3, b), (4, c)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        quirk.is_armed = True
        for folder, to in ((a, b), (b, c)):
            both.move(next(m for m in folder.messages if m.octets == text(1)), folder, to)
            assert both.copy().status == 0
            assert [name for name, _ in both.lies(text(1))] == ["A"]
        quirk.is_armed = False
        for _ in range(2):
            assert both.copy().status == 0
            assert [name for name, _ in both.lies(text(1))] == ["C"]


def test_a_folder_whose_name_changes_in_capitals_stays_as_it_is_where_the_target_makes_no_difference(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path) as both:
        both.new.folds_case = True
        folder = both.old.create(b"archive")
        for n in (1, 2, 3):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        rename(both.old, b"archive", b"Archive")
        for _ in range(2):
            assert both.copy().status == 0
            assert [len(both.lies(text(n))) for n in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("how", ["copy", "capture and deliver"])
def test_the_sent_folder_may_have_another_name_on_the_old_side(tmp_path: Path, how: str) -> None:
    """A provider names it anew when somebody chooses another language; the target has one of its own."""
    with two_servers(tmp_path) as both:
        run = both.copy if how == "copy" else both.capture_and_deliver
        both.new.create(b"Sent", b"\\Sent")
        sent = both.old.create(b"Sent Mail", b"\\Sent")
        for n in (1, 2, 3):
            both.old.append(sent, text(n))
        assert run().status == 0
        rename(both.old, b"Sent Mail", b"Envoy&AOk-s")
        for _ in range(2):
            assert run().status == 0
            assert [[name for name, _ in both.lies(text(n))] for n in (1, 2, 3)] == [["Sent"]] * 3
