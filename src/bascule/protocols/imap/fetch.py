"""FETCH: what we ask for, and the message's attributes from the reply. RFC 9051 §6.4.5, §7.5.2

Replies to our own three questions are read by one regular expression each; anything else, or the same in another order, goes
through the tokeniser, which takes six times as long and gives the same `MessageData`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from bascule.protocols.imap.dates import parse_date_time
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.receiver import Frame, Literal
from bascule.protocols.imap.tokens import Value, as_list, as_number, as_text
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.instant import InternalDate

WHOLE_MESSAGE = b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
FLAGS = b"(UID FLAGS)"
DETAILS = b"(UID FLAGS INTERNALDATE RFC822.SIZE)"
BODY = b"(UID BODY.PEEK[])"
GMAIL_LABELS = b"X-GM-LABELS"

_FLAGS = rb"\* (\d{1,10}) FETCH \(UID (\d{1,10}) FLAGS \(([^()\"]*)\)"
_FLAGS_REPLY = re.compile(_FLAGS + rb"\)$")
_DETAILS_REPLY = re.compile(_FLAGS + rb' INTERNALDATE "([^"]*)" RFC822\.SIZE (\d{1,18})\)$')
_WHOLE_REPLY = re.compile(_FLAGS + rb' INTERNALDATE "([^"]*)" BODY\[\] $')


@dataclass(slots=True)
class MessageData:
    """One message's attributes; None for what the reply does not hold."""

    uid: int | None = None
    flags: Flags | None = None
    date: InternalDate | None = None
    octets: int | None = None
    body: Literal | None = None
    modseq: int | None = None
    labels: tuple[str, ...] | None = None


@dataclass(slots=True)
class Fetch:
    """One FETCH response. ``items`` has what `MessageData` does not, as `tokens` gives it, with keys in capitals."""

    number: int
    data: MessageData
    items: dict[str, Value] | None = None


@lru_cache(maxsize=4096)
def _flags(names: bytes) -> Flags:
    return normalise_flags(as_text(name) for name in names.split())


def parse_plain_fetch(frame: Frame, first: bytes) -> Fetch | None:
    """A reply in the form that our own questions bring; None: use the tokeniser."""
    if len(frame) == 3:
        found = _WHOLE_REPLY.match(first)
        if found is None or frame[2] != b")":
            return None
        number, uid, flags, date = found.groups()
        return Fetch(int(number), MessageData(int(uid), _flags(flags), parse_date_time(date), None, frame[1]))
    if len(frame) == 1 and first.endswith(b")"):
        found = _DETAILS_REPLY.match(first)
        if found is not None:
            number, uid, flags, date, octets = found.groups()
            return Fetch(int(number), MessageData(int(uid), _flags(flags), parse_date_time(date), int(octets)))
        found = _FLAGS_REPLY.match(first)
        if found is not None:
            return Fetch(int(found[1]), MessageData(int(found[2]), _flags(found[3])))
    return None


def fetch_of(number: int, items: dict[str, Value]) -> Fetch:
    """From the tokeniser's pairs. Raises RemoteError where an attribute has not the form that its RFC gives it."""
    uid, flags, date, size = (items.get(key) for key in ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE"))
    modseq, labels = items.get("MODSEQ"), items.get("X-GM-LABELS")
    if date is not None and not isinstance(date, bytes):
        raise RemoteError("INTERNALDATE is not a string")
    body = items.get("BODY[]")
    if "BODY[]" in items and body is None:
        body = b""  # NIL: servers write it for a message without octets
    if isinstance(body, list):
        raise RemoteError("BODY[] is not a string")
    data = MessageData(
        uid=None if uid is None else as_number(uid),
        flags=None if flags is None else normalise_flags(as_text(name) for name in as_list(flags)),
        date=None if date is None else parse_date_time(date),
        octets=None if size is None else as_number(size),
        body=body,
        modseq=None if modseq is None else as_number(as_list(modseq)[0] if as_list(modseq) else b""),
        labels=None if labels is None else tuple(as_text(name) for name in as_list(labels)),
    )
    return Fetch(number, data, items)
