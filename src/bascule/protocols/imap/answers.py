"""The one writer of what our server tells: strings, flags and conditions in the forms that RFC 9051 §9 has for them.

A folder's name, a mail's subject, a keyword or the text of an error is a value here, whatever is in it: it never ends a string, a line or a response.
Numbers, sets and words of the protocol are written by the commands themselves.
"""

import re
from collections.abc import Iterable

from bascule.protocols.imap.errors import LocalError
from bascule.protocols.imap.flags import is_writable_flag
from bascule.protocols.imap.names import quote

_QUOTABLE_OCTETS = 1024
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8 = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f\x80-\xff]*")
_PLAIN = bytes(octet for octet in range(1, 128) if octet not in b'\r\n"\\')
"""What stands between quotes as it is."""
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f]+")
_CODE = re.compile(rb"[A-Z0-9-]+(?: [^\]\x00-\x1f\x7f-\xff]+)?")


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """A quoted string, or a literal where it can't be quoted or is long. NUL is left out, which no string can hold.

    ``utf8``: the connection has enabled UTF8=ACCEPT or IMAP4rev2, and ``value`` is UTF-8: a quoted string may hold it (RFC 9051 §4.3).
    """
    if len(value) <= _QUOTABLE_OCTETS and not value.translate(None, _PLAIN):
        return b'"%b"' % value
    quotable = _QUOTABLE_UTF8 if utf8 else _QUOTABLE
    if len(value) <= _QUOTABLE_OCTETS and quotable.fullmatch(value):
        return b'"%b"' % value if b'"' not in value and b"\\" not in value else quote(value)
    held = value.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(held), held)


def nstring(value: bytes | None) -> bytes:
    """`string`, or NIL."""
    return b"NIL" if value is None else string(value)


def without_nul(octets: bytes) -> bytes:
    """A piece of a message as the literal of BODY[…] holds it. No literal may hold NUL (RFC 9051 §4.3, §4.3.1): each becomes 0x80, as with
    Dovecot, so that sizes and the places of all others stay; BINARY gives what is stored."""
    return octets.replace(b"\0", b"\x80")


def flag_names(flags: Iterable[str]) -> bytes:
    """With a space between; those that are no flags (an archive holds what a file or another server called one) are left out."""
    return " ".join(name for name in flags if is_writable_flag(name) or name in ("\\*", "\\Recent")).encode("ascii")


def condition(tag: bytes, status: bytes, text: str, code: bytes = b"") -> bytes:
    """One line: OK, NO, BAD or BYE. ``text`` in ASCII, without what would end the line, begin a code, or be seen by nobody.

    Raises LocalError for a ``code`` that would end before its bracket.
    """
    if code and not _CODE.fullmatch(code):
        raise LocalError(f"not a response code: {code!a}")
    clean = _NO_TEXT.sub(" ", text).encode("ascii", "replace").strip() or b"-"
    if clean.startswith(b"[") and not code:
        clean = b"- " + clean  # RFC 9051 §9, resp-text: a bracket there is a code
    return tag + b" " + status + b" " + (b"[" + code + b"] " if code else b"") + clean + b"\r\n"
