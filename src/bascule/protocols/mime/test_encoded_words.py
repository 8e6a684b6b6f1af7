"""Encoded words as programs write them; and charsets that are none."""

import encodings
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap.describe import envelope
from bascule.protocols.mime import summarise
from bascule.protocols.mime.charsets import NO_CHARSETS, codec_of, text_of
from bascule.protocols.mime.encoded_words import decode_words
from bascule.protocols.mime.headers import decode_field
from bascule.protocols.mime.structure import parse_structure


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?iso-8859-1?q?R=E9union?= du jeudi", "Réunion du jeudi"),
        ("a =?utf-8?q?b?=  =?utf-8?q?_c?= d", "a b c d"),
        ("=?utf-8?b?w6k=?==?utf-8?B?w6k=?=", "éé"),
        ("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"),
        ("=?utf-8*fr?q?=C3=A9t=C3=A9?=", "été"),
        ("=?utf-8?q?Wie geht's??=", "Wie geht's?"),
        ("=?iso-8859-1?q?=93a=94?=", "“a”"),
        ("=?x-none?q?a=E9?=", "aé"),
        ("=?us-ascii?q?=C3=A9?= =?us-ascii?q?=E9?=", "Ã©é"),
        ("=?us-ascii?q?a=C3=A9?=", "aé"),
        ("=?utf-8?q?never ended", "=?utf-8?q?never ended"),
        ("=?utf-8?x?a?= =?", "=?utf-8?x?a?= =?"),
        ("é =?utf-8?q?=C3=A9?=", "é é"),
    ],
)
def test_words_read_as_they_were_meant(raw: str, text: str) -> None:
    assert decode_words(raw) == text


@pytest.mark.parametrize("name", sorted(NO_CHARSETS - {"aliases"}))
def test_what_is_no_charset_of_mail_is_not_used_to_decode(name: str) -> None:
    assert codec_of(name) is None
    assert codec_of(name.upper().replace("_", "-")) is None
    assert text_of(b"a-b\\u0041", name) == "a-b\\u0041"


def test_every_codec_of_python_is_a_charset_or_is_not() -> None:
    """A new Python may bring more: somebody has to say which of both it is."""
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)} - {"iso8859_1"}
    assert {name for name in modules if codec_of(name) is None} == NO_CHARSETS & modules
    assert all(isinstance(text_of(bytes(range(256)), name), str) for name in modules)


@pytest.mark.parametrize("charset", ["a\0b", "é", "x" * 1000, "..", "os", ""])
def test_a_charset_that_nobody_knows_is_no_error(charset: str) -> None:
    assert text_of(b"caf\xe9", charset) == "café"


@given(
    st.lists(
        st.sampled_from(["=?", "?=", "=", "?", "utf-8", "utf-7", "q", "b", " ", "_", "+2AA-", "=E9", "w6k", "*fr", "é"])
    ).map("".join)
)
def test_any_field_has_a_text_without_half_characters(raw: str) -> None:
    decode_words(raw).encode()
    decode_field(raw.encode(), None).encode()


@pytest.mark.parametrize(
    "piece",
    [b"=?a?q?", b"=?", b"?=", b"=?punycode?Q?a-bbbb", b"=?utf-8?q?a?= ", b"=?utf-7?q?+2AA-?=", b"\r\n a", b"\r"],
)
def test_a_megabyte_of_a_field_is_passed_once(piece: bytes) -> None:
    """What takes the square of its length takes hours here."""
    decode_field(piece * (1_000_000 // len(piece)), None)
    decode_field(b"=?punycode?Q?a-" + b"b" * 1_000_000 + b"?=", None)
    assert summarise(b"Subject: x\r\nCc: " + piece * (30_000 // len(piece)) + b"\r\n\r\n").subject == "x"


@pytest.mark.parametrize("piece", [b".a", b"a.", b"(", b'"', b"<@"])
def test_a_megabyte_of_an_address_is_passed_once(piece: bytes) -> None:
    """Half a minute for ``.a``, where each piece copies what was before it."""
    part = parse_structure(b"From: " + piece * (1_000_000 // len(piece)) + b"\r\n\r\nx")
    assert envelope(part).startswith(b"(NIL")
