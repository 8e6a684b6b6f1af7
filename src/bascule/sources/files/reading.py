"""Small readings that several file sources share."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from bascule.protocols.mime import summarise
from bascule.terms.body import CHUNK_OCTETS, Body, body_of
from bascule.terms.instant import InternalDate


def pieces_of(path: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The octets of a file from ``start`` to ``end``."""
    with path.open("rb") as file:
        file.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            piece = file.read(CHUNK_OCTETS if left is None else min(CHUNK_OCTETS, left))
            if not piece:
                return
            if left is not None:
                left -= len(piece)
            yield piece


def read_file(path: Path) -> Body:
    """A file as a message. Raises OSError."""
    return body_of(pieces_of(path), path.stat().st_size)


def date_from_header(head: bytes, otherwise: float) -> InternalDate:
    """The Date field, for files that keep no arrival date; ``otherwise`` (seconds) where it is missing or wrong."""
    found = summarise(head).date_utc
    return InternalDate(int(otherwise if found is None or found < 0 else found))


def date_from_text(text: str) -> InternalDate | None:
    """From ``Thu Jan  1 10:00:00 2020`` or an RFC 5322 date; None where it is neither."""
    try:
        when = parsedate_to_datetime(text)
        zone = when.utcoffset()
        return InternalDate(int(when.timestamp()) if zone is not None else int((when - _EPOCH).total_seconds()))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


_EPOCH = parsedate_to_datetime("Thu, 1 Jan 1970 00:00:00 -0000")
