"""Commands, replies and messages, whole, octet by octet and cut anywhere."""

import pytest

from bascule.protocols.smtp import (
    BadCommand,
    Command,
    LineTooLong,
    Reply,
    SmtpReceiver,
    format_reply,
    parse_command,
    parse_replies,
)

MESSAGES = [
    (b"", b""),
    (b"Subject: x\r\n\r\nhello\r\n", b"Subject: x\r\n\r\nhello\r\n"),
    (b"..one\r\n...two\r\n.x\r\n", b".one\r\n..two\r\nx\r\n"),
    (b"a\nb\r\n", b"a\r\nb\r\n"),
    (b"a\r\n\r\n\r\n", b"a\r\n\r\n\r\n"),
    (b"a\rb\r\r\n", b"a\rb\r\r\n"),
]
SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r.\r",
    b"\n.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
]
"""Ends of a message that some server takes for one: none is, here."""


def received(octets: bytes, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """The message, and what came after it."""
    receiver, taken = SmtpReceiver(), bytearray()
    done = False
    for piece in pieces:
        receiver.feed(piece)
        done = done or receiver.take_message(taken.extend)
    assert done
    line = receiver.next_line()
    return bytes(taken), line or b""


def cuts(octets: bytes) -> list[list[bytes]]:
    """Whole, octet by octet, and in two at each place."""
    by_octet = [octets[place : place + 1] for place in range(len(octets))]
    return [[octets], by_octet, *([octets[:place], octets[place:]] for place in range(1, len(octets)))]


@pytest.mark.parametrize(("sent", "expected"), MESSAGES)
def test_a_message_is_the_same_however_it_is_cut(sent: bytes, expected: bytes) -> None:
    octets = sent + b".\r\nQUIT\r\n"
    for pieces in cuts(octets):
        assert received(octets, pieces) == (expected, b"QUIT")


@pytest.mark.parametrize("end", SMUGGLED)
def test_a_false_end_is_part_of_the_message(end: bytes) -> None:
    octets = b"Subject: x\r\n\r\nfirst" + end + b"MAIL FROM:<evil@example.org>\r\n.\r\nQUIT\r\n"
    for pieces in cuts(octets):
        message, after = received(octets, pieces)
        assert b"MAIL FROM:<evil@example.org>\r\n" in message
        assert after == b"QUIT"


def test_lines_end_and_have_a_limit() -> None:
    receiver = SmtpReceiver()
    receiver.feed(b"EHLO a\r\nMAIL\nRC")
    assert [receiver.next_line() for _ in range(3)] == [b"EHLO a", b"MAIL", None]
    receiver.feed(b"x" * 13_000)
    with pytest.raises(LineTooLong):
        receiver.next_line()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"ehlo client.example", Command("EHLO", "client.example")),
        (b"MAIL FROM:<>", Command("MAIL", "")),
        (b"mail from: <anna@example.org> size=12 BODY=8BITMIME", Command("MAIL", "anna@example.org", {"SIZE": "12", "BODY": "8BITMIME"})),
        (b"RCPT TO:<@relay.example:anna@example.org>", Command("RCPT", "anna@example.org")),
        (b'RCPT TO:<"anna"@example.org>', Command("RCPT", "anna@example.org")),
        (b'RCPT TO:<"a >b"@example.org>', Command("RCPT", '"a >b"@example.org')),
        (b"RCPT TO:<Postmaster>", Command("RCPT", "postmaster")),
        ("RCPT TO:<zoé@exämple.org>".encode(), Command("RCPT", "zoé@exämple.org")),
        (b"AUTH plain AGE=", Command("AUTH", "PLAIN", {"INITIAL": "AGE="})),
        (b"data", Command("DATA")),
        (b"NOOP whatever", Command("NOOP", "whatever")),
    ],
)  # fmt: skip
def test_commands(line: bytes, expected: Command) -> None:
    assert parse_command(line) == expected


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", 500), (b"\xff", 500), (b"JUMP", 500), (b"EHLO", 501), (b"EHLO a b", 501), (b"MAIL anna@example.org", 501),
        (b"MAIL FROM:anna@example.org", 501), (b"MAIL FROM:<anna>", 501), (b"RCPT TO:<>", 501), (b"RCPT TO:<a@b> =", 501),
        (b"MAIL FROM:<a@b> SIZE=1 SIZE=2", 501), (b"DATA now", 501), (b"AUTH", 501), (b"RCPT TO:<" + b"a" * 65 + b"@b>", 501),
        (b"RCPT TO:<a@b\r>", 501),
    ],
)  # fmt: skip
def test_what_is_no_command_knows_its_reply(line: bytes, code: int) -> None:
    with pytest.raises(BadCommand) as caught:
        parse_command(line)
    assert caught.value.code == code


def test_replies_are_read_as_they_are_written() -> None:
    written = format_reply(250, "2.1.0", "one", "two") + format_reply(354, "", "go on") + b"421 4.3"
    replies, rest = parse_replies(written)
    assert [(reply.code, reply.status, reply.lines) for reply in replies] == [
        (250, "2.1.0", ("one", "two")),
        (354, "", ("go on",)),
    ]
    assert rest == b"421 4.3"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("550 5.1.1 boîte inconnue\r\n".encode(), "boîte inconnue"),
        ("550 5.1.1 boîte inconnue\r\n".encode("latin-1"), "boîte inconnue"),
        (b"550 5.1.1 a\0b\x1b[31mc\xc2\x85d\r\n", "a b [31mc d"),
        (b"550 5.1.1 a\x85b\r\n", "a b"),
        (b"550 5.1.1 \xed\xa0\xbd\r\n", "í\xa0½"),
    ],
)
def test_a_reply_can_be_written_down_whatever_its_octets(octets: bytes, text: str) -> None:
    [reply], _ = parse_replies(octets)
    assert (reply.code, reply.status, reply.text) == (550, "5.1.1", text)
    assert str(reply).encode()


@pytest.mark.parametrize("octets", [b"hello\r\n", b"250-a\r\n251 b\r\n", b"99 x\r\n", b"x" * 5000])
def test_what_is_no_reply_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="reply"):
        parse_replies(octets)


@pytest.mark.parametrize(
    "reply",
    [Reply(550, "5.1.1", ("boîte", "inconnue")), Reply(450, "", ("again",)), Reply(250), Reply(421, "4.3.2", ("",))],
)
def test_a_reply_is_read_from_what_was_written_down(reply: Reply) -> None:
    read = Reply.read(str(reply))
    assert read is not None
    assert (read.code, read.status, read.text) == (reply.code, reply.status, reply.text)


@pytest.mark.parametrize("text", ["", "no reply", "250-more", "250 a\r\n250 b", "half\ud83d"])
def test_what_is_none_is_not_read(text: str) -> None:
    assert Reply.read(text) is None
