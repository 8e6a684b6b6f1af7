"""A message's parts, with the place of each in its octets. RFC 2045, RFC 2046

Octets are those of the wire (CRLF). Nothing is decoded: a part says where it begins and ends, and what its header says of it.
"""

from dataclasses import dataclass

from bascule.protocols.mime.fields import fields_of, parse_parameters
from bascule.protocols.mime.limits import (
    DASHED_LINES,
    DEPTH,
    FIELDS,
    FIELDS_OCTETS,
    FIELDS_OF_A_PART,
    HEADERS_OCTETS,
    PARTS,
)


@dataclass(frozen=True, slots=True)
class Part:
    """``start``: of its header; ``body``: of what follows the header's empty line; ``end``: of its octets. ``lines`` of the body.

    ``fields`` as `fields_of` gives them. ``parts``: of a multipart, or the one message within message/rfc822.
    """

    start: int
    body: int
    end: int
    lines: int
    fields: tuple[tuple[bytes, bytes], ...]
    type: bytes
    subtype: bytes
    parameters: tuple[tuple[bytes, bytes], ...]
    is_typed: bool
    """Whether a Content-Type field says so; else it is the default of where the part stands."""
    parts: tuple["Part", ...] = ()

    @property
    def octets(self) -> int:
        """Of the body."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        return self.type == b"multipart"

    @property
    def is_message(self) -> bool:
        return self.type == b"message" and self.subtype in (b"rfc822", b"global")

    def field(self, name: bytes) -> bytes | None:
        """The first field of that name (small letters)."""
        for key, value in self.fields:
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class _Stop:
    """The boundary line that ended a part: where it begins and ends, whose it is, and whether it closes its multipart."""

    begins: int
    ends: int
    level: int
    closes: bool


def header_end(message: bytes) -> int:
    """Where the body begins: after the empty line that ends the header, or at the message's end."""
    found = _empty_line(message, 0, len(message))
    return found[1] if found else len(message)


def _empty_line(message: bytes, start: int, limit: int) -> tuple[int, int] | None:
    """Where the first empty line from ``start`` (of a line) on begins and ends, before ``limit``."""
    for line in (b"\r\n", b"\n"):
        if message.startswith(line, start, limit):
            return start, start + len(line)
    usual = message.find(b"\n\r\n", start, limit)
    bare = message.find(b"\n\n", start, usual + 1 if usual >= 0 else limit)
    if bare >= 0:
        return bare + 1, bare + 2
    return (usual + 1, usual + 3) if usual >= 0 else None


def parse_structure(message: bytes) -> Part:
    """The message as a part. Never fails: what can't be cut apart is one part."""
    return _Parser(message).part(0, (), b"text/plain", 0)[0]


