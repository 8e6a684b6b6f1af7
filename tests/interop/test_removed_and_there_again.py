"""A folder of the new side that was gone for a night, with all that was in it: what is there again under its UIDVALIDITY and UIDs is found again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support import messages
from support.mailbox_move import MailboxMove
from support.nights import Nights
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.store import ARRIVAL, Folder, Message
from support.quirks.syntax import Command


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


class Strange(Quirk):
    """A target that does something to what it takes, or where another program delivers the same as we do."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.without = frozenset({"UIDPLUS"}) if what == "duplicate" else frozenset()
        self.other: list[Message] = []

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            while self.other:
                one = self.other.pop(0)
                session.store.append(session.store.folders[b"F"], one.octets, one.flags, one.date)

    def take(self, store: Store) -> None:
        append = store.append

        def altering(folder: Folder, octets: bytes, flags: Iterable[bytes] = (), *rest: Any) -> Any:
            if self.what == "octets":
                octets += b"-- scanned\r\n"
            if self.what == "keyword":
                flags = [flag for flag in flags if flag != b"kept"]
            return append(folder, octets, flags, *rest)

        store.append = altering  # type: ignore[method-assign]


@pytest.mark.parametrize("what", ["octets", "keyword", "duplicate"])
def test_what_was_a_fault_is_that_fault_again(tmp_path: Path, what: str) -> None:
    with MailboxMove(tmp_path, quirk := Strange(what)) as move:
        quirk.take(move.new)
        folder = move.old.create(b"F")
        for number in range(1, 3):
            move.old.append(folder, messages.plain(number, 400), {b"kept"}, ARRIVAL + timedelta(hours=number))
        quirk.other += folder.messages if what == "duplicate" else []
        faults = move.copy()
        assert [code for _, code in faults] == ["duplicate" if what == "duplicate" else "altered"] * 2
        named = {one["uid"]: one["detail"] for one in move.report["exceptions"]}
        held = move.new.folders.pop(b"F")
        assert (move.copy(), move.status) == ([], 0)
        assert move.report["totals"]["removed"] == 2
        move.new.folders[b"F"] = held
        folder.change(folder.messages[0], {b"kept", b"\\Flagged"})
        if what == "keyword":
            faults = faults[1:]  # the other one's flags follow, and this time its keyword does
        for _ in range(2):
            assert (move.copy(), move.status) == (faults, 1)
            assert {one["uid"]: one["detail"] for one in move.report["exceptions"]}.items() <= named.items()


def test_what_had_been_there_before_us_is_already_there_again(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, Quirk()) as move:
        for store in (move.old, move.new):
            store.append(store.create(b"F"), messages.plain(1, 400))
        move.copy()
        folder, held = move.old.folders[b"F"], move.new.folders.pop(b"F")
        folder.change(folder.messages[0], {b"\\Flagged"})
        move.copy()
        assert move.report["totals"]["removed"] == 1
        move.new.folders[b"F"] = held
        folder.change(folder.messages[0], {b"\\Flagged", b"\\Seen"})
        move.copy()
        assert move.report["totals"]["already_there"] == 1
        assert held.messages[0].flags == {b"\\Flagged", b"\\Seen"}


@pytest.mark.parametrize("verb", ["verify", "copy"])
def test_a_fault_that_the_member_moved_away_and_back_is_theirs(tmp_path: Path, verb: str) -> None:
    with MailboxMove(tmp_path, quirk := Strange("keyword")) as move:
        quirk.take(move.new)
        folder = move.old.create(b"F")
        move.old.append(folder, messages.plain(1, 400), {b"kept"})
        assert [code for _, code in move.copy()] == ["altered"]
        there = move.new.folders[b"F"]
        copy = there.messages[0]
        there.remove([copy])
        move.new.append(there, copy.octets, copy.flags, copy.date)
        faults = [kind for _, kind in getattr(move, verb)() if kind != "theirs"]
        assert (faults, move.status) == ([], 0)
