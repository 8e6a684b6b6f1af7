"""Commands as clients write them, and what they say."""

import random

import pytest

from bascule.protocols.imap.requests import Arguments, BadRequest, MessageSet, Request, parse_request
from bascule.protocols.imap.requests.append import parse_append
from bascule.protocols.imap.requests.fetch import Octets, parse_fetch
from bascule.protocols.imap.requests.list import parse_list
from bascule.protocols.imap.requests.search import parse_search_request, parse_sort, parse_thread
from bascule.protocols.imap.requests.select import Known, parse_select
from bascule.protocols.imap.requests.status import parse_status
from bascule.protocols.imap.requests.store import How, parse_store
from bascule.protocols.imap.search import All, BadCharset, HasFlag, InHeader
from bascule.protocols.imap.section import Section, Text


def request(line: bytes, *more: bytes) -> Request:
    return parse_request([line, *more])


def arguments(line: bytes, *more: bytes) -> Arguments:
    return Arguments(request(b"a X " + line, *more))


def test_a_tag_and_a_name() -> None:
    found = request(b"a1 uid fetch 1 flags")
    assert (found.tag, found.name, found.uid, found.start) == (b"a1", "FETCH", True, 13)
    assert request(b"a1 NOOP").name == "NOOP"


@pytest.mark.parametrize("line", [b"", b"a1", b"* NOOP", b"a1  NOOP", b"a+1 NOOP", b"a1 NO(OP", b"\xff NOOP"])
def test_what_is_no_command(line: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        request(line)
    assert caught.value.tag == (b"a1" if line.startswith(b"a1") else None)


def test_append_in_all_its_forms() -> None:
    found = parse_append(
        arguments(
            b'INBOX (\\Seen key) "17-Jul-1996 02:44:25 -0700" ', b"one", b" (\\flagged) ", b"two", b" ", b"three", b""
        )
    )
    assert found.name == b"INBOX"
    assert [(m.flags, m.date is not None, m.octets) for m in found.messages] == [
        (frozenset({"\\Seen", "key"}), True, b"one"),
        (frozenset({"\\Flagged"}), False, b"two"),
        (frozenset(), False, b"three"),
    ]
    utf8 = parse_append(arguments(b"INBOX () UTF8 (", b"one", b")"))
    assert utf8.messages[0].utf8
    assert utf8.messages[0].octets == b"one"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"INBOX",
        b"INBOX (\\Seen)",
        b"INBOX (\\Bad) x",
        b'INBOX "17-Jul-1996" x',
        b"INBOX ((a)) x",
        b"INBOX (a] b) x",
    ],
)
def test_what_is_no_append(line: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_append(arguments(line))


def test_fetch_items() -> None:
    found = parse_fetch(
        arguments(b"1:*,7 (FLAGS uid BODY.PEEK[HEADER.FIELDS (From To)] BINARY[1.2]<10.20> BINARY.SIZE[1] RFC822)")
    )
    assert found.messages == MessageSet(((1, None), (7, 7)))
    assert found.plain == ("FLAGS", "UID")
    assert found.octets == (
        Octets(Section((), Text.FIELDS, (b"From", b"To")), True, b"BODY[HEADER.FIELDS (From To)]"),
        Octets(Section((1, 2)), False, b"BINARY[1.2]<10>", 10, 20, decoded=True),
        Octets(Section((1,)), True, b"BINARY.SIZE[1]", decoded=True, size=True),
        Octets(Section(), False, b"RFC822"),
    )
    assert found.marks_seen
    assert parse_fetch(arguments(b"$ FAST")).messages == MessageSet(None)
    assert parse_fetch(arguments(b"1 all")).plain == ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE")
    changed = parse_fetch(arguments(b"1:3 (FLAGS) (CHANGEDSINCE 12 VANISHED)"))
    assert (changed.changed_since, changed.vanished, changed.marks_seen) == (12, True, False)
    assert parse_fetch(arguments(b"1 (PREVIEW (LAZY))")).plain == ("PREVIEW",)


@pytest.mark.parametrize(
    "line",
    [
        b"1", b"1 ()", b"0 FLAGS", b"1 FOO", b"1 BODY[1", b"1 BODY[MIME]", b"1 BODY[]<0.0>", b"1 BINARY[HEADER]", b"1 BODY.SIZE[1]", b"a FLAGS",
        b"1 FLAGS (VANISHED)", b"1 FLAGS (CHANGEDSINCE)", b"1 FLAGS x", b"1 (FLAGS (UID))", b"1 (ALL)",
    ],
)  # fmt: skip
def test_what_is_no_fetch(line: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_fetch(arguments(line))


def test_store() -> None:
    found = parse_store(arguments(b"1:2 (UNCHANGEDSINCE 5) +flags.silent (\\Deleted)"))
    assert (found.how, found.silent, found.unchanged_since, found.flags) == (How.ADD, True, 5, frozenset({"\\Deleted"}))
    assert parse_store(arguments(b"1 FLAGS \\Seen a")).flags == frozenset({"\\Seen", "a"})
    assert parse_store(arguments(b"1 -FLAGS ()")).how is How.REMOVE
    for line in (b"1", b"1 FLAGS.LOUD a", b"1 ++FLAGS a", b"1 (UNCHANGED 5) FLAGS a", b"1 FLAGS (a) b"):
        with pytest.raises(BadRequest):
            parse_store(arguments(line))


def test_select() -> None:
    assert parse_select(arguments(b"nil")).name == b"NIL"
    assert parse_select(arguments(b"a (CONDSTORE)")).condstore
    known = parse_select(arguments(b"INBOX (QRESYNC (67890007 90060115194045000 41:211,214 (1:2 41,43)))")).known
    assert known == Known(67890007, 90060115194045000, ((41, 211), (214, 214)), (((1, 2),), ((41, 41), (43, 43))))
    for line in (
        b"",
        b"a b",
        b"a (QRESYNC)",
        b"a (QRESYNC (1))",
        b"a (QRESYNC (0 1))",
        b"a (QRESYNC (1 2 x))",
        b"a (FOO)",
    ):
        with pytest.raises(BadRequest):
            parse_select(arguments(line))


def test_list() -> None:
    plain = parse_list(arguments(b'"" *'))
    assert (plain.reference, plain.patterns, plain.extended) == (b"", (b"*",), False)
    full = parse_list(
        arguments(b'(SUBSCRIBED RECURSIVEMATCH) "" ("INBOX" "a%") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))')
    )
    assert (full.options, full.patterns) == (frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}), (b"INBOX", b"a%"))
    assert (full.returns, full.status) == (frozenset({"CHILDREN", "STATUS"}), ("MESSAGES", "UNSEEN"))
    for line in (
        b'""',
        b'(RECURSIVEMATCH) "" *',
        b'(FOO) "" *',
        b'"" ()',
        b'"" * RETURN',
        b'"" * RETURN (STATUS)',
        b'"" * RETURN (STATUS ())',
    ):
        with pytest.raises(BadRequest):
            parse_list(arguments(line))


