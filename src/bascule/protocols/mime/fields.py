"""Header fields as they are written: unfolded values, parameters, addresses. RFC 5322, RFC 2045 §5.1, RFC 2231"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bascule.protocols.mime.limits import ADDRESSES_OF_A_FIELD, FIELDS_OCTETS, FIELDS_OF_A_PART, PARAMETERS_OCTETS

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*((?:[^\r\n]++|\r(?!\n))*+(?:\r?\n[ \t][^\r\n]*)*)(?:\r?\n|$)")
_LINE = re.compile(rb"[^\n]*(?:\n|$)")
_SPECIALS = b'()<>[]:;@\\,."'
_PARAMETER_SPECIALS = b'()<>@,;:\\"/[]?='


def fields_of(header: bytes, most: int = FIELDS_OF_A_PART) -> list[tuple[bytes, bytes]]:
    """(name in small letters, value unfolded and stripped) of the first ``most`` fields, in order. A line that is no field is passed over."""
    found: list[tuple[bytes, bytes]] = []
    position = 0
    header = header[:FIELDS_OCTETS]
    while position < len(header) and len(found) < most:
        field = _FIELD.match(header, position)
        if field is None:
            line = _LINE.match(header, position)
            position = max(line.end() if line else 0, position + 1)
            continue
        position = field.end()
        name, value = field.groups()
        if b"\n" in value:
            value = _FOLD.sub(b"", value)
        found.append((name.lower(), value.strip(b" \t\r\n")))
    return found


_BLANKS = re.compile(rb"[ \t\r\n]++")
_SKIPPED = frozenset((b" ", b"\t", b"\r", b"\n", b"("))
_QUOTED = re.compile(rb'"((?:[^"\\]++|\\.?)*+)"?', re.DOTALL)
"""A string that does not end has all that is left."""
_ESCAPED = re.compile(rb"\\(.?)", re.DOTALL)
_IN_A_COMMENT = re.compile(rb"\(++|\)|\\.?|[^()\\]++", re.DOTALL)


@lru_cache
def _any_of(octets: bytes) -> re.Pattern[bytes]:
    return re.compile(b"[" + re.escape(octets) + b"]")


class Scanner:
    """Walks over a structured field: words, quoted strings, comments (RFC 5322 §3.2)."""

    def __init__(self, octets: bytes, specials: bytes = _SPECIALS) -> None:
        self.octets = octets
        self.position = 0
        self.comment = b""
        self._word = re.compile(rb"[^\s" + re.escape(specials) + rb"]+")

    def skip(self) -> None:
        """Over white space and comments; the last comment is kept in ``comment``."""
        while (octet := self.peek()) in _SKIPPED:
            if octet == b"(":
                self.comment = self._take_comment()
            elif (blanks := _BLANKS.match(self.octets, self.position)) is not None:
                self.position = blanks.end()

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.octets)

    def peek(self) -> bytes:
        return self.octets[self.position : self.position + 1]

    def accept(self, octet: bytes) -> bool:
        """Step over ``octet`` where it comes next."""
        if self.octets.startswith(octet, self.position):
            self.position += 1
            return True
        return False

    def word(self) -> bytes | None:
        """A word or the value of a quoted string; None where something else comes next."""
        if self.peek() == b'"':
            return self._take_quoted()
        found = self._word.match(self.octets, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[0]

    def until(self, octets: bytes) -> bytes:
        """What comes before any of ``octets``, or the end."""
        start = self.position
        found = _any_of(octets).search(self.octets, start)
        self.position = found.start() if found else len(self.octets)
        return self.octets[start : self.position]

    def _take_quoted(self) -> bytes:
        found = _QUOTED.match(self.octets, self.position)
        assert found is not None  # one begins here
        self.position = found.end()
        value: bytes = found[1]
        return _ESCAPED.sub(lambda pair: pair[1], value) if b"\\" in value else value

    def _take_comment(self) -> bytes:
        """What stands in it, comments within it as they are written."""
        depth, value = 0, bytearray()
        for found in _IN_A_COMMENT.finditer(self.octets, self.position):
            self.position = found.end()
            piece = found[0]
            if piece == b")":
                depth -= 1
                if depth == 0:
                    break
            elif piece.startswith(b"("):
                piece = piece if depth else piece[1:]
                depth += len(found[0])
            elif piece.startswith(b"\\"):
                piece = piece[1:]
            value += piece
        return bytes(value)


_TOKEN = rb"[^\s()<>@,;:\\\"/\[\]?=]+"
_USUAL_VALUE = re.compile(_TOKEN + rb"/" + _TOKEN)
_USUAL_PARAMETER = re.compile(rb'[ \t]*;[ \t]*(%b)=(?:"([^"\\]*)"|([^"; \t\r\n(]+))[ \t]*(?=;|\Z)' % _TOKEN)
"""As nearly all are written; what is not goes the long way."""


REMEMBERED_OCTETS = 100
"""Of a value that is remembered: the few that nearly all messages have are no longer."""


def parse_parameters(value: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """``text/plain; charset=utf-8`` as (main value, parameters with names in small letters). Never fails.

    Continuations (``name*0``, ``name*1``) are joined under one name; a name that ends in ``*`` has its charset and language in front
    of its percent-encoded value (RFC 2231 §3, §4), as it came.
    """
    if not value:
        return b"", ()
    if len(value) <= REMEMBERED_OCTETS:
        return _short_parameters(value)
    return _parameters(value[:PARAMETERS_OCTETS])


def _parameters(value: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    main = _USUAL_VALUE.match(value)
    if main is not None:
        found: list[tuple[bytes, bytes]] = []
        position = main.end()
        while position < len(value):
            usual = _USUAL_PARAMETER.match(value, position)
            if usual is None:
                return scan_parameters(value)
            name, quoted, bare = usual.groups()
            found.append((name.lower(), bare or quoted))
            position = usual.end()
        return main[0], tuple(_join_continuations(found))
    return scan_parameters(value)


_short_parameters = lru_cache(maxsize=1000)(_parameters)


def scan_parameters(value: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """`parse_parameters`, octet by octet: for every way in which they can be written."""
    scanner = Scanner(value, _PARAMETER_SPECIALS)
    scanner.skip()
    main = _main_value(scanner)
    found: list[tuple[bytes, bytes]] = []
    while not scanner.at_end:
        scanner.until(b";")
        scanner.accept(b";")
        scanner.skip()
        name = scanner.word()
        scanner.skip()
        if name is None or not scanner.accept(b"="):
            continue
        scanner.skip()
        quoted = scanner.peek() == b'"'
        text = scanner.word() if quoted else scanner.until(b"; \t\r\n(")
        found.append((name.lower(), text or b""))
    return main, tuple(_join_continuations(found))


def _main_value(scanner: Scanner) -> bytes:
    first = scanner.word() or b""
    scanner.skip()
    if not scanner.accept(b"/"):
        return first
    scanner.skip()
    return first + b"/" + (scanner.word() or b"")


_CONTINUED = re.compile(rb"(.+)\*(\d{1,3})(\*?)$")


def _join_continuations(found: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    pieces: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    for name, value in found:
        part = _CONTINUED.match(name)
        if part is None:
            yield name, value
        else:
            pieces.setdefault(part[1], {}).setdefault(int(part[2]), (value, bool(part[3])))
    for name, numbered in pieces.items():
        values: list[bytes] = []
        while len(values) in numbered:
            values.append(numbered[len(values)][0])
        extended = any(star for _, star in numbered.values())
        yield name + (b"*" if extended else b""), b"".join(values)


@dataclass(frozen=True, slots=True)
class Address:
    """RFC 9051 §7.5.2, env-address. ``host`` None: a group begins here (``mailbox`` is its name), or ends (``mailbox`` None)."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Address(None, None, None, None)


