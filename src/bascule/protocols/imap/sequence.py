"""Sets of UIDs or sequence numbers, as ``1:5,9,12`` (RFC 9051 §9, sequence-set)."""

from collections.abc import Iterable, Iterator

from bascule.protocols.imap.errors import RemoteError

MAX_NUMBER = 2**32 - 1
MAX_MEMBERS = 50_000_000
"""No mailbox has more messages; ``1:4294967295`` from a hostile server must not become a list."""

Range = tuple[int, int]


def to_ranges(numbers: Iterable[int]) -> list[Range]:
    """Ascending, joined ranges that hold exactly ``numbers``."""
    ranges: list[Range] = []
    first = last = -1
    for number in sorted(set(numbers)):
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            ranges.append((first, last))
        first = last = number
    if first >= 0:
        ranges.append((first, last))
    return ranges


def format_ranges(ranges: Iterable[Range]) -> bytes:
    return ",".join(f"{a}:{b}" if a != b else str(a) for a, b in ranges).encode()


def format_set(numbers: Iterable[int]) -> bytes:
    """The shortest sequence-set of exactly ``numbers``; empty when there are none."""
    return format_ranges(to_ranges(numbers))


def parse_ranges(octets: bytes) -> list[Range]:
    """The ranges of a sequence-set without ``*``. Raises RemoteError for anything else."""
    ranges: list[Range] = []
    total = 0
    for piece in octets.split(b","):
        first, colon, last = piece.partition(b":")
        if not first.isdigit() or (colon and not last.isdigit()) or len(piece) > 24:
            raise RemoteError(f"not a sequence set: {octets[:60]!r}")
        low, high = int(first), int(last or first)
        if low > high:
            low, high = high, low
        total += high - low + 1
        if high > MAX_NUMBER or total > MAX_MEMBERS:
            raise RemoteError(f"a sequence set is too large: {octets[:60]!r}")
        ranges.append((low, high))
    return ranges


def expand(ranges: Iterable[Range]) -> Iterator[int]:
    for low, high in ranges:
        yield from range(low, high + 1)
