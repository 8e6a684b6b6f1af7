"""What a mail program hands over, made fit to leave. RFC 6409 §8"""

from bascule.protocols.mime.fields import parse_addresses
from bascule.protocols.mime.header import Header


class NotFit(ValueError):
    """The message can't be sent as it is; the text says why."""


def authors(header: Header) -> list[str]:
    """The addresses of From. Raises NotFit where there is no From, or more than one field of it (RFC 5322 §3.6)."""
    fields = header.all(b"from")
    if len(fields) != 1:
        raise NotFit("a message has one From field")
    parsed = parse_addresses(fields[0].unfolded)
    found = [
        (each.mailbox + b"@" + each.host).decode("utf-8", "replace") for each in parsed if each.mailbox and each.host
    ]
    if not found:
        raise NotFit("From has no mail address")
    return found


def complete(header: Header, date: str, message_id: str) -> None:
    """Take out what is for nobody else (Bcc), and what only the last server writes (Return-Path); add what is missing (§8.2, §8.3)."""
    header.remove(b"bcc", b"resent-bcc", b"return-path")
    if header.first(b"date") is None:
        header.append("Date", date)
    if header.first(b"message-id") is None:
        header.append("Message-ID", message_id)
