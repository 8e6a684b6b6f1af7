"""The worst searches that a member can think of leave others their turn."""

import asyncio
import contextlib
import select
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.imap import limits, searching
from support import messages
from support.dialogue import Dialogue
from support.in_process import Client, in_a_loop, served
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


def test_a_search_that_waits_for_who_writes_the_texts_leaves_the_mailbox_to_others(server: PrivateBascule) -> None:
    with contextlib.closing(signed_in(server, ANNA)) as one, contextlib.closing(signed_in(server, ANNA)) as other:
        one.append("INBOX", messages.plain(1))
        one.ok("SEARCH TEXT ready")
        file = sqlite3.connect(server.mailbox() / "texts.sqlite", isolation_level=None, timeout=30)
        with contextlib.closing(file):
            file.execute("BEGIN IMMEDIATE")
            one.append("INBOX", b"Subject: found\r\n\r\nx\r\n")
            tag = one.begin("SEARCH SUBJECT found")
            for number in range(20):
                other.append("INBOX", messages.plain(number + 2))
                other.ok("FETCH 1:* (FLAGS BODY.PEEK[])")
            assert select.select([one.socket], [], [], 0)[0] == [], "it is still at work"
            file.execute("ROLLBACK")
        assert one.end(tag).line(b"SEARCH") == b"* SEARCH 2"


@in_a_loop
async def test_a_search_ends_when_its_client_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that may look through the mailbox at once were begun by who left, some with more commands sent ahead than are read: her next one is answered."""
    monkeypatch.setattr(searching, "SEARCH_SECONDS", 24 * 3600.0)
    text = " ".join(f"word{number}" for number in range(10_000))
    worst = " ".join(f'NOT BODY "{number}x"' for number in range(990))
    commands = ["SEARCH", "SORT (FROM) UTF-8", "THREAD REFERENCES UTF-8"]
    assert len(commands) == limits.SEARCHES_AT_ONCE
    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        anna = await Client.connect(server.imap)
        await anna.ok(f"LOGIN {ANNA} {PASSWORD}")
        await anna.append(*(f"Subject: {number}\r\n\r\n{text}\r\n" for number in range(100)))
        await anna.ok("SELECT INBOX")
        await anna.ok("SEARCH TEXT ready")
        leaving = [await Client.connect(server.imap) for _ in commands]
        for number, (client, command) in enumerate(zip(leaving, commands, strict=True)):
            await client.ok(f"LOGIN {ANNA} {PASSWORD}")
            await client.ok("SELECT INBOX")
            client.send(f"a {command} {worst}", *["b NOOP"] * (3 * limits.FRAMES_WAITING * number))
        while sum(each.running for each in searching._searching.values()) < len(commands):
            await asyncio.sleep(0.01)
        for client in leaving:
            client.close()
        while sum(each.running for each in searching._searching.values()):
            await asyncio.sleep(0.05)
        await anna.ok("SEARCH TEXT nothing")
        anna.close()
