"""One message's fault is that message's: what a server says of one that can't be understood, and what it does not say."""

import pytest

from bascule.protocols.imap.fetch import Fetch
from bascule.sources import imap_alone, imap_joining
from bascule.sources.arrival import arrival_of, arrival_to_keep
from bascule.sources.contract import SourceMessage, Unreadable
from bascule.sources.imap_joining import Pieces
from bascule.terms.instant import InternalDate
from support.old_server import ARRIVED_UTC, DATE, Drop, OldServer, read, told

ALL = list(range(1, 11))
ODD = 4
"""The UID of the message that something is wrong with."""


def check_others(server: OldServer, found: list[SourceMessage | Unreadable]) -> SourceMessage | Unreadable:
    """Each message once, all but the odd one as they are; the odd one."""
    assert sorted(message.uid for message in found) == ALL
    odd = None
    for message in found:
        if message.uid == ODD:
            odd = message
            continue
        assert isinstance(message, SourceMessage), message
        assert message.body.whole() == server.messages[message.uid]
        assert (message.date, message.flags, message.remarks) == (InternalDate(ARRIVED_UTC), {"\\Seen"}, ())
    assert odd is not None
    return odd


class OddAttribute(OldServer):
    def __init__(self, instead_of: bytes, given: bytes) -> None:
        super().__init__()
        self.instead_of, self.given = instead_of, given

    def attributes(self, uid: int, items: bytes) -> list[bytes]:
        usual = super().attributes(uid, items)
        if uid != ODD:
            return usual
        return [one for a in usual if (one := self.given if a.startswith(self.instead_of) else a)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b'INTERNALDATE "00-Jan-0000 00:00:00 +0000"', "its arrival date is given as “00-Jan-0000 00:00:00 +0000”, which is none"),
        (b'INTERNALDATE ""', "its arrival date is given as “”, which is none"),
        (b'INTERNALDATE "17-Jul-1996 02:44:25"', "its arrival date is given as “17-Jul-1996 02:44:25”, which is none"),
        (b"INTERNALDATE yesterday", "its arrival date is given as “yesterday”, which is none"),
        (b"INTERNALDATE NIL", "the source gives no arrival date"),
        (b"", "the source gives no arrival date"),
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_not_made_up_and_is_told(given: bytes, words: str) -> None:
    server = OddAttribute(b"INTERNALDATE", given)
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert (odd.date, odd.flags, odd.remarks) == (None, {"\\Seen"}, (words,))
    assert odd.body.whole() == server.messages[ODD]


@pytest.mark.parametrize(
    ("given", "flags", "words"),
    [
        ("FLAGS (\\Seen caf\xe9)".encode("latin-1"), {"\\Seen", "caf\xe9"}, ""),
        (b"FLAGS (a{b)", {"a{b"}, ""),
        (b'FLAGS ("a b")', {"a\\x20b"}, ""),
        (b"FLAGS NIL", set(), ""),
        (b"FLAGS \\Seen", set(), "its list of flags is given as “\\Seen”, which is none"),
        (b"FLAGS (\\Seen", set(), "the source does not give its flags: the server's answer can't be read: a parenthesis is not closed"),
        (b'FLAGS (a"b)', set(), "the source does not give its flags: the server's answer can't be read: not IMAP at “\"b))”"),
        (b"", set(), "the source does not give its flags"),
    ],
)  # fmt: skip
def test_odd_flags_cost_no_message(given: bytes, flags: set[str], words: str) -> None:
    server = OddAttribute(b"FLAGS", given)
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert (odd.date, odd.flags, "; ".join(odd.remarks)) == (InternalDate(ARRIVED_UTC), flags, words)
    assert odd.body.whole() == server.messages[ODD]


