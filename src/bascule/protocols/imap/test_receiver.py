"""Framing: the same octets give the same frames, fed whole, octet by octet, or split anywhere."""

import random
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.protocols.imap import Limits, Receiver, RemoteError
from bascule.protocols.imap.receiver import Announcement, Refused
from bascule.terms.body import SpooledBody

CASES: list[tuple[bytes, list[list[bytes]]]] = [
    (b"* OK hello\r\n", [[b"* OK hello"]]),
    (b"* 1 FETCH (BODY[] {5}\r\nab\r\nc)\r\n", [[b"* 1 FETCH (BODY[] ", b"ab\r\nc", b")"]]),
    (b"* 1 FETCH (A {0}\r\n B {2}\r\nxy)\r\n", [[b"* 1 FETCH (A ", b"", b" B ", b"xy", b")"]]),
    (b"* OK text that ends in {3}\r\n* BYE\r\n", [[b"* OK text that ends in {3}"], [b"* BYE"]]),
    (b'* LIST () "/" "brace{3}"\r\n', [[b'* LIST () "/" "brace{3}"']]),
    (b"a1 NO sorry {9}\r\n+ go {1}\r\n", [[b"a1 NO sorry {9}"], [b"+ go {1}"]]),
    (b"* 2 FETCH (BODY[] ~{3}\r\n\0\0\0)\r\n", [[b"* 2 FETCH (BODY[] ", b"\0\0\0", b")"]]),
    (b"a APPEND x {3+}\r\nabc\r\n", [[b"a APPEND x ", b"abc", b""]]),
]


def receive(pieces: list[bytes], limits: Limits | None = None) -> list[list[bytes]]:
    receiver = Receiver(lambda size: SpooledBody(), limits or Limits())
    frames = []
    for piece in pieces:
        receiver.feed(piece)
        while (frame := receiver.next_frame()) is not None:
            frames.append([part if isinstance(part, bytes) else part.whole() for part in frame])  # type: ignore[attr-defined]
    return frames


@pytest.mark.parametrize(("octets", "frames"), CASES)
def test_frames_do_not_depend_on_the_pieces(octets: bytes, frames: list[list[bytes]]) -> None:
    assert receive([octets]) == frames
    assert receive([octets[i : i + 1] for i in range(len(octets))]) == frames
    for small in (Limits(inline_octets=1), Limits(inline_octets=0)):
        assert receive([octets[i : i + 1] for i in range(len(octets))], small) == frames


@given(st.lists(st.sampled_from([octets for octets, _ in CASES]), max_size=5), st.randoms())
def test_frames_do_not_depend_on_random_splits(lines: list[bytes], chance: random.Random) -> None:
    octets = b"".join(lines)
    cuts = sorted(chance.randrange(len(octets) + 1) for _ in range(4))
    pieces = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    assert receive(pieces) == receive([octets])


def test_trailing_octets_stay_for_the_next_frame() -> None:
    receiver = Receiver(lambda size: SpooledBody())
    receiver.feed(b"* OK one\r\n* OK tw")
    assert receiver.next_frame() == [b"* OK one"]
    assert receiver.next_frame() is None
    assert receiver.buffered_octets == 7
    assert receiver.take_rest() == b"* OK tw"
    assert receiver.is_between_frames


@pytest.mark.parametrize(
    "octets",
    [
        b"x" * 2000,
        b"* 1 FETCH (BODY[] {99999999999}\r\n",
        b"* 1 FETCH (" + b"{1}\r\na" * 50,
        b"* 1 FETCH (" + b"a" * 90 + b"{1}\r\na" + b"a" * 90 + b"\r\n",
    ],
)
def test_what_is_past_a_limit_is_the_other_sides_error(octets: bytes) -> None:
    limits = Limits(
        line_octets=1000, inline_octets=100, literal_octets=10_000, literals_per_response=20, response_octets=150
    )
    with pytest.raises(RemoteError):
        receive([octets], limits)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_octets_are_frames_or_the_other_sides_error(octets: bytes) -> None:
    try:
        frames = receive([octets, b"\r\n"])
    except RemoteError:
        return
    assert all(len(frame) % 2 == 1 for frame in frames)  # text at both ends, literals between


class Heard(list[tuple[int, bool]]):
    """What a server hears of literals; wants those up to ten octets."""

    def __call__(self, octets: int, waits: bool) -> bool:
        self.append((octets, waits))
        return octets <= 10


def test_a_server_hears_of_each_literal_before_it_comes() -> None:
    heard = Heard()
    receiver = Receiver(lambda size: pytest.fail("too large"), announce=heard)
    receiver.feed(b"a APPEND b {3}\r\n")
    assert receiver.next_frame() is None
    assert (heard, receiver.beginning) == ([(3, True)], b"a APPEND b ")
    receiver.feed(b"abc {4+}\r\nabcd\r\n")
    assert receiver.next_frame() == [b"a APPEND b ", b"abc", b" ", b"abcd", b""]
    assert heard == [(3, True), (4, False)]


