"""Mutated conversations with the IMAP server: every one is answered, every answer parses, nothing else comes out of a session."""

import contextlib
import random
import resource
from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.imap import limits
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.imap.states import State
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.spool import Room, SpoolFile
from bascule.protocols.imap import Receiver, RemoteError
from bascule.protocols.imap.requests import BadRequest, parse_request
from bascule.protocols.imap.responses import parse_response
from bascule.protocols.imap.rights import ANYONE
from bascule.terms.body import SpooledBody
from bascule.terms.errors import BasculeError
from support import messages
from support.server import PASSWORD

LINES = [
    b"SELECT INBOX", b"EXAMINE Sent", b"SELECT INBOX (QRESYNC (%d 1 1:5 (1:2 1:2)))", b"UNSELECT", b"CLOSE", b"NOOP", b"CAPABILITY",
    b"ENABLE CONDSTORE QRESYNC UTF8=ACCEPT IMAP4rev2", b'LIST "" *', b'LIST (SUBSCRIBED RECURSIVEMATCH) "" ("a" "b%") RETURN (CHILDREN STATUS (MESSAGES))',
    b'LSUB "" %', b"STATUS INBOX (MESSAGES UIDNEXT UNSEEN SIZE MAILBOXID)", b"CREATE a/b/&AMk-", b"DELETE a/b/&AMk-", b"RENAME a/b c", b"SUBSCRIBE x",
    b"CREATE y (USE (\\Archive))", b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", b"FETCH 1:3 (BODY[1.2.HEADER.FIELDS (TO CC)]<1.20> RFC822)",
    b"UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 1 VANISHED)", b"FETCH 2 (BINARY[1] BINARY.SIZE[1] PREVIEW EMAILID BODY)", b"STORE 1:2 +FLAGS (\\Seen key)",
    b"STORE 1 (UNCHANGEDSINCE 3) FLAGS.SILENT (\\Deleted)", b"UID STORE 1:* -FLAGS (\\Deleted)", b"EXPUNGE", b"UID EXPUNGE 1:2", b"COPY 1 Sent", b"UID MOVE 2 Trash",
    b"SEARCH RETURN (MIN MAX ALL COUNT SAVE) OR (SEEN) NOT (UID 1:*)", b'SEARCH CHARSET UTF-8 SUBJECT "x" SINCE 1-Jan-2020 LARGER 10', b"SEARCH TEXT budget",
    b"SORT (REVERSE DATE SUBJECT FROM) UTF-8 ALL", b"UID THREAD REFERENCES UTF-8 ALL", b"FETCH $ FLAGS", b"GETQUOTAROOT INBOX", b"NAMESPACE", b"IDLE",
    b'ID ("name" "x")', b"APPEND INBOX (\\Seen) {13+}\r\nSubject: x\r\n\r\n", b"APPEND Sent {3+}\r\na\r\n {3+}\r\nb\r\n", b"LOGOUT", b"LOGIN a b", b"COMPRESS DEFLATE",
    b"SETACL INBOX anyone lrs", b"GETACL INBOX", b"MYRIGHTS INBOX", b"LISTRIGHTS INBOX anyone", b"DELETEACL INBOX anyone", b'LIST "" "Other Users/*"',
    b'SELECT "Other Users/bob@example.org/INBOX"', b'MOVE 1 "Other Users/bob@example.org/INBOX"', b'CREATE "Other Users/bob@example.org/INBOX/x"',
]  # fmt: skip
BOB = "bob@example.org"
ROUNDS_OF_ONE = 5_000
"""Inputs on one mailbox: what is expunged stays in it for weeks, and reading over it all would be what takes the time."""
OCTETS = b'()[]{}<>"\\ \r\n\0*%+-.,:$=0123456789aAzZ~\xc3\xa9\xff'


def mutated(draw: random.Random) -> bytes:
    line = bytearray(draw.choice(LINES))
    for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
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
                line[place:place] = b"%d" % draw.choice((0, 1, 2**31, 2**32 - 1, 2**32, 2**63, 10**25))
    return bytes(line)


