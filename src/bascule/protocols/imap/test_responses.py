"""Each response of RFC 9051 §7 and its extensions, from octets to a typed value; and any garbage."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.protocols.imap import Receiver, RemoteError
from bascule.protocols.imap.append import appended_uids
from bascule.protocols.imap.errors import TooMuch
from bascule.protocols.imap.fetch import Fetch, MessageData
from bascule.protocols.imap.limits import CONDITION_OCTETS
from bascule.protocols.imap.responses import (
    NO_NAMESPACE,
    Capability,
    Code,
    Condition,
    Continuation,
    Enabled,
    Esearch,
    Exists,
    Expunge,
    Flags,
    Identification,
    Listing,
    Namespace,
    Other,
    Quota,
    Recent,
    Response,
    Search,
    Status,
    Vanished,
    parse_response,
)
from bascule.terms.body import SpooledBody
from bascule.terms.instant import InternalDate


def parse(octets: bytes) -> Response:
    receiver = Receiver(lambda size: SpooledBody())
    receiver.feed(octets + b"\r\n")
    frame = receiver.next_frame()
    assert frame is not None
    return parse_response(frame)


TABLE: list[tuple[bytes, Response]] = [
    (b"+ go on", Continuation(b"go on")),
    (b"+", Continuation(b"")),
    (b"* OK ready", Condition(None, "OK", None, "ready")),
    (b"a1 OK", Condition("a1", "OK", None, "")),
    (b"a1 NO [OVERQUOTA] full", Condition("a1", "NO", Code("OVERQUOTA"), "full")),
    (b"* BYE [UNAVAILABLE] later", Condition(None, "BYE", Code("UNAVAILABLE"), "later")),
    (b"* PREAUTH in", Condition(None, "PREAUTH", None, "in")),
    (b"* OK [UIDVALIDITY 3857529045] ok", Condition(None, "OK", Code("UIDVALIDITY", (b"3857529045",)), "ok")),
    (
        b"* OK [PERMANENTFLAGS (\\Seen \\*)] limited",
        Condition(None, "OK", Code("PERMANENTFLAGS", ([b"\\Seen", b"\\*"],)), "limited"),
    ),
    (
        b'* NO [BADCHARSET ("UTF-8" "a]b")] no',
        Condition(None, "NO", Code("BADCHARSET", ([b"UTF-8", b"a]b"],)), "no"),
    ),
    (b"* CAPABILITY IMAP4rev1 literal+", Capability(frozenset({"IMAP4REV1", "LITERAL+"}))),
    (b"* ENABLED QRESYNC", Enabled(frozenset({"QRESYNC"}))),
    (b'* LIST (\\HasNoChildren) "/" INBOX', Listing("LIST", frozenset({"\\HasNoChildren"}), "/", b"INBOX")),
    (b'* LIST () NIL "a b"', Listing("LIST", frozenset(), None, b"a b")),
    (b'* LSUB () "\\\\" "a\\"b"', Listing("LSUB", frozenset(), "\\", b'a"b')),
    (b'* LIST () "." {5}\r\n(a")b', Listing("LIST", frozenset(), ".", b'(a")b')),
    (b'* LIST () "/" Da Oggetto', Listing("LIST", frozenset(), "/", b"Da Oggetto")),
    (b"* STATUS Da Oggetto (MESSAGES 2)", Status(b"Da Oggetto", {"MESSAGES": 2})),
    (b'* LIST () "/" NIL', Listing("LIST", frozenset(), "/", b"NIL")),
    (
        b'* LIST (\\Sent) "/" Sent ("CHILDINFO" ("SUBSCRIBED"))',
        Listing("LIST", frozenset({"\\Sent"}), "/", b"Sent"),
    ),
    (
        b"* STATUS blurdy (MESSAGES 231 UIDNEXT 44292 HIGHESTMODSEQ 7011231777)",
        Status(b"blurdy", {"MESSAGES": 231, "UIDNEXT": 44292, "HIGHESTMODSEQ": 7011231777}),
    ),
    (b"* STATUS A (UIDVALIDITY 7 MAILBOXID (F2212ea87))", Status(b"A", {"UIDVALIDITY": 7}, "F2212ea87")),
    (b"* STATUS A (UIDNEXT 1 MAILBOXID (}\xbdLd-V))", Status(b"A", {"UIDNEXT": 1})),  # Cyrus 3.6, out of its memory
    (b"* SEARCH 2 84 882", Search((2, 84, 882))),
    (b"* SEARCH", Search(())),
    (b"* SEARCH 2 5 (MODSEQ 917162500)", Search((2, 5))),
    (b'* ESEARCH (TAG "A285") UID MIN 7 ALL 4:18,21', Esearch("A285", True, ((4, 18), (21, 21)), {"MIN": 7})),
    (b'* ESEARCH (TAG "A285")', Esearch("A285", False, (), {})),
    (b"* FLAGS (\\Answered \\Seen)", Flags(("\\Answered", "\\Seen"))),
    (b"* 23 EXISTS", Exists(23)),
    (b"* 5 RECENT", Recent(5)),
    (b"* 44 EXPUNGE", Expunge(44)),
    (b"* VANISHED (EARLIER) 41,43:116", Vanished(True, ((41, 41), (43, 116)))),
    (b"* VANISHED 405", Vanished(False, ((405, 405),))),
    (
        b'* NAMESPACE (("INBOX." ".")) NIL (("#shared/" "/"))',
        Namespace(((b"INBOX.", "."),), (), ((b"#shared/", "/"),)),
    ),
    (b'* QUOTA "" (STORAGE 10 512)', Quota("", {"STORAGE": (10, 512)})),
    (b'* ID ("name" "Cyrus" "version" NIL)', Identification({"name": "Cyrus", "version": ""})),
    (b"* ID NIL", Identification({})),
    (b"* XWHATEVER 1", Other("XWHATEVER", [b"1"])),
]


@pytest.mark.parametrize(("octets", "expected"), TABLE)
def test_a_response_has_its_value(octets: bytes, expected: Response) -> None:
    assert parse(octets) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b'* 7 FETCH (UID 9 FLAGS (\\Seen x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {3}\r\nabc)',
        b'* 7 FETCH (BODY[] {3}\r\nabc UID 9 INTERNALDATE "17-Jul-1996 02:44:25 -0700" FLAGS (x \\seen \\Recent))',
        b'* 7 FETCH (BODY[] "abc" UID 9 INTERNALDATE "17-Jul-1996 02:44:25 -0700" FLAGS (x \\SEEN))',
    ],
)
def test_a_message_is_the_same_in_every_order_and_quoting(octets: bytes) -> None:
    reply = parse(octets)
    assert isinstance(reply, Fetch)
    date = InternalDate(837596665, -420)
    assert (reply.number, reply.data) == (7, MessageData(9, frozenset({"\\Seen", "x"}), date, None, b"abc"))


def test_modseq_labels_sizes_and_sections_are_read() -> None:
    reply = parse(
        b'* 1 FETCH (UID 2 MODSEQ (65402) X-GM-LABELS ("\\\\Inbox" Foo) RFC822.SIZE 44 BODY[HEADER.FIELDS (FROM)] "x")'
    )
    assert isinstance(reply, Fetch)
    assert (reply.data.modseq, reply.data.labels, reply.data.octets) == (65402, ("\\Inbox", "Foo"), 44)
    assert reply.items is not None
    assert reply.items["BODY[HEADER.FIELDS (FROM)]"] == b"x"


def test_a_message_without_octets_may_be_nil() -> None:
    reply = parse(b"* 1 FETCH (UID 2 BODY[] NIL)")
    assert isinstance(reply, Fetch)
    assert reply.data.body == b""


@pytest.mark.parametrize(
    ("namespace", "mine", "not_mine"),
    [
        (
            Namespace(((b"", "/"),), ((b"Other Users/", "/"),), ()),
            b"INBOX Sent Others",
            b"Other Users|Other Users/anna/x",
        ),
        (
            Namespace(((b"INBOX.", "."),), ((b"user.", "."),), ((b"", "."),)),
            b"INBOX inbox INBOX.Sent",
            b"user.bob|board",
        ),
        (NO_NAMESPACE, b"INBOX a/b", b""),
        (Namespace((), (), ((b"", "/"), (b"Public/", "/"))), b"INBOX Sent a/b", b"Public/board"),
        (Namespace((), ((b"", "/"),), ()), b"INBOX Sent", b""),
    ],
)
def test_what_is_personal(namespace: Namespace, mine: bytes, not_mine: bytes) -> None:
    assert all(map(namespace.is_personal, mine.split(b" ")))
    assert not any(map(namespace.is_personal, filter(None, not_mine.split(b"|"))))


DATE = b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"'
ARRIVED = InternalDate(837596665, -420)


@pytest.mark.parametrize(
    ("given", "odd"),
    [
        (b'INTERNALDATE "00-Jan-0000 00:00:00 +0000"', ["its arrival date is given as “00-Jan-0000 00:00:00 +0000”, which is none"]),
        (b'INTERNALDATE ""', ["its arrival date is given as “”, which is none"]),
        (b'INTERNALDATE "17-Jul-1996 02:44:25"', ["its arrival date is given as “17-Jul-1996 02:44:25”, which is none"]),
        (b'INTERNALDATE "\x1b[2Jgone"', ["its arrival date is given as “\\x1b[2Jgone”, which is none"]),
        (b"INTERNALDATE {3}\r\nnow", ["its arrival date is given as “now”, which is none"]),
        (b"INTERNALDATE (1 2)", ["its arrival date is given as “(1 2)”, which is none"]),
        (b"INTERNALDATE NIL", []),
        (b"MODSEQ ()", ["its MODSEQ is given as “()”, which is none"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("literal", [True, False], ids=["with a body", "without"])
def test_a_date_that_says_nothing_is_told_and_the_rest_is_read(given: bytes, odd: list[str], literal: bool) -> None:
    reply = parse(
        b"* 1 FETCH (UID 2 FLAGS (\\Seen) " + given + (b" BODY[] {1}\r\na)" if literal else b" RFC822.SIZE 1)")
    )
    assert isinstance(reply, Fetch)
    assert (reply.data.uid, reply.data.flags, reply.data.date) == (2, frozenset({"\\Seen"}), None)
    assert list(reply.data.odd) == odd
    assert reply.gives("INTERNALDATE") == given.startswith(b"INTERNALDATE")
    assert reply.data.body == (b"a" if literal else None)


@pytest.mark.parametrize(
    ("given", "flags", "odd"),
    [
        (b"FLAGS (\\Seen caf\xe9)", {"\\Seen", "caf\xe9"}, []),
        (b"FLAGS (a{b {5)", {"a{b", "{5"}, []),
        (b'FLAGS ("two words" \\Seen)', {"\\Seen", "two\\x20words"}, []),
        (b"FLAGS ({3}\r\na)b c)", {"a)b", "c"}, []),
        (b"FLAGS NIL", set(), []),
        (b"FLAGS (NIL x)", {"NIL", "x"}, []),
        (b"FLAGS (x (y z))", {"x"}, ["one of its flags is given as “(y z)”, which is none"]),
        (b"FLAGS \\Seen", None, ["its list of flags is given as “\\Seen”, which is none"]),
    ],
)
def test_flags_in_any_form_are_read_or_told(given: bytes, flags: set[str] | None, odd: list[str]) -> None:
    reply = parse(b"* 1 FETCH (UID 2 " + given + b" " + DATE + b" BODY[] {1}\r\na)")
    assert isinstance(reply, Fetch)
    assert (reply.data.uid, reply.data.date, reply.data.body, reply.data.flags) == (2, ARRIVED, b"a", flags)
    assert list(reply.data.odd) == odd


@pytest.mark.parametrize(
    ("octets", "uid"),
    [
        (b"* 7 FETCH (UID", None),
        (b"* 7 FETCH (UID)", None),
        (b"* 7 FETCH", None),
        (b"* 7 FETCH ()", None),
        (b"* 7 FETCH (UID x FLAGS ())", None),
        (b"* 7 FETCH (UID 9 FLAGS (\\Seen)", 9),
        (b"* 7 FETCH (FLAGS \\Seen) UID 9)", 9),
        (b"* 7 FETCH (UID 9) (FLAGS ())", 9),
        (b"* 7 FETCH (UID 9 BODY[] {1}\r\na) FLAGS ())", 9),
        (b'* 7 FETCH (UID 9 FLAGS (a"b) ' + DATE + b" BODY[] {1}\r\na)", 9),
        (b"* 7 FETCH (UID 9 UID 10 FLAGS (\\Seen)", None),
        (b"* 7 FETCH (UID 9 X " + b"(" * 200 + b")" * 201, 9),
    ],
)
def test_a_fetch_that_is_no_list_of_attributes_is_that_messages_fault(octets: bytes, uid: int | None) -> None:
    reply = parse(octets)
    assert isinstance(reply, Fetch)
    assert (reply.number, reply.data) == (7, MessageData(uid))
    assert bool(reply.fault) == (octets != b"* 7 FETCH ()")


@pytest.mark.parametrize(
    "octets",
    [
        b"* VANISHED", b"* VANISHED (EARLIER) 1:*", b"* VANISHED 1:4294967295", b"* STATUS", b"* STATUS INBOX (MESSAGES",
        b"* NAMESPACE NIL", b'* CAPABILITY (("" "/")) NIL NIL', b"* NAMESPACE ((NIL NIL)) NIL NIL", b"* ID (", b"* QUOTA x (STORAGE a b)", b"* FLAGS (",
    ],
)  # fmt: skip
def test_what_may_be_missing_may_be_garbled(octets: bytes) -> None:
    assert isinstance(parse(octets), Other)


def test_what_a_server_says_of_a_refusal_can_be_shown_on_a_terminal() -> None:
    answer = parse(b"a NO [ALERT] stop\x1b]0;owned\x07\r now\x00")
    assert isinstance(answer, Condition)
    assert answer.reason == "[ALERT] stop\\x1b]0;owned\\x07\\r now\\x00"


def test_appenduid_gives_uids_in_order() -> None:
    answer = parse(b"a OK [APPENDUID 38505 3955:3957] done")
    assert isinstance(answer, Condition)
    assert appended_uids(answer, 3) == (38505, [3955, 3956, 3957])
    plain = parse(b"a OK done")
    assert isinstance(plain, Condition)
    assert appended_uids(plain, 3) is None


@pytest.mark.parametrize(
    "uids", [b"x AAMkAD-1", b"1 AAMkAD-1", b"x 1", b"1 (1)", b"1 1:4294967295", b"7 1:49999999", b"7 0", b"7 1,2"]
)
def test_a_garbled_appenduid_is_as_none(uids: bytes) -> None:
    answer = parse(b"a OK [APPENDUID " + uids + b"] done")
    assert isinstance(answer, Condition)
    assert appended_uids(answer, 1) is None


@pytest.mark.parametrize("start", [b"* OK [", b"* OK [A ", b"a NO [X [", b'* OK [A "'])
def test_a_response_code_without_end_is_read_in_time(start: bytes) -> None:
    """What takes the square of its length takes minutes here."""
    assert isinstance(parse(start + 200_000 * b"A"), Condition)
    assert isinstance(parse(start + 100_000 * b"A "), Condition)
    assert parse(b"* LIST () NIL " + 100_000 * b"[") is not None


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        (b"Da Oggetto", b"Da Oggetto"),
        (b"Da\tOggetto  x", b"Da\tOggetto  x"),
        (b"Da (2) Oggetto", b"Da (2) Oggetto"),
        (b"Da (2)", b"Da (2)"),
        (b"Da (2", b"Da (2"),
        (b'Da "Oggetto', b'Da "Oggetto'),
        (b"Da (CHILDINFO (SUBSCRIBED))", b"Da"),
        (b'"Da Oggetto" Oggetto', b"Da Oggetto"),
    ],
)
def test_an_unquoted_mailbox_name_is_the_rest_of_its_line(rest: bytes, name: bytes) -> None:
    assert parse(b'* LIST (\\Marked) "/" ' + rest) == Listing("LIST", frozenset({"\\Marked"}), "/", name)


@pytest.mark.parametrize(
    "octets",
    [
        b"hello",
        b"* ",
        b"* LIST",
        b"* LIST () () ()",
        b"* SEARCH x",
        b"* X )",
        b"* X " + b"(" * 200 + b")" * 200,
    ],
)
def test_what_is_not_imap_is_the_servers_error(octets: bytes) -> None:
    with pytest.raises(RemoteError):
        parse(octets)


@given(st.sampled_from([octets for octets, _ in TABLE]), st.data())
@settings(max_examples=400)
def test_a_mutated_response_parses_or_is_the_servers_error(octets: bytes, data: st.DataObject) -> None:
    mutable = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(mutable) - 1)))
        mutable[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    receiver = Receiver(lambda size: SpooledBody())
    try:
        receiver.feed(bytes(mutable) + b"\r\n")
        while (frame := receiver.next_frame()) is not None:
            assert isinstance(parse_response(frame), Response)
    except RemoteError:
        return


def many(words: bytes, number: int) -> bytes:
    """``%x`` in ``words`` stands for a number that no other has."""
    return b" ".join(words % each for each in range(number))


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"* VANISHED (EARLIER) 1%b" % (b",1" * 2_000_000), "a set has more than 2,000,000 ranges"),
        (b'* ESEARCH (TAG "x") UID ALL 1%b' % (b",1" * 2_000_000), "a set has more than 2,000,000 ranges"),
        (b"* SEARCH%b" % (b" 1" * 2_000_001), "SEARCH found more than 2,000,000 messages at once"),
        (b'* LIST (%b) "/" F' % many(b"%x", 101), "a mailbox is listed with more than 100 attributes"),
        (b'* LIST (%b) "/" F' % many(b"%x", 200_000), "a mailbox is listed with more than 100 attributes"),
        (b'* LIST (%b) "/" two words' % many(b"%x", 101), "a mailbox is listed with more than 100 attributes"),
        (b"* NAMESPACE (%b) NIL NIL" % many(b'("%x" "/")', 1001), "NAMESPACE tells of more than 1,000"),
        (b"* CAPABILITY %b" % many(b"X%x", 100_001), "a response has more than 100,000 values"),
        (b"* FLAGS (%b)" % many(b"%x", 100_001), "a response has more than 100,000 values"),
        (b"* X %b {1}\r\na %b" % (many(b"%x", 60_000), many(b"%x", 60_000)), "a response has more than 100,000 values"),
    ],
    ids=[
        "vanished",
        "esearch",
        "search",
        "attributes",
        "very many",
        "unquoted",
        "namespaces",
        "capabilities",
        "flags",
        "with a literal",
    ],
)
def test_what_would_take_all_memory_is_told_and_not_kept(octets: bytes, told: str) -> None:
    tracemalloc.start()
    with pytest.raises(TooMuch, match=told):
        parse(octets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000 + 3 * len(octets)


@pytest.mark.parametrize("flags", [900, 5_000, 80_000, 400_000])
def test_a_message_with_more_flags_than_any_has_is_told(flags: int) -> None:
    reply = parse(b"* 1 FETCH (UID 7 FLAGS (%b))" % many(b"%05x", flags // 6 + 1))
    assert isinstance(reply, Fetch)
    assert reply.data.uid == 7
    assert len(reply.data.flags or ()) == (flags // 6 + 1 if flags < 80_000 else 0)
    assert (reply.fault or reply.data.odd) if flags >= 80_000 else not reply.data.odd


def test_the_largest_folders_answers_are_read() -> None:
    everything = tuple(range(1, 1_000_001))
    found = parse(b"* SEARCH " + b" ".join(b"%d" % uid for uid in everything))
    assert found == Search(everything)
    vanished = parse(b"* VANISHED (EARLIER) " + b",".join(b"%d" % uid for uid in everything[::2]))
    assert isinstance(vanished, Vanished)
    assert [first for first, _ in vanished.uids] == list(everything[::2])


@pytest.mark.parametrize(
    ("octets", "numbers"),
    [
        (b"* search 1  2 ", (1, 2)),
        (b"* SEARCH ", ()),
        (b"* SEARCH 9223372036854775807", (2**63 - 1,)),
        (b"* SEARCH 1 (MODSEQ 5) ", (1,)),
        (b"* SEARCH 1 {1}\r\n2", (1, 2)),
    ],
)
def test_what_search_found_may_be_written_in_any_form(octets: bytes, numbers: tuple[int, ...]) -> None:
    assert parse(octets) == Search(numbers)


@pytest.mark.parametrize("rest", [b"1 x", b"1 (MODSEQ", b"1)", b"-1", b"9" * 20, b"9" * 5000, b"1\t2 x"])
def test_a_search_that_says_something_else_is_the_servers_error(rest: bytes) -> None:
    with pytest.raises(RemoteError):
        parse(b"* SEARCH " + rest)


@pytest.mark.parametrize("status", ["OK", "NO", "BAD", "BYE"])
def test_of_a_text_of_many_megabytes_the_beginning_is_kept(status: str) -> None:
    """What servers mean is looked for in it, at seconds for each MB."""
    response = parse(b"* %b [ALERT] " % status.encode() + b"too many " * 1_000_000)
    assert isinstance(response, Condition)
    assert response.text == (b"too many " * 1000)[:CONDITION_OCTETS].decode()


@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        (b"* OK [A ", b"a", b""),
        (b"* OK [A ", b"a", b"] text"),
        (b'* OK [A "', b"a", b'"] text'),
        (b'* OK [A ', b'"a"', b""),
        (b"* X ", b"a", b""),
        (b'* X "', b"a", b'"'),
        (b'* X "', b"a", b""),
    ],
)  # fmt: skip
def test_a_long_line_takes_no_more_memory_than_a_few_of_it(before: bytes, piece: bytes, after: bytes) -> None:
    line = before + piece * 200_000 + after
    tracemalloc.start()
    try:
        parse_or_none(line)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(line)
    finally:
        tracemalloc.stop()


def parse_or_none(line: bytes) -> Response | None:
    try:
        return parse_response([line])
    except RemoteError:
        return None
