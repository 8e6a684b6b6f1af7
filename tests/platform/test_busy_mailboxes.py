"""While one mailbox is kept busy, its own mail waits for it, without the threads that others' mail needs, and not without an end."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from bascule.platform import limits
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.arrivals import Arrivals
from bascule.platform.mailboxes import Mailboxes
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from support.in_process import Client, InProcess, in_a_loop, served
from support.server import ANNA, PASSWORD

BOB = "bob@example.org"
MANY = limits.ARRIVING_THREADS + 4


async def send(there: InProcess, number: int, recipient: str) -> str:
    """From a network of its own; the reply to the message."""
    client = await Client.connect(there.smtp, f"127.{number + 1}.0.1")
    await client.said("EHLO x")
    for line in ("MAIL FROM:<zoe@far.example>", f"RCPT TO:<{recipient}>", "DATA"):
        assert (await client.said(line))[0] in "23"
    reply = await client.said(f"Subject: {number}\r\n\r\nx\r\n.")
    client.close()
    return reply


async def until_all_wait(there: InProcess, account: str) -> None:
    async with asyncio.timeout(60):
        while len(there.arrivals._waiting.get(account, ())) < MANY:
            await asyncio.sleep(0.005)


def account_of(there: InProcess, login: str) -> str:
    found = there.accounts.find(login)
    assert found is not None
    return found.id


@pytest.mark.parametrize("quota", [None, 10_000_000])
@in_a_loop
async def test_mail_for_others_is_delivered_while_more_than_there_are_threads_waits_for_one(
    tmp_path: Path, quota: int | None
) -> None:
    async with served(tmp_path, ANNA, BOB, quota_octets=quota) as there:
        anna = account_of(there, ANNA)
        with there.mailboxes.using(anna):
            waiting = [asyncio.create_task(send(there, number, ANNA)) for number in range(MANY)]
            await until_all_wait(there, anna)
            async with asyncio.timeout(60):
                assert (await send(there, MANY, BOB)).startswith("250 2.0.0")
            assert not any(task.done() for task in waiting)
        replies = await asyncio.gather(*waiting)
        assert {reply[:9] for reply in replies} == {"250 2.0.0"}
        with there.mailboxes.using(anna) as box:
            assert box.folders.octets()[0] > 0
        assert there.arrivals._waiting == {}


@in_a_loop
async def test_who_waits_for_a_busy_mailbox_is_refused_for_now_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bascule.platform.arrivals.BUSY_SECONDS", 0.5)
    async with served(tmp_path, ANNA) as there:
        anna = account_of(there, ANNA)
        with there.mailboxes.using(anna):
            replies = await asyncio.gather(*(send(there, number, ANNA) for number in range(MANY)))
        assert {reply[:9] for reply in replies} == {"451 4.2.0"}
        assert there.arrivals._waiting == {}
        assert (await send(there, 0, ANNA)).startswith("250 2.0.0")


def test_who_gives_up_waiting_leaves_the_turn_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bascule.platform.arrivals.GROUP", 1)
    accounts, mailboxes = EmbeddedAccounts(tmp_path / "accounts.sqlite"), Mailboxes(tmp_path / "mailboxes")
    anna = accounts.add(ANNA, PASSWORD, generated=True)
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: None)
    with mailboxes.using(anna.id):
        first = threading.Thread(target=arrivals.deliver, args=(anna, HeldBody(b"1"), b""))
        first.start()
        while not arrivals._waiting:
            time.sleep(0.001)
        second, third, fourth = (arrivals.delivering(anna, HeldBody(octets), b"") for octets in (b"2", b"3", b"4"))
        turns = [next(each) for each in (second, third, fourth)]
        third.close()
        assert not any(turn.done() for turn in turns)
    turns[0].result(60)
    assert not turns[2].done()
    second.close()
    assert list(fourth) == []
    assert arrivals._waiting == {}
    first.join(60)
    with mailboxes.using(anna.id) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        found = [box.reading.octets(row.body) for row in box.reading.rows(inbox.id, 1, 100, limit=100)]
    assert found == [b"1", b"4"]
    mailboxes.close()
    accounts.close()
