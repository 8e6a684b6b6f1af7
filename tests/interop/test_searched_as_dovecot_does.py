"""SEARCH among every real message, beside a real Dovecot: what it finds we find, and what we find besides is of a kind that is named."""

import re
from collections.abc import Iterator
from email.utils import parsedate_tz

import pytest

from bascule.protocols.mime.fields import fields_of
from bascule.protocols.mime.structure import header_end
from support import real_mail
from support.dialogue import Dialogue
from support.dovecot import PASSWORD, PrivateDovecot
from support.server import ANNA, PrivateBascule

pytestmark = [pytest.mark.needs("corpora", "dovecot"), pytest.mark.xdist_group("corpora")]
STRINGS = ["com", "the", "http", "list", "e", "re", "net", "é", "ete", "=", "href", "html", "linux", "&nbsp;", "text/plain", "base64", "--", "irish linux",
           "click here", "utf-8", "Grüß"]  # fmt: skip
FIELDS = ["FROM", "TO", "CC", "BCC", "SUBJECT", "HEADER Received", "HEADER Content-Type", "HEADER Message-ID"]
THERE = [
    f'HEADER {name} ""'
    for name in ("From", "To", "Cc", "Date", "Subject", "Reply-To", "X-Mailer", "List-Id", "Content-Type")
]
DAYS = ["1-Jan-1999", "22-Aug-2002", "1-Oct-2002", "1-Jan-2010"]
WE_FIND = {
    # Addresses with syntax errors: Dovecot says SYNTAX_ERROR, we keep what can be read.
    "00135.9996d6845094dcec94b55eb1a828c7c4.txt", "00047.3c90d41f59137916d6b80e6f8e16ccba.txt", "00113.0449844c534e41730bb7a0ab513580e9.txt",
    # A multipart that can't be cut apart: its text is text to us, and nothing to Dovecot.
    "mailformed-headers.eml", "msg_33.txt", "btc2.eml", "phish_sender.eml", "phish_sender2.eml", "phish_sender3.eml", "phish_sender5.eml", "016.eml",
    # No charset, or one that is not what the octets are in: Latin-1, as far as there is no better.
    "00921.548fb6dd2244c2fe87079df9652ddc2c.txt", "00588.44b644374b89ba4885f91f0ed836e622.txt", "infinite_decoded_1.txt", "spam.eml",
    "01317.7fc86413a091430c3104b041a6525131.txt", "00223.14b06feeb8b03fed4e272140b8ed95f0.txt", "text_with_content_id.eml",
}  # fmt: skip
PHRASES = {"click here", "irish linux"}
"""Found also where the lines were wrapped, or markup stands, between the words."""


@pytest.fixture(scope="module")
def originals() -> list[tuple[str, bytes]]:
    return real_mail.originals()


@pytest.fixture(scope="module")
def both(
    originals: list[tuple[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dialogue, Dialogue]]:
    """Dovecot and Bascule, each with all messages in the same order."""
    root = tmp_path_factory.mktemp("both")
    with PrivateDovecot(root / "d") as dovecot, PrivateBascule(root / "b") as bascule:
        clients = Dialogue(dovecot.port), Dialogue(bascule.imap)
        for client, login in zip(clients, ("anna", ANNA), strict=True):
            client.socket.settimeout(120)
            client.ok(f"LOGIN {login} {PASSWORD}")
            for _, octets in originals:
                client.ok("APPEND INBOX {}", octets) if b"{}" not in octets else client.end(_appended(client, octets))
            client.ok("SELECT INBOX")
        yield clients
        for client in clients:
            client.close()


def _appended(client: Dialogue, octets: bytes) -> bytes:
    """`Dialogue.begin` takes ``{}`` for a place of its own."""
    return client.begin(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))


def found(client: Dialogue, criteria: str) -> set[int]:
    answer = client.ok(f"SEARCH CHARSET UTF-8 {criteria}".encode()).line(b"SEARCH")
    return {int(number) for number in answer.split()[2:]}


def names(originals: list[tuple[str, bytes]], numbers: set[int]) -> set[str]:
    return {originals[number - 1][0].rpartition("/")[2] for number in numbers}


@pytest.mark.parametrize("string", STRINGS)
def test_a_string_is_found_where_dovecot_finds_it(originals, both, string: str) -> None:
    theirs, ours = both
    for key in ("TEXT", "BODY", *FIELDS):
        they, we = found(theirs, f'{key} "{string}"'), found(ours, f'{key} "{string}"')
        assert names(originals, they - we) == set(), (key, string)
        if string not in PHRASES:
            assert names(originals, we - they) <= WE_FIND, (key, string)


@pytest.mark.parametrize("criteria", THERE)
def test_a_field_is_there_where_dovecot_finds_it(both, criteria: str) -> None:
    theirs, ours = both
    assert found(ours, criteria) == found(theirs, criteria)


@pytest.mark.parametrize("day", DAYS)
def test_a_message_was_sent_when_dovecot_says_so(originals, both, day: str) -> None:
    """But for those without a date that can be read, which were sent when they arrived (RFC 5256 §3 has it so for SORT; to Dovecot they are of 1970), and
    for one that was sent before 1970."""
    theirs, ours = both
    for key in ("SENTBEFORE", "SENTON", "SENTSINCE"):
        differing = found(ours, f"{key} {day}") ^ found(theirs, f"{key} {day}")
        dates = {number: _date(originals[number - 1][1]) for number in differing}
        assert {number: told for number, told in dates.items() if re.search(r"\b(19[7-9]\d|20\d\d)\b", told)} == {}, key


def _date(octets: bytes) -> str:
    """The Date field, where it can be read."""
    told = next((value for name, value in fields_of(octets[: header_end(octets)]) if name == b"date"), b"")
    return told.decode("latin-1") if parsedate_tz(told.decode("latin-1")) else ""
