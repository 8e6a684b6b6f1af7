"""FETCH: what we ask for, and the message's attributes from the reply. RFC 9051 §6.4.5, §7.5.2

Replies to our own three questions are read by one regular expression each; anything else, or the same in another order, goes
through the tokeniser, which takes six times as long and gives the same `MessageData`. One attribute that is not what its RFC says is
told (`MessageData.odd`) and the others are kept; a reply that is no list of attributes at all is a `Fetch` with a ``fault``. Either is
that message's matter and not the connection's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from bascule.protocols.imap.commands import items
from bascule.protocols.imap.dates import parse_date_time, read_date_time
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.limits import MESSAGE_FLAGS, PLAIN_FLAGS_OCTETS
from bascule.protocols.imap.receiver import Frame, Literal
from bascule.protocols.imap.tokens import Value, as_list, as_number, as_text
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.instant import InternalDate
from bascule.terms.printable import CHARACTERS, printable

_WHOLE = (b"UID", b"FLAGS", b"INTERNALDATE", b"BODY.PEEK[]")
_LABELS = b"X-GM-LABELS"
WHOLE_MESSAGE = items(*_WHOLE)
LABELLED_MESSAGE = items(*_WHOLE, _LABELS)
SIZED_MESSAGE = items(b"RFC822.SIZE", *_WHOLE)
SIZED_LABELLED_MESSAGE = items(b"RFC822.SIZE", *_WHOLE, _LABELS)
FLAGS = items(b"UID", b"FLAGS")
DATE = items(b"UID", b"INTERNALDATE")
LABELS = items(b"UID", _LABELS)
DETAILS = items(b"UID", b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE")
BODY = items(b"UID", b"BODY.PEEK[]")
UIDS = items(b"UID")
SIZE = items(b"UID", b"RFC822.SIZE")

_FLAGS = rb"\* (\d{1,10}) FETCH \(UID (\d{1,10}) FLAGS \(([^()\"]{0,%d})\)" % PLAIN_FLAGS_OCTETS
_FLAGS_REPLY = re.compile(_FLAGS + rb"\)$")
_DETAILS_REPLY = re.compile(_FLAGS + rb' INTERNALDATE "([^"]*)" RFC822\.SIZE (\d{1,18})\)$')
_WHOLE_REPLY = re.compile(_FLAGS + rb' INTERNALDATE "([^"]*)" BODY\[\] $')
_NUMBERED = re.compile(rb"\* (\d{1,10}) FETCH\b", re.IGNORECASE)
_UID = re.compile(rb"[( ]UID (\d{1,10})(?=[ )]|$)", re.IGNORECASE)


@dataclass(slots=True)
class MessageData:
    """One message's attributes; None for what the reply does not hold, or holds in a form that says nothing. ``odd``: what was given
    and could not be understood, in words for a report."""

    uid: int | None = None
    flags: Flags | None = None
    date: InternalDate | None = None
    octets: int | None = None
    body: Literal | None = None
    modseq: int | None = None
    labels: tuple[str, ...] | None = None
    odd: tuple[str, ...] = ()


@dataclass(slots=True)
class Fetch:
    """One FETCH response. ``items`` has what `MessageData` does not, as `tokens` gives it, with keys in capitals, until `let_go_of_items`. ``fault``: why the
    response as a whole could not be read; ``data`` then holds its UID at most."""

    number: int
    data: MessageData
    items: dict[str, Value] | None = None
    fault: str = ""

    def let_go_of_items(self) -> None:
        """What nobody asks for is not kept with those responses that are: of ``items`` it stays known which of `MessageData`'s were there."""
        if self.items is not None:
            self.items = dict.fromkeys(name for name in _ATTRIBUTES_AND_FLAGS if name in self.items)

    def gives(self, item: str) -> bool:
        """Whether the response has this attribute, understood or not. A reply in the form of our own questions has what is set."""
        if self.items is not None:
            return item in self.items
        return {"INTERNALDATE": self.data.date, "FLAGS": self.data.flags, "BODY[]": self.data.body}.get(
            item
        ) is not None


@lru_cache(maxsize=4096)
def _flags(names: bytes) -> Flags:
    return normalise_flags(as_text(name) for name in names.split())


