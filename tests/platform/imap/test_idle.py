"""IDLE: RFC 2177, RFC 9051 §6.3.13. News arrives while nothing is asked, also from the other server process."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.lock import alone
from bascule.platform.imap import limits
from bascule.platform.imap.session import Session
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


def test_news_while_idle(connect) -> None:
    waiting = connect("INBOX")
    others = [connect("INBOX") for _ in range(4)]  # over both processes
    tag = waiting.begin("IDLE")
    assert waiting.continuation() == b"idling"
    for number, other in enumerate(others, 1):
        started = time.monotonic()
        other.append("INBOX", b"Subject: x\r\n\r\n")
        assert waiting.untagged() == b"* %d EXISTS" % number
        assert waiting.untagged().endswith(b" RECENT")
        assert time.monotonic() - started < 5
    others[0].ok("STORE 1 +FLAGS (\\Deleted)")
    assert b"\\Deleted" in waiting.untagged()
    others[0].ok("EXPUNGE")
    assert waiting.untagged() == b"* 1 EXPUNGE"
    waiting.send(b"DONE\r\n")
    assert waiting.end(tag).status == "OK"
    waiting.ok("NOOP")


def test_anything_but_done_ends_it(client) -> None:
    tag = client.begin("IDLE")
    client.continuation()
    client.send(b"NOOP\r\n")
    assert client.end(tag).status == "BAD"
    client.ok("NOOP")


def test_news_from_before_is_told_at_its_beginning(connect) -> None:
    one, other = connect("INBOX"), connect("INBOX")
    other.append("INBOX", b"Subject: x\r\n\r\n")
    tag = one.begin("IDLE")
    assert one.untagged() == b"* 1 EXISTS"
    one.untagged()
    one.continuation()
    one.send(b"DONE\r\n")
    one.end(tag)


@in_a_loop
async def test_news_that_can_not_be_read_at_once_is_told_a_moment_later(tmp_path: Path) -> None:
    """Somebody else takes the mailbox alone between a message's arrival and the look at it; nobody says again that it arrived."""
    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        await client.ok("SELECT INBOX")
        client.send("a IDLE")
        assert await client.line() == "+ idling"
        account = server.accounts.find(ANNA)
        assert account is not None
        place = server.mailboxes.place_of(account.id)
        server.mailboxes.close_idle(0)
        with LiveMailbox.open(place) as other:
            inbox = other.folders.find(INBOX)
            assert inbox is not None
            new = Arriving(HeldBody(b"Subject: x\r\n\r\n"), Flags(frozenset()), InternalDate(0))
            other.messages.deliver(inbox.id, [new], 0)
        with alone(place):
            for connection in server.watchers[account.id]:
                connection.wake()
            while "mailbox-error" not in server.log:
                await asyncio.sleep(0.05)
        assert await client.line() == "* 1 EXISTS"
        client.close()


@in_a_loop
async def test_the_end_of_idle_waits_for_a_look_that_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 1.0)
    looking, over, closed = threading.Event(), threading.Event(), threading.Event()
    idle_news, close = Session.idle_news, Session.close

    def slowly(session: Session) -> Iterator[bytes]:
        looking.set()
        over.wait()
        assert not closed.is_set()
        return idle_news(session)

    def close_noted(session: Session) -> None:
        closed.set()
        close(session)

    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        await client.ok("SELECT INBOX")
        monkeypatch.setattr(Session, "idle_news", slowly)
        monkeypatch.setattr(Session, "close", close_noted)
        client.send("a IDLE")
        assert await client.line() == "+ idling"
        (connection,) = server.connections
        connection.wake()
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.to_thread(looking.wait)
            while asyncio.get_running_loop().time() < began + 2 * limits.IDLE_SECONDS:
                assert not closed.is_set()
                await asyncio.sleep(0.05)
        finally:
            over.set()
        assert (await client.line()).startswith("* BYE")
        await asyncio.to_thread(closed.wait)
        client.close()
