"""A message on its way in: in memory, in a file, or refused."""

from bascule.platform.smtp.limits import HELD_OCTETS
from bascule.platform.smtp.transaction import Incoming
from bascule.platform.spool import Room, TooMuchAtOnce


def test_a_usual_message_makes_no_file_and_a_larger_one_makes_one() -> None:
    room = Room(held=2 * HELD_OCTETS, files=1, spooled=HELD_OCTETS + 10)
    usual, large = Incoming(10**6, room), Incoming(10**6, room)
    usual.write(b"x" * 4096)
    large.write(b"y" * HELD_OCTETS)
    assert (room.held.taken, room.files.taken) == (4096 + HELD_OCTETS, 0)
    large.write(b"z" * 10)
    assert (room.held.taken, room.files.taken, room.spooled.taken) == (4096, 1, HELD_OCTETS + 10)
    assert large.body().whole() == b"y" * HELD_OCTETS + b"z" * 10
    assert usual.body().whole() == b"x" * 4096
    large.close()
    usual.close()
    usual.close()
    assert (room.held.taken, room.files.taken, room.spooled.taken) == (0, 0, 0)


def test_where_memory_is_taken_a_message_goes_to_its_file_and_where_that_is_taken_too_it_is_refused() -> None:
    room = Room(held=10, files=2, spooled=100)
    first, second, small = (Incoming(10**6, room) for _ in range(3))
    first.write(b"x" * 90)
    assert (first.failure, first.body().whole()) == (None, b"x" * 90)
    second.write(b"y" * 20)
    assert isinstance(second.failure, TooMuchAtOnce)
    small.write(b"z" * 10)
    assert (small.failure, small.body().whole()) == (None, b"z" * 10)
    for each in (first, second, small):
        each.close()
    assert (room.held.taken, room.files.taken, room.spooled.taken) == (0, 0, 0)
