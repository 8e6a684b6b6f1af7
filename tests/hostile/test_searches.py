"""The worst searches that a member can think of leave others their turn."""

import asyncio
import contextlib
import itertools
import select
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox.live import Arriving
from bascule.platform.imap import limits, search_turns, searching
from bascule.platform.imap.connection import ImapConnection
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support import messages
from support.dialogue import Dialogue
from support.in_process import Client, InProcess, in_a_loop, served
from support.server import ANNA, PASSWORD, PrivateBascule

BOB, EVE = "bob@example.org", "eve@example.org"
CONNECTIONS = 12
MESSAGES = 400
SEARCH_SECONDS, TURN_SECONDS = 12.0, 4.0
"""Of the server here: a fifth of what a search may take, and what one waits for its turn. One of those below would take a minute."""
LOWER = {
    "bascule.platform.imap.searching.SEARCH_SECONDS": SEARCH_SECONDS,
    "bascule.platform.imap.search_turns.SEARCH_TURN_SECONDS": TURN_SECONDS,
}
HONEST_SECONDS = 15.0
"""For a round of somebody else."""


def signed_in(server: PrivateBascule, login: str) -> Dialogue:
    client = Dialogue(server.imap)
    client.socket.settimeout(2 * limits.SEARCH_SECONDS)
    client.ok(f"LOGIN {login} {PASSWORD}")
    client.ok("SELECT INBOX")
    return client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path, accounts=(ANNA, BOB), limits=LOWER) as running:
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
        while search_turns.running() < len(commands):
            await asyncio.sleep(0.01)
        for client in leaving:
            client.close()
        while search_turns.running():
            await asyncio.sleep(0.05)
        await anna.ok("SEARCH TEXT nothing")
        anna.close()


def fill(server: InProcess, login: str, times: int) -> None:
    """INBOX, with ``times`` times a hundred messages, no two of which say the same."""
    account = server.accounts.find(login)
    assert account is not None
    with server.mailboxes.using(account.id) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        for number in range(times):
            box.messages.append(inbox.id, [arriving(100 * number + each) for each in range(100)])


