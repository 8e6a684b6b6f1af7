"""FETCH's arguments: RFC 9051 §6.4.5; BINARY, RFC 3516; CHANGEDSINCE, VANISHED, RFC 7162; EMAILID, RFC 8474; PREVIEW, RFC 8970."""

import re
from dataclasses import dataclass

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.requests.arguments import Arguments, MessageSet, number_of, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.protocols.imap.section import Section, Text, parse_section
from bascule.protocols.imap.tokens import Value

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
PLAIN = frozenset(
    (
        "FLAGS",
        "UID",
        "INTERNALDATE",
        "RFC822.SIZE",
        "ENVELOPE",
        "BODY",
        "BODYSTRUCTURE",
        "MODSEQ",
        "EMAILID",
        "THREADID",
        "PREVIEW",
    )
)
ITEMS_OF_A_FETCH = 200
MAX_NUMBER64 = 2**63 - 1
"""RFC 9051 §9, number64."""
_SECTION = re.compile(
    rb"(?P<kind>BODY|BINARY)(?P<peek>\.PEEK)?(?P<size>\.SIZE)?\[(?P<spec>[^\]]*)\](?:<(?P<from>\d{1,19})\.(?P<octets>\d{1,19})>)?",
    re.IGNORECASE | re.DOTALL,
)
_OLD = {
    "RFC822": (Section(), False),
    "RFC822.HEADER": (Section(text=Text.HEADER), True),
    "RFC822.TEXT": (Section(text=Text.TEXT), False),
}
"""RFC 3501 §6.4.5: each is a section under another name, and RFC822.HEADER does not set \\Seen."""


@dataclass(frozen=True, slots=True)
class Octets:
    """``BODY[…]``, ``BINARY[…]`` (``decoded``), ``BINARY.SIZE[…]`` (``size``) or RFC822's (``label`` is its own name).

    ``start`` and ``length``: which of its octets; None: all.
    """

    section: Section
    peek: bool
    label: bytes
    start: int | None = None
    length: int = 0
    decoded: bool = False
    size: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """``plain``: attributes without arguments, in capitals, in the order asked for, each once."""

    messages: MessageSet
    plain: tuple[str, ...]
    octets: tuple[Octets, ...]
    changed_since: int | None = None
    vanished: bool = False

    @property
    def marks_seen(self) -> bool:
        return any(not item.peek for item in self.octets)


def parse_fetch(arguments: Arguments) -> Fetch:
    messages = arguments.messages()
    value = arguments.take("what to fetch")
    plain: dict[str, None] = {}
    octets: list[Octets] = []
    if isinstance(value, bytes) and value.upper().decode("latin-1") in MACROS:
        plain.update(dict.fromkeys(MACROS[value.upper().decode()]))
    else:
        values = value if isinstance(value, list) else [value]
        if not 0 < len(values) <= ITEMS_OF_A_FETCH:
            raise BadRequest("FETCH needs something to fetch")
        _take_items(values, plain, octets)
    changed_since, vanished = None, False
    modifiers = arguments.list_if() or []
    while modifiers:
        word = word_of(modifiers.pop(0), "a modifier")
        if word == "CHANGEDSINCE" and modifiers:
            changed_since = number_of(modifiers.pop(0), "CHANGEDSINCE")
        elif word == "VANISHED":
            vanished = True
        else:
            raise BadRequest(f"no such modifier: {word:.40}")
    arguments.end()
    if vanished and changed_since is None:  # RFC 7162 §3.2.6
        raise BadRequest("VANISHED needs CHANGEDSINCE")
    return Fetch(messages, tuple(plain), tuple(octets), changed_since, vanished)


def _take_items(values: list[Value], plain: dict[str, None], octets: list[Octets]) -> None:
    for value in values:
        if isinstance(value, list):  # PREVIEW (LAZY)
            if list(plain)[-1:] != ["PREVIEW"] or [word_of(each, "LAZY") for each in value] not in ([], ["LAZY"]):
                raise BadRequest("a list was not expected in FETCH")
            continue
        word = word_of(value, "an attribute")
        if word in PLAIN:
            plain[word] = None
        elif word in _OLD:
            section, peek = _OLD[word]
            octets.append(Octets(section, peek, word.encode()))
        else:
            octets.append(_octets(value or b""))


def _octets(value: bytes) -> Octets:
    found = _SECTION.fullmatch(value)
    if found is None:
        raise BadRequest(f"not an attribute: {value[:60]!r}")
    try:
        section = parse_section(found["spec"])
    except RemoteError as error:
        raise BadRequest(str(error)) from error
    decoded = found["kind"].upper() == b"BINARY"
    size = found["size"] is not None
    if (
        (size and not decoded)
        or (decoded and section.text is not Text.WHOLE)
        or (size and (found["peek"] or found["from"]))
    ):
        raise BadRequest(f"not an attribute: {value[:60]!r}")
    peek = found["peek"] is not None or size
    start = int(found["from"]) if found["from"] else None
    length = int(found["octets"] or 0)
    if start is not None and not 0 < length <= MAX_NUMBER64 >= start:  # RFC 9051 §9, partial: number64 "." nz-number64
        raise BadRequest("a part has one octet at least, and numbers of 63 bits at most")
    label = (b"BINARY.SIZE" if size else found["kind"].upper()) + b"[" + section.format() + b"]"
    if start is not None:
        label += b"<%d>" % start
    return Octets(section, peek, label, start, length, decoded, size)
