r"""A message on its way out: lines that end with CRLF and nothing else, and dots doubled. RFC 5321 §2.3.8, §4.5.2

A bare CR or LF is sent to nobody: what some server takes for an end of line, others do not, and that is what SMTP smuggling is made of.
"""

import re
from collections.abc import Iterable, Iterator

_LINE_END = re.compile(rb"\r\n|\r|\n")


def with_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines, each ended by CRLF, the last one too; however the octets are cut. What has such lines comes back as it was."""
    held = end = b""
    for piece in pieces:
        whole = held + piece if held else piece
        held = b"\r" if whole.endswith(b"\r") else b""  # the LF to it may begin the next piece
        octets = whole[:-1] if held else whole
        if not octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n"):
            octets = _LINE_END.sub(b"\r\n", octets)
        if octets:
            end = octets[-2:]
            yield octets
    if held or end not in (b"", b"\r\n"):
        yield b"\r\n"


def with_dots(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The octets after DATA, with the end of the message. ``pieces``: of `with_crlf`."""
    before = b"\r\n"
    for piece in pieces:
        octets = (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = (before + piece)[-2:]
        yield octets
    yield b".\r\n"
