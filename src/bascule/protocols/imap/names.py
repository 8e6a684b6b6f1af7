"""Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3) or UTF-8 (RFC 6855, RFC 9051 §5.1), and their quoting."""

import binascii
import re

from bascule.protocols.imap.errors import LocalError
from bascule.protocols.imap.tokens import as_text

_PLAIN = re.compile(r"[\x20-\x25\x27-\x7e]+")
_SHIFTED = re.compile(r"&([^-&]*)-")
"""Base64 has no ``&``: a search for the end that went past the next one would take the square of a name of many."""


def encode_utf7(name: str) -> bytes:
    """``Été`` becomes ``&AMk-t&AOk-``. A lone surrogate is written as it is, so that decoding gives it back."""
    out: list[str] = []
    position = 0
    while position < len(name):
        if name[position] == "&":
            out.append("&-")
            position += 1
        elif found := _PLAIN.match(name, position):
            out.append(found[0])
            position = found.end()
        else:
            end = position
            while end < len(name) and not 0x20 <= ord(name[end]) <= 0x7E:
                end += 1
            units = name[position:end].encode("utf-16-be", "surrogatepass")
            out.append("&" + binascii.b2a_base64(units, newline=False).decode().rstrip("=").replace("/", ",") + "-")
            position = end
    return "".join(out).encode("ascii")


def _decode_shift(found: re.Match[str]) -> str:
    inside = found[1]
    if not inside:
        return "&"
    padded = inside.replace(",", "/") + "=" * (-len(inside) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be", "surrogatepass")
    except ValueError:  # not Base64, or not UTF-16
        return found[0]


def decode_utf7(raw: bytes) -> str:
    """The name for people. Never fails: what is not modified UTF-7 (servers have it) stays as it stands.

    The raw name stays the one to send: `encode_utf7` of the result may differ where the server's was not canonical.
    """
    return _SHIFTED.sub(_decode_shift, as_text(raw))


def encode_name(name: str, *, utf8: bool = False) -> bytes:
    """The name as this connection writes it: UTF-8 once ``UTF8=ACCEPT`` or IMAP4rev2 is enabled, else modified UTF-7.

    Raises LocalError for what UTF-8 has no form for; modified UTF-7 has one for everything.
    """
    if not utf8:
        return encode_utf7(name)
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise LocalError("half a character can't be written in UTF-8") from error


def decode_name(raw: bytes, *, utf8: bool = False) -> str:
    """The name for people, from the form in which this connection writes it. Never fails, see `decode_utf7`."""
    return as_text(raw) if utf8 else decode_utf7(raw)


def quote(raw: bytes) -> bytes:
    r"""A quoted string (RFC 9051 §4.3). Raises LocalError for CR, LF and NUL, which one can't hold."""
    if b"\r" in raw or b"\n" in raw or b"\0" in raw:
        raise LocalError("CR, LF and NUL can't stand in a quoted string")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
