"""IMAP, SMTP and submission of one server process, within the test's own event loop: where a test looks at what waits for a thread."""

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.admission import Admission
from bascule.platform.arrivals import Arrivals
from bascule.platform.certificate import Certificate
from bascule.platform.fair_threads import Threads
from bascule.platform.imap.connection import ImapConnection, Shared
from bascule.platform.imap.session import Services
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.smtp.accepting import Accepting
from bascule.platform.smtp.connection import SmtpConnection, SmtpShared
from bascule.platform.smtp.milter import Milters
from bascule.platform.smtp.queue import QUEUE, QueueStore, WakingQueue
from bascule.platform.smtp.refusals import Refusals
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.session import Services as SmtpServices
from bascule.platform.smtp.transaction import new_id
from bascule.platform.trace import Trace
from support.server import PASSWORD

_P = ParamSpec("_P")


def in_a_loop(test: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """The test as pytest calls it."""

    @functools.wraps(test)
    def run(*arguments: _P.args, **named: _P.kwargs) -> None:
        async def whole() -> None:
            await test(*arguments, **named)

        asyncio.run(whole())

    return run


@dataclass(frozen=True, slots=True)
class InProcess:
    threads: Threads
    accounts: EmbeddedAccounts
    mailboxes: Mailboxes
    watchers: dict[str, set[ImapConnection]]
    connections: set[ImapConnection]
    log: dict[str, dict[str, object]]
    """By the name of an event: the fields of the last one."""
    arrivals: Arrivals
    queue: QueueStore
    imap: int
    smtp: int
    submission: int


@contextlib.asynccontextmanager
async def served(
    root: Path,
    *logins: str,
    milters: Milters | None = None,
    generated: bool = True,
    certificate: Certificate | None = None,
    notify: Callable[[str], None] = lambda name: None,
    quota_octets: int | None = None,
) -> AsyncIterator[InProcess]:
    """``generated``: whether the accounts' passwords count as such, which cost no slow hash. ``notify``: sends wake-ups, an account's or the queue's."""
    accounts, mailboxes = EmbeddedAccounts(root / "accounts.sqlite"), Mailboxes(root / "mailboxes")
    for login in logins:
        accounts.add(login, PASSWORD, generated=generated, quota_octets=quota_octets)
    queue, trace = QueueStore(root), Trace(root / "trace.sqlite")
    with contextlib.ExitStack() as stack:
        for each in (accounts, mailboxes, queue, trace):
            stack.callback(each.close)
        threads = stack.enter_context(Threads())

        events: dict[str, dict[str, object]] = {}

        def log(event: str, **fields: object) -> None:
            events[event] = fields

        imap = Shared(
            Services(accounts, mailboxes, notify, time.time, log),
            threads,
            certificate,
            Admission(1000, 500, 100),
        )
        arrivals = Arrivals(mailboxes, notify, log)
        accepting = Accepting(
            accounts,
            arrivals,
            WakingQueue(queue, lambda: notify(QUEUE), log),
            trace,
            milters or Milters(),
            None,
            time.time,
            "mail.example.org",
        )
        services = SmtpServices(
            accounts, arrivals, accepting, time.time, log, new_id, lambda account: 1000, refusals=Refusals(trace)
        )
        smtp = SmtpShared(services, threads, certificate, Admission(1000, 500, 100))
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as listening:
            ports = []
            for factory in (
                lambda: ImapConnection(imap),
                lambda: SmtpConnection(smtp, Role.INBOUND),
                lambda: SmtpConnection(smtp, Role.SUBMISSION),
            ):
                server = await listening.enter_async_context(await loop.create_server(factory, "127.0.0.1", 0))
                ports.append(server.sockets[0].getsockname()[1])
            yield InProcess(
                threads, accounts, mailboxes, imap.watchers, imap.connections, events, arrivals, queue, *ports
            )
            for imap_connection in set(imap.connections):
                await imap_connection.end("over")
            for smtp_connection in set(smtp.connections):
                await smtp_connection.end()


class Client:
    """A line in, and what comes back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, address: str = "127.0.0.1") -> "Client":
        """From ``address``, of loopback; with the greeting read."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0), family=socket.AF_INET))
        await client.line()
        return client

    def send(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def line(self) -> str:
        line = await self._reader.readline()
        assert line, "the server hung up"
        return line.decode().removesuffix("\r\n")

    async def said(self, line: str) -> str:
        """The last line of an SMTP reply to it."""
        self.send(line)
        while (reply := await self.line())[3:4] == "-":
            pass
        return reply

    async def ok(self, command: str) -> list[str]:
        """Of IMAP: the lines up to its tagged OK."""
        self.send(f"t {command}")
        lines = [await self.line()]
        while not lines[-1].startswith("t "):
            lines.append(await self.line())
        assert lines[-1].startswith("t OK"), lines[-1]
        return lines

    async def append(self, *messages: str) -> None:
        """Into INBOX, together."""
        literals = "".join(f" {{{len(text.encode())}+}}\r\n{text}" for text in messages)
        await self.ok(f"APPEND INBOX{literals}")

    def close(self) -> None:
        self._writer.close()
