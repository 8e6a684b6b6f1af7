"""What one peer sends and does not end takes no memory, no disk and no descriptors from others."""

import contextlib
import os
import smtplib
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bascule.platform.imap import limits as imap_limits
from support import messages
from support.dialogue import Dialogue
from support.inbox import Inbox
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue

BOB = "bob@example.org"
MB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path, accounts=(ANNA, BOB)) as running:
        yield running


def worker(server: PrivateBascule) -> int:
    return next(pid for pid in server.workers() if Path(f"/proc/{pid}/comm").read_text() == "bascule-server\n")


def megabytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def spools(process: int) -> list[int]:
    """The sizes of the files without a name that it has open for what comes."""
    found = []
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if "bascule-" in (name := os.readlink(each)) or "/#" in name:
                found.append(each.stat().st_size)
    return found


def spooled(process: int) -> int:
    return sum(spools(process))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def signed_in(server: PrivateBascule, login: str) -> Dialogue:
    client = Dialogue(server.imap)
    client.socket.settimeout(60)
    client.ok(f"LOGIN {login} {PASSWORD}")
    return client


@contextlib.contextmanager
def many(server: PrivateBascule, count: int, login: str = ANNA) -> Iterator[list[Dialogue]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(signed_in(server, login))) for _ in range(count)]


def works(server: PrivateBascule, *logins: str) -> None:
    for login in logins:
        with contextlib.closing(signed_in(server, login)) as client:
            client.append("INBOX", messages.plain(1))
            client.append("INBOX", b"Subject: large\r\n\r\n" + b"x" * MB)
            assert len(client.ok("STATUS INBOX (MESSAGES)").lines) == 1


def literal(octets: bytes) -> bytes:
    return b" {%d+}\r\n" % len(octets) + octets


def test_many_literals_of_a_command_have_one_file(server: PrivateBascule) -> None:
    """Each had one of its own: 980 of a connection, and 20 connections took all descriptors of the process."""
    process = worker(server)
    with many(server, 3) as clients:
        for client in clients:
            client.send(b"x APPEND INBOX" + literal(b"y" * 100_000) * 30 + literal(b"z" * 100) * 900)
            client.send(b" {3}\r\n")  # asked for once all others have come
        for client in clients:
            client.continuation()
        assert len(spools(process)) == len(clients)
        works(server, ANNA, BOB)
        for client in clients:
            client.send(b"a\r\n\r\n")
            assert client.end(b"x").status == "OK"
        until(lambda: not spools(process))


def test_commands_with_a_file_have_a_limit_for_each_account(server: PrivateBascule) -> None:
    half = b"x APPEND INBOX {500000+}\r\n" + b"y" * 1000
    with many(server, imap_limits.SPOOL_FILES) as clients:
        for client in clients:
            client.send(half)
        until(lambda: spooled(worker(server)) >= 1000 * len(clients))
        with contextlib.closing(signed_in(server, ANNA)) as late:
            assert late.no("APPEND INBOX {}", b"y" * 500_000).code == "LIMIT"
            late.append("INBOX", messages.plain(1))
            works(server, BOB)
            clients[0].send(b"y" * 499_000 + b"\r\n")
            assert clients[0].end(b"x").status == "OK"
            late.append("INBOX", b"y" * 500_000)


def test_what_does_not_fit_the_quota_is_not_stored_though_it_is_sent_unasked(server: PrivateBascule) -> None:
    accounts = server.accounts()
    accounts.set_quota(ANNA, 3 * MB)
    accounts.close()
    process = worker(server)
    with many(server, 3) as clients:
        for client in clients:
            client.send(b"x APPEND INBOX" + literal(b"y" * 10 * MB) * 5)
            assert client.end(b"x").code == "OVERQUOTA", "of the first; the others are thrown away with it"
            client.send(literal(b"y" * 10 * MB) + b"\r\n")
            client.ok("NOOP")
        assert spooled(process) < MB
        client.append("INBOX", b"y" * 2 * MB)
        assert client.no("APPEND INBOX {}", b"y" * 2 * MB).code == "OVERQUOTA"
        client.send(b"x APPEND Nowhere" + literal(b"y" * 2 * MB) + b"\r\n")
        assert client.end(b"x").code == "TRYCREATE"
        client.ok("NOOP")
    works(server, BOB)


