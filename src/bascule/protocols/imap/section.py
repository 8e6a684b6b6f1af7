"""A section of a message: ``1.2.HEADER.FIELDS (FROM TO)`` as a value, and its octets. RFC 9051 §6.4.5, §9 (section-spec)"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from bascule.protocols.imap.answers import string
from bascule.protocols.imap.errors import LocalError, RemoteError
from bascule.protocols.imap.tokens import parse_values
from bascule.protocols.mime.limits import FIELDS_OCTETS, FIELDS_OF_A_PART
from bascule.protocols.mime.structure import Part, header_end

_SPEC = re.compile(
    rb"(?P<path>[1-9]\d{0,6}(?:\.[1-9]\d{0,6}){0,99})?"
    rb"(?:(?(path)\.)(?P<text>HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)(?: ?(?P<names>\(.*\)))?)?",
    re.IGNORECASE | re.DOTALL,
)
_RAW_FIELD = re.compile(rb"(?:([!-9;-~]+)[ \t]*:)?[^\n]*(?:\n[ \t][^\n]*)*(?:\n|$)")
"""One field with its folded lines; a line that is no field has no name, and is among the others."""
_PLAIN_NAME = re.compile(rb"[!-9;-~]+")
_FIELD_NAME = re.compile(rb"[!-9;-~\x80-\xff][ -9;-~\x80-\xff]*")
"""RFC 5322 §2.2, and a little more: programs quote what they were given."""
FIELDS_OF_A_SECTION = 200
"""Names in one HEADER.FIELDS; programs send a dozen."""


class Text(StrEnum):
    """What of the part is meant."""

    WHOLE = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    OTHER_FIELDS = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """``path``: part numbers from the outside in; ``names``: of HEADER.FIELDS, as the client wrote them."""

    path: tuple[int, ...] = ()
    text: Text = Text.WHOLE
    names: tuple[bytes, ...] = ()

    def format(self) -> bytes:
        """What stands between the brackets of the reply."""
        words = [*map(str, self.path), *([self.text.value] if self.text else [])]
        spec = ".".join(words).encode()
        return spec + b" (" + b" ".join(map(_astring, self.names)) + b")" if self.names else spec


def _astring(name: bytes) -> bytes:
    return name if re.fullmatch(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]+", name) else string(name)


def parse_section(spec: bytes) -> Section:
    """What stands between the brackets. Raises RemoteError."""
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise RemoteError(f"not a section: {spec[:60]!r}")
    path = tuple(int(number) for number in found["path"].split(b".")) if found["path"] else ()
    text = Text((found["text"] or b"").decode().upper())
    if text is Text.MIME and not path:
        raise RemoteError("MIME needs the number of a part")
    if (text in (Text.FIELDS, Text.OTHER_FIELDS)) != (found["names"] is not None):
        raise RemoteError(f"not a section: {spec[:60]!r}")
    return Section(path, text, _names(found["names"]) if found["names"] else ())


def _names(listed: bytes) -> tuple[bytes, ...]:
    values = parse_values([listed])
    names = values[0] if len(values) == 1 and isinstance(values[0], list) else []
    if not 0 < len(names) <= FIELDS_OF_A_SECTION or not all(isinstance(name, bytes) for name in names):
        raise RemoteError("HEADER.FIELDS needs a list of field names")
    if not all(_FIELD_NAME.fullmatch(name) for name in names):
        raise RemoteError("a field's name has printable characters only")
    return tuple(names)


def octets_of(section: Section, message: bytes, root: Part | None) -> bytes | None:
    """The section's octets, of a message whose structure is ``root``; None where it has no such part.

    ``root`` may be None where the section has no path: the header's end is all that is asked for then.
    """
    if not section.path:
        return _of_message(section, message, 0, header_end(message), len(message))
    if root is None:
        raise LocalError("a part's octets need the message's structure")
    part = part_at(root, section.path)
    if part is None:
        return None
    if section.text is Text.WHOLE:
        return message[part.body : part.end]
    if section.text is Text.MIME:
        return message[part.start : part.body]
    if not (part.is_message and part.parts):
        return None
    inner = part.parts[0]
    return _of_message(section, message, inner.start, inner.body, inner.end)


def part_at(message: Part, path: tuple[int, ...]) -> Part | None:
    """The part with these numbers within a message (the whole, or the one in a message/rfc822)."""
    number, rest = path[0], path[1:]
    part: Part | None = message if number == 1 and not message.is_multipart else None
    if message.is_multipart:
        part = message.parts[number - 1] if number <= len(message.parts) else None
    while part is not None and rest:
        if part.is_multipart:
            part, rest = part.parts[rest[0] - 1] if rest[0] <= len(part.parts) else None, rest[1:]
        elif part.is_message and part.parts:
            return part_at(part.parts[0], rest)
        else:  # programs ask for 1.1 where 1 is no multipart; servers give 1 then, but for the message's only part
            part, rest = part if rest[0] == 1 and part is not message else None, rest[1:]
    return part


def header_fields(names: tuple[bytes, ...], message: bytes) -> bytes:
    """HEADER.FIELDS of these names, of a message, which may end anywhere after its header."""
    return _of_message(Section(text=Text.FIELDS, names=names), message, 0, header_end(message), len(message))


@lru_cache(maxsize=100)
def _fields_named(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Those fields of a header, with their folded lines, in one search."""
    plain = [re.escape(name) for name in names if _PLAIN_NAME.fullmatch(name)]
    return re.compile(
        rb"^(?:%b)[ \t]*:.*(?:\n[ \t].*)*(?:\n|\Z)" % (b"|".join(plain) or rb"(?!)"), re.IGNORECASE | re.MULTILINE
    )


def _fields_end(octets: bytes, start: int, body: int) -> int:
    """Where the fields end that are looked at: with the header, but for the empty line after it, or with a line within it."""
    if body - start <= FIELDS_OCTETS:
        return body - 2 if octets.endswith(b"\r\n", start, body) else body
    return octets.rfind(b"\n", start, start + FIELDS_OCTETS) + 1


def _of_message(section: Section, octets: bytes, start: int, body: int, end: int) -> bytes:
    match section.text:
        case Text.WHOLE:
            return octets[start:end]
        case Text.TEXT:
            return octets[body:end]
        case Text.FIELDS:
            found = _fields_named(section.names).finditer(octets, start, _fields_end(octets, start, body))
            return b"".join(field[0] for field in islice(found, FIELDS_OF_A_PART)) + b"\r\n"
        case Text.OTHER_FIELDS:
            wanted = {name.lower() for name in section.names}
            looked_at = islice(_RAW_FIELD.finditer(octets, start, _fields_end(octets, start, body)), FIELDS_OF_A_PART)
            return b"".join(field[0] for field in looked_at if (field[1] or b"").lower() not in wanted) + b"\r\n"
        case _:
            return octets[start:body]
