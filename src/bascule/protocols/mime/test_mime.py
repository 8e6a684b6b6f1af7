"""Header fields for lists, and words for the index, from messages as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import decode_field
from bascule.protocols.mime.html import html_words
from bascule.protocols.mime.text import Searchable, searchable


def test_fields_are_unfolded_decoded_and_the_first_is_taken() -> None:
    found = summarise(
        b"From: =?utf-8?q?Ana=C3=AFs?= <a@b.org>\r\nTo: x@y\r\nCc: z@y\r\nSubject: =?iso-8859-1?q?R=E9union?=\r\n du jeudi\r\n"
        b"Date: Thu, 01 Jan 1970 00:01:40 +0000\r\nMessage-ID: <1@b>\r\nSubject: second\r\n\r\nSubject: body\r\n"
    )
    assert found.sender == "Anaïs <a@b.org>"
    assert found.subject == "Réunion du jeudi"
    assert found.recipients == "x@y, z@y"
    assert (found.date_utc, found.message_id) == (100, "<1@b>")


def test_eight_bit_and_unknown_charsets_still_give_words() -> None:
    assert summarise(b"Subject: R\xe9union\n\n").subject == "Réunion"
    assert summarise("Subject: Réunion\n\n".encode()).subject == "Réunion"
    assert summarise(b"Subject: =?x-none?q?a=E9?=\n\n").subject == "aé"
    assert summarise(b"Date: Thu, 99 Foo 2016 25:61:61 +9999\n\n").date_utc is None


def test_text_of_both_kinds_and_attachment_names_are_searchable() -> None:
    message = (
        b'Subject: s\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
        b"<style>p{}</style><p>Bonjour <b>Chlo&eacute;</b></p>\r\n--b\r\n"
        b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="budget.pdf"\r\n\r\nx\r\n--b--\r\n'
    )
    found = searchable(message)
    assert "Chloé" in found.text
    assert "p{}" not in found.text
    assert found.attachments == "budget.pdf"
    assert html_words("a<script>b</script>c") == "a c"


@given(st.binary(max_size=400))
def test_any_octets_have_a_place_in_the_index(octets: bytes) -> None:
    assert isinstance(searchable(octets), Searchable)
    html = (
        b"Subject: kept\r\nContent-Type: text/html; charset=nonesuch\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + octets
    )
    assert searchable(html).subject == "kept"


@pytest.mark.parametrize("raw", [b"=?utf-7?Q?+2AA-?=", b"=?unicode_escape?Q?=5Cud800?=", b"=?utf-7?B?KzJBQS0=?="])
def test_half_a_character_in_an_encoded_word_can_be_written_down(raw: bytes) -> None:
    decode_field(raw).encode("utf-8")
