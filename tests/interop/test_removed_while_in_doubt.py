"""A run is cut while it brings to its new place what moved on the old side; before the next one the member removes the copy in the earlier place. As
where no run came between, it does not come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, Hangup, No
from support.two_servers import TwoServers, text, two_servers


class CutsInB(Quirk):
    """Once `is_on`, the connection ends at what is brought to B, which can't be opened after that."""

    is_on = False
    keeps = False
    """Whether what was brought is kept all the same."""
    has_cut = False

    def before(self, session: Session, command: Command) -> None:
        if not self.is_on or b"B" not in command.line.split():
            return
        if self.has_cut and command.verb == "SELECT":
            raise No("not now")
        if command.verb == "APPEND" and not self.keeps:
            self.has_cut = True
            raise Hangup

    def after(self, session: Session, command: Command) -> None:
        if self.is_on and command.verb == "APPEND" and not self.has_cut:
            self.has_cut = True
            raise Hangup


Run = Callable[[TwoServers], int]


def copy(both: TwoServers) -> int:
    return both.copy("--connections", "1").status


def capture_and_deliver(both: TwoServers) -> int:
    return both.capture_and_deliver("--connections", "1").status


@pytest.mark.parametrize("run", [copy, capture_and_deliver])
@pytest.mark.parametrize("moved_on", [False, True])
@pytest.mark.parametrize("removed", ["the copy", "its folder"])
def test_it_does_not_come_back(run: Run, moved_on: bool, removed: str, tmp_path: Path) -> None:
    with two_servers(tmp_path, target := CutsInB()) as both:
        a, b, c = (both.old.create(name) for name in (b"A", b"B", b"C"))
        both.old.append(a, text(1))
        both.old.append(b, text(2))
        assert run(both) == 0
        both.move(a.messages[0], a, b)
        target.is_on = True
        run(both)
        target.is_on = False
        if moved_on:
            both.move(b.messages[1], b, c)
        if removed == "the copy":
            both.new.folders[b"A"].messages.clear()
        else:
            del both.new.folders[b"A"]
        for _ in range(2):
            assert run(both) == 0
            assert both.lies(text(1)) == []
            assert [name for name, _ in both.lies(text(2))] == ["B"]


@pytest.mark.parametrize("run", [copy, capture_and_deliver])
def test_what_had_come_all_the_same_stays(run: Run, tmp_path: Path) -> None:
    with two_servers(tmp_path, target := CutsInB()) as both:
        a, b = (both.old.create(name) for name in (b"A", b"B"))
        both.old.append(a, text(1))
        assert run(both) == 0
        both.move(a.messages[0], a, b)
        target.is_on = target.keeps = True
        run(both)
        target.is_on = False
        both.new.folders[b"A"].messages.clear()
        for _ in range(2):
            assert run(both) == 0
            assert [name for name, _ in both.lies(text(1))] == ["B"]
