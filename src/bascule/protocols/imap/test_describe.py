"""What is written of a message can be read again, whatever the message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap.describe import body_structure, envelope
from bascule.protocols.imap.receiver import Receiver
from bascule.protocols.imap.tokens import Value, parse_values
from bascule.protocols.mime.limits import ADDRESSES, ADDRESSES_OCTETS
from bascule.protocols.mime.structure import parse_structure
from bascule.terms.body import SpooledBody

MESSAGE = (
    b"Date: Sat, 1 Feb 2020 10:00:00 +0000\r\nSubject: =?utf-8?q?=C3=89t=C3=A9?=\r\nFrom: Anna <a@b.c>\r\nTo: d@e.f\r\n"
    b"Message-ID: <1@b.c>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\ny\r\n"
)


def read(described: bytes) -> Value:
    receiver = Receiver(lambda size: SpooledBody())
    receiver.feed(described + b"\r\n")
    frame = receiver.next_frame()
    assert frame is not None
    values = parse_values(frame)
    assert len(values) == 1
    return values[0]


def test_a_plain_message() -> None:
    part = parse_structure(MESSAGE)
    anna = b'(("Anna" NIL "a" "b.c"))'
    assert envelope(part) == (
        b'("Sat, 1 Feb 2020 10:00:00 +0000" "=?utf-8?q?=C3=89t=C3=A9?=" ' + anna + b" " + anna + b" " + anna
        + b' ((NIL NIL "d" "e.f")) NIL NIL NIL "<1@b.c>")'
    )  # fmt: skip
    assert body_structure(part, extended=False) == b'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 6 2)'
    assert body_structure(part) == b'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 6 2 NIL NIL NIL NIL)'


def test_what_can_not_be_quoted_is_a_literal() -> None:
    part = parse_structure("Subject: \u00e9\r\n\r\n".encode())
    assert envelope(part).startswith("(NIL {2}\r\n\u00e9 NIL ".encode())


@given(st.binary(max_size=200), st.booleans())
def test_any_message_is_described_in_imap(octets: bytes, extended: bool) -> None:
    part = parse_structure(
        b'Content-Type: multipart/mixed; boundary="-"\r\nFrom: ' + octets.replace(b"\n", b"\r\n---\r\n")
    )
    assert len(read(envelope(part))) == 10
    assert read(body_structure(part, extended=extended))


@pytest.mark.parametrize(
    "people", [b"a@b," * 9000, b'"a name (b) that is not short at all, and read octet by octet" (c) <d@e.f>, ' * 2000]
)
def test_the_people_of_all_attached_messages_are_told_up_to_a_limit(people: bytes) -> None:
    attached = b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: told\r\nTo: " + people + b"\r\n\r\ntext\r\n"
    message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + attached * 12 + b"--x--\r\n"
    described = body_structure(parse_structure(message))
    told = described.count(b'(NIL NIL "a" "b")') + described.count(b' NIL "d" "e.f")')
    assert told in (ADDRESSES, pytest.approx(ADDRESSES_OCTETS * 2000 / len(people), abs=2))
    assert described.count(b'"told"') == 12
    assert len(described) < 4 * ADDRESSES_OCTETS
    assert read(described)


def test_a_type_with_octets_that_no_quoted_string_can_hold() -> None:
    for field in (
        b"Content-Type: te\0xt/pl\rain; a=b",
        b"Content-Transfer-Encoding: 7\0bit",
        b"Content-Disposition: at\0tach",
    ):
        described = body_structure(parse_structure(field + b"\r\n\r\nx"))
        assert b"\0" not in described
