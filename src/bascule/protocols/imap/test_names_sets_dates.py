"""Names, sequence sets and dates: there and back again."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap import LocalError, RemoteError
from bascule.protocols.imap.dates import format_date_time, parse_date_time, read_date_time
from bascule.protocols.imap.names import decode_utf7, encode_utf7, quote
from bascule.protocols.imap.sequence import expand, format_set, is_within, join, parse_ranges, parse_set, resolve
from bascule.terms.instant import InternalDate

NAMES = [
    ("Été", b"&AMk-t&AOk-"),
    ("A & B", b"A &- B"),
    ("日本語", b"&ZeVnLIqe-"),
    ("😀 emoji", b"&2D3eAA- emoji"),
    ("~", b"~"),
]


@pytest.mark.parametrize(("name", "raw"), NAMES)
def test_names_of_rfc_3501_section_5_1_3(name: str, raw: bytes) -> None:
    assert encode_utf7(name) == raw
    assert decode_utf7(raw) == name


@given(st.text())
def test_any_name_comes_back(name: str) -> None:
    assert decode_utf7(encode_utf7(name)) == name


@pytest.mark.parametrize("raw", [b"&", b"&AMk", b"&!!!-", b"caf\xe9", "café".encode()])
def test_a_name_that_is_not_modified_utf7_is_still_a_name(raw: bytes) -> None:
    assert decode_utf7(raw)


@pytest.mark.parametrize("piece", [b"&", b"&A", b"&A&-", b"&AMk"])
def test_a_name_of_a_megabyte_is_passed_once(piece: bytes) -> None:
    """What takes the square of its length takes a quarter of an hour here."""
    assert decode_utf7(piece * (1_000_000 // len(piece)))


def test_a_name_is_read_from_the_last_ampersand_on() -> None:
    assert decode_utf7(b"&&AMk-") == "&É"


def test_what_can_not_be_quoted_is_our_own_error() -> None:
    assert quote(b'a"\\b') == b'"a\\"\\\\b"'
    with pytest.raises(LocalError):
        quote(b"a\r\nb")


@given(st.sets(st.integers(1, 2**32 - 1), min_size=1, max_size=60))
def test_a_set_of_uids_comes_back(numbers: set[int]) -> None:
    assert set(expand(parse_ranges(format_set(numbers)))) == numbers


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=8))
def test_joined_ranges_hold_the_same_numbers(given_ranges: list[tuple[int, int]]) -> None:
    ranges = [(low, low + more) for low, more in given_ranges]
    joined = join(ranges)
    holds = is_within(joined)
    assert [n for n in range(60) if holds(n)] == [n for n in range(60) if any(a <= n <= b for a, b in ranges)]
    assert all(high + 1 < low for (_, high), (low, _) in itertools.pairwise(joined))


def test_a_set_is_as_short_as_it_can_be() -> None:
    assert format_set([5, 1, 2, 3, 9]) == b"1:3,5,9"
    assert format_set([]) == b""
    assert parse_ranges(b"9:7") == [(7, 9)]


@pytest.mark.parametrize("octets", [b"", b"a", b"1:*", b"1,,2", b"1:99999999999", b"1:4294967295,1:4294967295"])
def test_a_set_that_is_none_is_the_servers_error(octets: bytes) -> None:
    with pytest.raises(RemoteError):
        parse_ranges(octets)


@given(st.integers(-62_000_000_000, 253_000_000_000), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_a_date_comes_back(seconds: int, zone: int) -> None:
    date = InternalDate(seconds, zone)
    assert parse_date_time(format_date_time(date)[1:-1]) == date


def test_dates_as_servers_write_them() -> None:
    assert parse_date_time(b"17-Jul-1996 02:44:25 -0700").utc_seconds == 837596665
    assert parse_date_time(b" 7-jul-1996 02:44:25 +0000") == InternalDate(836707465, 0)
    assert format_date_time(InternalDate(836707465, 90)) == b'"07-Jul-1996 04:14:25 +0130"'


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"1-Foo-2020 10:00:00 +0000",
        b"32-Jan-2020 10:00:00 +0000",
        b"31-Feb-2020 10:00:00 +0000",
        b"29-Feb-2021 10:00:00 +0000",
        b"00-Jan-0000 00:00:00 +0000",
        b"01-Jan-0000 01:01:01 +0000",
        b"01-Jan-2020 10:00:00",
        b"01-Jan-2020 10:00:00 GMT",
        b"01-Jan-2020 10:00:00 +2400",
        b"01-Jan-2020 10:00:00 +0060",
        b"1-Jan-0000 1:1:1 +0000",
    ],
)
def test_a_date_that_is_none_is_the_servers_error(octets: bytes) -> None:
    assert read_date_time(octets) is None
    with pytest.raises(RemoteError):
        parse_date_time(octets)


@pytest.mark.parametrize(
    ("octets", "largest", "ranges"),
    [
        (b"1:3,2:5,9", 20, [(1, 5), (9, 9)]),
        (b"*", 20, [(20, 20)]),
        (b"30:*", 20, [(20, 30)]),
        (b"*:4", 20, [(4, 20)]),
        (b"5:2", 20, [(2, 5)]),
        (b"1:*,7", 0, [(7, 7)]),
        (b"4,5,6:8", 20, [(4, 8)]),
    ],
)
def test_a_set_with_a_star_is_resolved(octets: bytes, largest: int, ranges: list[tuple[int, int]]) -> None:
    assert resolve(parse_set(octets), largest) == ranges


@pytest.mark.parametrize("octets", [b"", b"0", b"1,", b"a", b"1:", b"4294967296", b"1:2:3", b"-1", b"**"])
def test_what_is_no_set_is_the_clients_error(octets: bytes) -> None:
    with pytest.raises(RemoteError):
        parse_set(octets)
