"""FETCH responses of which all is at hand: rows, descriptions and header fields that are kept. Those of many messages are written in one go, column by
column, since programs ask for them of whole folders. RFC 9051 §7.5.2"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bascule.mailbox.live import LiveRow
from bascule.mailbox.live.reading import Described
from bascule.platform.imap.limits import PIECE_OCTETS
from bascule.protocols.imap.answers import without_nul
from bascule.protocols.imap.dates import format_date_time, writable_date
from bascule.protocols.imap.requests.fetch import Octets
from bascule.terms.instant import InternalDate

Numbered = Sequence[tuple[int, LiveRow]]
"""Sequence number, row."""

_SPECIFIERS = {
    "UID": b"UID %d",
    "FLAGS": b"FLAGS (%b)",
    "INTERNALDATE": b"INTERNALDATE %b",
    "RFC822.SIZE": b"RFC822.SIZE %d",
    "MODSEQ": b"MODSEQ (%d)",
    "ENVELOPE": b"ENVELOPE %b",
    "BODYSTRUCTURE": b"BODYSTRUCTURE %b",
}


def template(plain: Sequence[str], octets: Sequence[Octets]) -> bytes | None:
    """A response, with a place for each value; None where what is asked for is not only of rows, descriptions and header fields, these as a whole."""
    if not _SPECIFIERS.keys() >= set(plain) or any(item.start is not None for item in octets):
        return None
    values = [_SPECIFIERS[name] for name in plain]
    values += [item.label.replace(b"%", b"%%") + b" {%d}\r\n%b" for item in octets]
    return b"* %d FETCH (" + b" ".join(values) + b")\r\n"


def columns(
    plain: Sequence[str],
    batch: Numbered,
    flags: Callable[[Sequence[LiveRow]], list[bytes]],
    described: Mapping[int, Described],
    fields: Iterable[Mapping[int, bytes]],
) -> list[list[Any]]:
    """The values of `template`. ``flags``: those of rows; ``described``, ``fields``: by body, of each message of ``batch``."""
    rows = [row for _, row in batch]
    found: list[list[Any]] = [[number for number, _ in batch]]
    found += [_column(name, rows, flags, described) for name in plain]
    for kept in fields:
        literals = [without_nul(kept[row.body]) for row in rows]
        found += [list(map(len, literals)), literals]
    return found


def _column(
    name: str,
    rows: Sequence[LiveRow],
    flags: Callable[[Sequence[LiveRow]], list[bytes]],
    described: Mapping[int, Described],
) -> list[Any]:
    match name:
        case "UID":
            return [row.uid for row in rows]
        case "FLAGS":
            return flags(rows)
        case "INTERNALDATE":
            return [internal_date(row) for row in rows]
        case "RFC822.SIZE":
            return [row.octets for row in rows]
        case "MODSEQ":
            return [row.modseq for row in rows]
        case "ENVELOPE":
            return [described[row.body].envelope for row in rows]
        case _:
            return [described[row.body].structure for row in rows]


def internal_date(row: LiveRow) -> bytes:
    return format_date_time(writable_date(InternalDate(row.date_utc, row.zone_minutes)))


def responses(made: bytes, values: Iterable[list[Any]]) -> Iterator[bytes]:
    """``made``: the template; in pieces of about `PIECE_OCTETS`."""
    held: list[bytes] = []
    size = 0
    for each in zip(*values, strict=True):
        held.append(line := made % each)
        size += len(line)
        if size >= PIECE_OCTETS:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
