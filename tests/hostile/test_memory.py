"""What one member asks for does not make the server large for all."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule

BOB = "bob@example.org"
LARGE = b"Subject: large\r\n\r\n" + (b"y" * 76 + b"\r\n") * 400_000
PEAK_MEGABYTES = 800
"""256 MB of messages, as much again while they are read, and the process itself. Without a limit it is 30 MB for each connection, and several copies
of each in a response."""
SETTLED_MEGABYTES = 150


def megabytes(process: int, name: str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith(f"{name}:"))


def signed_in(server: PrivateBascule, login: str) -> Dialogue:
    client = Dialogue(server.imap)
    client.socket.settimeout(60)
    client.ok(f"LOGIN {login} {PASSWORD}")
    client.ok("SELECT INBOX")
    return client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path, accounts=(ANNA, BOB)) as running:
        yield running


def test_fifty_connections_that_ask_for_a_large_message_and_do_not_take_it(server: PrivateBascule) -> None:
    with contextlib.closing(signed_in(server, ANNA)) as client:
        client.append("INBOX", LARGE)
    idle = [signed_in(server, ANNA) for _ in range(50)]
    for client in idle:
        client.send(b"x FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT] BODY.PEEK[1] BINARY.PEEK[1])\r\n")
    with contextlib.closing(signed_in(server, BOB)) as honest:
        began = time.monotonic()
        honest.append("INBOX", messages.plain(1))
        honest.ok("FETCH 1 BODY[]")
        assert time.monotonic() - began < 20
    codes = [client.end(b"x").code for client in idle[::-1]]  # the last first: those before still hold theirs
    assert set(codes) == {"LIMIT", ""}
    assert codes[-1] == ""
    for client in idle:
        client.close()
    largest = max(server.workers(), key=lambda process: megabytes(process, "VmHWM"))
    assert megabytes(largest, "VmHWM") < PEAK_MEGABYTES
    with contextlib.closing(signed_in(server, ANNA)) as client:
        assert client.ok("FETCH 1 BODY.PEEK[]").line(b"1 FETCH").endswith(LARGE[-20:] + b")")
    deadline = time.monotonic() + 60
    while (held := megabytes(largest, "VmRSS")) > SETTLED_MEGABYTES:
        assert time.monotonic() < deadline, held
        time.sleep(1)
        signed_in(server, BOB).close()