class InPieces(OldServer):
    """Attributes in responses of their own. ``form`` says in which order, and with what in between."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        lines: list[bytes] = []
        for uid in uids:
            u, *rest = self.attributes(uid, items)
            if not rest:
                lines.append(self.reply(uid, u))
                continue
            n, body = self.number(uid), rest[-1]
            seen = b"* %d FETCH (FLAGS (\\Seen))\r\n" % n
            match self.form:
                case "date last":
                    lines += [self.reply(uid, u, *rest[:1], body), self.reply(uid, u, DATE)]
                case "all bodies, then all dates":
                    lines = [self.reply(uid, u, body), *lines, self.reply(uid, u, *rest[:-1])]
                case "each alone":
                    lines += [self.reply(uid, u, one) for one in reversed(rest)]
                case "uid once":
                    lines += [self.reply(uid, u), *(b"* %d FETCH (%b)\r\n" % (n, one) for one in rest)]
                case "uid last":
                    lines += [*(b"* %d FETCH (%b)\r\n" % (n, one) for one in rest), self.reply(uid, u)]
                case "flags in between":
                    lines += [self.reply(uid, u, body), seen, self.reply(uid, u, *rest[:-1]), seen]
                case "twice":
                    lines += [self.reply(uid, u, *rest)] * 2
                case "last first":
                    lines = [self.reply(uid, u, *rest), *lines]
                case "others too":
                    lines += [self.reply(uid, u, *rest), b"* 9 FETCH (UID 99 %b)\r\n" % b" ".join(rest)]
        return b"".join(lines) + b"TAG OK fetched\r\n"


@pytest.mark.parametrize(
    "form",
    [
        "date last", "all bodies, then all dates", "each alone", "uid once", "uid last", "flags in between", "twice", "last first",
        "others too",
    ],
)  # fmt: skip
def test_a_message_may_come_in_pieces_in_any_order_and_more_than_once(form: str) -> None:
    server = InPieces(form)
    found = read(server)
    odd = check_others(server, found)
    assert isinstance(odd, SourceMessage)
    assert (odd.date, odd.flags, odd.remarks) == (InternalDate(ARRIVED_UTC), {"\\Seen"}, ())
    assert len([one for one in server.commands if b"FETCH" in one]) == 1


def test_what_is_held_of_messages_in_pieces_is_bounded_and_the_others_are_asked_for_alone(monkeypatch) -> None:
    monkeypatch.setattr(imap_joining, "PIECES_OCTETS", 50)
    server = InPieces("all bodies, then all dates")
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert odd.remarks == ()


class Broken(OldServer):
    """``said`` in place of the odd message's response to any FETCH of content."""

    def __init__(self, said: bytes) -> None:
        super().__init__()
        self.said = said

    def replies(self, uid: int, items: bytes) -> bytes:
        return self.said if uid == ODD and b"BODY" in items else super().replies(uid, items)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"* 4 FETCH (UID 4 BODY[] {4}\r\ntext\r\n", "the server's answer can't be read: a parenthesis is not closed"),
        (
            b"* 4 FETCH (UID 4 BODY[])\r\n",
            "the server's answer can't be read: a list of pairs has an odd number of members",
        ),
        (b"* 4 FETCH (UID 4 BODY[] (text))\r\n", "its content is given as “(text)”, which is none"),
        (b"* 4 FETCH (UID 4 BODY[] NIL)\r\n", "the server gives nothing of its content"),
        (
            b"* 4 FETCH (UID 4 FLAGS () " + DATE + b' RFC822.SIZE 9 BODY[] "")\r\n',
            "the server gives nothing of its content, of 9 octets",
        ),
        (
            b"* 4 FETCH (UID 4 FLAGS () " + DATE + b" RFC822.SIZE 9 BODY[] {0}\r\n)\r\n",
            "the server gives nothing of its content, of 9 octets",
        ),
        (b"* 4 FETCH\r\n", "the server's answer can't be read: FETCH is followed by other than one list"),
        (b"* 4 FETCH (UID 4)\r\n", "the server lists it and does not give it"),
        (b"", "the server lists it and does not give it"),
    ],
)
def test_a_message_that_is_not_given_is_named_and_the_others_are_read(said: bytes, words: str) -> None:
    server = Broken(said)
    odd = check_others(server, read(server))
    assert odd == Unreadable(ODD, words)
    assert server.connections == 1


@pytest.mark.parametrize("nothing", [b"NIL", b'""', b"{0}\r\n"])
def test_nothing_is_the_content_of_a_message_without_octets(nothing: bytes) -> None:
    server = Broken(b"* 4 FETCH (UID 4 FLAGS (\\Seen) " + DATE + b" RFC822.SIZE 0 BODY[] " + nothing + b")\r\n")
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert (odd.body.whole(), odd.remarks, odd.date) == (b"", (), InternalDate(ARRIVED_UTC))


def test_a_server_whose_sizes_are_wrong_is_not_believed_that_a_message_has_any() -> None:
    class Longer(Broken):
        def attributes(self, uid: int, items: bytes) -> list[bytes]:
            return [one.replace(b"SIZE ", b"SIZE 9") for one in super().attributes(uid, items)]

    server = Longer(b"* 4 FETCH (UID 4 FLAGS (\\Seen) " + DATE + b' RFC822.SIZE 9 BODY[] "")\r\n')
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert odd.body.whole() == b""


class Refusing(OldServer):
    """Refuses whatever asks for the odd message's ``item``."""

    def __init__(self, item: bytes) -> None:
        super().__init__()
        self.item = item

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        return b"TAG NO disk error\r\n" if ODD in uids and self.item in items else super().fetch(uids, items)


