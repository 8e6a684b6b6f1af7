"""What was deleted long ago goes for good, its room comes back, and nothing else changes: not for sessions, not after a crash, not in a backup."""

import contextlib
import importlib
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox import Mailbox, check, copying
from bascule.mailbox.copying import copy_mailbox, generations, lay_out
from bascule.mailbox.format import MailboxInUse, segment_name
from bascule.mailbox.live import Arriving, LiveMailbox, purging
from bascule.mailbox.live.purging import ABANDONED_SECONDS, compact, purge
from bascule.mailbox.search import search, update_index
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate

NOW = 1_700_000_000
CHANCE = random.Random(5)
MAILS = [b"Subject: n%d\r\n\r\nword%d " % (n, n) + CHANCE.randbytes(20_000).hex().encode() for n in range(40)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Forty messages; the first thirty were expunged at `NOW`, of which the tenth is in Trash too."""
    root = tmp_path / "live.mailbox"
    with LiveMailbox.create(root, NOW) as box:
        inbox = folder(box)
        box.messages.append(inbox, [Arriving(HeldBody(mail), frozenset(), InternalDate(NOW)) for mail in MAILS])
        rows = [row.id for row in box.reading.rows(inbox, 1, 40, limit=40)]
        trash = next(each for each in box.folders.all() if each.path.parts == ("Trash",))
        box.messages.copy(rows[9:10], trash.id)
        box.messages.expunge(inbox, rows[:30], NOW)
    return root


def folder(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def held(box: LiveMailbox) -> list[bytes]:
    return [
        box.reading.octets(row.body)
        for each in box.folders.all()
        for row in box.reading.rows(each.id, 1, 2**31, limit=1000)
    ]


def test_only_what_is_old_and_nobodys_goes(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        assert purge(box, NOW).messages == 0
        done = purge(box, NOW + 1, group=7)
        assert (done.messages, done.bodies) == (30, 29)
        assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9]])
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        assert (inbox.messages, inbox.purged_modseq) == (10, inbox.modseq)
        placed = box.messages.append(inbox.id, [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
        assert placed.uids == [41]
    assert check(place) == []


def test_no_row_has_the_number_of_one_that_was_purged(place: Path) -> None:
    """Who has read a row's number means the same message by it for good."""
    with LiveMailbox.open(place) as box:
        inbox = folder(box)
        box.messages.expunge(inbox, [row.id for row in box.reading.rows(inbox, 1, 40, limit=40)], NOW)
        copied = max(row.id for each in box.folders.all() for row in box.reading.rows(each.id, 1, 99, limit=-1))
        box.messages.expunge(
            next(each.id for each in box.folders.all() if each.path.parts == ("Trash",)), [copied], NOW
        )
        purge(box, NOW + 1)
        box.messages.append(inbox, [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
        assert [row.id for row in box.reading.rows(inbox, 41, 41, limit=1)] > [copied]
        assert purge(box, NOW + 1).messages == 1


def test_the_room_comes_back(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        update_index(box.mailbox)
        purge(box, NOW + 1)
    before = (place / segment_name(1)).stat().st_size
    freed = compact(place, waste_octets=1)
    assert freed > before / 2
    assert (place / segment_name(1)).stat().st_size == before - freed
    assert compact(place, waste_octets=1) == 0
    with LiveMailbox.open(place) as box:
        assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9]])
        update_index(box.mailbox)
        assert len(search(box.mailbox, "text:word35")) == 1
        assert not search(box.mailbox, "text:word20")
        box.messages.append(folder(box), [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
    assert check(place) == []


def test_nobody_is_disturbed(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
        with pytest.raises(MailboxInUse):
            compact(place, waste_octets=1)
        assert len(held(box)) == 11
    assert not list(place.glob("compacting*"))
    assert compact(place, waste_octets=1) > 0


def test_who_has_it_open_is_asked_for_way(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailbox whose owner's program asks every few minutes is never left alone by itself."""
    box = LiveMailbox.open(place)
    purge(box, NOW + 1)
    monkeypatch.setattr(purging, "WAY_SECONDS", 0.2)
    asked: list[int] = []
    with pytest.raises(MailboxInUse):
        compact(place, waste_octets=1, ask_for_way=lambda: asked.append(1))
    assert len(asked) > 1
    assert compact(place, waste_octets=1, ask_for_way=box.close) > 0
    assert check(place) == []


def test_what_comes_while_a_file_is_written_anew_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    copy_used = purging._copy_used

    def and_then_mail_arrives(*arguments: object) -> None:
        copy_used(*arguments)  # type: ignore[arg-type]
        with LiveMailbox.open(place) as box:
            box.messages.append(folder(box), [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])

    monkeypatch.setattr(purging, "_copy_used", and_then_mail_arrives)
    assert compact(place, waste_octets=1) > 0
    with LiveMailbox.open(place) as box:
        assert MAILS[0] in held(box)
    assert check(place) == []


class Arrival:
    """A message that another process writes: its octets are synced when it begins; its row follows, and it is acknowledged, when it ends. One of
    a third process comes in between."""

    mail = b"Subject: arrives meanwhile\r\n\r\n"
    other = b"Subject: arrives after it\r\n\r\n"

    def __init__(self, place: Path) -> None:
        self.place = place
        self.box: LiveMailbox | None = None
        self.places: dict[bytes, tuple[int, int, int]] | None = None
        self.kept: list[bytes] = []

    def begin(self) -> None:
        with contextlib.suppress(MailboxInUse):
            self.box = LiveMailbox.open(self.place)
            self.places = self.box.mailbox.messages.write_bodies([HeldBody(self.mail)])
            with LiveMailbox.open(self.place) as third:
                third.messages.append(folder(third), [Arriving(HeldBody(self.other), frozenset(), InternalDate(NOW))])
            self.kept.append(self.other)

    def end(self) -> None:
        if self.box is not None:
            with self.box as box, pytest.MonkeyPatch.context() as patched:
                patched.setattr(box.mailbox.messages, "write_bodies", lambda bodies, all_of_them: self.places)
                box.messages.append(folder(box), [Arriving(HeldBody(self.mail), frozenset(), InternalDate(NOW))])
            self.box = None
            self.kept.append(self.mail)


def at_each_statement(monkeypatch: pytest.MonkeyPatch, call: Callable[[], None]) -> None:
    """``call`` before each statement that is run on a file that is being written anew; of many in a row that differ by their values, before the
    first."""
    connect, last = sqlite3.connect, ""

    def on_statement(statement: str) -> None:
        nonlocal last
        if statement[:40] != last:
            last = statement[:40]
            call()

    def traced(name: Any, **options: Any) -> sqlite3.Connection:
        database = connect(name, **options)
        if "compacting" in str(name):
            database.set_trace_callback(on_statement)
        return database

    monkeypatch.setattr(sqlite3, "connect", traced)


def compact_and(place: Path, step: Callable[[int], None]) -> int:
    """Compact, with ``step`` at each statement, by its number; how many there were. Mail in the midst of it keeps the exchange off."""
    number, busy = 0, False

    def at_statement() -> None:
        nonlocal number, busy
        if not busy:
            busy = True
            step(number)
            number, busy = number + 1, False

    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(MailboxInUse):
        at_each_statement(patched, at_statement)
        compact(place, waste_octets=1)
    return number


@pytest.mark.parametrize("later", [0, 1, 3])
def test_what_arrives_at_any_step_is_kept(place: Path, tmp_path: Path, later: int) -> None:
    """At one statement of the compaction the octets of a message are synced, and ``later`` statements after it the message is acknowledged. Who
    comes once the mailbox is had alone is refused, and comes again."""
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    shutil.copytree(place, tmp_path / "first")
    statements = compact_and(tmp_path / "first", lambda number: None)
    kept = 0
    for at in range(statements):
        root = tmp_path / f"at{at}"
        shutil.copytree(place, root)
        arrival = Arrival(root)

        def step(number: int, at: int = at, arrival: Arrival = arrival) -> None:
            if number == at:
                arrival.begin()
            if number == at + later:
                arrival.end()

        compact_and(root, step)
        arrival.end()
        kept += len(arrival.kept)
        with LiveMailbox.open(root) as box:
            assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9], *arrival.kept]), f"statement {at}"
        assert check(root) == []
    assert kept >= 6


def test_cut_off_before_the_exchange_all_is_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)

    def power_fails(*_: object) -> None:
        raise OSError("power")

    with monkeypatch.context() as patched:
        patched.setattr(purging.os, "replace", power_fails)
        with pytest.raises(OSError, match="power"):
            compact(place, waste_octets=1)
    assert check(place) == []
    (place / "compacting-left-by-a-crash").write_bytes(b"not all of it")
    assert compact(place, waste_octets=1) > 0
    assert not list(place.glob("compacting*"))
    assert check(place) == []


def test_what_killed_processes_leave_does_not_add_up(place: Path) -> None:
    for name, age_seconds in (("compacting-old", ABANDONED_SECONDS + 60), ("compacting-new", 60)):
        (place / name).touch()
        os.utime(place / name, (time.time() - age_seconds,) * 2)
    assert compact(place) == 0
    assert [path.name for path in place.glob("compacting*")] == ["compacting-new"]


def test_a_backup_keeps_its_earlier_states(place: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    copy_mailbox(place, backup, instant="2026-11-01", keep=5)
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    compact(place, waste_octets=1)
    with LiveMailbox.open(place) as box:
        box.messages.append(folder(box), [Arriving(HeldBody(b"Subject: new\r\n\r\n"), frozenset(), InternalDate(NOW))])
    copy_mailbox(place, backup, instant="2026-11-02", keep=5)
    assert generations(backup) == ["2026-11-01", "2026-11-02"]
    for instant, count in (("2026-11-01", 41), ("2026-11-02", 12), (None, 12)):
        (tmp_path / str(instant)).mkdir()
        laid = lay_out(backup, tmp_path / str(instant), instant)
        assert check(laid) == []
        with LiveMailbox.open(laid) as box:
            assert len(held(box)) == count


def test_no_file_is_exchanged_while_one_copies_the_mailbox(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue is copied; before its bodies follow, what it still names is purged, and another process wants to give the room back."""
    copy_database = copying.copy_database

    def and_then_the_room_is_wanted(source: Path, target: Path) -> None:
        copy_database(source, target)
        with LiveMailbox.open(place) as box:
            purge(box, NOW + 1)
        with pytest.raises(MailboxInUse):
            compact(place, waste_octets=1)

    monkeypatch.setattr(copying, "copy_database", and_then_the_room_is_wanted)
    copy_mailbox(place, tmp_path / "copy")
    assert check(tmp_path / "copy") == []
    monkeypatch.undo()
    assert compact(place, waste_octets=1) > 0


def test_no_file_is_exchanged_while_one_checks_the_mailbox(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)

    def and_the_room_is_wanted(done: int, of: int) -> None:
        with pytest.raises(MailboxInUse):
            compact(place, waste_octets=1)

    monkeypatch.setattr(importlib.import_module("bascule.mailbox.check"), "PROGRESS_BODIES", 1)
    assert check(place, progress=and_the_room_is_wanted) == []


def test_of_two_that_copy_to_one_place_the_second_is_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_database = copying.copy_database

    def and_another_comes(source: Path, target: Path) -> None:
        copy_database(source, target)
        with pytest.raises(MailboxInUse):
            copy_mailbox(place, tmp_path / "copy")

    monkeypatch.setattr(copying, "copy_database", and_another_comes)
    assert copy_mailbox(place, tmp_path / "copy").is_new
    assert check(tmp_path / "copy") == []


def test_a_bodies_file_that_is_just_being_made_is_in_nobodys_way(place: Path, tmp_path: Path) -> None:
    """Its tables follow, or its process was killed before."""
    with contextlib.closing(sqlite3.connect(place / segment_name(2))) as made:
        made.execute("PRAGMA journal_mode = WAL")
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    assert compact(place, waste_octets=1) > 0
    copy_mailbox(place, tmp_path / "copy")
    assert check(tmp_path / "copy") == []
    with LiveMailbox.open(place) as box:
        box.messages.append(folder(box), [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
    assert check(place) == []


def test_of_two_that_give_room_back_at_once_one_does(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    copy_used = purging._copy_used

    def and_the_other_is_quicker(mailbox: Mailbox, number: int, partial: Path) -> None:
        copy_used(mailbox, number, partial)
        monkeypatch.undo()
        mailbox.close()
        assert compact(place, waste_octets=1) > 0

    monkeypatch.setattr(purging, "_copy_used", and_the_other_is_quicker)
    with pytest.raises(MailboxInUse):
        compact(place, waste_octets=1)
    assert not list(place.glob("compacting*"))
    with LiveMailbox.open(place) as box:
        assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9]])
    assert check(place) == []
