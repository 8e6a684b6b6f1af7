"""What is at hand of many messages is written in one go, and is octet for octet what is written for each alone. RFC 9051 §7.5.2"""

import re

import pytest

from support import messages

MAILS = [
    b"Subject: =?utf-8?q?h=C3=A9?=\r\nFrom: A <a@example.org>\r\nX%d: 100 %\r\n\r\ntext\r\n",
    b"Subject: no\0l\r\nX%d:\r\n folded\r\n\r\n",
    b"Subject: none of the fields that are asked for last\r\n\r\ntext",
    messages.plain(4),
]
FLAGS = ["(\\Seen $Forwarded)", "()", "(\\Flagged odd)", "(\\Seen \\Answered \\Draft)"]
DATES = ['"01-Jan-1970 00:00:00 +0000"', '" 7-Jul-1996 02:44:25 -0130"', '"31-Dec-2023 23:59:59 +1400"', ""]
PLAIN = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "ENVELOPE", "BODYSTRUCTURE")
FIELDS = ("BODY.PEEK[HEADER.FIELDS (SUBJECT X%d)]", "BODY.PEEK[HEADER.FIELDS (FROM)]")
ALONE = "BODY.PEEK[]<0.1>"
"""What makes each message be written alone."""

_ALONE = re.compile(rb" BODY\[\]<0> .", re.DOTALL)


@pytest.fixture
def filled(client):
    for mail, flags, date in zip(MAILS, FLAGS, DATES, strict=True):
        client.ok(f"APPEND INBOX {flags} {date} {{}}".replace("  ", " "), mail)
    client.ok(f"FETCH 1:* ({' '.join((*PLAIN, *FIELDS))})")
    return client


@pytest.mark.parametrize("command", ["FETCH 1:*", "UID FETCH 1:*", "FETCH 2,4"])
@pytest.mark.parametrize(
    "asked", [PLAIN, PLAIN[:1], PLAIN[1:3], FIELDS[:1], FIELDS, (*PLAIN, *FIELDS)], ids=lambda each: str(len(each))
)
def test_alone_and_with_others(filled, connect, command: str, asked: tuple[str, ...]) -> None:
    for session in (filled, connect("INBOX", enable="CONDSTORE"), connect("INBOX", enable="IMAP4rev2")):
        together = session.ok(f"{command} ({' '.join(asked)})")
        alone = session.ok(f"{command} ({' '.join((*asked, ALONE))})")
        assert together.lines, "it gives something"
        assert _fetches(together.lines) == [_ALONE.sub(b"", line) for line in _fetches(alone.lines)]


def _fetches(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if b" FETCH " in line]


def test_who_sees_a_message_by_its_fields_is_told(filled) -> None:
    """Without PEEK, they mark it."""
    told = filled.ok("FETCH 2 (UID BODY[HEADER.FIELDS (FROM)])").line(b"2 FETCH")
    assert b"FLAGS (\\Seen" in told
    assert b"\\Seen" in filled.ok("FETCH 2 FLAGS").line(b"2 FETCH")
