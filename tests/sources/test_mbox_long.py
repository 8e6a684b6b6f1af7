"""Messages and lines of an mbox that are larger than anybody's memory should be: what is read of them at once has a limit."""

import io
import random
import tracemalloc
from pathlib import Path

import pytest

from bascule.sources.files.loose import walk_mbox
from bascule.sources.files.mbox import find_messages, unquote, unquoted
from bascule.terms.body import HELD_OCTETS, Body

FROM = b"From a@example.org Thu Jan  2 10:00:00 2020\n"
MEGABYTE = 1_000_000


def body_in(place: Path, number: int) -> Body:
    body = walk_mbox(place).folders[0].entries[number].read()
    assert isinstance(body, Body)
    return body


@pytest.mark.parametrize("seed", range(40))
def test_what_is_unquoted_piece_by_piece_is_what_it_is_as_a_whole(seed: int) -> None:
    draw = random.Random(seed)
    parts = [b"\n", b">", b"From ", b"F", b"From", b"\r\n", b"x", b">>From a\n", b"", b"om "]
    octets = b"".join(draw.choices(parts, k=200))
    cuts = sorted(draw.choices(range(len(octets) + 1), k=draw.randrange(1, 60)))
    pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    assert b"".join(unquoted(pieces)) == unquote(octets)


@pytest.mark.parametrize("around", range(-7, 3))
def test_a_quoted_line_where_one_piece_ends_and_the_next_begins(tmp_path: Path, around: int) -> None:
    start = b"Subject: long\nStatus: RO\n\n"
    filler = b"y" * 61 + b"\n"
    text = start + filler * (HELD_OCTETS // len(filler) + 2)
    at = text.rfind(b"\n", 0, HELD_OCTETS + around) + 1
    padded = text[: at - 1] + b"z" * (HELD_OCTETS + around - at) + b"\n"
    message = padded + b">From here on\n>>From there\n" + filler * 9
    (tmp_path / "a.mbox").write_bytes(FROM + message + b"\n" + FROM + b"Subject: next\n\n>From\n")
    body = body_in(tmp_path / "a.mbox", 0)
    wanted = unquote(message).replace(b"Status: RO\n", b"", 1)
    assert (body.octets, body.whole()) == (len(wanted), wanted)
    body.close()
    assert body_in(tmp_path / "a.mbox", 1).whole() == b"Subject: next\n\n>From\n"


def test_a_line_of_many_megabytes_is_neither_walked_nor_read_in_one_piece(tmp_path: Path) -> None:
    place = tmp_path / "a.mbox"
    with place.open("wb") as file:
        file.write(FROM + b"Subject: one\n\n")
        for _ in range(60):
            file.write(b"z" * MEGABYTE)
        file.write(b"\n\n" + FROM + b"Subject: two\n\nx\n")
    tracemalloc.start()
    try:
        body = body_in(place, 0)
        assert body.octets == len(b"Subject: one\n\n") + 60 * MEGABYTE + 1
        assert tracemalloc.get_traced_memory()[1] < 6 * HELD_OCTETS
    finally:
        tracemalloc.stop()
    body.close()
    assert body_in(place, 1).whole() == b"Subject: two\n\nx\n"


@pytest.mark.parametrize("octet", [b"\r", b"\n", b"F"])
def test_a_line_that_begins_as_an_empty_one_or_as_a_from_line_and_never_ends(octet: bytes) -> None:
    """Its start, as far as it is read at once, is not all of it."""
    line = {b"\r": b"\r" * 3 * MEGABYTE + b"x\n", b"\n": b"\n", b"F": b"From " + b"a" * 3 * MEGABYTE + b"\n"}[octet]
    octets = FROM + b"Subject: a\n\n" + b"text\n" + line + FROM + b"Subject: b\n\ny\n"
    found = [octets[span.start : span.end] for span in find_messages(io.BytesIO(octets))]
    if octet == b"\n":
        assert found == [b"Subject: a\n\ntext\n", b"Subject: b\n\ny\n"]
    else:
        assert found == [octets[len(FROM) :]]


def test_a_header_that_is_longer_than_what_is_read_at_once_is_left_as_it_is(tmp_path: Path) -> None:
    message = b"Status: RO\n" + b"X-Long: value\n" * (HELD_OCTETS // 14 + 10) + b"\ntext\n"
    (tmp_path / "a.mbox").write_bytes(FROM + message)
    body = body_in(tmp_path / "a.mbox", 0)
    assert body.whole() == message
    body.close()