def test_a_refusal_of_one_attribute_is_found_and_told() -> None:
    for item, words in (
        (b"INTERNALDATE", "the source gives no arrival date"),
        (b"FLAGS", "the source does not give its flags"),
    ):
        server = Refusing(item)
        assert told([check_others(server, read(server))]) == {ODD: f"{words}: disk error"}
    server = Refusing(b"BODY")
    assert check_others(server, read(server)) == Unreadable(ODD, "disk error")


class NotNow(OldServer):
    """Answers the first FETCHes of content with each of ``said``."""

    def __init__(self, *said: bytes) -> None:
        super().__init__()
        self.said = list(said)

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        return b"TAG NO %b\r\n" % self.said.pop(0) if self.said else super().fetch(uids, items)


@pytest.mark.parametrize("said", [b"[INUSE] locked", b"[UNAVAILABLE] .", b"slow down", b"[SERVERBUG] oops"])
def test_a_fetch_that_is_not_answered_now_is_answered_later(said: bytes) -> None:
    server = NotNow(said, said)
    check_others(server, found := read(server))
    assert told(found) == {}
    # A window that is refused, and then each of its messages for a while:
    server = NotNow(b"no", said, b"no", said)
    check_others(server, found := read(server))
    assert told(found) == {}


class Dropping(OldServer):
    """Ends the connection at some messages, once it has said what stands before them, or nothing at all."""

    def __init__(self, bad: set[int], *, says_nothing: bool, count: int = 10) -> None:
        super().__init__({uid: b"Subject: %d\r\n\r\n" % uid for uid in range(1, count + 1)})
        self.bad, self.says_nothing = bad, says_nothing

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        said = b""
        for uid in uids:
            if uid in self.bad and b"BODY" in items:
                raise Drop(b"" if self.says_nothing else said)
            said += self.replies(uid, items)
        return said + b"TAG OK fetched\r\n"


@pytest.mark.parametrize("says_nothing", [True, False], ids=["saying nothing", "after those before it"])
@pytest.mark.parametrize(("bad", "count"), [({1}, 10), ({10}, 10), ({4, 5}, 10), ({7, 600, 601, 1200}, 1200), ({1}, 1)])
def test_a_server_that_ends_the_connection_at_a_message_costs_that_message(
    bad: set[int], count: int, says_nothing: bool
) -> None:
    server = Dropping(bad, says_nothing=says_nothing, count=count)
    found = read(server)
    assert sorted(message.uid for message in found) == list(range(1, count + 1))
    assert {message.uid for message in found if isinstance(message, Unreadable)} == bad
    assert told(found)[min(bad)] == "the connection ended each time it was asked for: the server closed the connection"
    assert server.connections < 40 * len(bad) + 10


def test_the_date_that_stands_in_is_the_messages_own_and_never_made_up() -> None:
    server = OddAttribute(b"INTERNALDATE", b"")
    server.messages[ODD] = b"Date: Mon, 3 Feb 2020 10:00:00 +0100\r\n\r\n"
    [dated] = [m for m in read(server) if m.uid == ODD]
    assert isinstance(dated, SourceMessage)
    assert arrival_of(dated) == arrival_to_keep(dated, 5) == InternalDate(1580720400)
    server.messages[ODD] = b"Date: soon\r\n\r\n"
    [undated] = [m for m in read(server) if m.uid == ODD]
    assert isinstance(undated, SourceMessage)
    assert arrival_of(undated) is None
    assert arrival_to_keep(undated, 5) == InternalDate(5)


def test_of_what_is_told_while_one_message_is_asked_for_little_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flood(Broken):
        """The first try gives nothing; the message alone comes a hundred times."""

        def replies(self, uid: int, items: bytes) -> bytes:
            if uid != ODD or b"BODY" not in items:
                return super().replies(uid, items)
            if b"RFC822.SIZE" not in items:
                return b""
            return b"".join(b"* 4 FETCH (UID 4 BODY[] {10000}\r\n%b)\r\n" % (b"%04d" % n * 2500) for n in range(100))

    held: list[int] = []
    add = Pieces.add

    def count(self: Pieces, reply: Fetch) -> None:
        held.append(len(reply.data.body) if isinstance(reply.data.body, bytes) else 0)
        add(self, reply)

    monkeypatch.setattr(imap_alone, "PIECES_OCTETS", 50_000)
    monkeypatch.setattr(imap_alone.Pieces, "add", count)
    server = Flood(b"")
    odd = check_others(server, read(server))
    assert isinstance(odd, SourceMessage)
    assert odd.body.whole() == b"0000" * 2500
    assert held.count(10_000) == 5
