"""Connections that are opened and left, that only ask, or are closed unread: whoever comes to work is served meanwhile."""

import asyncio
import contextlib
import resource
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.admission import Admission
from bascule.platform.fair_threads import Threads
from bascule.platform.imap import limits as imap_limits
from bascule.platform.imap.connection import ImapConnection, Shared
from bascule.platform.imap.session import Services
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.smtp import limits as smtp_limits
from support.certificates import make_certificate
from support.dialogue import Dialogue
from support.inbox import Inbox
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message

MANY = 1300
"""More than the strangers that one process has room for."""
BERT = "bert@example.org"


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < 4096:
        pytest.skip("this machine lets a process open fewer than 4,096 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, most))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    root = tmp_path_factory.mktemp("connections")
    with PrivateBascule(root, accounts=(ANNA, BERT), tls=make_certificate(root)) as running:
        yield running


@contextlib.contextmanager
def left_open(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connections on which nothing is said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(count)]


def signs_in(port: int, tls: ssl.SSLContext | None = None) -> None:
    with contextlib.closing(Dialogue(port, tls=tls)) as client:
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("SELECT INBOX")


def own_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_imap_connections_that_are_left_open_make_room_and_who_is_signed_in_stays(server: PrivateBascule) -> None:
    with contextlib.closing(Dialogue(server.imap)) as before:
        before.ok(f"LOGIN {BERT} {PASSWORD}")
        with left_open(server.imap, MANY) as idle:
            signs_in(server.imap)
            before.ok("NOOP")
            first = idle[0].makefile("rb").read()
            assert first.splitlines()[-1].startswith(b"* BYE [UNAVAILABLE] too many connections")
            idle[-1].sendall(b"a NOOP\r\n")
            lines = idle[-1].makefile("rb")
            assert lines.readline().startswith(b"* OK")
            assert lines.readline().startswith(b"a OK")
    assert len(server.log()) < 100_000


def test_connections_that_never_shake_hands_make_room_too(server: PrivateBascule) -> None:
    with left_open(server.ports["imaps"], MANY):
        signs_in(server.ports["imaps"], own_context())
    port = server.ports["submissions"]
    with left_open(port, MANY), smtplib.SMTP_SSL("127.0.0.1", port, context=own_context(), timeout=20) as client:
        client.login(ANNA, PASSWORD)


def test_smtp_connections_that_are_left_open_make_room_for_mail(server: PrivateBascule) -> None:
    with left_open(server.ports["smtp"], MANY) as idle:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as client:
            assert client.sendmail("x@elsewhere.test", [ANNA], b"Subject: x\r\n\r\ntext\r\n") == {}
        assert b"421 4.7.0 too many connections" in idle[0].makefile("rb").read()
        signs_in(server.imap)


def test_one_account_does_not_take_all_connections(server: PrivateBascule) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(imap_limits.OF_ONE_ACCOUNT):
            client = stack.enter_context(contextlib.closing(Dialogue(server.imap)))
            client.ok(f"LOGIN {BERT} {PASSWORD}")
        late = stack.enter_context(contextlib.closing(Dialogue(server.imap)))
        refusal = late.no(f"LOGIN {BERT} {PASSWORD}")
        assert refusal.code == "LIMIT"
        assert "fermez quelques programmes" in refusal.text
        late.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("LOGOUT")
        again = stack.enter_context(contextlib.closing(Dialogue(server.imap)))
        again.ok(f"LOGIN {BERT} {PASSWORD}")


def test_who_only_asks_over_smtp_is_told_goodbye(server: PrivateBascule) -> None:
    with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=20) as client:
        client.sendall(b"NOOP\r\n" * (smtp_limits.QUESTIONS + 1))
        lines = client.makefile("rb").read().splitlines()
    assert [line[:3] for line in lines] == [b"220", *[b"250"] * smtp_limits.QUESTIONS, b"421"]


def test_who_speaks_another_protocol_to_imap_is_told_goodbye_soon(server: PrivateBascule) -> None:
    with socket.create_connection(("127.0.0.1", server.imap), timeout=20) as client:
        client.sendall(b"HELP\r\n" * 1000)
        client.shutdown(socket.SHUT_WR)
        lines = client.makefile("rb").read().splitlines()
    assert lines[-1] == b"* BYE this is not IMAP"
    assert len(lines) == 1 + imap_limits.STRANGERS_WRONG_COMMANDS + 1 + 1