def test_a_literal_that_is_refused_does_not_come_or_is_thrown_away() -> None:
    receiver = Receiver(lambda size: pytest.fail("too large"), announce=Heard())
    receiver.feed(b"a APPEND b {30}\r\n")
    assert receiver.next_frame() is None
    receiver.feed(b"b NOOP\r\n")
    assert receiver.next_frame() == [b"b NOOP"]
    receiver.feed(b"c APPEND b {30+}\r\n" + b"x" * 30 + b"\r\nd NOOP\r\n")
    frame = receiver.next_frame()
    assert frame is not None
    assert isinstance(frame[1], Refused)
    assert receiver.next_frame() == [b"d NOOP"]


def test_what_a_frame_holds_is_bounded_by_sinks() -> None:
    opened: list[SpooledBody] = []

    def open_sink(octets: int) -> SpooledBody:
        opened.append(SpooledBody())
        return opened[-1]

    receiver = Receiver(open_sink, Limits(inline_octets=100, response_octets=300))
    receiver.feed(b"a APPEND b " + b"".join(b"{90}\r\n" + b"m" * 90 + b" " for _ in range(5)) + b"\r\n")
    frame = receiver.next_frame()
    assert frame is not None
    assert [isinstance(part, bytes) for part in frame[1::2]] == [True, False, False, False, False]
    assert [body.whole() for body in opened] == [b"m" * 90] * 4


class Asking:
    """A server that decides later about what does not wait."""

    def __init__(self) -> None:
        self.opened: list[SpooledBody] = []
        self.asked: list[Announcement] = []
        self.receiver = Receiver(self._open, Limits(inline_octets=10), announce=self._announce)

    def _open(self, octets: int) -> SpooledBody:
        self.opened.append(SpooledBody())
        return self.opened[-1]

    def _announce(self, octets: int, waits: bool) -> bool:
        if octets > 10 and not self.asked:
            self.asked.append(self.receiver.announcement(octets, waits=waits))
        return True


SENT = b"a APPEND b {3+}\r\nabc {20+}\r\n" + b"m" * 20 + b" {30+}\r\n" + b"n" * 30 + b"\r\nb NOOP\r\n"


@pytest.mark.parametrize("size", [1, 7, len(SENT)])
def test_nothing_is_taken_before_it_is_decided_whether_it_is_kept(size: int) -> None:
    pieces = [SENT[start : start + size] for start in range(0, len(SENT), size)]
    for is_kept in (True, False):
        server = Asking()
        frames = []
        for piece in pieces:
            server.receiver.feed(piece)
            while (frame := server.receiver.next_frame()) is not None:
                frames.append(frame)
        assert frames == []
        (announced,) = server.asked
        assert server.receiver.is_undecided
        assert (list(announced), announced.octets) == ([b"a APPEND b ", b"abc", b" "], 20)
        assert announced.sink is server.opened[0]
        assert server.receiver.literals_octets == 23
        if is_kept:
            server.receiver.go_on(announced)
            assert server.receiver.next_frame() == [b"a APPEND b ", b"abc", b" ", *_between(server.opened)]
            assert [body.whole() for body in server.opened] == [b"m" * 20, b"n" * 30]
        else:
            server.receiver.forget(announced)
        assert server.receiver.next_frame() == [b"b NOOP"]
        assert server.receiver.next_frame() is None
        assert server.receiver.is_between_frames
        if not is_kept:
            assert [body.octets for body in server.opened] == [0]


def _between(bodies: list[SpooledBody]) -> list[object]:
    first, second = bodies
    return [first, b" ", second, b""]


def test_a_command_whose_rest_is_thrown_away_ends_where_its_sender_waits() -> None:
    server = Asking()
    server.receiver.feed(b"a APPEND b {20+}\r\n" + b"m" * 20)
    assert server.receiver.next_frame() is None
    server.receiver.forget(server.asked[0])
    server.receiver.feed(b" {5}\r\nb NOOP\r\n")
    assert server.receiver.next_frame() == [b"b NOOP"]


def test_a_buffer_that_grew_is_given_back_once_it_is_empty() -> None:
    receiver = Receiver(lambda size: SpooledBody(), read_octets=1024)
    receiver.feed(b"a b {100000+}\r\n" + b"x" * 100_000)
    receiver.give_back()
    assert receiver.held_octets > 100_000, "something is in it"
    assert receiver.next_frame() is None
    receiver.give_back()
    assert 100_000 < receiver.held_octets < 100_100, "what it held is in the frame now"
    receiver.feed(b"\r\n")
    assert receiver.next_frame() == [b"a b ", b"x" * 100_000, b""]
    assert receiver.held_octets == 0
    receiver.feed(b"c d\r\n")
    assert receiver.next_frame() == [b"c d"]


def test_what_is_dropped_is_held_no_more() -> None:
    opened: list[SpooledBody] = []

    def open_sink(octets: int) -> SpooledBody:
        opened.append(SpooledBody())
        return opened[-1]

    receiver = Receiver(open_sink, Limits(inline_octets=10), read_octets=1024)
    receiver.feed(b"a APPEND b {20}\r\n" + b"m" * 20 + b" {30}\r\n" + b"n" * 20)
    assert receiver.next_frame() is None
    kept = [weakref.ref(opened.pop()) for _ in range(2)]
    assert [each() is not None for each in kept] == [True, True]
    receiver.drop()
    assert [each() for each in kept] == [None, None]
    receiver.feed(b"n" * 10 + b"\r\nb NOOP\r\n")
    assert receiver.next_frame() is None