def test_status_search_sort_thread() -> None:
    assert parse_status(arguments(b"a (messages UIDNEXT messages)")).items == ("MESSAGES", "UIDNEXT")
    with pytest.raises(BadRequest):
        parse_status(arguments(b"a (FOO)"))
    assert parse_search_request(arguments(b"ALL")).returns is None
    assert parse_search_request(arguments(b"RETURN () ALL")).returns == frozenset()
    assert parse_search_request(arguments(b"RETURN (MIN COUNT) UNSEEN")).returns == frozenset({"MIN", "COUNT"})
    with pytest.raises(BadCharset):
        parse_search_request(arguments(b"CHARSET X-NO ALL"))
    sort = parse_sort(arguments(b"(REVERSE DATE SUBJECT) utf-8 SUBJECT ", "été".encode(), b""))
    assert sort.order == (("DATE", True), ("SUBJECT", False))
    assert sort.search.key == InHeader("subject", "été")
    assert parse_thread(arguments(b"REFERENCES US-ASCII ALL")).key == All()
    assert parse_search_request(arguments(b"RETURN (SAVE) DELETED")).key == HasFlag("\\Deleted")
    for line in (b"() UTF-8 ALL", b"(REVERSE) UTF-8 ALL", b"(FOO) UTF-8 ALL", b"(DATE)"):
        with pytest.raises(BadRequest):
            parse_sort(arguments(line))


PARSERS = [
    parse_append,
    parse_fetch,
    parse_store,
    parse_select,
    parse_list,
    parse_status,
    parse_search_request,
    parse_sort,
    parse_thread,
]
SAMPLES = [
    b'INBOX (\\Seen) "17-Jul-1996 02:44:25 -0700" x', b"1:* (FLAGS BODY[1.HEADER.FIELDS (A)]<0.5>) (CHANGEDSINCE 1)", b"1 +FLAGS (a)",
    b"a (QRESYNC (1 2 3:4 (1 2)))", b'(SUBSCRIBED) "" (a %) RETURN (STATUS (UNSEEN))', b"RETURN (MIN) OR (NOT SEEN) UID 1:*", b"(DATE) UTF-8 TEXT x",
]  # fmt: skip


def test_whatever_stands_there_parses_or_is_refused() -> None:
    draw = random.Random(20261124)
    for _ in range(20_000):
        line = bytearray(b"a X " + draw.choice(SAMPLES))
        for _ in range(draw.randint(1, 4)):
            line[draw.randrange(len(line))] = draw.choice(b'()[]{}"\\ \r\n\0*%<>.,:$09aZ\xff')
        try:
            draw.choice(PARSERS)(Arguments(parse_request([bytes(line)])))
        except (BadRequest, BadCharset):
            continue
