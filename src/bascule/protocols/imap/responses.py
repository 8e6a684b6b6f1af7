"""What a server says, typed: one dataclass for each response of RFC 9051 §7 and its extensions, and `parse_response`."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bascule.protocols.imap.errors import RemoteError, TooMuch
from bascule.protocols.imap.fetch import Fetch, broken_fetch, fetch_of, parse_plain_fetch
from bascule.protocols.imap.limits import (
    CONDITION_OCTETS,
    DEFAULT_LIMITS,
    FOUND_NUMBERS,
    LISTING_ATTRIBUTES,
    NAMESPACES,
    Limits,
)
from bascule.protocols.imap.receiver import Frame
from bascule.protocols.imap.sequence import Range, parse_ranges
from bascule.protocols.imap.tokens import Value, as_list, as_number, as_text, parse_values
from bascule.terms.folder import SpecialUse
from bascule.terms.printable import CHARACTERS, printable


@dataclass(frozen=True, slots=True)
class Code:
    """A response code (RFC 9051 §7.1): ``[APPENDUID 38505 3955]`` has the name APPENDUID and two arguments."""

    name: str
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Continuation:
    """``+``: go on with the literal or the SASL exchange. RFC 9051 §7.6"""

    text: bytes


@dataclass(frozen=True, slots=True)
class Condition:
    """OK, NO, BAD, BYE or PREAUTH; ``tag`` is None when untagged. RFC 9051 §7.1"""

    tag: str | None
    status: str
    code: Code | None
    text: str

    @property
    def reason(self) -> str:
        """The server's own words, for a report: on one line, and without what a terminal would obey."""
        code = f"[{self.code.name}] " if self.code else ""
        return printable(f"{code}{self.text}".strip(), CHARACTERS) or self.status


