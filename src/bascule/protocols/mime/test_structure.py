"""Parts are found where they are, whatever the message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.protocols.mime.limits import DEPTH
from bascule.protocols.mime.structure import Part, parse_structure

Outline = tuple[object, ...]
MIXED = (
    b"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\npreamble\r\n"
    b"--o\r\n\r\none\r\n"
    b"--o \r\nContent-Type: multipart/alternative;\r\n boundary=\"i i\"\r\n\r\n"
    b"--i i\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--i i--\r\nepilogue\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: three\r\n\r\nwithin\r\n--o--\r\nafter\r\n"
)  # fmt: skip


def outline(part: Part) -> Outline:
    return (part.type.decode() + "/" + part.subtype.decode(), *map(outline, part.parts))


def test_a_message_is_cut_into_its_parts() -> None:
    whole = parse_structure(MIXED)
    assert outline(whole) == (
        "multipart/mixed",
        ("text/plain",),
        ("multipart/alternative", ("text/html",)),
        ("message/rfc822", ("text/plain",)),
    )
    one, alternative, message = whole.parts
    assert MIXED[one.body : one.end] == b"one"
    assert MIXED[alternative.parts[0].body : alternative.parts[0].end] == b"<p>two"
    assert message.parts[0].field(b"subject") == b"three"
    assert MIXED[message.parts[0].body : message.parts[0].end] == b"within"
    assert (message.octets, message.lines) == (len(b"Subject: three\r\n\r\nwithin"), 2)
    assert (whole.end, whole.lines) == (len(MIXED), MIXED.count(b"\n") - 3)


@pytest.mark.parametrize(
    ("octets", "parts"),
    [
        (b"", ("text/plain",)),
        (b"no header", ("text/plain",)),
        (b"Content-Type: nonsense\r\n\r\nx", ("text/plain",)),
        (b"Content-Type: multipart/mixed\r\n\r\n--o\r\n", ("multipart/mixed",)),
        (b"Content-Type: multipart/mixed; boundary=o\r\n\r\nno part", ("multipart/mixed",)),
        (b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nnever closed", ("multipart/mixed", ("text/plain",))),
        (b"Content-Type: multipart/digest; boundary=o\r\n\r\n--o\r\n\r\nA: b\r\n\r\nc\r\n--o--", ("multipart/digest", ("message/rfc822", ("text/plain",)))),
    ],
)  # fmt: skip
def test_what_is_missing_has_its_default(octets: bytes, parts: Outline) -> None:
    assert outline(parse_structure(octets)) == parts


def test_parts_within_parts_end_somewhere() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d.\r\n\r\n--%d.\r\n" % (n, n) for n in range(3 * DEPTH)
    )
    part, depth = parse_structure(nested), 0
    while part.parts:
        part, depth = part.parts[0], depth + 1
    assert depth == DEPTH
    messages = b"Content-Type: message/rfc822\r\n\r\n" * (3 * DEPTH)
    part, depth = parse_structure(messages), 0
    while part.parts:
        part, depth = part.parts[0], depth + 1
    assert depth == DEPTH


@pytest.mark.parametrize(
    "lines",
    [
        (b"", b"--o", b"Content-Type: message/rfc822", b"", b"", b"--o"),
        (b"", b"--o", b"Content-Type: message/rfc822", b"", b"A: b", b"", b"--o--"),
        (b"", b"--o", b"Content-Type: multipart/mixed; boundary=i", b"", b"--i", b"A: b", b"", b"--o--"),
    ],
)
def test_the_empty_line_of_an_inner_header_belongs_to_all_around_it(lines: tuple[bytes, ...]) -> None:
    octets = b"\r\n".join([b"Content-Type: multipart/mixed; boundary=o", *lines])
    outer = parse_structure(octets).parts[0]
    (inner,) = outer.parts
    assert outer.end == inner.end == inner.body == octets.rindex(b"--o")


@given(st.lists(st.sampled_from([*MIXED.split(b"\r\n"), b"", b"--o--", b"--i i", b"x: y"]), max_size=30))
@settings(max_examples=300)
def test_every_part_lies_within_its_own(lines: list[bytes]) -> None:
    octets = b"\r\n".join([b"Content-Type: multipart/mixed; boundary=o", *lines])

    def look(part: Part, start: int, end: int) -> None:
        assert start <= part.start <= part.body <= part.end <= end
        assert part.lines == octets.count(b"\n", part.body, part.end)
        place = part.body
        for inner in part.parts:
            look(inner, place, part.end)
            place = inner.end

    look(parse_structure(octets), 0, len(octets))
