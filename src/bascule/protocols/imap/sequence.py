"""Sets of UIDs or sequence numbers, as ``1:5,9,12`` (RFC 9051 §9, sequence-set)."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from bascule.protocols.imap.errors import RemoteError, TooMuch
from bascule.protocols.imap.limits import RANGES

MAX_NUMBER = 2**32 - 1
MAX_MEMBERS = 50_000_000
"""No mailbox has more messages; ``1:4294967295`` from a hostile server must not become a list."""

Range = tuple[int, int]


def to_ranges(numbers: Iterable[int]) -> list[Range]:
    """Ascending, joined ranges that hold exactly ``numbers``."""
    ordered = sorted(set(numbers))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return [(ordered[0], ordered[-1])]
    ranges: list[Range] = []
    first = last = -1
    for number in ordered:
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
    """The ranges of a sequence-set without ``*``. Raises RemoteError for anything else, TooMuch past `RANGES`."""
    if octets.count(b",") >= RANGES:
        raise TooMuch(f"a set has more than {RANGES:,} ranges")
    ranges: list[Range] = []
    total = 0
    for piece in octets.split(b","):
        first, colon, last = piece.partition(b":")
        if not first.isdigit() or (colon and not last.isdigit()) or len(piece) > 24:
            raise RemoteError(f"not a sequence set: {octets[:60]!r}")
        low = int(first)
        high = int(last) if last else low
        if low > high:
            low, high = high, low
        total += high - low + 1
        if high > MAX_NUMBER or total > MAX_MEMBERS:
            raise RemoteError(f"a sequence set is too large: {octets[:60]!r}")
        ranges.append((low, high))
    return ranges


Bound = int | None
"""A number of a sequence-set; None is ``*``, the largest number in use."""


def parse_set(octets: bytes) -> tuple[tuple[Bound, Bound], ...]:
    """A sequence-set as a client writes it, ``*`` included. Raises RemoteError for anything else."""
    found: list[tuple[Bound, Bound]] = []
    for piece in octets.split(b","):
        first, colon, last = piece.partition(b":")
        low = _bound(first, octets)
        found.append((low, _bound(last, octets) if colon else low))
    return tuple(found)


def _bound(piece: bytes, octets: bytes) -> Bound:
    if piece == b"*":
        return None
    if not piece.isdigit() or len(piece) > 10 or not 0 < int(piece) <= MAX_NUMBER:
        raise RemoteError(f"not a sequence set: {octets[:60]!r}")
    return int(piece)


def resolve(parsed: Iterable[tuple[Bound, Bound]], largest: int) -> list[Range]:
    """Ascending ranges, joined where they meet; ``largest`` stands for ``*`` (0: the mailbox is empty, and ``*`` is nothing).

    ``n:*`` holds the largest number also when n is above it (RFC 9051 §9, seq-range).
    """
    ranges: list[Range] = []
    for one, other in parsed:
        if largest == 0 and (one is None or other is None):
            continue
        low, high = sorted((largest if one is None else one, largest if other is None else other))
        ranges.append((low, high))
    return join(ranges)


def join(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in ascending ranges that neither overlap nor meet."""
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def is_within(joined: Iterable[Range]) -> Callable[[int], bool]:
    """Whether a number lies in one of these ranges, which `join` gave; however many they are, few are looked at."""
    highs = dict(joined)
    lows = list(highs)

    def test(number: int) -> bool:
        place = bisect_right(lows, number)
        return place > 0 and number <= highs[lows[place - 1]]

    return test


def expand(ranges: Iterable[Range]) -> Iterator[int]:
    for low, high in ranges:
        yield from range(low, high + 1)
