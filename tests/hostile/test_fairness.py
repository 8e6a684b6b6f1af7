"""What one peer asks for keeps no thread from others: who is honest is served while it waits."""

import asyncio
import base64
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bascule.platform import limits
from bascule.platform.accounts import EmbeddedAccounts, SignInRefused
from bascule.platform.fair_threads import FairThreads
from bascule.platform.smtp import limits as smtp_limits
from bascule.platform.smtp.milter import Milters
from support.in_process import Client, InProcess, in_a_loop, served
from support.server import PASSWORD

ANNA, BERT = "anna@example.org", "bert@example.org"
STRANGER, HONEST = "127.0.0.2", "127.0.0.3"
MANY = 60
SECONDS = 120.0
"""For what would otherwise wait for ever."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def waiting(threads: FairThreads, name: str) -> int:
    return len(threads._waiting.get(name, ()))


@contextlib.contextmanager
def all_busy(threads: FairThreads) -> Iterator[None]:
    """Every thread works, for names that nobody has, until the block ends."""
    let_go = threading.Event()
    busy = [threads.submit(f"busy {number}", let_go.wait) for number in range(threads._free)]
    try:
        yield
    finally:
        let_go.set()
    assert all(each.result(SECONDS) for each in busy)


async def message_up_to_its_end(server: InProcess, port: int, address: str, sender: str, login: str = "") -> Client:
    """All but the last line of a message for Anna."""
    client = await Client.connect(port, address)
    assert (await client.said("EHLO there")).startswith("250")
    if login:
        told = base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()
        assert (await client.said(f"AUTH PLAIN {told}")).startswith("235")
    for line, reply in ((f"MAIL FROM:<{sender}>", "250"), (f"RCPT TO:<{ANNA}>", "250"), ("DATA", "354")):
        assert (await client.said(line)).startswith(reply), line
    client.send(f"From: {sender}", "Subject: x", "", "text")
    return client


@in_a_loop
async def test_a_flood_of_wrong_sign_ins_leaves_its_turn_to_who_comes_from_elsewhere(tmp_path: Path) -> None:
    order: list[str] = []
    async with served(tmp_path, ANNA, generated=False) as server, asyncio.timeout(SECONDS):
        guessing = [await Client.connect(server.imap, STRANGER) for _ in range(MANY)]
        anna = await Client.connect(server.imap, HONEST)

        async def answered(client: Client, name: str) -> None:
            await client.line()
            order.append(name)

        with all_busy(server.threads.strangers):
            for number, client in enumerate(guessing):
                client.send(f"a LOGIN {ANNA if number % 2 else BERT} wrong{number}")
            await until(lambda: waiting(server.threads.strangers, STRANGER) == MANY)
            anna.send(f"a LOGIN {ANNA} {PASSWORD}")
            await until(lambda: waiting(server.threads.strangers, HONEST) == 1)
        await asyncio.gather(answered(anna, "anna"), *(answered(client, "guess") for client in guessing))
        for client in (anna, *guessing):
            client.close()
    assert order.index("anna") <= 3 * limits.SIGN_IN_THREADS


@in_a_loop
async def test_mail_that_a_filter_holds_keeps_no_member_waiting_and_no_other_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FILTERS_SLOW_SECONDS", "FILTERS_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(smtp_limits, name, 10 * SECONDS)
    asked: list[asyncio.StreamWriter] = []
    is_over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        await is_over.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as filter_, asyncio.timeout(SECONDS):
        milters = Milters((f"inet:127.0.0.1:{filter_.sockets[0].getsockname()[1]}",), seconds=10 * SECONDS)
        async with served(tmp_path, ANNA, BERT, milters=milters) as server:
            flood = [
                await message_up_to_its_end(server, server.smtp, STRANGER, f"x{n}@elsewhere.example") for n in range(20)
            ]
            for client in flood:
                client.send(".")
            await until(lambda: waiting(server.threads.arriving, STRANGER) == 20 - limits.ARRIVING_OF_ONE_NETWORK)
            await until(lambda: len(asked) == smtp_limits.FILTERED_AT_ONCE)

            bert = await Client.connect(server.imap, HONEST)
            await bert.ok(f"LOGIN {BERT} {PASSWORD}")
            await bert.ok("SELECT INBOX")
            await bert.ok("SEARCH TEXT nothing")
            friend = await message_up_to_its_end(server, server.smtp, HONEST, "friend@elsewhere.example")
            submitted = await message_up_to_its_end(server, server.submission, HONEST, BERT, login=BERT)
            submitted.send(".")
            await until(lambda: len(asked) == smtp_limits.FILTERED_AT_ONCE + 1)
            is_over.set()
            for client in (bert, friend, submitted, *flood):
                client.close()


@in_a_loop
async def test_one_members_work_without_an_end_leaves_threads_to_the_others(tmp_path: Path) -> None:
    let_go = threading.Event()
    async with served(tmp_path, ANNA, BERT) as server, asyncio.timeout(SECONDS):
        account = server.accounts.find(ANNA)
        assert account is not None
        for _ in range(MANY):
            server.threads.members.submit(account.id, let_go.wait)
        try:
            bert = await Client.connect(server.imap)
            await bert.ok(f"LOGIN {BERT} {PASSWORD}")
            await bert.ok("SELECT INBOX")
            bert.close()
        finally:
            let_go.set()


def test_who_guesses_keeps_nobody_from_asking_for_an_account(tmp_path: Path) -> None:
    """A wrong password waits to be written down; accounts are found meanwhile."""
    with (
        contextlib.closing(EmbeddedAccounts(tmp_path / "accounts.sqlite")) as accounts,
        ThreadPoolExecutor(1) as thread,
    ):
        accounts.add(ANNA, PASSWORD)
        with contextlib.closing(sqlite3.connect(tmp_path / "accounts.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            guess = thread.submit(accounts.sign_in, ANNA, "wrong", STRANGER)
            held = 0
            while held < 20:  # the look at the counts before holds it for a moment only
                time.sleep(0.005)
                held = held + 1 if accounts.attempts._guard.locked() else 0
            assert accounts.find(ANNA) is not None
            assert not guess.done()
            other.execute("ROLLBACK")
        with pytest.raises(SignInRefused):
            guess.result()
