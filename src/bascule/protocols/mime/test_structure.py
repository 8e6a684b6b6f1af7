"""Parts are found where they are, whatever the message."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.protocols.mime.limits import DEPTH, FIELDS, FIELDS_OF_A_PART, HEADERS_OCTETS
from bascule.protocols.mime.structure import Part, _Parser, parse_structure

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


def _flat(part: Part) -> list[Part]:
    return [part, *(each for inner in part.parts for each in _flat(inner))]


@pytest.mark.parametrize("header", [b"X: " + b"y" * 9000 + b"\r\n", b"X:\r\n" * FIELDS_OF_A_PART])
def test_the_headers_of_one_message_are_read_up_to_a_limit_together(header: bytes) -> None:
    count = 1000
    part = b"--x\r\n" + header + b"\r\nbody\r\n"
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * count + b"--x--\r\n"
    root = parse_structure(octets)
    fields = [field for each in _flat(root) for field in each.fields]
    assert sum(len(name) + len(value) for name, value in fields) <= HEADERS_OCTETS
    assert len(fields) <= FIELDS
    assert len(fields) == FIELDS or len(fields) * len(header) > HEADERS_OCTETS - 2 * len(header)
    assert root.parts[0].fields
    assert not root.parts[-1].fields
    assert [octets[each.body : each.end] for each in root.parts] == [b"body"] * count


class Counted(bytes):
    """Counts the octets that are looked through for a line's end, or for dashes."""

    looked_at = 0

    def count(self, sought: Any, start: Any = None, end: Any = None) -> int:
        self.looked_at += (end or len(self)) - (start or 0)
        return super().count(sought, start, end)

    def find(self, sought: Any, start: Any = None, end: Any = None) -> int:
        found = super().find(sought, start, end)
        self.looked_at += (found if found >= 0 else end or len(self)) - (start or 0)
        return found


def test_what_lies_within_many_is_looked_through_a_few_times() -> None:
    within = b"Content-Type: message/rfc822\r\n\r\n" * (DEPTH - 2) + b"\r\n" + b"\n" * 100_000
    octets = Counted(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + within)
    inner = _flat(parse_structure(octets))[-1]
    assert inner.lines == 100_000
    assert octets.looked_at < 6 * len(octets)


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


_PIECES = [
    b"--a\r\n", b"--ab\r\n", b"--a--\r\n", b"--b\r\n", b"--b--\n", b"--", b"--c\r\n", b"\r\n", b"\n", b"text\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n", b"Content-Type: multipart/digest; boundary=b\r\n\r\n",
    b"Content-Type: multipart/x; boundary=ab\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=40))
@settings(max_examples=300)
def test_what_was_looked_for_before_is_found_as_by_a_fresh_look(pieces: list[bytes]) -> None:
    message = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"".join(pieces)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_Parser, "_not_looked_for", lambda self, start, boundaries: (boundaries, start))
        fresh = parse_structure(message)
    assert parse_structure(message) == fresh
