"""Replies, written and read. RFC 5321 §4.2; enhanced status codes, RFC 2034 and RFC 3463"""

import re
from dataclasses import dataclass

from bascule.protocols.smtp.limits import REPLY_LINE_OCTETS, REPLY_LINES

_LINE = re.compile(rb"(?P<code>[2-5][0-9]{2})(?P<more>[ -]|$)(?P<text>[^\r\n]*)")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_STATUS = re.compile(rf"(?P<status>{_ENHANCED.pattern})(?: |$)", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """``status``: the enhanced code, or "" where none was given. ``lines``: the texts without codes. One that was read holds no control
    character and no half of a surrogate pair, so that it can stand in a row, a log and a notice."""

    code: int
    status: str = ""
    lines: tuple[str, ...] = ("",)

    @classmethod
    def read(cls, written: str) -> "Reply | None":
        """From what `str` gave; None for anything else."""
        try:
            replies, rest = parse_replies(f"{written}\r\n".encode())
        except ValueError:
            return None
        return replies[0] if len(replies) == 1 and not rest else None

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 400

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.status, self.text) if part)


def format_reply(code: int, status: str, *lines: str) -> bytes:
    """The one writer of replies: of one line or several; ``status`` is put before each line's text. What would end a line in a text is left out.

    Raises ValueError for a code or a status that is none.
    """
    if not 200 <= code < 600 or (status and not _ENHANCED.fullmatch(status)):
        raise ValueError(f"not a reply: {code} {status!a}")
    texts = [_UNPRINTABLE.sub(" ", line)[:480] for line in lines] or [""]
    before = f"{status} " if status else ""
    last = len(texts) - 1
    return "".join(
        f"{code}{' ' if place == last else '-'}{before}{text}\r\n" for place, text in enumerate(texts)
    ).encode()


def parse_replies(octets: bytes) -> tuple[list[Reply], bytes]:
    """The whole replies that ``octets`` begin with, and what follows them. Raises ValueError where that is no reply.

    Deviation from RFC 5321 §4.2: text beyond ASCII is read, as UTF-8 or Latin-1, because servers in French say “boîte inconnue”.
    """
    replies: list[Reply] = []
    held: list[tuple[str, str]] = []
    code, start, position = 0, 0, 0
    while (end := octets.find(b"\n", position)) >= 0:
        line = octets[position:end].removesuffix(b"\r")
        found = _LINE.fullmatch(line)
        if found is None or len(line) > REPLY_LINE_OCTETS or len(held) >= REPLY_LINES:
            raise ValueError(f"that is no SMTP reply: {line[:100]!r}")
        if held and int(found["code"]) != code:
            raise ValueError("a reply of several lines has one code")
        code = int(found["code"])
        text = _UNPRINTABLE.sub(" ", _decoded(found["text"]))
        status = _STATUS.match(text)
        held.append((status["status"], text[status.end() :]) if status else ("", text))
        position = end + 1
        if found["more"] != b"-":
            replies.append(Reply(code, held[-1][0], tuple(text for _, text in held)))
            held, start = [], position
    if len(octets) - position > REPLY_LINE_OCTETS:
        raise ValueError("a line of a reply has no end")
    return replies, octets[start:]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
