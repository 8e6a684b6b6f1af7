"""The words of HTML, however it is broken, in a time that grows as it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime.html import html_words
from bascule.protocols.mime.limits import DASHED_LINES, TEXT_CHARACTERS
from bascule.protocols.mime.structure import parse_structure
from bascule.protocols.mime.text import searchable

HTML = b"Subject: kept\r\nContent-Type: text/html\r\n\r\n"
PIECES = [
    "<a ", "<a", '<a b="', "<a b='", "<a b=", "</a ", "</", "<!", "<!--", "-->", "<![", "<![x<![", "<![CDATA[", "<!DOCTYPE a [", "<?", "<script ", "<script>",
    "</script", "<style>", "&", "&#", "&#1", "&#x", "&a", "<div>", "<", ">", "=", '"', "'", " ",
]  # fmt: skip


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>Bonjour <b>Chlo&eacute;</b></p>", "Bonjour Chloé"),
        ("a<script>b</script>c<STYLE type='x'>d</style>e", "a c e"),
        ("a<!-- b --> c <!--[if mso]>d<![endif]--> e<!--[if !mso]><!-->f<!--<![endif]-->g", "a c e f g"),
        ("a<!-->b<!--->c<!--x--!>d", "a b c d"),
        ('<!DOCTYPE html PUBLIC "-//W3C//DTD"><?xml version="1"?>a<![if !mso]>b<![endif]>', "a b"),
        ("""<a title=">" href='x>y' b=>c</a> 1 < 2 &amp;&lt;b&gt; &#233;&#xe9;&eacute &nosuch; &""", "c 1 < 2 &<b> ééé &nosuch; &"),
        ("a<scripted>b</scripted><p class=don't>c</p><br/>d</>e", "a b c d e"),
        ("a&#99999999999999999999;&#xd800;b&#0;", "a\ufffd\ufffdb\ufffd"),
        ("a<b never ended", "a"),
        ("a<script>never ended", "a"),
        ("a<!-- never ended", "a"),
    ],
)  # fmt: skip
def test_what_people_read_is_left(html: str, words: str) -> None:
    assert html_words(html) == words


@given(st.lists(st.sampled_from([*PIECES, "word", "é"])).map("".join))
def test_any_html_has_words_without_half_characters(html: str) -> None:
    html_words(html).encode()


@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_that_opens_and_never_closes_is_passed_once(piece: str) -> None:
    """What takes the square of its length takes hours here."""
    html_words(piece * (1_000_000 // len(piece)))
    html_words("<a " + piece * (1_000_000 // len(piece)))
    html_words("&#" + "1" * 1_000_000)


def test_a_declaration_that_does_not_end_has_a_place_in_the_index() -> None:
    found = searchable(HTML + b"<p>hello <![if !mso]> <![x<![")
    assert (found.subject, found.text) == ("kept", "hello")


def test_a_hundred_thousand_parts_and_levels_have_a_place_in_the_index() -> None:
    head = b"Content-Type: multipart/mixed; boundary=%d.\r\n\r\n--%d.\r\n"
    deep = (
        b"Subject: kept\r\n" + b"".join(head % (n, n) for n in range(100_000)) + b"Content-Type: text/plain\r\n\r\nhi"
    )
    assert searchable(deep).subject == "kept"
    many = b"Subject: kept\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nword\r\n" * 1_000_000
    found = searchable(many)
    assert found.subject == "kept"
    assert found.text.startswith("word")
    assert len(found.text) <= TEXT_CHARACTERS


def test_of_lines_that_begin_like_boundaries_so_many_are_looked_at_and_no_more() -> None:
    """In a hundred messages within one another each would be looked at a hundred times: 50 million here."""
    head = b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 98
    part = parse_structure(head + b"\r\n--" * DASHED_LINES + b"\r\n--q\r\n\r\nnever reached\r\n--q--\r\n")
    assert len(part.parts) == 1


def test_the_rest_is_found_where_text_is_long() -> None:
    message = (
        b'Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nfirst<a b="'
        + b"x" * 5_000_000
        + b'\r\n--b\r\nContent-Type: application/pdf; name="=?utf-8?q?r=C3=A9sum=C3=A9.pdf?="\r\n\r\nx\r\n--b\r\n'
        b"Content-Disposition: attachment; filename*=iso-8859-1''%E9t%E9.pdf\r\n\r\nx\r\n--b--\r\n"
    )
    found = searchable(message)
    assert found.text == "first"
    assert found.attachments == "résumé.pdf été.pdf"