def test_octets_on_their_way_to_an_account_have_a_limit(server: PrivateBascule) -> None:
    process = worker(server)
    announced = imap_limits.SPOOLED_OCTETS // 3
    with many(server, 3) as clients, contextlib.closing(signed_in(server, ANNA)) as late:
        for client in clients:
            client.send(b"x APPEND INBOX {%d}\r\n" % announced)
            client.continuation()
        assert late.no("APPEND INBOX {}", b"y" * MB).code == "LIMIT"
        late.send(b"x APPEND INBOX {1000000}\r\n")
        assert late.end(b"x").code == "LIMIT", "before it is sent"
        late.append("INBOX", messages.plain(1))
        assert spooled(process) < MB
        works(server, BOB)
        clients[0].close()
        until(lambda: late.do("APPEND INBOX {}", b"y" * MB).status == "OK")


def test_what_one_account_has_sent_of_its_commands_is_bounded_in_memory(server: PrivateBascule) -> None:
    process = worker(server)
    with many(server, 60) as clients:
        before = megabytes(process)
        for client in clients:
            with contextlib.suppress(OSError):
                client.send(b"x SEARCH" + (b" SUBJECT" + literal(b"y" * 60_000)) * 30 + b" " + b"z" * 900_000)
        works(server, ANNA, BOB)
        most = 3 * imap_limits.HELD_OCTETS // MB
        assert megabytes(process) - before < most
        told = 0
        for client in clients:
            with contextlib.suppress(OSError):
                client.send(b"\r\nn NOOP\r\n")
                client.send(b"x")
            with contextlib.suppress(AssertionError, OSError, EOFError):
                told += b"BYE" in client.untagged()
        assert told > 10


def test_what_is_compressed_a_thousandfold_leaves_the_event_loop_to_others(server: PrivateBascule) -> None:
    """Of 90 MB, sent in 87 kB, no more than a turn's worth is inflated before others have theirs."""
    process = worker(server)
    squeeze = zlib.compressobj(9, wbits=-15)
    begun = squeeze.compress(b"x APPEND INBOX {90000000+}\r\n") + squeeze.flush(zlib.Z_SYNC_FLUSH)
    zeros = squeeze.compress(bytes(90_000_000)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    ended = squeeze.compress(b"\r\nn NOOP\r\n") + squeeze.flush(zlib.Z_SYNC_FLUSH)
    with many(server, 3) as clients, contextlib.closing(signed_in(server, BOB)) as honest:
        for client in clients:
            client.ok("COMPRESS DEFLATE")
            client.start_compression()
        before, asked = megabytes(process), 0
        sending = [
            threading.Thread(target=client.socket.sendall, args=(begun + zeros + ended,), daemon=True)
            for client in clients
        ]
        for each in sending:
            each.start()
        while spooled(process) < 80 * MB:
            honest.ok("NOOP")
            asked += 1
        assert asked > 20
        assert megabytes(process) - before < 100
        assert [client.end(b"x").status for client in clients] == ["OK"] * 3
        assert [client.end(b"n").status for client in clients] == ["OK"] * 3
        for each in sending:
            each.join(20)


def test_who_ends_the_compressed_octets_is_told_goodbye(server: PrivateBascule) -> None:
    squeeze = zlib.compressobj(9, wbits=-15)
    with contextlib.closing(signed_in(server, ANNA)) as client:
        client.ok("COMPRESS DEFLATE")
        client.start_compression()
        client.socket.sendall(squeeze.compress(b"n NOOP\r\n") + squeeze.flush(zlib.Z_FINISH) + b"more")
        assert client.end(b"n").status == "OK"
        assert client.untagged().startswith(b"* BYE")


def begin_message(server: PrivateBascule, octets: int) -> SmtpDialogue:
    """A stranger's, for Anna, up to ``octets`` of it."""
    dialogue = SmtpDialogue(server.ports["smtp"])
    dialogue.ok("MAIL FROM:<else@where.example>")
    dialogue.ok(f"RCPT TO:<{ANNA}>")
    assert dialogue.say("DATA").code == 354
    dialogue.send(b"Subject: half\r\n\r\n" + (b"y" * 78 + b"\r\n") * (octets // 80))
    return dialogue


def test_messages_that_strangers_do_not_end_are_not_held_in_memory(server: PrivateBascule) -> None:
    """Each held up to 4 MB, and a thousand may be connected."""
    process = worker(server)
    before = megabytes(process)
    with contextlib.ExitStack() as stack:
        begun = [stack.enter_context(begin_message(server, 4_000_000)) for _ in range(20)]
        until(lambda: spooled(process) > 20 * 3_900_000)
        assert megabytes(process) - before < 40
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60) as honest:
            assert honest.sendmail("x@elsewhere.test", [BOB], messages.plain(1)) == {}
        begun[0].send(b".\r\n")
        assert begun[0].reply().code == 250
    assert len(Inbox(server, ANNA).messages()) == 1
    until(lambda: spooled(process) == 0)
