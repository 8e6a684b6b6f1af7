"""A run is cut behind flags that it had just given to a copy; the old side takes them off again before the next one. They were ours, and go."""

from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, Hangup
from support.two_servers import TwoServers, text, two_servers


class CutsBehindStore(Quirk):
    """Once `is_on`, the connection ends behind the first flags that are given, and no other is taken."""

    is_on = is_down = False

    def greeting(self, session: Session, line: bytes) -> bytes:
        return b"* BYE down" if self.is_on and self.is_down else line

    def after(self, session: Session, command: Command) -> None:
        if self.is_on and command.verb == "UID STORE":
            self.is_down = True
            raise Hangup


def cut(both: TwoServers, target: CutsBehindStore) -> tuple[Folder, Message]:
    """A message of the old side, and its folder, whose copy has got a star; nobody heard of that."""
    folder = both.old.create(b"A")
    message = both.old.append(folder, text(1))
    assert both.copy().status == 0
    folder.change(message, {b"\\Flagged"})
    target.is_on = True
    assert both.copy().status == 3
    assert both.lies(text(1)) == [("A", {b"\\Flagged"})]
    target.is_on = target.is_down = False
    return folder, message


@pytest.mark.parametrize("later", [frozenset(), frozenset({b"\\Answered"})], ids=["as before", "others"])
def test_they_go_when_the_old_side_takes_them_off(later: frozenset[bytes], tmp_path: Path) -> None:
    with two_servers(tmp_path, target := CutsBehindStore()) as both:
        folder, message = cut(both, target)
        folder.change(message, later)
        for _ in range(2):
            assert (both.copy().status, both.lies(text(1))) == (0, [("A", later)])


def test_what_the_member_marked_since_stays(tmp_path: Path) -> None:
    with two_servers(tmp_path, target := CutsBehindStore()) as both:
        folder, message = cut(both, target)
        copy = both.new.folders[b"A"].messages[0]
        both.new.folders[b"A"].change(copy, {b"\\Flagged", b"\\Seen"})
        folder.change(message, frozenset())
        for _ in range(2):
            assert (both.copy().status, both.lies(text(1))) == (0, [("A", {b"\\Flagged", b"\\Seen"})])
