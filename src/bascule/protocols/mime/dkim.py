"""A DKIM signature: RFC 6376, with RSA and SHA-256; canonical form relaxed/relaxed, which forwarding on the way survives best."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable

from bascule.protocols.mime.header import Header, RawField

SIGNED = (
    b"from", b"sender", b"reply-to", b"subject", b"date", b"message-id", b"to", b"cc", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"in-reply-to", b"references", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
"""RFC 6376 §5.4.1, as far as a message has them."""
OVERSIGNED = (b"from", b"subject", b"date", b"message-id", b"to", b"cc")
"""Signed once more than they are there: a second one can't be added on the way (§8.15)."""
_SPACES = re.compile(rb"[ \t]+")
_SPACE_AT_END = re.compile(rb" +\r\n")


class BodyHash:
    """The canonical body's SHA-256, from pieces cut anywhere: §3.4.4"""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._line = b""
        self._empty_lines = 0

    def update(self, piece: bytes) -> None:
        piece = self._line + piece
        end = piece.rfind(b"\r\n") + 2
        if end < 2:
            self._line = piece
            return
        self._line = piece[end:]
        self._add(piece[:end])

    def _add(self, lines: bytes) -> None:
        """Empty lines are only counted until something follows: a body may have millions."""
        canonical = _SPACE_AT_END.sub(b"\r\n", _SPACES.sub(b" ", lines))
        end = len(canonical)
        while canonical.endswith(b"\r\n", 0, end):
            end -= 2
        ends = (len(canonical) - end) // 2
        if end:  # of the last line that has something, the first of whose ends is its own
            self._hash.update(b"\r\n" * self._empty_lines + canonical[: end + 2])
            self._empty_lines = ends - 1
        else:
            self._empty_lines += ends

    def digest(self) -> bytes:
        """To be called once, at the end."""
        if self._line:
            self._add(self._line + b"\r\n")
        return self._hash.digest()


def relaxed(field: RawField) -> bytes:
    """§3.4.2"""
    return field.name + b":" + _SPACES.sub(b" ", field.unfolded).strip()


def signature_field(
    header: Header, body_hash: bytes, domain: str, selector: str, now_utc: int, sign: Callable[[bytes], bytes]
) -> RawField:
    """The field to be put before the header. ``sign``: RSASSA-PKCS1-v1_5 with SHA-256."""
    names, signed = [], []
    for name in SIGNED:
        found = header.all(name)
        names += [name] * (len(found) + (name in OVERSIGNED))
        signed += list(reversed(found))  # from the bottom up: §5.4.2
    tags = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector}; t={now_utc};\r\n"
        f"\th={_folded(names)};\r\n\tbh={base64.b64encode(body_hash).decode()};\r\n\tb="
    ).encode()
    unsigned = RawField(b"", b"dkim-signature", b" " + tags)
    data = b"".join(relaxed(each) + b"\r\n" for each in signed) + relaxed(unsigned)
    value = b" " + tags + _lines(base64.b64encode(sign(data)))
    return RawField(b"DKIM-Signature:" + value + b"\r\n", b"dkim-signature", value)


def _folded(names: Iterable[bytes]) -> str:
    text, column = "", 0
    for name in names:
        if column > 60:
            text, column = text + "\r\n\t", 0
        text, column = text + name.decode() + ":", column + len(name) + 1
    return text.rstrip(":").removesuffix("\r\n\t")


def _lines(octets: bytes) -> bytes:
    return b"\r\n\t".join(octets[place : place + 72] for place in range(0, len(octets), 72))
