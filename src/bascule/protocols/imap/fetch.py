"""FETCH: what we ask for, and the message's attributes from the reply. RFC 9051 §6.4.5, §7.5.2"""

from dataclasses import dataclass

from bascule.protocols.imap.dates import parse_date_time
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.receiver import Literal
from bascule.protocols.imap.responses import Fetch
from bascule.protocols.imap.tokens import as_list, as_number, as_text
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.instant import InternalDate

WHOLE_MESSAGE = b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
FLAGS = b"(UID FLAGS)"
DETAILS = b"(UID FLAGS INTERNALDATE RFC822.SIZE)"
BODY = b"(UID BODY.PEEK[])"
GMAIL_LABELS = b"X-GM-LABELS"


@dataclass(frozen=True, slots=True)
class MessageData:
    """One message's attributes; None for what the reply does not hold."""

    uid: int | None
    flags: Flags | None
    date: InternalDate | None
    octets: int | None
    body: Literal | None
    modseq: int | None = None
    labels: tuple[str, ...] | None = None


def message_data(reply: Fetch) -> MessageData:
    """Raises RemoteError where an attribute has not the form that its RFC gives it."""
    items = reply.items
    uid, flags, date, size = (items.get(key) for key in ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE"))
    modseq, labels = items.get("MODSEQ"), items.get("X-GM-LABELS")
    if date is not None and not isinstance(date, bytes):
        raise RemoteError("INTERNALDATE is not a string")
    body = items.get("BODY[]")
    if "BODY[]" in items and body is None:
        body = b""  # NIL: servers write it for a message without octets
    return MessageData(
        uid=None if uid is None else as_number(uid),
        flags=None if flags is None else normalise_flags(as_text(name) for name in as_list(flags)),
        date=None if date is None else parse_date_time(date),
        octets=None if size is None else as_number(size),
        body=body,
        modseq=None if modseq is None else as_number(as_list(modseq)[0] if as_list(modseq) else b""),
        labels=None if labels is None else tuple(as_text(name) for name in as_list(labels)),
    )