@dataclass(frozen=True, slots=True)
class Capability:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Enabled:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One LIST or LSUB reply. ``name`` is raw, as the server wrote it. RFC 9051 §7.3.1, RFC 5258"""

    command: str
    attributes: frozenset[str]
    separator: str | None
    name: bytes

    def has(self, attribute: str) -> bool:
        return attribute.lower() in {name.lower() for name in self.attributes}

    def with_known_attributes(self) -> "Listing":
        """What nobody knows is not kept with those listings that are: each attribute takes 30 times the octets that it is written in."""
        known = frozenset(known for name in self.attributes if (known := _ATTRIBUTES.get(name.lower())))
        return replace(self, attributes=known)


_ATTRIBUTES = {
    name.lower(): name
    for name in (
        "\\NoInferiors", "\\NoSelect", "\\NonExistent", "\\HasChildren", "\\HasNoChildren", "\\Marked", "\\Unmarked", "\\Subscribed", "\\Remote",
        *SpecialUse,
    )
}  # fmt: skip
"""RFC 9051 §7.3.1, and what a mailbox is for."""


@dataclass(frozen=True, slots=True)
class Status:
    """RFC 9051 §7.3.4; HIGHESTMODSEQ is RFC 7162, SIZE RFC 8438. ``mailboxid``: RFC 8474 §4.3; empty: none was told."""

    name: bytes
    items: dict[str, int]
    mailboxid: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Esearch:
    """RFC 4731. ``all`` holds ranges, and is empty when nothing matched."""

    tag: str
    uid: bool
    all: tuple[Range, ...]
    items: dict[str, int]


@dataclass(frozen=True, slots=True)
class Exists:
    number: int


@dataclass(frozen=True, slots=True)
class Recent:
    number: int


@dataclass(frozen=True, slots=True)
class Expunge:
    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """RFC 7162 §3.2.10"""

    earlier: bool
    uids: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    """RFC 2342. Each entry: (prefix, separator)."""

    personal: tuple[tuple[bytes, str | None], ...]
    others: tuple[tuple[bytes, str | None], ...]
    shared: tuple[tuple[bytes, str | None], ...]

    def is_personal(self, name: bytes) -> bool:
        """Whether a mailbox is one's own, and not another's or everybody's: by the longest prefix that fits, as the shared one may be empty
        where one's own is ``INBOX.``. INBOX always is. Where one has no namespace at all (RFC 2342 §5), an empty prefix makes nothing another's:
        all that a person is shown would be."""

        def longest(prefixes: tuple[tuple[bytes, str | None], ...]) -> int:
            fitting = [prefix for prefix, _ in prefixes if name.startswith(prefix) or name == prefix[:-1]]
            return max(map(len, fitting), default=-1)

        return name.upper() == b"INBOX" or longest(self.personal or _ROOT) >= longest(self.others + self.shared)


_ROOT: tuple[tuple[bytes, str | None], ...] = ((b"", None),)
NO_NAMESPACE = Namespace((), (), ())
"""Of a server that tells none: all is personal."""


@dataclass(frozen=True, slots=True)
class Quota:
    """RFC 9208 §4.2.1: resource → (usage, limit); STORAGE counts units of 1,024 octets."""

    root: str
    resources: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Identification:
    """RFC 2971"""

    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Other:
    """A response that we have no use for."""

    name: str
    values: list[Value] = field(default_factory=list)


Response = (
    Continuation | Condition | Capability | Enabled | Listing | Status | Search | Esearch | Fetch | Exists | Recent
    | Expunge | Vanished | Flags | Namespace | Quota | Identification | Other
)  # fmt: skip

_CONDITION = re.compile(
    rb"(\*|[^\s+*]+) (OK|NO|BAD|BYE|PREAUTH)(?: |$)(?:\[([^\s\]\[]{1,64})(?: ((?:[^\]\"]++|\"(?:[^\"\\]++|\\.)*+\")*+))?\] ?)?(.*)",
    re.IGNORECASE | re.DOTALL,
)
"""Its repetitions are possessive: for one octet that can be given back, 200 are held, and a line has up to `Limits.line_octets`."""


_OBJECTID = re.compile(rb"[A-Za-z0-9_-]{1,255}")


def parse_response(frame: Frame, limits: Limits = DEFAULT_LIMITS) -> Response:
    """One frame of a server. Raises RemoteError for what is not IMAP; an unknown response is `Other`.

    A FETCH response that can't be read is one all the same, with its ``fault``: it is of one message, and the next frame of another. So is
    one that says nothing that could not be missing. Where a limit is passed, that is told in any case (TooMuch), but of a FETCH.
    """
    first = frame[0]
    assert isinstance(first, bytes)  # frames begin with text
    if first.startswith(b"* ") and (fetch := parse_plain_fetch(frame, first)) is not None:
        return fetch
    if first[2:3] in b"Ss" and len(frame) == 1 and (search := _plain_search(first)) is not None:
        return search
    if first.startswith(b"+"):
        return Continuation(first[2:])
    condition = _CONDITION.match(first)
    if condition:
        return _condition(condition, limits)
    if not first.startswith(b"* "):
        raise RemoteError(f"not an IMAP response: {printable(as_text(first[:CONDITION_OCTETS]))}")
    try:
        return _untagged(frame, limits)
    except RemoteError as error:
        if (understood := _unquoted_listing(frame) or broken_fetch(frame, str(error))) is not None:
            return understood
        name = first[2:].partition(b" ")[0].decode("latin-1").upper()
        if name in _MAY_BE_GARBLED and not isinstance(error, TooMuch):
            return Other(name)
        raise


def _condition(found: re.Match[bytes], limits: Limits) -> Condition:
    tag, status, code_name, code_arguments, text = found.groups()
    code = None
    if code_name is not None:
        code = Code(code_name.decode("latin-1").upper(), _code_arguments(code_arguments or b"", limits))
    return Condition(
        None if tag == b"*" else tag.decode("latin-1"),
        status.decode("latin-1").upper(),
        code,
        as_text(text[:CONDITION_OCTETS]),
    )


def _code_arguments(octets: bytes, limits: Limits) -> tuple[Value, ...]:
    try:
        return tuple(parse_values([octets], 0, limits))
    except RemoteError:
        return (octets,)  # a code's arguments are a courtesy; a server that garbles them is still understood


def _untagged(frame: Frame, limits: Limits) -> Response:
    values = parse_values(frame, 2, limits)
    if not values or not isinstance(values[0], bytes):
        raise RemoteError("not an IMAP response: it begins with no word")
    if values[0].isdigit():
        return _numbered(values)
    name = values[0].decode("latin-1").upper()
    if name in _LISTINGS and _says_more_than_a_name(values) and (listing := _unquoted_listing(frame)) is not None:
        return listing
    parse = _PARSERS.get(name)
    return parse(values[1:]) if parse else Other(name, values[1:])


def _numbered(values: list[Value]) -> Response:
    number = as_number(values[0])
    name = as_text(values[1]).upper() if len(values) > 1 else ""
    match name:
        case "EXISTS":
            return Exists(number)
        case "RECENT":
            return Recent(number)
        case "EXPUNGE":
            return Expunge(number)
        case "FETCH":
            if len(values) != 3:
                raise RemoteError("FETCH is followed by other than one list")
            return fetch_of(number, _pairs(values[2]))
    return Other(name, values)


def _pairs(value: Value) -> dict[str, Value]:
    items = as_list(value)
    if len(items) % 2:
        raise RemoteError("a list of pairs has an odd number of members")
    return {as_text(items[i]).upper(): items[i + 1] for i in range(0, len(items), 2)}


def _names(values: list[Value]) -> frozenset[str]:
    return frozenset(as_text(value).upper() for value in values)


def _listing(command: str, values: list[Value]) -> Listing:
    if len(values) < 3 or isinstance(values[2], list) or values[2] is None:
        if len(values) >= 3 and values[2] is None:
            values[2] = b"NIL"  # a mailbox of that name, written as an atom
        else:
            raise RemoteError(f"not a {command} response")
    if not isinstance(values[2], bytes):
        raise RemoteError("a mailbox name is longer than any we can use")
    attributes = _attributes(as_list(values[0]))
    return Listing(command, attributes, as_text(values[1]) or None, values[2])


def _attributes(names: list[Value]) -> frozenset[str]:
    if len(names) > LISTING_ATTRIBUTES:
        raise TooMuch(f"a mailbox is listed with more than {LISTING_ATTRIBUTES} attributes")
    return frozenset(as_text(name) for name in names)


_LISTINGS = ("LIST", "LSUB")
_UNQUOTED = re.compile(
    rb"""\*\ (LIST|LSUB)\ \(([^()]*)\)\ (?:NIL|"(?:\\?(.))"|(\S))\ ([^\s"({].*)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def _says_more_than_a_name(values: list[Value]) -> bool:
    """Whether something follows a mailbox's name that is not LIST's extended data, a list of pairs. RFC 9051 §7.3.1"""
    rest = values[4:]
    return bool(rest) and not (len(rest) == 1 and isinstance(rest[0], list) and len(rest[0]) % 2 == 0)


def _unquoted_listing(frame: Frame) -> Listing | None:
    """A mailbox whose name has blanks, tabs or brackets and is not quoted (Exchange): all that is left of the line. None: it is no such line."""
    found = _UNQUOTED.fullmatch(frame[0]) if len(frame) == 1 and isinstance(frame[0], bytes) else None
    if found is None:
        return None
    command, attributes, quoted, bare, name = found.groups()
    separator = quoted or bare
    return Listing(
        command.decode().upper(),
        _attributes(attributes.split(None, LISTING_ATTRIBUTES)),
        as_text(separator) if separator else None,
        name,
    )


def _unquoted_name(values: list[Value]) -> bytes:
    """A mailbox name with blanks that its server did not quote: all the words up to a list (or the end)."""
    words: list[bytes] = []
    for value in values:
        if not isinstance(value, bytes):
            break
        words.append(value)
    return b" ".join(words)


def _status(values: list[Value]) -> Status:
    if len(values) < 2 or not isinstance(values[0], bytes):
        raise RemoteError("not a STATUS response")
    items: dict[str, int] = {}
    pairs = _pairs(values[-1])
    for name, value in pairs.items():
        if isinstance(value, bytes) and value.isdigit():
            items[name] = as_number(value)
    return Status(_unquoted_name(values), items, mailboxid_of(pairs.get("MAILBOXID")))


def mailboxid_of(value: object) -> str:
    """``(objectid)``, RFC 8474 §7; empty for what is none: as good as not told."""
    name = value[0] if isinstance(value, list) and len(value) == 1 else None
    return name.decode("ascii") if isinstance(name, bytes) and _OBJECTID.fullmatch(name) else ""


_SEARCH = b"* SEARCH "
_DIGITS_AND_BLANKS = b"0123456789 "


def _plain_search(line: bytes) -> Search | None:
    """All that SEARCH found, without a value for each of it; None: use the tokeniser. What follows in parentheses is no number (RFC 7162 §3.1.5)."""
    if line[: len(_SEARCH)].upper() != _SEARCH:
        return None
    written, parenthesis, rest = line[len(_SEARCH) :].partition(b"(")
    if written.translate(None, _DIGITS_AND_BLANKS) or (parenthesis and not re.fullmatch(rb"[^()\"]*+\) *+", rest)):
        return None
    if written.count(b" ") >= FOUND_NUMBERS:
        raise TooMuch(f"SEARCH found more than {FOUND_NUMBERS:,} messages at once")
    numbers = written.split()
    if max(map(len, numbers), default=0) > _NUMBER_DIGITS:
        return None
    return Search(tuple(map(int, numbers)))


_NUMBER_DIGITS = 18
"""Any number of so few is one: `as_number`."""


def _search(values: list[Value]) -> Search:
    return Search(tuple(as_number(value) for value in values if not isinstance(value, list)))


def _esearch(values: list[Value]) -> Esearch:
    tag, uid, place = "", False, 0
    if values and isinstance(values[0], list):
        pair = values[0]
        tag = as_text(pair[1]) if len(pair) > 1 else ""
        place = 1
    if place < len(values) and as_text(values[place]).upper() == "UID":
        uid = True
        place += 1
    ranges: tuple[Range, ...] = ()
    items: dict[str, int] = {}
    rest = values[place:]
    for name, value in zip(rest[::2], rest[1::2], strict=False):
        if as_text(name).upper() == "ALL":
            ranges = tuple(parse_ranges(value if isinstance(value, bytes) else b""))
        elif isinstance(value, bytes) and value.isdigit():
            items[as_text(name).upper()] = as_number(value)
    return Esearch(tag, uid, ranges, items)


def _vanished(values: list[Value]) -> Vanished:
    earlier = bool(values) and isinstance(values[0], list)
    if not values or not isinstance(values[-1], bytes):
        raise RemoteError("not a VANISHED response")
    return Vanished(earlier, tuple(parse_ranges(values[-1])))


def _namespace(values: list[Value]) -> Namespace:
    kinds = []
    if sum(len(value) for value in values[:3] if isinstance(value, list)) > NAMESPACES:
        raise TooMuch(f"NAMESPACE tells of more than {NAMESPACES:,}")
    for value in values[:3]:
        entries = []
        for entry in as_list(value):
            parts = as_list(entry)
            if len(parts) < 2 or not isinstance(parts[0], bytes):
                raise RemoteError("not a NAMESPACE response")
            entries.append((parts[0], as_text(parts[1]) or None))
        kinds.append(tuple(entries))
    if len(kinds) != 3:
        raise RemoteError("not a NAMESPACE response")
    return Namespace(*kinds)


def _quota(values: list[Value]) -> Quota:
    triples = as_list(values[-1]) if values else []
    resources = {}
    for i in range(0, len(triples) - 2, 3):
        resources[as_text(triples[i]).upper()] = (as_number(triples[i + 1]), as_number(triples[i + 2]))
    return Quota(as_text(values[0]) if len(values) > 1 else "", resources)


def _identification(values: list[Value]) -> Identification:
    fields = as_list(values[0]) if values else []
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return Identification({as_text(name).lower(): as_text(value) for name, value in pairs})


_MAY_BE_GARBLED = frozenset({"CAPABILITY", "FLAGS", "ID", "NAMESPACE", "QUOTA", "QUOTAROOT", "STATUS", "VANISHED"})
"""What nothing is lost by where it says nothing: whoever asked for it goes on as with a server that does not tell. A LIST or a SEARCH
that can't be read is another matter: what it does not say would be missed by nobody."""

_PARSERS: dict[str, Callable[[list[Value]], Response]] = {
    "CAPABILITY": lambda values: Capability(_names(values)),
    "ENABLED": lambda values: Enabled(_names(values)),
    "LIST": lambda values: _listing("LIST", values),
    "LSUB": lambda values: _listing("LSUB", values),
    "STATUS": _status,
    "SEARCH": _search,
    "ESEARCH": _esearch,
    "VANISHED": _vanished,
    "FLAGS": lambda values: Flags(tuple(as_text(v) for v in as_list(values[0] if values else None))),
    "NAMESPACE": _namespace,
    "QUOTA": _quota,
    "ID": _identification,
}