_ATOM = rb"[^\s()<>\[\]:;@\\,.\"]+"
_DOTTED = _ATOM + rb"(?:\." + _ATOM + rb")*"
_USUAL = re.compile(
    rb'[ \t]*(?:(?:"([^"\\]*)"|(%b(?: %b)*))[ \t]*<(%b)@(%b)>|(%b)@(%b))[ \t]*(?:,|\Z)' % (_ATOM, _ATOM, *[_DOTTED] * 4)
)
"""An address as nearly all are written; what is not goes the long way."""


def parse_addresses(value: bytes, most: int = ADDRESSES_OF_A_FIELD) -> list[Address]:
    """The first ``most`` of an address list; groups as ENVELOPE has them. Never fails: what is no address has an empty host."""
    found: list[Address] = []
    position = 0
    while position < len(value):
        usual = _USUAL.match(value, position)
        if usual is None or len(found) >= most:
            return scan_addresses(value, most)
        quoted, phrase, local, host, bare, at = usual.groups()
        found.append(Address(None, None, bare, at) if bare else Address(quoted or phrase or None, None, local, host))
        position = usual.end()
    return found


def scan_addresses(value: bytes, most: int = ADDRESSES_OF_A_FIELD) -> list[Address]:
    """`parse_addresses`, octet by octet: for every way in which a list can be written."""
    scanner = Scanner(value)
    found: list[Address] = []
    in_group = False
    while len(found) < most:
        scanner.skip()
        if scanner.at_end:
            break
        if scanner.accept(b","):
            continue
        if scanner.accept(b";"):
            if in_group:
                found.append(GROUP_END)
            in_group = False
            continue
        start = scanner.position
        address = _parse_address(scanner)
        if address is not None and scanner.peek() == b":" and address.host == b"" and not in_group:
            scanner.position += 1
            found.append(Address(None, None, address.name or address.mailbox, None))
            in_group = True
        elif address is not None:
            found.append(address)
        if scanner.position == start:
            scanner.position += 1
    if in_group:
        found.append(GROUP_END)
    return found


