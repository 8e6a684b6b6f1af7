"""ENVELOPE, BODY and BODYSTRUCTURE of a message, as a server writes them. RFC 9051 §7.5.2"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bascule.protocols.imap.answers import nstring, string
from bascule.protocols.mime.fields import Address, parse_addresses, parse_parameters
from bascule.protocols.mime.limits import ADDRESSES, ADDRESSES_OCTETS, ADDRESSES_OF_A_FIELD
from bascule.protocols.mime.structure import Part

_EMPTY_TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'


@dataclass(slots=True)
class _Limit:
    """What may still be read of the address fields, of a message and all that are attached to it."""

    addresses: int = ADDRESSES
    octets: int = ADDRESSES_OCTETS

    def read(self, value: bytes) -> list[Address]:
        value = value[: self.octets]
        found = parse_addresses(value, min(ADDRESSES_OF_A_FIELD, self.addresses))
        self.octets -= len(value)
        self.addresses = max(0, self.addresses - len(found))
        return found


def envelope(part: Part) -> bytes:
    """Of a message. Sender and Reply-To are From's where they are missing or empty."""
    return _envelope(part, _Limit())


def _envelope(part: Part, limit: _Limit) -> bytes:
    """Of a message, or of the one within message/rfc822."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in part.fields:
        values.setdefault(name, []).append(value)
    sender = _addresses(values, b"from", limit)
    fields = [
        _first(values, b"date"),
        _first(values, b"subject"),
        sender,
        _addresses(values, b"sender", limit, sender),
        _addresses(values, b"reply-to", limit, sender),
        _addresses(values, b"to", limit),
        _addresses(values, b"cc", limit),
        _addresses(values, b"bcc", limit),
        _first(values, b"in-reply-to"),
        _first(values, b"message-id"),
    ]
    return b"(" + b" ".join(fields) + b")"


def _first(values: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    return string(values[name][0]) if name in values else b"NIL"


def _addresses(values: Mapping[bytes, list[bytes]], name: bytes, limit: _Limit, otherwise: bytes = b"NIL") -> bytes:
    found = [address for value in values.get(name, ()) for address in limit.read(value)]
    return b"(" + b"".join(map(_address, found)) + b")" if found else otherwise


def _address(address: Address) -> bytes:
    values = (address.name, address.route, address.mailbox, address.host)
    return b"(" + b" ".join(map(nstring, values)) + b")"


def body_structure(part: Part, *, extended: bool = True) -> bytes:
    """BODYSTRUCTURE; BODY where not ``extended``."""
    return _structure(part, extended, _Limit())


def _structure(part: Part, extended: bool, limit: _Limit) -> bytes:
    if part.is_multipart:
        return _multipart(part, extended, limit)
    main = part.type or b"text"
    out = [nstring(main), nstring(part.subtype or b"plain"), _parameters(_shown_parameters(part))]
    out += [nstring(part.field(b"content-id")), nstring(part.field(b"content-description")), _encoding(part)]
    out.append(b"%d" % part.octets)
    if part.is_message and part.parts:
        inner = part.parts[0]
        out += [_envelope(inner, limit), _structure(inner, extended, limit), b"%d" % part.lines]
    elif main == b"text":
        out.append(b"%d" % part.lines)
    if extended:
        out += [nstring(part.field(b"content-md5")), *_extension(part)]
    return b"(" + b" ".join(out) + b")"


def _multipart(part: Part, extended: bool, limit: _Limit) -> bytes:
    inner = b"".join(_structure(child, extended, limit) for child in part.parts)
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
