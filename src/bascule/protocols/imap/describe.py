"""ENVELOPE, BODY and BODYSTRUCTURE of a message, as a server writes them. RFC 9051 §7.5.2"""

from collections.abc import Iterable, Mapping

from bascule.protocols.imap.answers import nstring, string
from bascule.protocols.mime.fields import Address, parse_addresses, parse_parameters
from bascule.protocols.mime.structure import Part

_EMPTY_TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'


def envelope(part: Part) -> bytes:
    """Of a message, or of the one within message/rfc822. Sender and Reply-To are From's where they are missing or empty."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in part.fields:
        values.setdefault(name, []).append(value)
    sender = _addresses(values, b"from")
    fields = [
        _first(values, b"date"),
        _first(values, b"subject"),
        sender,
        _addresses(values, b"sender", sender),
        _addresses(values, b"reply-to", sender),
        _addresses(values, b"to"),
        _addresses(values, b"cc"),
        _addresses(values, b"bcc"),
        _first(values, b"in-reply-to"),
        _first(values, b"message-id"),
    ]
    return b"(" + b" ".join(fields) + b")"


def _first(values: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    return string(values[name][0]) if name in values else b"NIL"


def _addresses(values: Mapping[bytes, list[bytes]], name: bytes, otherwise: bytes = b"NIL") -> bytes:
    found = [address for value in values.get(name, ()) for address in parse_addresses(value)]
    return b"(" + b"".join(map(_address, found)) + b")" if found else otherwise


def _address(address: Address) -> bytes:
    values = (address.name, address.route, address.mailbox, address.host)
    return b"(" + b" ".join(map(nstring, values)) + b")"


def body_structure(part: Part, *, extended: bool = True) -> bytes:
    """BODYSTRUCTURE; BODY where not ``extended``."""
    if part.is_multipart:
        return _multipart(part, extended)
    main = part.type or b"text"
    out = [nstring(main), nstring(part.subtype or b"plain"), _parameters(_shown_parameters(part))]
    out += [nstring(part.field(b"content-id")), nstring(part.field(b"content-description")), _encoding(part)]
    out.append(b"%d" % part.octets)
    if part.is_message and part.parts:
        inner = part.parts[0]
        out += [envelope(inner), body_structure(inner, extended=extended), b"%d" % part.lines]
    elif main == b"text":
        out.append(b"%d" % part.lines)
    if extended:
        out += [nstring(part.field(b"content-md5")), *_extension(part)]
    return b"(" + b" ".join(out) + b")"


def _multipart(part: Part, extended: bool) -> bytes:
    inner = b"".join(body_structure(child, extended=extended) for child in part.parts)
    if not part.parts:  # the grammar wants one (RFC 9051 §9, body-type-mpart)
        inner = _EMPTY_TEXT + (b" NIL NIL NIL NIL)" if extended else b")")
    out = [inner, nstring(part.subtype)]
    if extended:
        out += [_parameters(part.parameters), *_extension(part)]
    return b"(" + b" ".join(out) + b")"


def _shown_parameters(part: Part) -> Iterable[tuple[bytes, bytes]]:
    if part.type == b"text" and b"charset" not in dict(part.parameters):
        return (*part.parameters, (b"charset", b"us-ascii"))
    return part.parameters


def _encoding(part: Part) -> bytes:
    value = part.field(b"content-transfer-encoding")
    return nstring(parse_parameters(value)[0] or b"7bit") if value else b'"7bit"'


def _parameters(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    values = [nstring(text) for pair in pairs for text in pair]
    return b"(" + b" ".join(values) + b")" if values else b"NIL"


def _extension(part: Part) -> list[bytes]:
    """Disposition, language, location."""
    told = part.field(b"content-disposition")
    disposition = b"NIL"
    if told:
        main, pairs = parse_parameters(told)
        disposition = b"(" + nstring(main) + b" " + _parameters(pairs) + b")" if main else b"NIL"
    languages = [tag.strip() for tag in (part.field(b"content-language") or b"").split(b",") if tag.strip()]
    language = b"(" + b" ".join(map(nstring, languages)) + b")" if languages else b"NIL"
    return [disposition, language, nstring(part.field(b"content-location"))]
