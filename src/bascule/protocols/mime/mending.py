"""A form of a message that servers take: for those that refuse it as it is, and only when the user asked for it."""

import re
from email.header import Header

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
"""RFC 5322 §2.2: a field name is printable US-ASCII without colon; §4.5 lets white space stand before the colon."""
_BARE_CR = re.compile(rb"\r(?!\n)")
_BLANKS = re.compile(rb"([ \t\r\n]+)")


def mend(message: bytes) -> tuple[bytes, list[str]]:
    """The message without what servers refuse, and what was changed, in words; the message itself and nothing where nothing is
    wrong. CRLF is taken for granted: a bare LF was made one before."""
    told: list[str] = []
    if nul := message.count(b"\0"):
        message = message.replace(b"\0", b"")
        told.append(f"{nul} NUL octet{'s' if nul > 1 else ''} removed")
    message, bare = _BARE_CR.subn(b"\r\n", message)
    if bare:
        told.append(f"{bare} CR without LF made line end{'s' if bare > 1 else ''}")
    border = message.find(b"\r\n\r\n")
    if message.startswith(b"\r\n"):
        return message, told  # it has no header
    head, rest = (message, b"") if border < 0 else (message[: border + 2], message[border + 2 :])
    return _mend_header(head, told) + rest, told


def _mend_header(head: bytes, told: list[str]) -> bytes:
    if head.startswith((b"From ", b">From ")):
        head = head.partition(b"\r\n")[2]
        told.append("the separator line of an mbox file removed")
    lines = head.splitlines(keepends=True)
    end = next(
        (n for n, line in enumerate(lines) if not (n and line[:1] in (b" ", b"\t")) and not _FIELD.match(line)),
        len(lines),
    )
    fields = b"".join(lines[:end])
    if not fields.isascii():
        fields = b"".join(map(_encode_line, lines[:end]))
        told.append("8-bit octets in the header encoded (RFC 2047)")
    if end == len(lines):
        return fields
    told.append(f"an empty line put before line {end + 1}, which is no header field")
    return fields + b"\r\n" + b"".join(lines[end:])


def _encode_line(line: bytes) -> bytes:
    """The name stays as it is, also where no space follows its colon."""
    name = _FIELD.match(line)
    start = name.end() if name else 0
    pieces = _BLANKS.split(line[start:])  # a word, blanks, a word …
    out, place = [line[:start]], 0
    while place < len(pieces):
        end = place + 1
        if not pieces[place].isascii():
            while end + 1 < len(pieces) and not pieces[end + 1].isascii() and not pieces[end].strip(b" \t"):
                end += 2  # the blanks between two encoded words would not be shown (RFC 2047 §6.2)
            out.append(_encode(b"".join(pieces[place:end])))
        else:
            out.append(pieces[place])
        out += pieces[end : end + 1]
        place = end + 1
    return b"".join(out)


def _encode(octets: bytes) -> bytes:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return Header(text, "utf-8").encode(linesep="\r\n").encode("ascii")
