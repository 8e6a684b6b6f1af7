"""A run is cut behind what it had just brought, and the next one when it has only looked at what lies there. What moved on the old side after that is in one
place on the new side, and no longer in the one in which it was in doubt."""

from pathlib import Path

from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, Hangup, No
from support.two_servers import text, two_servers


class CutsBehindAppend(Quirk):
    """Once `is_on`, the connection ends behind the first APPEND to A, which can't be opened after that."""

    is_on = has_cut = False

    def before(self, session: Session, command: Command) -> None:
        if self.is_on and self.has_cut and command.verb == "SELECT" and b"A" in command.line.split():
            raise No("not now")

    def after(self, session: Session, command: Command) -> None:
        if self.is_on and command.verb == "APPEND":
            self.has_cut = True
            raise Hangup


class GivesNothing(Quirk):
    """Once `is_on`, the old side ends its connection instead of giving a message, and takes no other."""

    is_on = is_down = False

    def greeting(self, session: Session, line: bytes) -> bytes:
        return b"* BYE down" if self.is_on and self.is_down else line

    def before(self, session: Session, command: Command) -> None:
        if self.is_on and command.verb == "UID FETCH" and b"BODY" in command.line:
            self.is_down = True
            raise Hangup


def test_it_lies_in_one_place(tmp_path: Path) -> None:
    with two_servers(tmp_path, target := CutsBehindAppend(), source := GivesNothing()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        both.old.append(a, text(9))
        assert both.copy().status == 0
        both.old.append(a, text(1))
        target.is_on = True
        assert both.copy().status != 0
        assert [name for name, _ in both.lies(text(1))] == ["A"]
        target.is_on = False
        source.is_on = True
        assert both.copy().status == 3
        source.is_on = False
        both.move(a.messages[1], a, b)
        for _ in range(2):
            assert both.copy().status == 0
            assert [name for name, _ in both.lies(text(1))] == ["B"]
