"""SEARCH's strings are parts of the text that they are looked for in, decoded. RFC 9051 §6.4.4"""

import base64

import pytest

from bascule.mailbox import texts
from bascule.mailbox.live import LiveMailbox
from support import messages

HTML = b'<p>Caf&eacute; <b>cr\xc3\xa8me</b>, <a href="https://host.example/path?q=1">link</a></p>'
MAIL = (
    b"From: =?utf-8?q?Ren=C3=A9e?= Dupont (at work) <renee (x) . dupont@ (y) host.example>\r\nTo: Everyone: one@a.example, two@b.example;\r\n"
    b"Cc: first@c.example\r\nCc: second@c.example\r\nSubject: =?utf-8?b?w4l0w6kgw6AgUGFyaXM=?=\r\n folded\r\nX-Strange: needle-in-header\r\n"
    b"MIME-Version: 1.0\r\nDate: Sat, 24 Mar 2007 23:30:00 -0800\r\n"
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nAsdfghjkl zxcv=\r\nbnm\r\nwrapped =C3=A0 another place\r\n--x\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(HTML).replace(b"\n", b"\r\n") +
    b'--x\r\nContent-Type: application/pdf; name="report-2007.pdf"\r\n\r\nwordinside\r\n'
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner-subject\r\n\r\ninner-text\r\n--x--\r\n"
)  # fmt: skip
FOUND = [
    "TEXT sdfghjk", "BODY sdfghjk", "BODY SDFGH", 'BODY "l zxcvbnm"', 'BODY "zxcvbnm wrapped"', "BODY host.example/path?q=1", 'BODY "café crème"',
    'BODY "cafe creme"', 'TEXT "https://"', "BODY link", "TEXT eedle-in-h", 'TEXT "x-strange: needle"', "TEXT report-2007", "TEXT er-subj",
    "BODY inner-text", "TEXT inner-text", "BODY an", "TEXT q=", "TEXT é", 'TEXT ""', 'BODY ""', "SUBJECT paris", 'SUBJECT "PARIS folded"',
    "SUBJECT été", 'HEADER X-Strange ""', "HEADER x-strange NEEDLE", "FROM renee.dupont@host.example", "FROM upont@ho", "FROM renée",
    'FROM "at work"', "TO everyone", "TO two@b", "CC second", "CC first", "HEADER Content-Type mixed", "SENTON 24-Mar-2007",
    "SENTBEFORE 25-Mar-2007", "SENTSINCE 24-Mar-2007", "NOT SENTON 25-Mar-2007", "BODY asdf TEXT needle FROM renee", "OR BODY nowhere BODY inner-text",
]  # fmt: skip
NOT_FOUND = [
    "TEXT nowhere-at-all", "BODY needle", "BODY report-2007", "BODY er-subj", "BODY wordinside", "TEXT wordinside", "SUBJECT asdf", "FROM everyone",
    "CC one@a", "TO second@c", 'HEADER X-Other ""', "HEADER Subject needle", "SENTON 25-Mar-2007", "SENTBEFORE 24-Mar-2007", "BODY zxcv=",
    "FROM renee.dupont@other", "BODY asdf TEXT needle FROM nobody", "BODY zz", "TO example;x",
]  # fmt: skip


@pytest.fixture
def searched(client):
    """MAIL among others, which are looked at in another way where they are many."""
    for octets in (messages.plain(1), MAIL, b"Subject: short\r\n\r\nbody\r\n"):
        client.append("INBOX", octets)
    return client


def numbers(client, criteria: str) -> list[int]:
    return [int(number) for number in client.ok(f"SEARCH CHARSET UTF-8 {criteria}".encode()).lines[0].split()[2:]]


def test_any_part_of_the_text_is_found(searched) -> None:
    missed = [criteria for criteria in FOUND if 2 not in numbers(searched, criteria)]
    found = [criteria for criteria in NOT_FOUND if 2 in numbers(searched, criteria)]
    assert (missed, found) == ([], [])


def test_what_is_found_among_many_is_what_is_found_among_few(searched, mailbox_file) -> None:
    """Before the index is made, and after."""
    few = {criteria: 2 in numbers(searched, criteria) for criteria in FOUND + NOT_FOUND}
    filler = [b"Subject: filler %d\r\n\r\nnothing %d\r\n" % (n, n) for n in range(60)]
    searched.ok("APPEND INBOX" + " {}" * len(filler), *filler)
    assert {criteria: 2 in numbers(searched, criteria) for criteria in few} == few
    with LiveMailbox.open(mailbox_file) as box:
        texts.update(box.mailbox)
        assert len(texts.narrowed(box.mailbox, "needle-in-header") or ()) == 1
    assert {criteria: 2 in numbers(searched, criteria) for criteria in few} == few


def test_numbers_that_no_message_has_select_none(client) -> None:
    client.append("INBOX", MAIL)
    assert client.ok("SEARCH 1000").lines == [b"* SEARCH"]
    assert client.ok("SEARCH 1:1000").lines == [b"* SEARCH 1"]
    assert client.ok("SEARCH RETURN (COUNT) 7,9").lines[0].endswith(b") COUNT 0")
    assert client.ok("SEARCH NOT 2:3").lines == [b"* SEARCH 1"]
    client.bad("FETCH 1000 FLAGS")
