"""SEARCH: RFC 3501 §6.4.4, with ESEARCH (RFC 4731) and MODSEQ (RFC 7162)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from support.quirks.selecting import opened
from support.quirks.signing_in import Handler
from support.quirks.store import Message
from support.quirks.syntax import Bad, Value, format_set, number_set, parse_date, word, words

if TYPE_CHECKING:
    from support.quirks.server import Session

Test = Callable[[Message], bool]
_FLAGS = {name: b"\\" + name.title() for name in (b"SEEN", b"ANSWERED", b"FLAGGED", b"DELETED", b"DRAFT")}


def search(session: Session, arguments: list[Value], by_uid: bool = False) -> bytes:
    opened(session)
    rest = list(arguments)
    returned = None
    if len(rest) > 1 and rest[0] == b"RETURN" and isinstance(rest[1], list):
        if not session.has("ESEARCH"):
            raise Bad("RETURN is not offered")
        returned, rest = [name.upper() for name in words(rest[1])] or [b"ALL"], rest[2:]
    if rest and rest[0] == b"CHARSET":
        rest = rest[2:]
    tests = _tests(session, rest)
    uids = [message.uid for message in session.view if all(test(message) for test in tests)]
    numbers = session.quirk.found(session, uids)
    if not by_uid:
        places = {message.uid: place for place, message in enumerate(session.view, 1)}
        numbers = [places[uid] for uid in numbers if uid in places]
    if returned is None:
        session.lines.append(b" ".join([b"* SEARCH", *(b"%d" % number for number in numbers)]))
    else:
        session.lines.append(_extended(session, numbers, returned, by_uid))
    return b"done"


def _extended(session: Session, numbers: list[int], returned: list[bytes], by_uid: bool) -> bytes:
    tag = session.server.commands[-1].tag
    for command in reversed(session.server.commands):
        if command.connection == session.number:
            tag = command.tag
            break
    line = b'* ESEARCH (TAG "%b")%b' % (tag, b" UID" if by_uid else b"")
    told = {b"MIN": numbers[:1], b"MAX": numbers[-1:], b"ALL": numbers}
    for name, chosen in told.items():
        if name in returned and chosen:
            line += b" %b %b" % (name, format_set(chosen))
    return line + (b" COUNT %d" % len(numbers) if b"COUNT" in returned else b"")


def _tests(session: Session, rest: list[Value]) -> list[Test]:
    tests: list[Test] = []
    while rest:
        tests.append(_one(session, rest))
    return tests


def _one(session: Session, rest: list[Value]) -> Test:
    """The next key, taken from ``rest`` with its arguments."""
    first = rest.pop(0)
    if isinstance(first, list):
        inner = _tests(session, first)
        return lambda message: all(test(message) for test in inner)
    name = first.upper()
    if re.fullmatch(rb"[\d:*,]+", name):
        places = set(number_set(name, list(range(1, len(session.view) + 1))))
        return lambda message: session.view.index(message) + 1 in places
    if name in (b"ALL", b"OLD"):
        return lambda message: True
    if name in (b"NEW", b"RECENT"):
        return lambda message: False
    if name in _FLAGS:
        return lambda message: _FLAGS[name] in message.flags
    if name.startswith(b"UN") and name[2:] in _FLAGS:
        return lambda message: _FLAGS[name[2:]] not in message.flags
    if name == b"NOT":
        other = _one(session, rest)
        return lambda message: not other(message)
    if name == b"OR":
        one, other = _one(session, rest), _one(session, rest)
        return lambda message: one(message) or other(message)
    if name == b"HEADER":
        field = word(rest.pop(0))
        return _in_field(field, word(rest.pop(0)))
    if not rest:
        raise Bad("a search key has no value")
    return _with_value(session, name, word(rest.pop(0)))


def _with_value(session: Session, name: bytes, value: bytes) -> Test:
    match name:
        case b"UID":
            uids = set(number_set(value, [message.uid for message in session.view]))
            return lambda message: message.uid in uids
        case b"KEYWORD":
            return lambda message: value.lower() in {flag.lower() for flag in message.flags}
        case b"UNKEYWORD":
            return lambda message: value.lower() not in {flag.lower() for flag in message.flags}
        case b"LARGER":
            return lambda message: len(message.octets) > int(value)
        case b"SMALLER":
            return lambda message: len(message.octets) < int(value)
        case b"MODSEQ":
            return lambda message: message.modseq >= int(value)
        case b"SUBJECT" | b"FROM" | b"TO" | b"CC" | b"BCC":
            return _in_field(name, value)
        case b"TEXT" | b"BODY":
            return lambda message: value.lower() in message.octets.lower()
        case b"SINCE" | b"BEFORE" | b"ON":
            day = parse_date(value).date()
            compared = {b"SINCE": lambda m: m.date.date() >= day, b"BEFORE": lambda m: m.date.date() < day}
            return compared.get(name, lambda m: m.date.date() == day)
    raise Bad(f"no search key {name!r}")


def _in_field(field: bytes, value: bytes) -> Test:
    shape = re.compile(rb"(?im)^%b:(.*(?:\r\n[ \t].*)*)" % re.escape(field))
    return lambda message: any(
        value.lower() in found.lower() for found in shape.findall(message.octets.split(b"\r\n\r\n")[0] + b"\r\n")
    )


HANDLERS: dict[str, Handler] = {
    "SEARCH": search,
    "UID SEARCH": lambda session, arguments: search(session, arguments, by_uid=True),
}
