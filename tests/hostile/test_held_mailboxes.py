"""One member's work in a mailbox keeps nobody from signing in, and a set of messages is looked through once, however long a client made it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.platform import limits
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.mailboxes import Mailboxes
from bascule.protocols.imap.requests import parse_request
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support.in_process import Client, in_a_loop, served
from support.server import PASSWORD

ANNA, BERT = "anna@example.org", "bert@example.org"
SECONDS = 120.0
EXPUNGED = 20_000
RANGES = 60_000
"""Of single numbers, in a line of half a megabyte."""


@in_a_loop
async def test_who_holds_a_mailbox_keeps_nobody_from_signing_in(tmp_path: Path) -> None:
    async with served(tmp_path, ANNA, BERT) as server, asyncio.timeout(SECONDS):
        first = await Client.connect(server.imap)
        await first.ok(f"LOGIN {ANNA} {PASSWORD}")
        account = server.accounts.find(ANNA)
        assert account is not None
        held, over = threading.Event(), threading.Event()

        def work() -> None:
            with server.mailboxes.using(account.id):
                held.set()
                over.wait()

        working = threading.Thread(target=work)
        working.start()
        try:
            await asyncio.to_thread(held.wait)
            first.send("a SELECT INBOX")
            clients = [await Client.connect(server.imap, "127.0.0.2") for _ in range(limits.SIGN_IN_THREADS + 1)]
            for client in clients:
                await client.ok(f"LOGIN {ANNA} {PASSWORD}")
            clients.append(await Client.connect(server.imap, "127.0.0.3"))
            await clients[-1].ok(f"LOGIN {BERT} {PASSWORD}")
            await clients[-1].ok("SELECT INBOX")
        finally:
            over.set()
            working.join()
        while not (await first.line()).startswith("a OK"):
            pass
        for client in (first, *clients):
            client.close()


@in_a_loop
async def test_a_sign_in_that_fails_takes_no_place(tmp_path: Path) -> None:
    """The account's mailbox can't be opened; once it can, all that may sign in do."""
    async with served(tmp_path, ANNA) as server, asyncio.timeout(SECONDS):
        account = server.accounts.find(ANNA)
        assert account is not None
        place = server.mailboxes.place_of(account.id)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("no mailbox")
        client = await Client.connect(server.imap)
        connection = next(iter(server.connections))
        client.send(f"a LOGIN {ANNA} {PASSWORD}")
        assert (await client.line()).startswith("a NO [UNAVAILABLE]")
        assert connection._shared.admission._accounts == {}
        place.unlink()
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        assert connection._shared.admission._accounts == {account.id: 1}
        client.close()


class _Alone:
    """A session without its socket, on a mailbox of which many messages were expunged and one is there."""

    def __init__(self, root: Path) -> None:
        self.accounts = accounts = EmbeddedAccounts(root / "accounts.sqlite")
        accounts.add(ANNA, PASSWORD, generated=True)
        self.mailboxes = Mailboxes(root / "mailboxes")
        self._services = Services(
            accounts, self.mailboxes, lambda account: None, time.time, lambda *event, **fields: None
        )
        self.sign_in()
        account = accounts.find(ANNA)
        assert account is not None
        self.account = account.id
        with self.mailboxes.using(self.account) as box:
            self.validity = _fill(box)

    def close(self) -> None:
        self.mailboxes.close()
        self.accounts.close()

    def sign_in(self) -> None:
        self._session = Session(self._services, Connection("127.0.0.1", True))
        self.ok(f"LOGIN {ANNA} {PASSWORD}")

    def ok(self, command: str) -> bytes:
        told = b"".join(self._session.handle(parse_request([f"a {command}".encode()])))
        assert b"\r\na OK" in b"\r\n" + told, told[-200:]
        return told

    def counted(self, command: str) -> tuple[bytes, int, float]:
        """(What is told, SQL statements, processor seconds.)"""
        with self.mailboxes.using(self.account) as box:
            database = box.mailbox.database
        statements: list[str] = []
        database.set_trace_callback(statements.append)
        before = time.thread_time()
        told = self.ok(command)
        took = time.thread_time() - before
        database.set_trace_callback(None)
        return told, len(statements), took


def _fill(box: LiveMailbox) -> int:
    inbox = box.folders.find(INBOX)
    assert inbox is not None
    seen = Arriving(HeldBody(b"Subject: x\r\n\r\n"), frozenset({"\\Seen"}), InternalDate(0))
    box.messages.append(inbox.id, [seen])
    while len(rows := box.reading.rows(inbox.id, 1, 10**9, limit=-1)) < EXPUNGED:
        box.messages.copy([row.id for row in rows][: EXPUNGED - len(rows)], inbox.id)
    box.messages.expunge(inbox.id, [row.id for row in rows], int(time.time()))
    box.messages.append(inbox.id, [Arriving(HeldBody(b"Subject: new\r\n\r\n"), frozenset(), InternalDate(0))])
    return inbox.uidvalidity


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Alone]:
    with contextlib.closing(_Alone(tmp_path_factory.mktemp("alone"))) as session:
        yield session


def test_a_folder_that_begins_with_many_expunged_messages_is_selected(alone: _Alone) -> None:
    alone.sign_in()
    told = alone.ok("SELECT INBOX")
    assert b"* 1 EXISTS" in told
    assert b"[UNSEEN" not in told, "it is too far to look"


@pytest.mark.parametrize(
    "command",
    [
        "SELECT INBOX (QRESYNC ({validity} 1 {numbers}))",
        "UID FETCH {numbers} (FLAGS) (CHANGEDSINCE 1 VANISHED)",
        "UID STORE {numbers} +FLAGS (\\Seen)",
        "UID COPY {numbers} Trash",
        "UID EXPUNGE {numbers}",
    ],
)
def test_a_set_of_many_ranges_is_looked_through_once(alone: _Alone, command: str) -> None:
    alone.sign_in()
    alone.ok("ENABLE QRESYNC IMAP4rev2")
    alone.ok("SELECT INBOX")
    numbers = ",".join(str(number) for number in range(EXPUNGED - 1, EXPUNGED + 2 * RANGES, 2))
    told, statements, seconds = alone.counted(command.format(validity=alone.validity, numbers=numbers))
    if "QRESYNC" in command or "VANISHED" in command:
        assert b"* VANISHED (EARLIER) %d\r\n" % (EXPUNGED - 1) in told
        assert b"* 1 FETCH (UID %d" % (EXPUNGED + 1) in told
    assert statements < 100
    assert seconds < 10.0
