"""Mutated conversations with the SMTP servers: every line is answered, every answer parses, nothing else comes out of a session."""

import base64
import random
import resource
from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.arrivals import Arrivals
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.smtp.accepting import Accepting
from bascule.platform.smtp.dkim import Signer
from bascule.platform.smtp.milter import Milters
from bascule.platform.smtp.queue import QueueStore
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.session import Expects, Peer, Services, Session
from bascule.platform.smtp.transaction import new_id
from bascule.platform.trace import Trace
from bascule.protocols.smtp import LineTooLong, SmtpReceiver, parse_replies
from support.server import ANNA, PASSWORD

_SIGN_IN = base64.b64encode(f"\0{ANNA}\0{PASSWORD}".encode())
LINES = [
    b"EHLO client.example", b"HELO client", b"LHLO client", b"MAIL FROM:<anna@example.org>", b"MAIL FROM:<> SIZE=10 BODY=8BITMIME",
    b"MAIL FROM:<m\xc3\xbcller@b.example> SMTPUTF8", b"RCPT TO:<anna@example.org>", b"RCPT TO:<anna+x@example.org>",
    b"RCPT TO:<nobody@example.org>", b'RCPT TO:<@relay:"a b"@far.example>', b"RCPT TO:<postmaster>", b"DATA", b"RSET", b"NOOP x", b"VRFY a",
    b"HELP", b"AUTH PLAIN " + _SIGN_IN, b"AUTH LOGIN", b"AUTH PLAIN", b"=", b"*", _SIGN_IN, b"STARTTLS", b"QUIT",
    b"MAIL FROM:<anna@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nFrom: anna@example.org\r\nSubject: x\r\n\r\nx\r\n.",
    b"MAIL FROM:<anna@example.org>\r\nRCPT TO:<z@far.example>\r\nDATA\r\nFrom: anna@example.org\r\nBcc: b@c\r\n\r\n..x\n.\r\n.",
    b"MAIL FROM:<anna@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n.", b"From: x\r\n\r\n.\r\n.", b".",
]  # fmt: skip
OCTETS = b'<>@:="\\ \r\n\0.-+*%[](),;0123456789aAzZ~\xc3\xa9\xff'


def mutated(draw: random.Random) -> bytes:
    line = bytearray(draw.choice(LINES))
    for _ in range(draw.choice((0, 0, 0, 1, 1, 2, 4))):
        place = draw.randrange(len(line) + 1)
        match draw.randrange(5):
            case 0:
                line[place : place + 1] = bytes([draw.choice(OCTETS)])
            case 1:
                line[place:place] = bytes(draw.choices(OCTETS, k=draw.randint(1, 5)))
            case 2:
                del line[place : place + draw.randint(1, 6)]
            case 3:
                other = draw.choice(LINES)
                line[place:place] = other[draw.randrange(len(other)) :]
            case _:
                line[place:place] = b"%d" % draw.choice((0, 1, 2**31, 2**64, 10**25))
    return bytes(line)


def replies_of(octets: bytes) -> int:
    replies, rest = parse_replies(octets)
    assert rest == b"", octets[-200:]
    return len(replies)


def converse(session: Session, octets: bytes) -> None:
    """As a connection does: lines to the session, messages to its transaction, one answer each."""
    receiver = SmtpReceiver()
    receiver.feed(octets)
    while session.expects is not Expects.END:
        if session.expects is Expects.MESSAGE:
            assert session.transaction is not None
            assert session.transaction.incoming is not None
            if not receiver.take_message(session.transaction.incoming.write):
                session.close()
                return
            expected = len(session.transaction.recipients) if session.role is Role.LMTP else 1
            assert replies_of(session.finish()) == expected
            continue
        try:
            line = receiver.next_line()
        except LineTooLong:
            return
        if line is None:
            return
        assert replies_of(session.take(line)) == 1, line
        if session.expects is Expects.TLS:
            session.secured()


@pytest.mark.soak
def test_no_conversation_breaks_a_session(place: Path, seed: int, soak: bool) -> None:
    rounds = 1_000_000 if soak else 20_000
    draw = random.Random(seed)
    print(f"seed {seed}, {rounds} inputs")
    bugs: list[dict] = []

    def log(event: str, **fields: object) -> None:
        if event in ("bug", "not-delivered"):
            bugs.append(fields)

    accounts = EmbeddedAccounts(place / "accounts.sqlite")
    accounts.add(ANNA, PASSWORD, generated=True, quota_octets=3_000_000)
    mailboxes = Mailboxes(place / "mailboxes")
    arrivals = Arrivals(mailboxes, lambda account: None, log)
    queue, trace = QueueStore(place), Trace(place / "trace.sqlite", log=log)
    clock = lambda: 1_790_000_000.0  # noqa: E731
    accepting = Accepting(
        accounts, arrivals, queue, trace, Milters(), Signer(place / "dkim.pem", "s"), clock, "mail.example.org"
    )
    services = Services(
        accounts, arrivals, accepting, clock, log, new_id, lambda account: 1000, "mail.example.org", 10_000, ANNA, True
    )
    before, done = 0, 0
    for number in range(rounds):
        if number % 10 == 0:
            session = Session(services, draw.choice(list(Role)), Peer("127.0.0.1", is_loopback=True))
            if draw.random() < 0.8:
                converse(session, b"LHLO x\r\n" if session.role is Role.LMTP else b"EHLO x\r\n")
                if session.role is Role.SUBMISSION:
                    converse(session, b"AUTH PLAIN " + _SIGN_IN + b"\r\n")
        lines = b"".join(mutated(draw) + b"\r\n" for _ in range(draw.randint(1, 3)))
        if session.expects is not Expects.END:
            converse(session, lines)
            done += 1
        assert bugs == [], (lines, bugs)
        if number % 10 == 9:
            session.close()
        if number % 1000 == 999:
            for entry in queue.all():
                queue.delete(entry.id)
        if number == rounds // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory grew by {grown / 1024:.0f} MiB; {done} inputs reached a session")
    assert done > rounds // 3
    assert grown < 50 * 1024
    trace.close()
    queue.close()
    mailboxes.close()
    accounts.close()
