"""A filter that does not answer stops mail for a while, and nobody else: mailboxes are read as before."""

import contextlib
import imaplib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bascule.platform.smtp import limits
from bascule.platform.smtp.gate import Gate
from bascule.platform.smtp.milter import MilterError, Milters
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.session import Peer
from bascule.platform.smtp.transaction import Recipient, Transaction
from bascule.protocols.milter import ADD_HEADERS, VERSION, packet
from bascule.terms.body import HeldBody
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message


@contextlib.contextmanager
def filter_that(answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a filter that accepts connections and does that with each."""
    listening = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                held.append(connection)
                threading.Thread(target=lambda connection=connection: one(connection), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            answers(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"inet:127.0.0.1:{listening.getsockname()[1]}"
    finally:
        for each in (listening, *held):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def silent(connection: socket.socket) -> None:
    connection.recv(1)


NEGOTIATED = packet(b"O", struct.pack("!III", VERSION, ADD_HEADERS, 0))


def at_work_for_ever(connection: socket.socket) -> None:
    connection.sendall(NEGOTIATED)
    while True:
        connection.sendall(packet(b"p"))
        time.sleep(0.05)


def octet_by_octet(connection: socket.socket) -> None:
    for octet in NEGOTIATED + packet(b"c") * 1000:
        connection.sendall(bytes([octet]))
        time.sleep(0.05)


def ask(milters: Milters) -> None:
    transaction = Transaction("1", "a@b.example", recipients=[Recipient(ANNA)])
    milters.ask(transaction, Peer("127.0.0.1", is_loopback=True), HeldBody(message()), Role.INBOUND)


@pytest.mark.parametrize("answers", [silent, at_work_for_ever, octet_by_octet])
def test_all_filters_together_have_a_time(answers: Callable[[socket.socket], None]) -> None:
    with filter_that(answers) as address:
        began = time.monotonic()
        with pytest.raises(MilterError, match="in time"):
            ask(Milters((address,), seconds=1.0))
        assert time.monotonic() - began < 10.0


def test_one_that_hung_is_asked_by_one_message_until_it_answers() -> None:
    now = 0.0
    gate = Gate(lambda: now)
    with pytest.raises(TimeoutError), gate.place():
        raise TimeoutError
    with gate.place(), pytest.raises(MilterError), gate.place():
        pass
    with contextlib.ExitStack() as stack:
        for _ in range(limits.FILTERED_AT_ONCE):
            stack.enter_context(gate.place())
        now = limits.FILTERS_SLOW_SECONDS
        with pytest.raises(MilterError), gate.place():
            pass
    with gate.place():
        pass


def test_who_finds_no_place_waits_for_one_while_filters_are_well() -> None:
    gate, inside, most = Gate(), [0], [0]
    guard = threading.Lock()

    def pass_through() -> None:
        with gate.place():
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            with guard:
                inside[0] -= 1

    with ThreadPoolExecutor(20) as workers:
        for each in [workers.submit(pass_through) for _ in range(60)]:
            each.result()
    assert most[0] == limits.FILTERED_AT_ONCE


def test_a_member_reads_their_mail_while_a_filter_hangs(tmp_path: Path) -> None:
    """A stranger sends twenty messages at once to a server whose filter says nothing."""
    with filter_that(silent) as address:
        server = PrivateBascule(tmp_path, settings={"smtp": f'milters = ["{address}"]'})
        with server, contextlib.ExitStack() as stack:
            anna = imaplib.IMAP4("127.0.0.1", server.imap, 60)
            anna.login(ANNA, PASSWORD)
            for number in range(20):
                stranger = stack.enter_context(SmtpDialogue(server.ports["smtp"]))
                stranger.ok("MAIL FROM:<a@b.example>")
                stranger.ok(f"RCPT TO:<{ANNA}>")
                assert stranger.say("DATA").code == 354
                stranger.send(message(str(number)) + b".\r\n")
            deadline, longest = time.monotonic() + limits.FILTERS_SLOW_SECONDS + 10.0, 0.0
            while time.monotonic() < deadline:
                began = time.monotonic()
                assert anna.select("INBOX")[0] == "OK"
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.1)
            assert longest < limits.FILTERS_SLOW_SECONDS + 5.0
            anna.logout()
