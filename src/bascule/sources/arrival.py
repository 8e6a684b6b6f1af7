"""The date of a message whose source gives none: what may stand in for it."""

from bascule.protocols.mime.headers import HEADER_OCTETS, summarise
from bascule.sources.contract import SourceMessage
from bascule.terms.instant import InternalDate


def arrival_of(message: SourceMessage) -> InternalDate | None:
    """When the message arrived, as its source says; else the instant in its own Date field, which its sender wrote; None where there is
    neither. The beginning of 1970 is only ever an answer if the source or the field says so."""
    if message.date is not None:
        return message.date
    written = summarise(message.body.start(HEADER_OCTETS)).date_utc
    return None if written is None else InternalDate(written)


def arrival_to_keep(message: SourceMessage, now_utc: int) -> InternalDate:
    """`arrival_of`, for a place that can't be left empty: where nothing tells it, the message arrived when we got it (``now_utc``,
    seconds), as a server to which APPEND names no date has it too (RFC 9051 §6.3.12)."""
    return arrival_of(message) or InternalDate(now_utc)
