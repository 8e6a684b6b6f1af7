"""Files for what is large, and how much there may be of them."""

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from bascule.platform.spool import Room, Rooms, Spool, SpoolFile, Tally, TooMuchAtOnce


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def taken(room: Room) -> tuple[int, int]:
    return room.files.taken, room.spooled.taken


def test_all_literals_of_a_command_are_in_one_file_and_each_is_read_as_it_came() -> None:
    room, before = Room(0, 1, 1000), descriptors()
    file = SpoolFile(room)
    spools = [file.open(100) for _ in range(5)]
    assert descriptors() == before + 1
    for number, spool in enumerate(spools):
        for piece in (b"%d" % number * 60, b"\r\n" * 20):
            spool.write(memoryview(piece))
        assert spool.failure is None
    assert taken(room) == (1, 500)
    for number, spool in enumerate(spools):
        whole = b"%d" % number * 60 + b"\r\n" * 20
        assert (spool.octets, spool.whole(), b"".join(spool.chunks())) == (100, whole, whole)
        assert (spool.start(70), spool.start(1000)) == (whole[:70], whole)
        assert spool.sha256 == hashlib.sha256(whole).digest()
        assert not spool.traits.bare_lf
    del file
    for spool in spools[1:]:
        spool.close()
    del spools[0]
    assert spools
    assert descriptors() == before, "it goes with the last of them, closed or forgotten"
    assert taken(room) == (0, 0)


def test_what_there_is_no_room_for_is_thrown_away_and_the_rest_is_kept() -> None:
    room = Room(0, 2, 100)
    first, second = SpoolFile(room), SpoolFile(room)
    kept, too_much = first.open(90), second.open(20)
    assert isinstance(SpoolFile(room).open(1).failure, TooMuchAtOnce), "there are two files"
    assert isinstance(too_much.failure, TooMuchAtOnce)
    too_much.write(b"x" * 20)
    kept.write(b"y" * 90)
    assert (too_much.octets, kept.octets) == (0, 90)
    too_much.reserve(10)
    del second, too_much
    assert taken(room) == (1, 90)
    assert SpoolFile(room).open(10).failure is None


def test_one_that_is_larger_than_all_there_is_may_come_alone() -> None:
    room = Room(0, 2, 100)
    large = SpoolFile(room).open(1000)
    assert large.failure is None
    assert isinstance(SpoolFile(room).open(1).failure, TooMuchAtOnce)
    large.close()
    assert SpoolFile(room).open(1).failure is None


def test_a_file_that_can_not_be_made_is_the_failure_of_its_literals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    room = Room(0, 1, 100)
    spool = SpoolFile(room).open(10)
    spool.write(b"0123456789")
    assert isinstance(spool, Spool)
    assert isinstance(spool.failure, OSError)
    assert not isinstance(spool.failure, TooMuchAtOnce)
    del spool
    assert taken(room) == (0, 0)


def test_a_tally_knows_when_there_is_too_much() -> None:
    tally = Tally(10)
    assert tally.take(10)
    assert not tally.take(1)
    assert not tally.change(1)
    assert tally.change(-2)
    assert tally.take(1)


def test_an_account_has_one_room_as_long_as_somebody_has_it() -> None:
    rooms = Rooms(lambda: Room(1, 1, 1))
    room = rooms.of("anna")
    assert rooms.of("anna") is room
    assert rooms.of("bert") is not room
    room.held.change(1)
    del room
    assert rooms.of("anna").held.taken == 0
