"""A folder of the new side that was gone for a night, with all that was in it: what is there again under its UIDVALIDITY and UIDs is found again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import messages
from support.nights import Nights
from support.quirks import QuirkServer, Store
from support.quirks.store import Folder


class Mailboxes:
    """Folder F with five messages on both sides."""

    def __init__(self, night: Nights, old: Store, new: Store) -> None:
        self.night, self.old, self.new = night, old, new

    @property
    def old_folder(self) -> Folder:
        return self.old.folders[b"F"]

    @property
    def new_folder(self) -> Folder:
        return self.new.folders[b"F"]

    def mark(self, flag: bytes) -> None:
        """On the old side, one message."""
        message = self.old_folder.messages[0]
        self.old_folder.change(message, message.flags | {flag})

    def lose_for_a_night(self) -> None:
        """A run meanwhile finds the copy of what was marked gone with its folder."""
        folder = self.new.folders.pop(b"F")
        self.mark(b"\\Flagged")
        assert self.night.copy().returncode == 0
        self.new.folders[b"F"] = folder


@pytest.fixture
def mailboxes(tmp_path: Path) -> Iterator[Mailboxes]:
    with _copied(tmp_path) as made:
        yield made


@contextmanager
def _copied(tmp_path: Path) -> Iterator[Mailboxes]:
    old, new = Store(), Store()
    folder = old.create(b"F")
    for number in range(1, 6):
        old.append(folder, messages.plain(number, 400))
    with QuirkServer(store=old) as source, QuirkServer(store=new) as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        yield Mailboxes(night, old, new)


def test_its_flags_follow_again(mailboxes: Mailboxes) -> None:
    mailboxes.lose_for_a_night()
    mailboxes.mark(b"\\Answered")
    assert mailboxes.night.copy().returncode == 0
    assert mailboxes.new_folder.messages[0].flags == {b"\\Flagged", b"\\Answered"}
    assert mailboxes.new.keys() == mailboxes.old.keys()
    assert mailboxes.night.verify().returncode == 0


def test_its_flags_stay_where_the_member_had_marked_it(mailboxes: Mailboxes) -> None:
    mailboxes.new_folder.change(mailboxes.new_folder.messages[0], {b"\\Seen"})
    mailboxes.lose_for_a_night()
    mailboxes.mark(b"\\Answered")
    mailboxes.night.copy()
    assert mailboxes.new_folder.messages[0].flags == {b"\\Seen"}


def test_it_moves_with_its_message(mailboxes: Mailboxes) -> None:
    mailboxes.lose_for_a_night()
    moved = mailboxes.old_folder.messages[0]
    mailboxes.old_folder.remove([moved])
    mailboxes.old.append(mailboxes.old.create(b"G"), moved.octets, moved.flags)
    assert mailboxes.night.copy().returncode == 0
    assert mailboxes.new.keys() == mailboxes.old.keys()


@pytest.mark.parametrize("octets", [messages.plain(9, 400), messages.plain(9, 5000)], ids=["same size", "other size"])
def test_another_message_under_its_uid_is_left_alone(mailboxes: Mailboxes, octets: bytes) -> None:
    """The target was restored from a backup, and gave the UID to another."""
    mailboxes.lose_for_a_night()
    copy = mailboxes.new_folder.messages[0]
    copy.octets, copy.date = octets, copy.date.replace(year=2021)
    mailboxes.mark(b"\\Answered")
    mailboxes.night.copy()
    assert copy.flags == set()
