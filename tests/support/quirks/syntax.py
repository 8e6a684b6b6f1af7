"""Commands into values, and values onto the wire (RFC 3501 §9), written apart from Bascule's own grammar on purpose."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

Value = bytes | list["Value"]
_MONTHS = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"]
_DATE = re.compile(rb" ?(\d{1,2})-(\w{3})-(\d{4})(?: (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d))?")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
ANNOUNCED = re.compile(rb"\{(\d+)(\+?)\}$")
"""A literal at the end of a line; with ``+`` it waits for nothing (RFC 7888)."""


class Bad(Exception):
    """The command breaks the grammar, or comes at the wrong time: the answer is BAD with this text."""


class No(Exception):
    """The answer is NO with this text, its response code included."""


class Hangup(Exception):
    """The connection ends now."""


@dataclass(frozen=True)
class Command:
    """``verb`` is in capitals, with its UID (``UID FETCH``). ``line``: as it came, without the octets of its literals."""

    connection: int
    tag: bytes
    verb: str
    arguments: list[Value] = field(repr=False)
    line: bytes


def parse(parts: list[bytes]) -> list[Value]:
    """The values of a command: text and literals alternate in ``parts``. Raises Bad."""
    stack: list[list[Value]] = [[]]
    for place, part in enumerate(parts):
        if place % 2:
            stack[-1].append(part)
            continue
        text = ANNOUNCED.sub(b"", part) if place < len(parts) - 1 else part
        _parse_text(text, stack)
    if len(stack) != 1:
        raise Bad("a parenthesis is open")
    return stack[0]


def _parse_text(text: bytes, stack: list[list[Value]]) -> None:
    at = 0
    while at < len(text):
        octet = text[at : at + 1]
        if octet == b" ":
            at += 1
        elif octet == b"(":
            stack.append([])
            at += 1
        elif octet == b")":
            if len(stack) == 1:
                raise Bad("a parenthesis too many")
            closed = stack.pop()
            stack[-1].append(closed)
            at += 1
        elif octet == b'"':
            found = re.compile(rb'"((?:[^"\\]|\\["\\])*)"').match(text, at)
            if found is None:
                raise Bad("a quote is open")
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", found[1]))
            at = found.end()
        else:
            found = re.compile(rb"(?:[^\s()\"\[]|\[[^\]]*\])+").match(text, at)
            if found is None:
                raise Bad("not an atom")
            stack[-1].append(found[0])
            at = found.end()


def word(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise Bad("a string was expected")
    return value


def words(value: Value) -> list[bytes]:
    if not isinstance(value, list):
        raise Bad("a list was expected")
    return [word(inner) for inner in value]


def number_set(text: bytes, numbers: list[int]) -> list[int]:
    """Those of ``numbers`` (ascending) that the set names; ``*`` is the last. Raises Bad."""
    last = max(numbers, default=0)
    wanted: set[int] = set()
    for piece in text.split(b","):
        ends = [last if end == b"*" else int(end) if end.isdigit() else -1 for end in piece.split(b":")]
        if len(ends) > 2 or min(ends) < 0:
            raise Bad("not a sequence set")
        wanted.update(number for number in numbers if min(ends) <= number <= max(ends))
    return [number for number in numbers if number in wanted]


def format_set(numbers: Iterable[int]) -> bytes:
    return b",".join(b"%d" % number for number in numbers)


def quoted(octets: bytes) -> bytes:
    """A quoted string, or a literal where none can hold it."""
    if any(octet in b"\r\n\0" or octet > 126 for octet in octets):
        return literal(octets)
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)


def outside_literals(line: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A response with ``change`` done to all of its text, and its literals as they are."""
    return b"".join(piece if is_literal else change(piece) for is_literal, piece in _pieces(line))


def _pieces(line: bytes) -> Iterator[tuple[bool, bytes]]:
    at = 0
    while found := _LITERAL.search(line, at):
        yield False, line[at : found.start()]
        end = found.end() + int(found[1])
        yield True, line[found.start() : end]
        at = end
    yield False, line[at:]


def format_date(date: datetime) -> bytes:
    return b'"%02d-%b-%b"' % (date.day, _MONTHS[date.month - 1], date.strftime("%Y %H:%M:%S %z").encode())


def parse_date(text: bytes) -> datetime:
    """A date, or a date and time. Raises Bad."""
    found = _DATE.fullmatch(text)
    if found is None or found[2].title() not in _MONTHS:
        raise Bad("not a date")
    try:
        day = datetime(int(found[3]), _MONTHS.index(found[2].title()) + 1, int(found[1]), tzinfo=UTC)
        if not found[4]:
            return day
        sign = -1 if found[7] == b"-" else 1
        zone = timezone(sign * timedelta(hours=int(found[8]), minutes=int(found[9])))
        return day.replace(hour=int(found[4]), minute=int(found[5]), second=int(found[6]), tzinfo=zone)
    except ValueError as error:  # day 0, year 0, hour 25
        raise Bad(str(error)) from None