def arriving(number: int) -> Arriving:
    octets = (
        b"From: f%d@example.org\r\nSubject: s%d\r\nDate: Tue, 3 Mar 2020 0%d:00:00 +0000\r\nMessage-ID: <%d@x>\r\nReferences: <%d@x>\r\n\r\ntext %d\r\n"
        % (number % 7, number % 11, number % 10, number, number // 2, number)
    )
    return Arriving(HeldBody(octets), Flags(["\\Seen"] if number % 3 else []), InternalDate(number))


async def selected(server: InProcess, login: str) -> Client:
    client = await Client.connect(server.imap)
    await client.ok(f"LOGIN {login} {PASSWORD}")
    await client.ok("SELECT INBOX")
    return client


WITHOUT_TEXTS = (
    "NOT EMAILID x",
    "NOT EMAILID M" + "0" * 32,
    "NOT KEYWORD x",
    "UID 1:*",
    "NOT SENTON 1-Jan-1999",
    "SMALLER 9999999",
    "OR SEEN UNSEEN",
)
WORST = [
    *("SEARCH " + " ".join([key] * 990) for key in WITHOUT_TEXTS[:5]),
    "SEARCH " + " ".join([WITHOUT_TEXTS[6]] * 600),
    "SORT (SUBJECT FROM DATE) UTF-8 " + " ".join([WITHOUT_TEXTS[5]] * 990),
    "THREAD REFERENCES UTF-8 " + " ".join(['NOT BODY "7"'] * 990),
    "SEARCH " + " ".join(f'NOT BODY "{number % 10}"' for number in range(990)),
]  # fmt: skip


@in_a_loop
async def test_two_members_with_six_connections_each_leave_a_third_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would search for hours: nobody waits for the end of it. So it is with whoever stands in line for a turn to search."""
    monkeypatch.setattr(searching, "SEARCH_SECONDS", 24 * 3600.0)
    monkeypatch.setattr(search_turns, "SEARCH_TURN_SECONDS", 24 * 3600.0)
    monkeypatch.setattr(search_turns, "SEARCHES_THAT_WAIT", 100)
    async with served(tmp_path, ANNA, BOB, EVE) as server, asyncio.timeout(300):
        for login in (ANNA, EVE):
            fill(server, login, 20)
        bob = await selected(server, BOB)
        searching_ = [await selected(server, login) for login in (ANNA, EVE) for _ in range(6)]
        for client, command in zip(searching_, itertools.cycle(WORST), strict=False):
            client.send(*([f"a {command}"] * 100))
        while search_turns.running() < 2 * limits.SEARCHES_AT_ONCE:
            await asyncio.sleep(0.01)
        for number in range(10):
            await bob.ok("NOOP")
            await bob.append(f"Subject: {number}\r\n\r\n")
            await bob.ok(f"FETCH {number + 1} BODY[]")
            assert search_turns.running() >= limits.SEARCHES_AT_ONCE
        another = await selected(server, BOB)
        for client in (bob, another, *searching_):
            client.close()
        while search_turns.running():
            await asyncio.sleep(0.01)


@in_a_loop
async def test_every_search_has_its_time_whatever_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        fill(server, ANNA, 1)
        anna = await selected(server, ANNA)
        monkeypatch.setattr(searching, "SEARCH_SECONDS", -1.0)
        for command in (*(f"SEARCH {key}" for key in WITHOUT_TEXTS), "SEARCH ALL", "SORT (SIZE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL"):  # fmt: skip
            anna.send(f"a {command}")
            assert (await anna.line()).startswith("a NO [LIMIT]"), command
        anna.close()


@in_a_loop
async def test_whoever_leaves_is_missed_between_two_groups_of_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every look: nobody is there any more at the first, at the second…, up to the last that a command takes. Its answer is the same in groups of any size."""
    looks = left = 0

    def is_gone(connection: ImapConnection) -> bool:
        nonlocal looks
        looks += 1
        return looks > left

    monkeypatch.setattr(ImapConnection, "_is_gone", is_gone)
    async with served(tmp_path, ANNA) as server, asyncio.timeout(300):
        fill(server, ANNA, 1)
        left = 10**9
        anna = await selected(server, ANNA)
        await anna.ok("SEARCH TEXT ready")
        for command, groups in (
            ("SEARCH ALL", 2),
            ("SEARCH OR UNSEEN (NOT EMAILID x 3:90) SENTSINCE 1-Jan-2020 FROM f1 SUBJECT s1", 5),
            ("SORT (SIZE) UTF-8 ALL", 3),
            ("SORT (SUBJECT) UTF-8 ALL", 4),
            ("SORT (REVERSE DATE FROM) UTF-8 ALL", 5),
            ("THREAD REFERENCES UTF-8 SEEN", 3),
            ("THREAD ORDEREDSUBJECT UTF-8 ALL", 4),
        ):
            answers = []
            for size in (5000, 10, 3):
                monkeypatch.setattr(searching, "COMPARED_AT_ONCE", size)
                looks, left = 0, 10**9
                answers.append(await anna.ok(command))
                assert looks >= groups * (100 // size) * (1 if "ALL" in command else 0.5), (command, size)
                for left in {0, 1, looks // 2, looks - 1}:
                    looks = 0
                    anna.send(f"a {command}")
                    assert (await anna.line()).startswith("a NO [UNAVAILABLE]"), command
                    assert looks == left + 1
            assert answers[0] == answers[1] == answers[2]
        anna.close()


@in_a_loop
async def test_a_key_asks_once_for_all_messages(tmp_path: Path) -> None:
    statements: list[str] = []
    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        fill(server, ANNA, 5)
        anna = await selected(server, ANNA)
        account = server.accounts.find(ANNA)
        assert account is not None
        mailbox = server.mailboxes.take(account.id)
        for key in WITHOUT_TEXTS:
            await anna.ok(f"SEARCH {key}")
            statements.clear()
            mailbox.box.mailbox.database.set_trace_callback(statements.append)
            await anna.ok("SEARCH " + " ".join([key] * 10))
            mailbox.box.mailbox.database.set_trace_callback(None)
            assert len(statements) < 30, key
        server.mailboxes.give_back(mailbox)
        anna.close()
