"""What a message says in words: its text and the names of its attachments, for the search index.

Parsed by fast-mail-parser (6,700 messages a second); what it can't parse, or leaves undecoded, is parsed by the standard library,
and what that can't parse gives its header alone: no message is without a place in the index.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from html.parser import HTMLParser
from typing import Any

import fast_mail_parser

from bascule.protocols.mime.headers import summarise

TEXT_CHARACTERS = 200_000
"""Of one message: about 60 printed pages. What comes after is data rather than text."""
_TAGLESS = re.compile(r"<(script|style)\b.*?</\1>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Searchable:
    subject: str
    people: str
    text: str
    attachments: str


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def html_words(html: str) -> str:
    """The words of an HTML text, in order; for an index, not for people."""
    reader = _Text()
    reader.feed(_TAGLESS.sub(" ", html[:TEXT_CHARACTERS]))
    reader.close()
    return " ".join(" ".join(reader.pieces).split())


def searchable(message: bytes) -> Searchable:
    """Never raises: any octets have a place in the index."""
    header = summarise(message)
    try:
        text, names = _fast(message)
    except (fast_mail_parser.ParseError, ValueError):
        text, names = _slow(message)
    people = f"{header.sender} {header.recipients}"
    return Searchable(header.subject, people, text[:TEXT_CHARACTERS], " ".join(names))


def _fast(message: bytes) -> tuple[str, list[str]]:
    parsed: Any = fast_mail_parser.parse_email(message)
    texts = [*parsed.text_plain, *(html_words(html) for html in parsed.text_html)]
    return "\n".join(texts), [attachment.filename for attachment in parsed.attachments if attachment.filename]


def _slow(message: bytes) -> tuple[str, list[str]]:
    texts: list[str] = []
    names: list[str] = []
    for part in message_from_bytes(message, policy=policy.compat32).walk():
        if name := part.get_filename():
            names.append(str(name))
        if part.get_content_maintype() == "text" and not name:
            texts.append(_decoded(part))
    return "\n".join(texts), names


def _decoded(part: "Message[str, str]") -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        text = octets.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        text = octets.decode("latin-1")
    return html_words(text) if part.get_content_subtype() == "html" else text