def parse_plain_fetch(frame: Frame, first: bytes) -> Fetch | None:
    """A reply in the form that our own questions bring; None: use the tokeniser."""
    if len(frame) == 3:
        found = _WHOLE_REPLY.match(first)
        if found is None or frame[2] != b")":
            return None
        number, uid, flags, written = found.groups()
        date = read_date_time(written)
        if date is None:
            return None
        return Fetch(int(number), MessageData(int(uid), _flags(flags), date, None, frame[1]))
    if len(frame) == 1 and first.endswith(b")"):
        found = _DETAILS_REPLY.match(first)
        if found is not None:
            number, uid, flags, written, octets = found.groups()
            date = read_date_time(written)
            if date is None:
                return None
            return Fetch(int(number), MessageData(int(uid), _flags(flags), date, int(octets)))
        found = _FLAGS_REPLY.match(first)
        if found is not None:
            return Fetch(int(found[1]), MessageData(int(found[2]), _flags(found[3])))
    return None


def fetch_of(number: int, items: dict[str, Value]) -> Fetch:
    """From the tokeniser's pairs. Raises RemoteError where there is a UID and it is no number: then it is nobody's reply."""
    data = MessageData()
    odd: list[str] = []
    for key, value in items.items():
        if key == "UID":
            data.uid = as_number(value)
        elif key == "FLAGS":
            data.flags = _flag_list(value, odd)
        elif key == "BODY[]" and value is None:
            data.body = b""  # NIL: servers write it for a message without octets
        elif value is not None and (known := _ATTRIBUTES.get(key)) is not None:
            attribute, name, read = known
            try:
                setattr(data, attribute, read(value))
            except RemoteError:
                odd.append(f"{name} is given as “{_shown(value)}”, which is none")
    data.odd = tuple(odd)
    return Fetch(number, data, items)


def _flag_list(value: Value, odd: list[str]) -> Flags | None:
    """NIL instead of a list is an empty one, and within it a keyword of that name. What is in a list and is no string is left out and told; a list past
    `MESSAGE_FLAGS` is told alone."""
    if value is not None and not isinstance(value, list):
        odd.append(f"its list of flags is given as “{_shown(value)}”, which is none")
        return None
    names = [b"NIL" if name is None else name for name in value or []]
    if len(names) > MESSAGE_FLAGS:
        odd.append(f"it is given more than {MESSAGE_FLAGS:,} flags")
        return None
    odd += [
        f"one of its flags is given as “{_shown(name)}”, which is none" for name in names if not isinstance(name, bytes)
    ]
    return normalise_flags(as_text(name) for name in names if isinstance(name, bytes))


def _date(value: Value) -> InternalDate:
    if not isinstance(value, bytes):
        raise RemoteError("a string was expected")
    return parse_date_time(value)


def _content(value: Value) -> Literal:
    if isinstance(value, list):
        raise RemoteError("a string was expected")
    content: Literal = value
    return content


def _modseq(value: Value) -> int:
    return as_number(next(iter(as_list(value)), b""))


def _labels(value: Value) -> tuple[str, ...]:
    return tuple(as_text(name) for name in as_list(value))


_ATTRIBUTES: dict[str, tuple[str, str, Callable[[Value], object]]] = {
    "INTERNALDATE": ("date", "its arrival date", _date),
    "RFC822.SIZE": ("octets", "its size", as_number),
    "BODY[]": ("body", "its content", _content),
    "MODSEQ": ("modseq", "its MODSEQ", _modseq),
    "X-GM-LABELS": ("labels", "its list of labels", _labels),
}
"""Attribute of the reply → of `MessageData`, its name for people, how it is read. NIL leaves it out."""
_ATTRIBUTES_AND_FLAGS = (*_ATTRIBUTES, "FLAGS")


def _shown(value: Value) -> str:
    """For a report: a string as it stands; a list, or a literal that went to a sink, by its form."""
    if isinstance(value, list):
        return f"({' '.join(_shown(one) for one in value[:10])})"
    return printable(as_text(value), 60) if isinstance(value, bytes | None) else "{…}"


def broken_fetch(frame: Frame, reason: str) -> Fetch | None:
    """A FETCH response that could not be read for ``reason``, with its UID where it tells just one; None: the frame is no FETCH."""
    texts = [part for place, part in enumerate(frame) if place % 2 == 0 and isinstance(part, bytes)]
    found = _NUMBERED.match(texts[0])
    if found is None:
        return None
    uids = {int(uid) for text in texts for uid in _UID.findall(text)}
    return Fetch(
        int(found[1]), MessageData(uids.pop() if len(uids) == 1 else None), fault=printable(reason, CHARACTERS)
    )