def test_between_messages_the_questions_are_counted_anew(server: PrivateBascule) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as client:
        for _ in range(3):
            for _ in range(smtp_limits.QUESTIONS - 5):
                assert client.noop()[0] == 250
            assert client.sendmail("x@elsewhere.test", [ANNA], b"Subject: x\r\n\r\ntext\r\n") == {}


def test_who_names_one_recipient_again_and_again_is_told_goodbye_and_mail_of_others_comes_meanwhile(
    server: PrivateBascule,
) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as client:
        client.ehlo()
        client.mail("x@elsewhere.test")
        codes = [client.rcpt(ANNA)[0] for _ in range(1 + smtp_limits.REPEATED_RECIPIENTS)]
        assert set(codes) == {250}
        assert client.rcpt(ANNA)[0] == 452
        assert client.rcpt(BERT)[0] == 250, "somebody else is still taken"
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as other:
            assert other.sendmail("y@elsewhere.test", [ANNA], b"Subject: y\r\n\r\ntext\r\n") == {}
        codes = [client.rcpt(ANNA)[0] for _ in range(smtp_limits.WRONG_COMMANDS)]
        assert codes == [452] * (smtp_limits.WRONG_COMMANDS - 1) + [421]


@pytest.mark.parametrize(("service", "hello", "replies"), [("smtp", "EHLO x", 1), ("lmtp", "LHLO x", 3)])
def test_a_list_that_names_a_recipient_several_times_is_taken(
    service: str, hello: str, replies: int, server: PrivateBascule
) -> None:
    """One copy over SMTP; over LMTP a reply for each RCPT (RFC 2033 §4.2)."""
    with SmtpDialogue(server.ports[service], hello=hello) as dialogue:
        dialogue.ok("MAIL FROM:<else@where.example>")
        for _ in range(3):
            dialogue.ok(f"RCPT TO:<{BERT}>")
        assert dialogue.say("DATA").code == 354
        dialogue.send(message(f"several times by {service}") + b".\r\n")
        assert [dialogue.reply().code for _ in range(replies)] == [250] * replies
    found = Inbox(server, BERT).messages()
    assert sum(f"\r\nSubject: several times by {service}\r\n".encode() in each for each in found) == 1


def test_nothing_is_done_for_clients_that_are_gone(server: PrivateBascule) -> None:
    """Twenty of them with 40,000 commands each had cost 32 seconds of processor."""
    worker = next(pid for pid in server.workers() if Path(f"/proc/{pid}/comm").read_text() == "bascule-server\n")

    def seconds() -> float:
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    begun = seconds()
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=20)
        with client, contextlib.suppress(OSError):
            client.sendall(b"HELP\r\n" * 40_000)
    signs_in(server.imap)
    time.sleep(1)
    assert seconds() - begun < 4


@pytest.mark.parametrize("command", ["AUTHENTICATE CRAM-MD5", "AUTHENTICATE XYZ"])
def test_what_will_be_refused_is_not_asked_for(command: str, server: PrivateBascule) -> None:
    with contextlib.closing(Dialogue(server.imap)) as client:
        client.no(command)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.bad("AUTHENTICATE PLAIN")
        client.ok("NOOP")


@pytest.mark.parametrize(
    "said", [b"", b"a AUTHENTICATE PLAIN\r\n", b"a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n", b"a NO", b"a LOGIN {3}\r\n"]
)  # fmt: skip
@pytest.mark.parametrize(("command", "in_all"), [(0.3, 9.0), (9.0, 0.3)])
def test_who_does_not_sign_in_has_a_certain_time(
    said: bytes, command: float, in_all: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_limits, "STRANGER_SECONDS", command)
    monkeypatch.setattr(imap_limits, "SIGN_IN_SECONDS", in_all)
    told = asyncio.run(last_words(tmp_path, said))
    assert told.splitlines()[-1].startswith(b"* BYE [UNAVAILABLE] nothing came for too long")


async def last_words(root: Path, said: bytes) -> bytes:
    """What the server said until it closed."""
    accounts, mailboxes = EmbeddedAccounts(root / "accounts.sqlite"), Mailboxes(root / "mailboxes")
    with Threads() as threads, contextlib.closing(accounts), contextlib.closing(mailboxes):
        services = Services(accounts, mailboxes, lambda account: None, time.time, lambda *words, **values: None)
        shared = Shared(services, threads, None, Admission(10, 10, 10))
        listening = await asyncio.get_running_loop().create_server(lambda: ImapConnection(shared), "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(8):
                told = await reader.read()
            writer.close()
    return told
