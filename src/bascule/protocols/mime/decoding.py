"""The octets of a part without its Content-Transfer-Encoding. RFC 2045 §6"""

import binascii
import quopri
import re

from bascule.protocols.mime.fields import parse_parameters
from bascule.protocols.mime.structure import Part

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
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
        return quopri.decodestring(octets)
    raise UnknownEncoding(encoding)


def from_base64(octets: bytes) -> bytes:
    """What is not of its alphabet is left out, and so is half an octet at the end."""
    digits = _NOT_BASE64.sub(b"", octets)
    return binascii.a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + b"==")
