"""What a message says in words: its text and the names of its attachments, for the search index and for previews."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from bascule.protocols.mime.charsets import text_of
from bascule.protocols.mime.decoding import UnknownEncoding, decoded
from bascule.protocols.mime.fields import parse_parameters
from bascule.protocols.mime.headers import decode_field, summarise
from bascule.protocols.mime.html import html_words
from bascule.protocols.mime.limits import TEXT_CHARACTERS, TEXT_OCTETS
from bascule.protocols.mime.structure import Part, parse_structure

_READABLE = (b"text", b"multipart")
"""A multipart that can't be cut apart is text, for want of better."""


@dataclass(frozen=True, slots=True)
class Searchable:
    subject: str
    people: str
    text: str
    attachments: str


def searchable(message: bytes) -> Searchable:
    """Never raises: any octets have a place in the index. Takes a time that grows as the message does, and no more memory than some MB."""
    header = summarise(message)
    texts: list[str] = []
    names: list[str] = []
    left, characters = TEXT_OCTETS, 0
    for part in _each(parse_structure(message)):
        attached, parameters = parse_parameters(part.field(b"content-disposition") or b"")
        if name := _name(part, parameters):
            names.append(name)
        elif (
            part.type in _READABLE
            and not part.parts
            and attached.lower() != b"attachment"
            and left > 0
            and characters < TEXT_CHARACTERS
        ):
            texts.append(_text(message[part.body : min(part.end, part.body + left)], part))
            left -= part.octets
            characters += len(texts[-1])
    people = f"{header.sender} {header.recipients}"
    return Searchable(header.subject, people, "\n".join(texts)[:TEXT_CHARACTERS], " ".join(names)[:TEXT_CHARACTERS])


def _each(part: Part) -> Iterator[Part]:
    """In the order of the message; no deeper than parts are looked into."""
    yield part
    for inner in part.parts:
        yield from _each(inner)


def _text(encoded: bytes, part: Part) -> str:
    try:
        octets = decoded(encoded, part)
    except UnknownEncoding:
        octets = encoded
    text = text_of(octets, dict(part.parameters).get(b"charset", b"").decode("latin-1"))
    return html_words(text) if part.subtype == b"html" else text


def _name(part: Part, disposition: Iterable[tuple[bytes, bytes]]) -> str:
    """Of an attachment: RFC 2183 §2.3, RFC 2231 §4; where programs write it in encoded words, or with the type alone, that counts as well."""
    for parameters, key in ((dict(disposition), b"filename"), (dict(part.parameters), b"name")):
        if extended := parameters.get(key + b"*"):
            charset, _, rest = extended.partition(b"'")
            return text_of(unquote_to_bytes(rest.partition(b"'")[2]), charset.decode("latin-1"))
        if plain := parameters.get(key):
            return decode_field(plain)
    return ""