def _parse_address(scanner: Scanner) -> Address | None:
    scanner.comment = b""
    words, joined = _phrase(scanner)
    if scanner.accept(b"<"):
        return _parse_angle(scanner, b" ".join(words) or None)
    if scanner.accept(b"@"):
        host = _domain(scanner)
        return Address(scanner.comment or None, None, joined, host)
    if not words:
        return None
    if scanner.peek() == b":":
        return Address(b" ".join(words), None, b" ".join(words), b"")
    return Address(scanner.comment or None, None, joined, b"")


def _phrase(scanner: Scanner) -> tuple[list[bytes], bytes]:
    """Words up to ``<``, ``@``, ``,``, ``:`` or ``;``: as a phrase, and joined as the local part of an address."""
    words: list[bytearray] = []  # one may be put together of any number of pieces
    local = bytearray()
    glued = False
    while True:
        before = scanner.position
        scanner.skip()
        glued = glued and scanner.position == before
        if scanner.accept(b"."):
            local += b"."
            if words:
                words[-1] += b"."
            glued = True
            continue
        word = scanner.word()
        if word is None:
            if scanner.peek() in (b"[", b"]", b")", b"\\", b">"):
                word = scanner.peek()
                scanner.position += 1
            else:
                return [bytes(word) for word in words], bytes(local)
        if words and glued:
            words[-1] += word
        else:
            words.append(bytearray(word))
        local += word
        glued = False


def _parse_angle(scanner: Scanner, name: bytes | None) -> Address:
    scanner.skip()
    route = None
    if scanner.peek() == b"@":  # RFC 5322 §4.4: a source route
        route = scanner.until(b":>").strip()
        scanner.accept(b":")
    _, local = _phrase_within(scanner)
    host = _domain(scanner) if scanner.accept(b"@") else b""
    scanner.until(b">,") if scanner.peek() != b">" else None
    scanner.accept(b">")
    scanner.skip()
    return Address(name if name is not None else scanner.comment or None, route, local, host)


def _phrase_within(scanner: Scanner) -> tuple[list[bytes], bytes]:
    if scanner.peek() == b">":
        return [], b""
    local = bytearray()
    while True:
        scanner.skip()
        if scanner.accept(b"."):
            local += b"."
        elif (word := scanner.word()) is not None:
            local += word
        else:
            return [], bytes(local)


def _domain(scanner: Scanner) -> bytes:
    host = bytearray()
    while True:
        scanner.skip()
        if scanner.accept(b"."):
            host += b"."
        elif scanner.peek() == b"[":
            host += scanner.until(b"]>,") + b"]"
            scanner.accept(b"]")
        elif (word := scanner.word()) is not None:
            host += word
        else:
            return bytes(host)
