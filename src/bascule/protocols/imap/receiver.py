"""Octets into frames: one response (or one command) with its literals, whatever the pieces it arrived in.

The framing of IMAP is two rules (RFC 9051 §2.2): a line ends in CRLF; a line that ends in ``{n}`` is followed by n octets and
then goes on. A frame is therefore an alternation: text, literal, text, literal, …, text. States::

    LINE ──"…{n}" CRLF, n ≤ inline──▶ INLINE ──n octets held──▶ LINE
    LINE ──"…{n}" CRLF, n > inline──▶ SINK ──n octets written as they come──▶ LINE
    LINE ──other CRLF──▶ (a frame is complete) ──▶ LINE
"""

import re
from collections.abc import Callable
from typing import Protocol

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.limits import DEFAULT_LIMITS, Limits


class Sink(Protocol):
    """Takes a large literal as it arrives. ``write`` may raise only what its owner wants to see raised by `Receiver`."""

    def write(self, octets: memoryview, /) -> object: ...


Literal = bytes | Sink
Frame = list[Literal]
"""Text at even places (without its ``{n}``), literals at odd places."""

_LITERAL = re.compile(rb"~?\{(\d{1,20})\+?\}$")
_NO_LITERAL = re.compile(rb"(?:\+|(?:\*|[A-Za-z0-9.]+) (?:OK|NO|BAD|BYE|PREAUTH)\b)", re.IGNORECASE)
"""Lines of human-readable text: a ``{3}`` at their end is text."""


READ_OCTETS = 256 * 1024
"""Size of the buffer at rest, and so the most that one `room` offers. It grows only for a literal or a line that is longer."""
ROOM_PART = 4
"""A rest at the buffer's end below a quarter of it is not worth a system call: what waits is moved to the front first."""


class Refused:
    """Stands in a frame for a literal that its reader did not want; its octets were thrown away as they came."""

    def write(self, octets: memoryview, /) -> None:
        """Nothing is kept."""


class Announcement(list[Literal]):
    """A frame up to a literal of ``octets``. ``waits``: its sender waits to be asked for it; otherwise it comes, and is not taken before it is decided
    whether it is kept. ``sink``: where it would go, once ``announce`` has returned; None: into memory."""

    def __init__(self, frame: Frame, octets: int, *, waits: bool = True) -> None:
        super().__init__(frame)
        self.octets = octets
        self.waits = waits
        self.sink: Sink | None = None


