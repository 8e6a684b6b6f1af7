"""Search keys by table; whatever else comes is the client's error."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap import Receiver, RemoteError
from bascule.protocols.imap.search import (
    Aged,
    All,
    And,
    BadCharset,
    Clock,
    Dated,
    HasFlag,
    Identified,
    InHeader,
    InText,
    Key,
    ModifiedSince,
    Not,
    Numbered,
    Or,
    SavedResult,
    Sized,
    parse_search,
)
from bascule.protocols.imap.tokens import parse_values
from bascule.terms.body import SpooledBody

SEEN, DAY = HasFlag("\\Seen"), date(2020, 2, 1)


def parse(criteria: bytes) -> Key:
    receiver = Receiver(lambda size: SpooledBody())
    receiver.feed(criteria + b"\r\n")
    frame = receiver.next_frame()
    assert frame is not None
    return parse_search(parse_values(frame))


@pytest.mark.parametrize(
    ("criteria", "key"),
    [
        (b"ALL", All()),
        (b"seen", SEEN),
        (b"UNSEEN", Not(SEEN)),
        (b"NEW", And((HasFlag("\\Recent"), Not(SEEN)))),
        (b"KEYWORD $Forwarded UNKEYWORD x", And((HasFlag("$Forwarded"), Not(HasFlag("x"))))),
        (b'FROM "anna" SUBJECT {3}\r\nx"y', And((InHeader("from", "anna"), InHeader("subject", 'x"y')))),
        (b'HEADER X-Spam ""', InHeader("x-spam", "")),
        (b"SUBJECT NIL", InHeader("subject", "NIL")),
        ('TEXT "\u00e9t\u00e9"'.encode(), InText("\u00e9t\u00e9", header=True)),
        (b'CHARSET iso-8859-1 BODY "\xe9"', InText("\u00e9", header=False)),
        (b"SINCE 1-Feb-2020", Dated(Clock.ARRIVED, DAY, None)),
        (b"SENTON 01-feb-2020", Dated(Clock.SENT, DAY, date(2020, 2, 2))),
        (b'SAVEDBEFORE "1-Feb-2020"', Dated(Clock.SAVED, None, DAY)),
        (b"LARGER 10 SMALLER 20", And((Sized(10, None), Sized(None, 20)))),
        (b"YOUNGER 60", Aged(60, older=False)),
        (b"1:3,5,*", Numbered(((1, 3), (5, 5), (None, None)), uid=False)),
        (b"UID 7:*", Numbered(((7, None),), uid=True)),
        (b"UID $", SavedResult()),
        (b"MODSEQ 5", ModifiedSince(5)),
        (b'MODSEQ "/flags/\\\\draft" all 620162338', ModifiedSince(620162338)),
        (b"EMAILID M1", Identified("EMAILID", "M1")),
        (b"OR SEEN (ALL 2)", Or(SEEN, And((All(), Numbered(((2, 2),), uid=False))))),
        (b"NOT NOT SEEN", Not(Not(SEEN))),
    ],
)
def test_each_key(criteria: bytes, key: Key) -> None:
    assert parse(criteria) == key


@pytest.mark.parametrize(
    "criteria",
    [
        b"", b"NONSENSE", b"NOT", b"OR SEEN", b"FROM", b"FROM (x)", b"SINCE yesterday", b"ON 31-Feb-2020", b"UID", b"UID 0", b"0", b"1:2:3",
        b"LARGER x", b"()", b"SUBJECT \xff", b"NOT " * 500 + b"SEEN", b"SEEN " * 3000, b"MODSEQ x",
    ],
)  # fmt: skip
def test_what_is_no_search_is_the_clients_error(criteria: bytes) -> None:
    with pytest.raises(RemoteError):
        parse(criteria)


def test_an_unknown_charset_has_an_answer_of_its_own() -> None:
    with pytest.raises(BadCharset, match="KOI8-R"):
        parse(b"CHARSET KOI8-R TEXT x")


WORDS = [
    b"ALL", b"OR", b"NOT", b"(", b")", b"FROM", b"x", b"1:*", b"UID", b"SINCE", b"1-Jan-2020", b"MODSEQ", b'""', b"$", b"CHARSET", b"NIL",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_words_are_a_search_or_the_clients_error(words: list[bytes]) -> None:
    try:
        key = parse(b" ".join(words))
    except RemoteError:
        return
    assert isinstance(key, Key)
