"""SEARCH's criteria as a tree. RFC 9051 §6.4.4; MODSEQ: RFC 7162 §3.1.5; OLDER, YOUNGER: RFC 5032; ``$``: RFC 5182; EMAILID,
THREADID: RFC 8474 §5.4; SAVED…: RFC 8514 §4.3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bascule.protocols.imap.dates import parse_date
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.limits import DEFAULT_LIMITS, Limits
from bascule.protocols.imap.sequence import Bound, parse_set
from bascule.protocols.imap.tokens import Value, as_number


class Clock(StrEnum):
    """Which of a message's dates is compared."""

    ARRIVED = "arrived"
    """INTERNALDATE."""
    SENT = "sent"
    """The Date field, without its zone."""
    SAVED = "saved"
    """When it came into this mailbox."""


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class HasFlag:
    """A system flag (``\\Seen``) or a keyword."""

    name: str


@dataclass(frozen=True, slots=True)
class InHeader:
    """The field ``name`` holds ``text``; an empty text: the field is there."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class InText:
    """The body holds ``text``; with ``header``: the header or the body."""

    text: str
    header: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """From ``since`` on, and before ``before``; None: no bound."""

    clock: Clock
    since: date | None
    before: date | None


@dataclass(frozen=True, slots=True)
class Aged:
    """Arrived within the last ``seconds``, or before that where ``older``."""

    seconds: int
    older: bool


@dataclass(frozen=True, slots=True)
class Sized:
    """More octets than ``above``, and fewer than ``below``; None: no bound."""

    above: int | None
    below: int | None


@dataclass(frozen=True, slots=True)
class Numbered:
    """Among these sequence numbers, or UIDs."""

    numbers: tuple[tuple[Bound, Bound], ...]
    uid: bool


@dataclass(frozen=True, slots=True)
class SavedResult:
    """Among what the last SEARCH RETURN (SAVE) found: ``$``."""


@dataclass(frozen=True, slots=True)
class ModifiedSince:
    """MODSEQ is at least ``modseq``."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Identified:
    """EMAILID or THREADID is ``value``."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    key: "Key"


@dataclass(frozen=True, slots=True)
class Or:
    one: "Key"
    other: "Key"


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple["Key", ...]


Key = (
    All | HasFlag | InHeader | InText | Dated | Aged | Sized | Numbered | SavedResult | ModifiedSince | Identified | Not | Or
    | And
)  # fmt: skip

CHARSETS = {"US-ASCII": "ascii", "UTF-8": "utf-8", "ISO-8859-1": "latin-1"}
"""What CHARSET may say; any other is answered with BADCHARSET and this list."""
KEYS_OF_A_SEARCH = 2000
"""More keys in one command than any program sends; each is a test for every message."""


class BadCharset(RemoteError):
    """The command is to be refused with ``NO [BADCHARSET (…)]``."""


def parse_search(values: list[Value], limits: Limits = DEFAULT_LIMITS) -> Key:
    """The criteria of SEARCH, UID SEARCH, SORT or THREAD: everything after RETURN. Raises RemoteError, BadCharset."""
    charset = "utf-8"
    if len(values) > 1 and _upper(values[0]) == "CHARSET":
        name = _upper(values[1])
        if name not in CHARSETS:
            raise BadCharset(f"unknown charset {name:.40}")
        charset, values = CHARSETS[name], values[2:]
    return _Parser(charset, limits).all_of(values)


def _upper(value: Value) -> str:
    return value.decode("latin-1").upper() if isinstance(value, bytes) else ""


class _Parser:
    def __init__(self, charset: str, limits: Limits) -> None:
        self._charset = charset
        self._limits = limits
        self._left = KEYS_OF_A_SEARCH

    def all_of(self, values: list[Value], depth: int = 0) -> Key:
        rest = iter(values)
        keys = [self._key(value, rest, depth) for value in rest]  # a key takes its arguments from ``rest`` itself
        if not keys:
            raise RemoteError("SEARCH needs a key")
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def _key(self, value: Value, rest: Iterator[Value], depth: int) -> Key:
        self._left -= 1
        if self._left < 0 or depth > self._limits.depth:
            raise RemoteError("SEARCH has too many keys")
        if isinstance(value, list):
            return self.all_of(value, depth + 1)
        name = _upper(value)
        if name in _FLAGS:
            return _FLAGS[name]
        if name in _ARGUMENT:
            return _ARGUMENT[name](self, name, rest)
        if name == "NOT":
            return Not(self._key(self._next(rest, name), rest, depth + 1))
        if name == "OR":
            one = self._key(self._next(rest, name), rest, depth + 1)
            return Or(one, self._key(self._next(rest, name), rest, depth + 1))
        if isinstance(value, bytes) and (value[:1].isdigit() or value[:1] == b"*"):
            return Numbered(parse_set(value), uid=False)
        raise RemoteError(f"{name:.40} is no search key")

    def _next(self, rest: Iterator[Value], name: str) -> Value:
        for value in rest:
            return value
        raise RemoteError(f"{name} needs an argument")

    def _text(self, name: str, rest: Iterator[Value]) -> str:
        value = self._next(rest, name)
        value = b"NIL" if value is None else value
        if not isinstance(value, bytes):
            raise RemoteError(f"{name} needs a string")
        try:
            return value.decode(self._charset)
        except UnicodeDecodeError as error:
            raise RemoteError(f"{name}'s string is not {self._charset}") from error

    # -- keys with arguments ------------------------------------------------------------------------------------------

    def keyword(self, name: str, rest: Iterator[Value]) -> Key:
        key = HasFlag(self._text(name, rest))
        return key if name == "KEYWORD" else Not(key)

    def header(self, name: str, rest: Iterator[Value]) -> Key:
        field = self._text(name, rest) if name == "HEADER" else name
        return InHeader(field.lower(), self._text(name, rest))

    def text(self, name: str, rest: Iterator[Value]) -> Key:
        return InText(self._text(name, rest), header=name == "TEXT")

    def day(self, name: str, rest: Iterator[Value]) -> Key:
        value = self._next(rest, name)
        if not isinstance(value, bytes):
            raise RemoteError(f"{name} needs a date")
        day = parse_date(value)
        clock = Clock.SENT if name.startswith("SENT") else Clock.SAVED if name.startswith("SAVED") else Clock.ARRIVED
        if name.endswith("BEFORE"):
            return Dated(clock, None, day)
        if name.endswith("SINCE"):
            return Dated(clock, day, None)
        return Dated(clock, day, date.fromordinal(min(day.toordinal() + 1, date.max.toordinal())))

    def size(self, name: str, rest: Iterator[Value]) -> Key:
        octets = as_number(self._next(rest, name))
        return Sized(octets, None) if name == "LARGER" else Sized(None, octets)

    def age(self, name: str, rest: Iterator[Value]) -> Key:
        return Aged(as_number(self._next(rest, name)), older=name == "OLDER")

    def uid(self, name: str, rest: Iterator[Value]) -> Key:
        value = self._next(rest, name)
        if value == b"$":
            return SavedResult()
        if not isinstance(value, bytes):
            raise RemoteError("UID needs a sequence set")
        return Numbered(parse_set(value), uid=True)

    def modseq(self, name: str, rest: Iterator[Value]) -> Key:
        value = self._next(rest, name)
        if (
            isinstance(value, bytes) and not value.isdigit()
        ):  # RFC 7162 §3.1.5: an entry name and its type may stand before
            self._next(rest, name)
            value = self._next(rest, name)
        return ModifiedSince(as_number(value))

    def identity(self, name: str, rest: Iterator[Value]) -> Key:
        return Identified(name, self._text(name, rest))


_SYSTEM = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN")
_RECENT = HasFlag("\\Recent")
_FLAGS: dict[str, Key] = {
    "ALL": All(),
    "SAVEDATESUPPORTED": All(),
    "$": SavedResult(),
    "RECENT": _RECENT,
    "OLD": Not(_RECENT),
    "NEW": And((_RECENT, Not(HasFlag("\\Seen")))),
    **{name: HasFlag(f"\\{name.capitalize()}") for name in _SYSTEM},
    **{f"UN{name}": Not(HasFlag(f"\\{name.capitalize()}")) for name in _SYSTEM},
}
_ARGUMENT: dict[str, Callable[[_Parser, str, Iterator[Value]], Key]] = {
    **dict.fromkeys(("KEYWORD", "UNKEYWORD"), _Parser.keyword),
    **dict.fromkeys(("FROM", "TO", "CC", "BCC", "SUBJECT", "HEADER"), _Parser.header),
    **dict.fromkeys(("BODY", "TEXT"), _Parser.text),
    **{prefix + name: _Parser.day for prefix in ("", "SENT", "SAVED") for name in ("BEFORE", "ON", "SINCE")},
    **dict.fromkeys(("LARGER", "SMALLER"), _Parser.size),
    **dict.fromkeys(("OLDER", "YOUNGER"), _Parser.age),
    **dict.fromkeys(("EMAILID", "THREADID"), _Parser.identity),
    "UID": _Parser.uid,
    "MODSEQ": _Parser.modseq,
}