class Receiver:
    """Write octets into `room` and say how many with `arrived` (or `feed` them), then call `next_frame` until it returns None.

    ``open_sink`` is called with the size of each literal above ``limits.inline_octets``, or that would bring what the frame holds above half of
    ``limits.response_octets``, and gives the sink for it.
    ``announce`` is called with the size of each literal before its octets are taken, and with whether the other side waits for ``+``
    first (a server's part, RFC 9051 §4.3). Where it gives False, a command that waits is forgotten, as it will not go on; of one that does
    not wait, `Refused` takes the octets. Where it asks for an `announcement` of one that does not wait, nothing more is taken until `go_on` or `forget`.
    After a RemoteError the receiver must not be used again.
    """

    def __init__(
        self,
        open_sink: Callable[[int], Sink],
        limits: Limits = DEFAULT_LIMITS,
        *,
        announce: Callable[[int, bool], bool] | None = None,
        read_octets: int = READ_OCTETS,
    ) -> None:
        self.limits = limits
        self._open_sink = open_sink
        self._announce = announce
        self._read_octets = read_octets
        self._room_octets = read_octets // ROOM_PART
        self._set_buffer(bytearray(read_octets))
        self._start = 0
        self._end = 0
        self._scanned = 0
        self._frame: Frame = []
        self._held = 0
        self._literal_left = 0
        self._sink: Sink | None = None
        self._in_literal = False
        self._announced: Announcement | None = None
        self._literals_octets = 0
        self._is_undecided = False
        self._skips = False

    def _set_buffer(self, buffer: bytearray) -> None:
        """Never resized while it is in use: a shell may still hold the view that `room` gave it."""
        self._buffer = buffer
        self._view = memoryview(buffer)

    @property
    def buffered_octets(self) -> int:
        """Octets received and not yet part of a frame: 0 when nothing came after the last frame."""
        return self._end - self._start

    @property
    def is_between_frames(self) -> bool:
        return not self._frame and not self.buffered_octets

    @property
    def ends_with_lf_alone(self) -> bool:
        """Whether what is buffered looks like a line to its sender, and lacks the CR before its LF. RFC 9051 §2.2"""
        last = bytes(self._view[max(self._start, self._end - 2) : self._end])
        return not self._in_literal and last.endswith(b"\n") and last != b"\r\n"

    @property
    def beginning(self) -> bytes:
        """The first text of the frame that is not complete; empty between frames."""
        return self._frame[0] if self._frame and isinstance(self._frame[0], bytes) else b""

    @property
    def literals_octets(self) -> int:
        """Of the literals that came before, or began, in the frame that is not complete."""
        return self._literals_octets

    @property
    def is_undecided(self) -> bool:
        """Whether nothing more is taken until `go_on` or `forget`."""
        return self._is_undecided

    @property
    def held_octets(self) -> int:
        """In memory: of the frame that is not complete, and of a buffer that had to grow."""
        return self._held + len(self._buffer) - self._read_octets

    def give_back(self) -> None:
        """Let go of a buffer that had to grow, where nothing is in it."""
        if self._start == self._end and len(self._buffer) > self._read_octets:
            self._set_buffer(bytearray(self._read_octets))
            self._start = self._scanned = self._end = 0

    def announcement(self, octets: int, *, waits: bool = True) -> Announcement:
        """What came before the literal of ``octets`` that ``announce`` is being called for."""
        self._announced = Announcement(self._frame, octets, waits=waits)
        self._is_undecided = not waits
        return self._announced

    def go_on(self, announced: Announcement) -> None:
        """Its literal is kept."""
        if announced is self._announced:
            self._announced = None
            self._is_undecided = False

    def forget(self, announced: Announcement) -> None:
        """The frame whose literal ``announce`` wanted, and whose sender was then told that it is not taken after all. One that waits will not go on; but a
        sender who should have waited, and did not, has begun with the literal: that is taken as one, and not for commands. What does not wait is thrown
        away as it comes, up to the end of its command."""
        if announced is not self._announced or not self._in_literal:
            return
        self._announced = None
        if not announced.waits:
            self._is_undecided = False
            self._skips = True
            self._frame, self._held, self._sink = [b""], 0, Refused()
        elif self.buffered_octets == 0 and self._literal_left == announced.octets:
            self._end_frame()
            self._in_literal = False
            self._sink = None

    def drop(self) -> None:
        """Let go of all that came: the connection is over. Nothing is taken afterwards."""
        self._end_frame()
        self._sink = None
        self._is_undecided = True
        self.take_rest()
        self.give_back()

    def _end_frame(self) -> None:
        self._frame, self._held, self._literals_octets = [], 0, 0
        self._announced, self._skips = None, False

    def room(self) -> memoryview:
        """Where to put what comes next; not empty. Valid until the next call of any method."""
        if self._start == self._end and len(self._buffer) == self._read_octets:
            self._start = self._scanned = self._end = 0
        elif len(self._buffer) - self._end < self._room_octets:
            self._make_room()
        return self._view[self._end :]

    def _make_room(self) -> None:
        waiting = self.buffered_octets
        size = len(self._buffer)
        if waiting + self._room_octets > size:
            size *= 2
        elif waiting + self._room_octets <= self._read_octets:
            size = self._read_octets
        rest = self._view[self._start : self._end]
        if size == len(self._buffer):
            self._view[:waiting] = rest
        else:
            self._set_buffer(bytearray(size))
            self._view[:waiting] = rest
        self._scanned -= self._start
        self._start, self._end = 0, waiting

    def arrived(self, octets: int) -> None:
        """The first ``octets`` of `room` are filled."""
        self._end += octets

    def feed(self, octets: bytes) -> None:
        """Add what the other side sent, where it was not written into `room`."""
        start = 0
        while start < len(octets):
            room = self.room()
            piece = octets[start : start + len(room)]
            room[: len(piece)] = piece
            self.arrived(len(piece))
            start += len(piece)

    def take_rest(self) -> bytes:
        """Remove and return what is buffered: for a change of layer (TLS, COMPRESS) right after a frame."""
        rest = bytes(self._view[self._start : self._end])
        self._start = self._scanned = self._end = 0
        return rest

    def next_frame(self) -> Frame | None:
        """The next complete frame, or None when more octets are needed. Raises RemoteError past a limit."""
        while not self._is_undecided:
            if self._in_literal:
                if not self._take_literal():
                    return None
            elif not self._take_line():
                return None
            elif not self._in_literal and self._frame:
                frame, is_skipped = self._frame, self._skips
                self._end_frame()
                if not is_skipped:
                    return frame
        return None

    def _take_line(self) -> bool:
        buffer, start = self._buffer, self._start
        end = buffer.find(b"\r\n", max(start, self._scanned - 1), self._end)
        if end < 0:
            self._scanned = self._end
            if self._end - start > self.limits.line_octets:
                raise RemoteError(f"a line is longer than {self.limits.line_octets} octets")
            return False
        if end - start > self.limits.line_octets:
            raise RemoteError(f"a line is longer than {self.limits.line_octets} octets")
        line = bytes(self._view[start:end])
        self._start = self._scanned = end + 2
        found = _LITERAL.search(line) if line.endswith(b"}") else None
        if found is None or (not self._frame and _NO_LITERAL.match(line)):
            self._hold(len(line))
            self._frame.append(line)
            return True
        self._hold(found.start())
        self._frame.append(line[: found.start()])
        self._begin_literal(int(found[1]), waits=not line.endswith(b"+}"))
        return True

    def _begin_literal(self, size: int, waits: bool) -> None:
        limits = self.limits
        if size > limits.literal_octets:
            raise RemoteError(f"a literal of {size} octets is announced; the limit is {limits.literal_octets}")
        if len(self._frame) > 2 * limits.literals_per_response:
            raise RemoteError(f"a response has more than {limits.literals_per_response} literals")
        self._announced = None
        wanted = not self._skips and (self._announce is None or self._announce(size, waits))
        if not wanted and waits:
            self._end_frame()
            return
        self._in_literal = True
        self._literal_left = size
        self._literals_octets += size
        if not wanted:
            self._sink = Refused()
        else:
            is_large = size > limits.inline_octets or self._held + size > limits.response_octets // 2
            self._sink = self._open_sink(size) if is_large else None
            if self._announced is not None:
                self._announced.sink = self._sink

    def _take_literal(self) -> bool:
        if self._sink is not None:
            return self._take_into(self._sink)
        size, start = self._literal_left, self._start
        if self._end - start < size:
            return False
        self._hold(size)
        self._frame.append(bytes(self._view[start : start + size]))
        self._start = self._scanned = start + size
        self._in_literal = False
        return True

    def _take_into(self, sink: Sink) -> bool:
        size = min(self._literal_left, self.buffered_octets)
        if size:
            sink.write(self._view[self._start : self._start + size])
        self._start = self._scanned = self._start + size
        self._literal_left -= size
        if self._literal_left:
            return False
        self._frame.append(sink)
        self._sink = None
        self._in_literal = False
        return True

    def _hold(self, octets: int) -> None:
        self._held += octets
        if self._held > self.limits.response_octets:
            raise RemoteError(f"a response holds more than {self.limits.response_octets} octets")
