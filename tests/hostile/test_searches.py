"""The worst searches that a member can think of leave others their turn."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.imap import limits
from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule

BOB = "bob@example.org"
CONNECTIONS = 12
MESSAGES = 400
HONEST_SECONDS = 15.0
"""For a round of somebody else; a search of those below holds a thread for a minute."""


def signed_in(server: PrivateBascule, login: str) -> Dialogue:
    client = Dialogue(server.imap)
    client.socket.settimeout(2 * limits.SEARCH_SECONDS)
    client.ok(f"LOGIN {login} {PASSWORD}")
    client.ok("SELECT INBOX")
    return client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path, accounts=(ANNA, BOB)) as running:
        yield running


def test_two_thousand_strings_over_a_dozen_connections(server: PrivateBascule) -> None:
    with contextlib.closing(signed_in(server, ANNA)) as client:
        text = b" ".join(b"word%d" % number for number in range(3000))
        for start in range(0, MESSAGES, 50):
            mails = [b"Subject: %d\r\n\r\n%b\r\n" % (number, text) for number in range(start, start + 50)]
            client.ok("APPEND INBOX" + " {}" * len(mails), *mails)
        client.ok("SEARCH TEXT ready")
    worst = " ".join(f'NOT BODY "{number % 10}{"o" if number % 2 else "w"}"' for number in range(990))
    searching = [signed_in(server, ANNA) for _ in range(CONNECTIONS)]
    tags = [client.begin(f"SEARCH {worst}") for client in searching]
    with contextlib.closing(signed_in(server, BOB)) as honest:
        began = time.monotonic()
        honest.append("INBOX", messages.plain(1))
        honest.ok("FETCH 1 BODY[]")
        honest.ok("SEARCH TEXT nothing")
        assert time.monotonic() - began < HONEST_SECONDS
    began = time.monotonic()
    replies = [client.end(tag) for client, tag in zip(searching, tags, strict=True)]
    assert time.monotonic() - began < 2 * limits.SEARCH_SECONDS
    assert {reply.status for reply in replies} <= {"OK", "NO"}
    assert sum(reply.code == "LIMIT" for reply in replies) >= CONNECTIONS - limits.SEARCHES_AT_ONCE
    for client in searching:
        client.close()
    with contextlib.closing(signed_in(server, ANNA)) as client:  # their turns are over
        assert client.ok("SEARCH BODY word2999").lines[0].count(b" ") == MESSAGES + 1
