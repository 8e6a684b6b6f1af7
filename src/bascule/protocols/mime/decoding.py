"""The octets of a part without its Content-Transfer-Encoding. RFC 2045 §6"""

import binascii
import re

from bascule.protocols.mime.fields import parse_parameters
from bascule.protocols.mime.structure import Part

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_BLANKS_AT_THE_END = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
"""Begun where a run of blanks begins, and never given back: a megabyte of blanks is passed once."""
_AS_THEY_ARE = (b"", b"7bit", b"8bit", b"binary")


class UnknownEncoding(ValueError):
    """The part names an encoding that nobody knows."""


def decoded(octets: bytes, part: Part) -> bytes:
    """``octets``: the part's body. What is wrong in Base64 or quoted-printable is left out or stays. Raises UnknownEncoding."""
    if part.is_multipart or part.is_message:
        return octets
    encoding = parse_parameters(part.field(b"content-transfer-encoding") or b"")[0].lower()
    if encoding in _AS_THEY_ARE:
        return octets
    if encoding == b"base64":
        return from_base64(octets)
    if encoding == b"quoted-printable":
        return from_quoted_printable(octets)
    raise UnknownEncoding(encoding)


def from_quoted_printable(octets: bytes) -> bytes:
    """Blanks at a line's end are none of its text, and behind the ``=`` of a soft break they are nothing (RFC 2045 §6.7, rule 3)."""
    return binascii.a2b_qp(_BLANKS_AT_THE_END.sub(b"", octets))


def from_base64(octets: bytes) -> bytes:
    """What is not of its alphabet is left out, and so is half an octet at the end."""
    digits = _NOT_BASE64.sub(b"", octets)
    return binascii.a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + b"==")
