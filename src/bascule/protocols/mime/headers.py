"""The header fields that a list of messages shows, decoded, from the first octets of a message."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from bascule.protocols.mime.charsets import text_of
from bascule.protocols.mime.encoded_words import decode_words

HEADER_OCTETS = 64 * 1024
"""How much of a message is looked at for its header: past that it is no header that a list needs."""
FIELD_CHARACTERS = 1000
"""A longer value (a thousand recipients) is cut for the list; the message itself has it whole."""

REFERENCES_CHARACTERS = 8000
"""Of a longer References the end is kept: the nearest messages stand last (RFC 5322 §3.6.4)."""

_WANTED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"content-type")
_FIELD = re.compile(
    rb"^(" + b"|".join(_WANTED) + rb")[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class HeaderSummary:
    """``date_utc`` is the Date field as seconds since 1970, None where it is missing or wrong."""

    subject: str = ""
    sender: str = ""
    recipients: str = ""
    date_utc: int | None = None
    message_id: str = ""
    in_reply_to: str = ""
    references: str = ""
    has_attachments: bool = False


def header_of(message: bytes) -> bytes:
    """The header's octets, without the empty line that ends it."""
    end = _END.search(message)
    return message[: end.start()] if end else message


def decode_field(raw: bytes, characters: int | None = FIELD_CHARACTERS) -> str:
    """An unstructured field for people: unfolded, encoded words decoded (RFC 2047), 8-bit octets read as UTF-8 or Latin-1.

    Cut at ``characters`` where it is given.
    """
    joined = _FOLD.sub(b"", raw)
    text = text_of(joined)
    if "=?" in text:
        text = decode_words(text)
    return " ".join(text.replace("\0", "").split())[:characters]


def _date(raw: bytes) -> int | None:
    try:
        return int(parsedate_to_datetime(raw.decode("latin-1")).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def summarise(message: bytes) -> HeaderSummary:
    """The summary of a message, or of its first HEADER_OCTETS. Of a repeated field the first is taken."""
    fields: dict[bytes, bytes] = {}
    for found in _FIELD.finditer(header_of(message[:HEADER_OCTETS])):
        fields.setdefault(found[1].lower(), found[2])
    people = [decode_field(fields[name]) for name in (b"to", b"cc") if name in fields]
    content_type = fields.get(b"content-type", b"").lower()
    return HeaderSummary(
        subject=decode_field(fields.get(b"subject", b"")),
        sender=decode_field(fields.get(b"from", b"")),
        recipients=", ".join(person for person in people if person)[:FIELD_CHARACTERS],
        date_utc=_date(fields[b"date"]) if b"date" in fields else None,
        message_id=decode_field(fields.get(b"message-id", b"")),
        in_reply_to=decode_field(fields.get(b"in-reply-to", b"")),
        references=" ".join(_FOLD.sub(b"", fields.get(b"references", b"")).decode("latin-1").split())[
            -REFERENCES_CHARACTERS:
        ],
        has_attachments=content_type.startswith(b"multipart/mixed"),
    )
