"""A mended message says the same, in octets that every server takes."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime.mending import mend

GOOD = b"Subject: x\r\nTo: a@b.c,\r\n d@e.f\r\n\r\ntext\r\n"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (GOOD, GOOD, []),
        (b"A: b\r\n\r\nx\0y\0\r\n", b"A: b\r\n\r\nxy\r\n", ["2 NUL octets removed"]),
        (b"A: b\r\n\r\nx\ry\r\r\n", b"A: b\r\n\r\nx\r\ny\r\n\r\n", ["2 CR without LF made line ends"]),
        (b"From me\r\nA: b\r\n\r\nx", b"A: b\r\n\r\nx", ["the separator line of an mbox file removed"]),
        (b"A: b\r\nno field\r\n\r\nx", b"A: b\r\n\r\nno field\r\n\r\nx", ["an empty line put before line 2, which is no header field"]),
        (b"no header", b"\r\nno header", ["an empty line put before line 1, which is no header field"]),
        (b"A: caf\xc3\xa9\r\n\r\nx", b"A: =?utf-8?b?Y2Fmw6k=?=\r\n\r\nx", ["8-bit octets in the header encoded (RFC 2047)"]),
        (b"A:caf\xc3\xa9\r\n\r\nx", b"A:=?utf-8?b?Y2Fmw6k=?=\r\n\r\nx", ["8-bit octets in the header encoded (RFC 2047)"]),
        (b"", b"", []),
    ],
)  # fmt: skip
def test_each_fault_is_mended_and_told(before: bytes, after: bytes, told: list[str]) -> None:
    assert mend(before) == (after, told)


def test_latin_1_words_read_as_they_were_meant() -> None:
    mended, _ = mend("Subject: R\u00e9union d\u00e9cal\u00e9e demain\r\n\r\nx".encode("latin-1"))
    assert message_from_bytes(mended, policy=policy.default)["Subject"] == "R\u00e9union d\u00e9cal\u00e9e demain"


@given(st.binary(max_size=200).map(lambda octets: octets.replace(b"\n", b"\r\n")))
def test_a_mended_message_needs_no_mending(octets: bytes) -> None:
    mended, _ = mend(octets)
    assert mend(mended) == (mended, [])


def test_a_megabyte_beside_an_8_bit_word_is_passed_once() -> None:
    """Each octet was looked at from each octet before it, once."""
    mended, _ = mend(b"Subject: \xc3\xa9 " + b"x" * 10**6 + b" \xc3\xa9\r\n\r\n")
    assert mended == b"Subject: =?utf-8?b?w6k=?= " + b"x" * 10**6 + b" =?utf-8?b?w6k=?=\r\n\r\n"