def answers(octets: bytes) -> int:
    """How many responses ``octets`` are. Raises RemoteError where one does not parse."""
    receiver = Receiver(lambda size: SpooledBody())
    receiver.feed(octets)
    count = 0
    while (frame := receiver.next_frame()) is not None:
        parse_response(frame)
        count += 1
    assert receiver.is_between_frames, octets[-200:]
    return count


def converse(session: Session, octets: bytes) -> None:
    """As a connection does: frames, requests, answers. What the server can't read ends the conversation."""
    receiver = Receiver(
        lambda size: SpoolFile(Room(0, 1, 0)).open(size), limits.SIGNED_IN, announce=lambda size, waits: size < 100_000
    )
    receiver.feed(octets)
    with contextlib.suppress(RemoteError):
        while (frame := receiver.next_frame()) is not None:
            try:
                request = parse_request(frame)
            except BadRequest:
                continue
            answer = b"".join(session.handle(request))
            ended = session.connection.idles
            session.connection.idles = session.connection.wants_compression = False
            assert answers(answer) >= 1 or ended
            tags = answer.count(b"\r\n" + request.tag + b" ") + answer.startswith(request.tag + b" ")
            assert tags >= 1 or ended, (octets, answer)
            if session.state is State.ENDED:
                return


def signed_in(services: Services, login: str) -> Session:
    session = Session(services, Connection("127.0.0.1", is_loopback=True))
    session.sign_in(login, PASSWORD)
    return session


def new_people(accounts: EmbeddedAccounts, services: Services, number: int) -> str:
    """Somebody with eight messages, with whom Bob shares a mailbox that has as many."""
    with contextlib.suppress(BasculeError):
        accounts.add(BOB, PASSWORD, generated=True)
    for record in accounts.all():  # or each would look into the mailboxes of all who were before
        accounts.unshare(record.account, ANYONE)
    login = f"anna{number}@example.org"
    accounts.add(login, PASSWORD, generated=True)
    many = b"".join(b" {%d+}\r\n%b" % (len(mail), mail) for mail in messages.many(8))
    for who, line in ((login, b""), (BOB, b"a SETACL INBOX %b lrswipkxtea\r\n" % login.encode())):
        session = signed_in(services, who)
        converse(session, line + b"f APPEND INBOX" + many + b"\r\n")
        session.close()
    return login


@pytest.mark.soak
def test_no_conversation_breaks_a_session(place: Path, seed: int, soak: bool) -> None:
    rounds = 1_000_000 if soak else 10_000
    draw = random.Random(seed)
    print(f"seed {seed}, {rounds} inputs")
    bugs: list[dict] = []

    def log(event: str, **fields: object) -> None:
        if event == "bug":
            bugs.append(fields)

    accounts = EmbeddedAccounts(place / "accounts.sqlite")
    mailboxes = Mailboxes(place / "mailboxes", open_mailboxes=2)
    services = Services(accounts, mailboxes, lambda account: None, lambda: 1_790_000_000.0, log)
    session: Session | None = None
    before = 0
    login = ""
    for number in range(rounds):
        if number % ROUNDS_OF_ONE == 0:
            if session is not None:
                session.close()
            login, session = new_people(accounts, services, number), None
        if session is None or session.state is State.ENDED:
            session = signed_in(services, login)
            converse(session, b"s SELECT INBOX\r\n")
        lines = b"".join(b"t%d %b\r\n" % (place, mutated(draw)) for place in range(draw.randint(1, 3)))
        converse(session, lines)
        assert bugs == [], (lines, bugs)
        if number % 20 == 19:
            session.close()
            session = None
        if number == rounds // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory grew by {grown / 1024:.0f} MiB")
    assert grown < 50 * 1024
    if session is not None:
        session.close()
    mailboxes.close()
    accounts.close()
