"""Sections by table: what is asked for, what is given, what is refused."""

import random
import re

import pytest

from bascule.protocols.imap import RemoteError
from bascule.protocols.imap.section import Section, Text, octets_of, parse_section
from bascule.protocols.mime.structure import header_end, parse_structure

MESSAGE = (
    b"From: a@b.c\r\nSubject: one\r\n two\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    b"--o\r\nContent-ID: 1\r\n\r\nplain\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nTo: d@e.f\r\n\r\nwithin\r\n--o--\r\n"
)


@pytest.mark.parametrize(
    ("spec", "section"),
    [
        (b"", Section()),
        (b"1.2.3", Section((1, 2, 3))),
        (b"header", Section((), Text.HEADER)),
        (b"2.Text", Section((2,), Text.TEXT)),
        (b"4.MIME", Section((4,), Text.MIME)),
        (b"HEADER.FIELDS (From TO)", Section((), Text.FIELDS, (b"From", b"TO"))),
        (b'1.HEADER.FIELDS.NOT ("X y")', Section((1,), Text.OTHER_FIELDS, (b"X y",))),
    ],
)
def test_each_section_is_read_and_written_again(spec: bytes, section: Section) -> None:
    assert parse_section(spec) == section
    assert parse_section(section.format()) == section


@pytest.mark.parametrize(
    "spec",
    [b"0", b"1.0", b"1.", b".1", b"MIME", b"1TEXT", b"HEADER.FIELDS", b"HEADER.FIELDS ()", b"HEADER (From)", b"TEXT.1", b"X", b"1." * 200 + b"1"],
)  # fmt: skip
def test_what_is_no_section_is_the_clients_error(spec: bytes) -> None:
    with pytest.raises(RemoteError):
        parse_section(spec)


@pytest.mark.parametrize(
    ("spec", "octets"),
    [
        (b"", MESSAGE),
        (b"1", b"plain"),
        (b"1.MIME", b"Content-ID: 1\r\n\r\n"),
        (b"2", b"To: d@e.f\r\n\r\nwithin"),
        (b"2.HEADER", b"To: d@e.f\r\n\r\n"),
        (b"2.TEXT", b"within"),
        (b"2.1", b"within"),
        (b"HEADER.FIELDS (subject)", b"Subject: one\r\n two\r\n\r\n"),
        (b"HEADER.FIELDS (Bcc)", b"\r\n"),
        (b"2.HEADER.FIELDS.NOT (X)", b"To: d@e.f\r\n\r\n"),
        (b"1.HEADER", None),
        (b"3", None),
        (b"2.2", None),
        (b"1.2", None),
    ],
)
def test_each_section_has_its_octets(spec: bytes, octets: bytes | None) -> None:
    assert octets_of(parse_section(spec), MESSAGE, parse_structure(MESSAGE)) == octets


@pytest.mark.parametrize("name", [b"\0", b"a\0b", b"a\rb", b""])
def test_a_field_name_that_no_reply_could_repeat_is_refused(name: bytes) -> None:
    with pytest.raises(RemoteError):
        parse_section(b'HEADER.FIELDS ("' + name + b'")')


def test_named_fields_are_those_of_all_fields_one_by_one() -> None:
    chance = random.Random(9)
    pieces = [
        b"From:",
        b"from :",
        b"To: y\r\n",
        b" x",
        b"\r\n",
        b"\n",
        b"\r",
        b"\t",
        b"abc",
        b":",
        b"\0",
        b"\xe9",
        b"\r\n\r\n",
    ]
    for _ in range(3000):
        message = b"".join(chance.choices(pieces, k=chance.randrange(14)))
        names = chance.choice([(b"FROM",), (b"from", b"TO"), (b"x y",), (b"F\xe9", b"to")])
        named = octets_of(Section(text=Text.FIELDS, names=names), message, None)
        others = octets_of(Section(text=Text.OTHER_FIELDS, names=names), message, None)
        header = message[: header_end(message)].removesuffix(b"\r\n")
        assert named is not None
        assert others is not None
        assert len(named) + len(others) == len(header) + 4
        assert (
            b"to" in [name.lower() for name in names]
            or named == b"\r\n"
            or re.match(rb"from[ \t]*:", named, re.IGNORECASE)
        )


def test_of_a_header_that_is_an_attack_the_first_fields_are_given_whole() -> None:
    message = b"Subject: first\r\n" + b"X-Filler: yyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 20_000 + b"From: last\r\n\r\nbody"
    assert octets_of(parse_section(b"HEADER.FIELDS (Subject From)"), message, None) == b"Subject: first\r\n\r\n"
    others = octets_of(parse_section(b"HEADER.FIELDS.NOT (Subject)"), message, None)
    assert others is not None
    assert others.startswith(b"X-Filler: yyyyyyyyyyyyyyyyyyyyyyyy\r\n")
    assert others.endswith(b"X-Filler: yyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n")
