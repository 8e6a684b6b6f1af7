"""The octets of a part without its Content-Transfer-Encoding. RFC 2045 §6

A part may have 100 MB, and whoever wrote it chose what is in them. They are decoded piece by piece: a function of C or a regular expression keeps the interpreter
to itself until it returns, and nothing else of the process runs meanwhile.
"""

import binascii
import re
from collections.abc import Iterator

from bascule.protocols.mime.fields import parse_parameters
from bascule.protocols.mime.limits import DECODED_AT_ONCE_OCTETS
from bascule.protocols.mime.structure import Part

_NOT_BASE64 = bytes({*range(256)} - {*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"})
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
    return b"".join(map(_from_lines, _in_lines(octets)))


def _in_lines(octets: bytes) -> Iterator[bytes]:
    """Whole lines, about `DECODED_AT_ONCE_OCTETS` of them, or one that is longer."""
    start = 0
    while start < len(octets):
        end = octets.rfind(b"\n", start, start + DECODED_AT_ONCE_OCTETS) + 1
        if not end:
            end = octets.find(b"\n", start + DECODED_AT_ONCE_OCTETS) + 1 or len(octets)
        yield octets[start:end]
        start = end


def _from_lines(lines: bytes) -> bytes:
    if len(lines) <= DECODED_AT_ONCE_OCTETS:
        return binascii.a2b_qp(_BLANKS_AT_THE_END.sub(b"", lines))
    text = lines.removesuffix(b"\n")
    text = text.removesuffix(b"\r") if text != lines else text
    whole = text.rstrip(b" \t") + lines[len(text) :]
    return b"".join(map(binascii.a2b_qp, _in_pieces(whole)))


def _in_pieces(line: bytes) -> Iterator[bytes]:
    """Of a line that is too long for anybody (RFC 2045 §6.7, rule 5); none ends within ``=3D`` where that can be found."""
    start = 0
    while start < len(line):
        end = start + DECODED_AT_ONCE_OCTETS
        end = next((each for each in range(end, end + 3) if b"=" not in line[each - 2 : each]), end)
        yield line[start:end]
        start = end


def from_base64(octets: bytes) -> bytes:
    """What is not of its alphabet is left out, and so is half an octet at the end."""
    pieces: list[bytes] = []
    left = b""
    for start in range(0, len(octets), DECODED_AT_ONCE_OCTETS):
        digits = left + octets[start : start + DECODED_AT_ONCE_OCTETS].translate(None, _NOT_BASE64)
        whole = len(digits) - len(digits) % 4
        pieces.append(binascii.a2b_base64(digits[:whole]))
        left = digits[whole:]
    if len(left) > 1:
        pieces.append(binascii.a2b_base64(left + b"=="))
    return b"".join(pieces)
