"""A message as SEARCH compares it: all that its header and its texts say, decoded and folded. RFC 9051 §6.4.4

Folded means: without case, with accents apart from their letters, and with one space where there is any white space; so that whatever is part of the
text is part of it folded, and what was wrapped at another place is found as well. What is looked for without accents is found with them (`holds`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bascule.protocols.mime.charsets import text_of
from bascule.protocols.mime.decoding import UnknownEncoding, decoded
from bascule.protocols.mime.fields import Address, parse_addresses
from bascule.protocols.mime.headers import decode_field
from bascule.protocols.mime.html import html_words
from bascule.protocols.mime.limits import FIELDS_OCTETS, TEXT_OCTETS
from bascule.protocols.mime.structure import Part, parse_structure

_ACCENTS = re.compile("[\u0300-\u036f]+")
_OF_A_FIELD = re.compile(rb"[ \t]|[!-9;-~]+[ \t]*:")
ADDRESS_FIELDS = frozenset((b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to"))
_COMPARED = (b"text", b"message", b"multipart")
"""A multipart or a message that can't be cut apart is text, for want of better."""


@dataclass(frozen=True, slots=True)
class Compared:
    """``fields``: of the message's header, a line each (``subject: …``). ``addresses``: those of the envelope's fields as lines of the same kind, each
    address without comments, quotes and blanks within; and beside it a line of `first_mailbox_label`. ``inner``: the fields of the parts, and
    lines of the header that are none. ``body``: the texts."""

    fields: str
    addresses: str
    inner: str
    body: str


def fold(text: str) -> str:
    return " ".join((text.lower() if text.isascii() else unicodedata.normalize("NFD", text).casefold()).split())


def without_accents(text: str) -> str:
    """``text`` is folded."""
    return text if text.isascii() else _ACCENTS.sub("", text)


def holds(text: str, part: str) -> bool:
    """Whether ``part`` is part of ``text``, both folded: as it is written, or where it has no accents, of the text without them."""
    return part in text or (not text.isascii() and not _ACCENTS.search(part) and part in without_accents(text))


def compared(message: bytes) -> Compared:
    """Takes a time that grows as the message does. Of texts, the first `TEXT_OCTETS` are looked at: what comes after is data rather than text
    (a deviation from RFC 9051 §6.4.4, which knows no limit)."""
    root = parse_structure(message)
    inner = _other_lines(message[root.start : root.body])
    texts: list[str] = []
    left = TEXT_OCTETS
    for part in _each(root):
        if part is not root:
            inner.extend(_lines(part.fields))
        if part.type in _COMPARED and not part.parts and left > 0:
            texts += _texts(message[part.body : min(part.end, part.body + left)], part)
            left -= part.octets
    return Compared(
        "\n".join(_lines(root.fields)),
        "\n".join(_address_lines(root.fields)),
        "\n".join(inner),
        "\n".join(map(fold, texts)),
    )


def _each(part: Part) -> Iterator[Part]:
    """In the order of the message; no deeper than parts are looked into."""
    yield part
    for child in part.parts:
        yield from _each(child)


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    return (f"{name.decode('latin-1')}: {_folded_field(value)}" for name, value in fields)


def _folded_field(value: bytes) -> str:
    if value.isascii() and b"=?" not in value and b"\0" not in value:  # most are, and need no decoding
        return " ".join(value.decode("ascii").lower().split())
    return fold(decode_field(value, None))


def _other_lines(header: bytes) -> list[str]:
    """Lines that are no fields, as of an mbox file: part of the header all the same."""
    lines = header[:FIELDS_OCTETS].split(b"\n")
    return [fold(text_of(line)) for line in lines if line.strip() and not _OF_A_FIELD.match(line)]


def _address_lines(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    for name, value in fields:
        if name in ADDRESS_FIELDS:
            found = parse_addresses(value)
            yield f"{name.decode()}: {fold(', '.join(map(_address, found)))}"
            yield first_mailbox_label(name.decode()) + fold(
                decode_field(found[0].mailbox or b"", None) if found else ""
            )


def first_mailbox_label(field: str) -> str:
    """What the line begins with that holds the local part of a field's first address, for SORT (RFC 5256 §3)."""
    return f"{field}= "


def _address(address: Address) -> str:
    if address.host is None:  # a group begins, or ends
        return f"{decode_field(address.mailbox, None)}:" if address.mailbox is not None else ";"
    where = f"{decode_field(address.mailbox or b'', None)}@{decode_field(address.host, None)}"
    return f"{decode_field(address.name, None)} <{where}>" if address.name else where


def _texts(encoded: bytes, part: Part) -> list[str]:
    """A text in HTML as it is written, and its words: what a person reads may be cut by markup, or written in references."""
    try:
        octets = decoded(encoded, part)
    except UnknownEncoding:
        octets = encoded
    text = text_of(octets, dict(part.parameters).get(b"charset", b"").decode("latin-1"))
    return [text, html_words(text)] if part.subtype == b"html" else [text]
