"""The queue's own process, inside a test: a real store, accounts and mailboxes in a folder, and other servers on loopback."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from bascule.platform.accounts import Account, EmbeddedAccounts
from bascule.platform.arrivals import Arrivals
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.outward import Outward
from bascule.platform.smtp.queue import QueueStore, limits
from bascule.platform.smtp.queue.attempt import Attempts, Silence
from bascule.platform.smtp.queue.conclusion import Conclusions, Patience
from bascule.platform.smtp.queue.routes import Routes
from bascule.platform.smtp.queue.runner import Runner
from bascule.platform.smtp.queue.sending import Sender, Smarthost
from bascule.platform.trace import Row, Trace, search
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from support.server import ANNA, PASSWORD

TEXT = b"Subject: x\r\n\r\nhello\r\n"


class QueueRig:
    """``port``: of all other servers; ``[127.0.0.9]`` as a domain is the one that listens there, without DNS."""

    def __init__(
        self, data: Path, port: int = 1, *, logins: tuple[str, ...] = (ANNA,), patience: Patience | None = None,
        smarthost: tuple[Endpoint, Smarthost | None] | None = None, postmaster: str | None = None, rest_seconds: float = 1.0,
        inner: tuple[str, ...] = ("127.0.0.0/8",), nameservers: tuple[Endpoint, ...] = (),
    ) -> None:  # fmt: skip
        self.data = data
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.accounts = EmbeddedAccounts(data / "accounts.sqlite")
        for login in logins:
            self.accounts.add(login, PASSWORD, generated=True)
        self.mailboxes = Mailboxes(data / "mailboxes")
        self.arrivals = Arrivals(self.mailboxes, lambda account: None, self.log)
        self.store = QueueStore(data)
        self.trace = Trace(data / "trace.sqlite", log=self.log)
        self.workers = ThreadPoolExecutor(limits.THREADS)
        routes = Routes(
            smarthost[0] if smarthost else None,
            nameservers,
            mx_port=port,
            outward=Outward(tuple(map(ip_network, inner))),
        )
        sender = Sender("mail.example.org", self.log, smarthost[1] if smarthost else None)
        patience = patience or Patience(first_retry_seconds=300.0)
        silence = Silence(rest_seconds)
        attempts = Attempts(
            self.accounts, self.arrivals, routes, sender, self.workers, time.time, postmaster, silence, self.store.begin
        )
        zone = ZoneInfo("Europe/Paris")
        self.conclusions = conclusions = Conclusions(
            self.store, self.accounts, self.trace, "mail.example.org", zone, patience, time.time, postmaster
        )
        self.runner = Runner(self.store, attempts, conclusions, self.workers, self.log)

    def log(self, event: str, **fields: object) -> None:
        self.logged.append((event, fields))

    def put(self, identity: str, *recipients: str, text: bytes = TEXT, sender: str = ANNA) -> None:
        here = [each for each in recipients if self.accounts.find(each) is not None]
        self.store.put(identity, sender, recipients, HeldBody(text), is_utf8=not sender.isascii(), here=here)

    def run(self, is_done: Callable[[], bool], seconds: float = 30.0) -> float:
        """Work the queue off until ``is_done``; the seconds that it took."""
        return asyncio.run(self._run(is_done, seconds))

    async def _run(self, is_done: Callable[[], bool], seconds: float) -> float:
        wake, until, began = asyncio.Event(), asyncio.Event(), time.monotonic()
        task = asyncio.create_task(self.runner.run(wake, until))
        try:
            while not is_done():
                assert time.monotonic() < began + seconds, (self.store.all(), self.logged)
                assert not task.done(), task
                await asyncio.sleep(0.02)
            return time.monotonic() - began
        finally:
            until.set()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def messages(self, login: str = ANNA, folder: str = "INBOX") -> list[bytes]:
        account = self.accounts.find(login)
        assert isinstance(account, Account)
        with self.mailboxes.using(account.id) as box:
            found = box.folders.find(FolderPath((folder,)))
            assert found is not None
            rows = box.reading.rows(found.id, 1, 2**32 - 1, limit=10_000)
            return [box.reading.octets(row.body) for row in rows]

    def rows(self) -> list[Row]:
        """The trace, once it is written."""
        self.trace.close()
        return list(search(self.data / "trace.sqlite"))

    def close(self) -> None:
        self.workers.shutdown()
        self.trace.close()
        self.store.close()
        self.mailboxes.close()
        self.accounts.close()


@contextlib.contextmanager
def queue_rig(data: Path, port: int = 1, **told: object) -> Iterator[QueueRig]:
    rig = QueueRig(data, port, **told)  # type: ignore[arg-type]
    try:
        yield rig
    finally:
        rig.close()