class _Parser:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self._left = PARTS
        self._dashed_left = DASHED_LINES
        self._fields_left = FIELDS
        self._octets_left = HEADERS_OCTETS
        self._sought, self._dashes = 1, 0
        """Between these two there is no line that begins with dashes: from where one was last looked for, to the line end before it."""
        self._absent: tuple[bytes, ...] = ()
        self._absent_from, self._absent_to = 0, 0
        """Between these two there is no boundary line of any of those: what was last looked through."""

    def part(self, start: int, boundaries: tuple[bytes, ...], default: bytes, depth: int) -> tuple[Part, _Stop | None]:
        """The part that begins at ``start``, up to a line of one of ``boundaries`` (outermost first), and that line."""
        self._left -= 1
        stop = self._next_stop(start, boundaries)
        # The empty line that ends a header may be the line end before a boundary: the body is empty then.
        limit = stop.begins if stop is not None else len(self._message)
        found = _empty_line(self._message, start, limit)
        header_end, body = found or (self._end_before(stop, start),) * 2
        fields = self._fields(start, header_end)
        told = next((value for name, value in fields if name == b"content-type"), None)
        main, parameters = parse_parameters(told if told is not None else default)
        kind, _, subtype = main.lower().partition(b"/")
        is_typed = told is not None and bool(kind and subtype)
        if told is not None and not is_typed:
            kind, subtype, parameters = b"text", b"plain", ()
        parts: tuple[Part, ...] = ()
        if depth < DEPTH and self._left > 0:
            boundary = dict(parameters).get(b"boundary", b"")
            if kind == b"multipart" and boundary:
                parts, stop = self._multipart(body, (*boundaries, boundary), subtype, depth)
            elif kind == b"message" and subtype in (b"rfc822", b"global"):
                inner, stop = self.part(body, boundaries, b"text/plain", depth + 1)
                parts = (inner,)
        # An inner header's empty line may be the line end before the boundary: it belongs to the parts around it, too.
        end = max(self._end_before(stop, body), parts[-1].end if parts else 0)
        lines = self._lines(body, end, parts)
        return Part(start, body, end, lines, fields, kind, subtype, parameters, is_typed, parts), stop

    def _fields(self, start: int, end: int) -> tuple[tuple[bytes, bytes], ...]:
        """Of the header that lies there: what may still be read of the message's headers."""
        octets = min(end - start, FIELDS_OCTETS, self._octets_left)
        found = fields_of(self._message[start : start + octets], min(FIELDS_OF_A_PART, self._fields_left))
        self._octets_left -= octets
        self._fields_left -= len(found)
        return tuple(found)

    def _lines(self, start: int, end: int, parts: tuple[Part, ...]) -> int:
        """Each is counted once, in whatever depth it lies."""
        count = 0
        for part in parts:
            count += self._message.count(b"\n", start, part.body) + part.lines
            start = part.end
        return count + self._message.count(b"\n", start, end)

    def _multipart(
        self, body: int, boundaries: tuple[bytes, ...], subtype: bytes, depth: int
    ) -> tuple[tuple[Part, ...], _Stop | None]:
        default = b"message/rfc822" if subtype == b"digest" else b"text/plain"
        level = len(boundaries) - 1
        parts: list[Part] = []
        stop = self._next_stop(body, boundaries)
        while stop is not None and stop.level == level and not stop.closes:
            part, stop = self.part(stop.ends, boundaries, default, depth + 1)
            parts.append(part)
        if stop is not None and stop.level == level:  # what follows the closing line belongs to nobody
            stop = self._next_stop(stop.ends, boundaries[:-1])
        return tuple(parts), stop

    def _next_stop(self, start: int, boundaries: tuple[bytes, ...]) -> _Stop | None:
        if not boundaries or self._left <= 0:
            return None
        new, new_until = self._not_looked_for(start, boundaries)
        place = start if self._message.startswith(b"--", start) else self._next_dashes(start)
        if not new and start < new_until:  # what is looked for stands nowhere before
            place = new_until if new_until < len(self._message) else -1
        stop = None
        while place >= 0 and stop is None and self._dashed_left > 0:
            self._dashed_left -= 1
            if self._message.startswith(new if place < new_until else boundaries, place + 2):
                stop = self._stop_at(place, boundaries)
            if stop is None:
                place = self._next_dashes(place)
        if self._dashed_left > 0:
            self._absent, self._absent_from = boundaries, start
            self._absent_to = len(self._message) if stop is None else stop.begins
        return stop

    def _not_looked_for(self, start: int, boundaries: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], int]:
        """Those of ``boundaries`` that may stand between ``start`` and the place that is told: parts within parts look for the same again and again."""
        common = min(len(boundaries), len(self._absent))
        if not self._absent_from <= start < self._absent_to or boundaries[:common] != self._absent[:common]:
            return boundaries, start
        return boundaries[common:], self._absent_to

    def _stop_at(self, place: int, boundaries: tuple[bytes, ...]) -> _Stop | None:
        """Where the line at ``place`` is the line of one. RFC 2046 §5.1.1: a line that begins with the boundary is one; of two, the longer is meant."""
        found = self._message.find(b"\n", place)
        end = found if found >= 0 else len(self._message)
        text = place + 2
        levels = [i for i, each in enumerate(boundaries) if self._message.startswith(each, text, end)]
        if not levels:
            return None
        level = max(levels, key=lambda i: (len(boundaries[i]), i))
        closes = self._message.startswith(b"--", text + len(boundaries[level]), end)
        return _Stop(place, min(end + 1, len(self._message)), level, closes)

    def _next_dashes(self, start: int) -> int:
        """Where the next line begins that starts with two dashes; -1: nowhere. Asked again from a place between, as parts within parts do, it is known."""
        if not self._sought <= start <= self._dashes:
            found = self._message.find(b"\n--", start)
            self._sought, self._dashes = start, found if found >= 0 else len(self._message)
        return self._dashes + 1 if self._dashes < len(self._message) else -1

    def _end_before(self, stop: _Stop | None, start: int) -> int:
        """A part ends before the line end that precedes its boundary line (RFC 2046 §5.1.1)."""
        if stop is None:
            return len(self._message)
        end = stop.begins
        if end > start and self._message[end - 1 : end] == b"\n":
            end -= 1
            if end > start and self._message[end - 1 : end] == b"\r":
                end -= 1
        return end
