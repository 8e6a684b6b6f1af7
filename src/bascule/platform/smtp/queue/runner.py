"""Works the queue off: each message that is due is delivered here or sent on, tried again later, or given up with a notice."""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from bascule.platform.accounts import Accounts, AccountsUnavailable
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.smtp.accepting import delivery_fields
from bascule.platform.smtp.queue.notices import Failing, notice
from bascule.platform.smtp.queue.routes import NoRoute, Routes
from bascule.platform.smtp.queue.sending import Outgoing, Sender, Unreachable
from bascule.platform.smtp.queue.store import Entry, QueueStore, State
from bascule.platform.trace import Event, Trace
from bascule.protocols.mime import HeaderSummary, summarise
from bascule.protocols.mime.headers import HEADER_OCTETS, header_of
from bascule.protocols.smtp import Reply
from bascule.terms.body import CHUNK_OCTETS, Body, HeldBody, body_of

AT_ONCE = 20
"""Messages in hand at once."""
AT_ONCE_TO_ONE_DOMAIN = 4
"""Connections: more, and large receivers begin to refuse."""
LOOK_SECONDS = 30.0
"""Between two looks at the queue when nobody wakes it."""
ERROR_SECONDS = 10.0
"""Before a message is looked at again that could not be worked on here (disk full)."""
LONGEST_RETRY_SECONDS = 4 * 3600.0
RETURNED_OCTETS = 16 * 1024
"""Of the header that goes back with a notice."""
_T = TypeVar("_T")
_DELIVERED = Reply(250, "2.0.0", ("delivered",))


@dataclass(frozen=True, slots=True)
class Patience:
    """RFC 5321 §4.5.4.1: the wait grows from attempt to attempt; given up after four to five days."""

    first_retry_seconds: float = 300.0
    warn_seconds: float = 4 * 3600.0
    give_up_seconds: float = 5 * 24 * 3600.0

    def wait_seconds(self, attempts: int) -> float:
        """After that many attempts."""
        return float(min(self.first_retry_seconds * 2 ** min(attempts, 20), LONGEST_RETRY_SECONDS))


@dataclass(frozen=True, slots=True)
class Runner:
    store: QueueStore
    accounts: Accounts
    arrivals: Arrivals
    routes: Routes
    sender: Sender
    trace: Trace
    workers: Executor
    log: Callable[..., None]
    hostname: str
    zone: ZoneInfo
    patience: Patience = Patience()
    clock: Callable[[], float] = time.time

    async def run(self, wake: asyncio.Event, until: asyncio.Event) -> None:
        """``wake``: something was put, or an administrator wants it tried. Returns once what is in hand is finished."""
        await self._in_thread(self.store.tidy)
        tasks: dict[str, asyncio.Task[None]] = {}
        gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_TO_ONE_DOMAIN))
        ending = asyncio.create_task(until.wait())
        while not until.is_set():
            wake.clear()
            tasks = {identity: task for identity, task in tasks.items() if not task.done()}
            for identity in await self._in_thread(self.store.due, AT_ONCE * 2):
                if identity not in tasks and len(tasks) < AT_ONCE:
                    tasks[identity] = asyncio.create_task(self._work(identity, gates))
            due = await self._in_thread(self.store.next_utc)
            shortest = 0.5 if tasks else 0.01  # what is in hand still counts as due
            pause = LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(shortest, due - self.clock()))
            woken = asyncio.create_task(wake.wait())
            await asyncio.wait([woken, ending, *tasks.values()], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
        await asyncio.gather(*tasks.values())
        ending.cancel()

    async def _in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self.workers, lambda: call(*arguments))

    # -- one message --------------------------------------------------------------------------------------------------

    async def _work(self, identity: str, gates: dict[str, asyncio.Semaphore]) -> None:
        try:
            entry = await self._in_thread(self.store.get, identity)
            if entry is None:
                return
            now = self.clock()
            due = [each.address for each in entry.recipients if each.state is State.WAITING and each.next_utc <= now]
            body = await self._in_thread(_read, self.store.file_of(identity), entry.octets)
            try:
                replies = await self._attempt(entry, due, body, gates)
                start = body.start(HEADER_OCTETS)
                await self._in_thread(self._conclude, entry, replies, start)
            finally:
                body.close()
        except FileNotFoundError:
            await self._in_thread(self._give_up_on_lost, identity)
        except (AccountsUnavailable, OSError, sqlite3.Error) as error:
            self.log("queue-error", id=identity, error=str(error))
            await asyncio.sleep(ERROR_SECONDS)
        except Exception as error:  # noqa: BLE001 - one message must not stop the others; it stays in the queue
            self.log("bug", id=identity, error=repr(error))
            await asyncio.sleep(ERROR_SECONDS)

    def _give_up_on_lost(self, identity: str) -> None:
        """Its octets are gone: an administrator deleted it a moment ago, or the folder was damaged."""
        if self.store.change(identity, State.HELD):
            self.log("queue-damaged", id=identity, advice="the message's file is missing; it is held")

    async def _attempt(
        self, entry: Entry, due: Sequence[str], body: Body, gates: dict[str, asyncio.Semaphore]
    ) -> dict[str, Reply]:
        """The reply of each recipient."""
        domains: dict[str, list[str]] = defaultdict(list)
        work: list[Awaitable[dict[str, Reply]]] = []
        for address in due:
            account = await self._in_thread(self.accounts.find, address)
            domain = address.rpartition("@")[2].lower()
            is_ours = account is not None or await self._in_thread(self.accounts.serves, domain)
            if is_ours and (account is None or account.is_here):
                work.append(self._in_thread(self._deliver, entry, address, body))
            else:  # elsewhere; also a mailbox of another node, which the mail server in front knows
                domains[domain].append(address)
        octets = body.whole() if domains else b""
        for domain, addresses in domains.items():
            message = Outgoing(entry.sender, tuple(addresses), octets, entry.is_utf8)
            work.append(self._send(domain, message, gates[domain]))
        replies: dict[str, Reply] = {}
        for some in await asyncio.gather(*work):
            replies |= some
        return replies

    def _deliver(self, entry: Entry, address: str, body: Body) -> dict[str, Reply]:
        account = self.accounts.find(address)
        if account is None:
            return {address: Reply(550, "5.1.1", (f"there is nobody here named {address}",))}
        try:
            self.arrivals.deliver(account, body, delivery_fields(entry.sender, address), f"{entry.id}/{address}")
        except NotDelivered as failure:
            return {address: Reply(452, "4.2.2" if failure.is_full else "4.2.0", (failure.text,))}
        return {address: _DELIVERED}

    async def _send(self, domain: str, message: Outgoing, gate: asyncio.Semaphore) -> dict[str, Reply]:
        async with gate:
            try:
                hosts = await self.routes.hosts(domain)
            except NoRoute as error:
                code = 550 if error.is_permanent else 450
                return dict.fromkeys(message.recipients, Reply(code, error.status, (error.text,)))
            problems: list[str] = []
            for host in hosts:
                try:
                    return await self.sender.send(host, message)
                except Unreachable as error:
                    problems.append(str(error))
            return dict.fromkeys(message.recipients, Reply(450, "4.4.1", ("; ".join(problems),)))

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def _conclude(self, entry: Entry, replies: dict[str, Reply], start: bytes) -> None:
        header = summarise(start)
        now = self.clock()
        is_over = now - entry.arrived_utc >= self.patience.give_up_seconds
        done = [address for address, reply in replies.items() if reply.is_positive]
        failed = {a: r for a, r in replies.items() if r.is_permanent or (not r.is_positive and is_over)}
        later = {a: r for a, r in replies.items() if not r.is_positive and a not in failed}
        for address, reply in replies.items():
            event = Event.BOUNCED if address in failed else Event.DELAYED if address in later else Event.DELIVERED if reply is _DELIVERED else Event.SENT  # fmt: skip
            self._note(event, entry, address, header, "" if reply is _DELIVERED else str(reply))
        if done:
            self.store.settle(entry.id, done)
        attempts = {each.address: each.attempts for each in entry.recipients}
        for address, reply in later.items():
            self.store.postpone(entry.id, address, now + self.patience.wait_seconds(attempts[address]), str(reply))
        if failed:
            self._tell(entry, failed, header, start, is_final=True)
        is_late = now - entry.arrived_utc >= self.patience.warn_seconds
        told = {each.address for each in entry.recipients if each.is_told}
        untold = {address: reply for address, reply in later.items() if address not in told}
        if is_late and untold:
            self._tell(entry, untold, header, start, is_final=False)

    def _tell(
        self, entry: Entry, replies: dict[str, Reply], header: HeaderSummary, start: bytes, *, is_final: bool
    ) -> None:
        """A notice, to whoever sent it. RFC 5321 §6.1: none about a notice."""
        if not entry.sender:
            if is_final:
                self.store.settle(entry.id, list(replies))
            return
        failing = [
            Failing(address, _status(reply, is_final=is_final), str(reply)) for address, reply in replies.items()
        ]
        octets = notice(
            hostname=self.hostname, message=entry.id, sender=entry.sender, subject=header.subject, failing=failing,
            header=header_of(start)[:RETURNED_OCTETS], is_final=is_final, arrived_utc=entry.arrived_utc, now_utc=self.clock(),
            until_utc=entry.arrived_utc + self.patience.give_up_seconds, zone=self.zone,
        )  # fmt: skip
        identity = f"{entry.id}.{'f' if is_final else 'd'}{time.time_ns():x}"
        self.store.answer(entry.id, list(replies), identity, HeldBody(octets), entry.sender, is_final=is_final)

    def _note(self, event: Event, entry: Entry, address: str, header: HeaderSummary, detail: str) -> None:
        self.trace.note(
            event, entry.id, sender=entry.sender, recipient=address, subject=header.subject, message_id=header.message_id,
            octets=entry.octets, detail=detail,
        )  # fmt: skip


def _status(reply: Reply, *, is_final: bool) -> str:
    if reply.code < 500 and is_final:
        return "4.4.7"  # RFC 3463 §3.5: delivery time expired
    return reply.status or ("5.0.0" if reply.is_permanent else "4.0.0")


def _read(path: Path, octets: int) -> Body:
    return body_of(_pieces(path), octets)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK_OCTETS):
            yield piece
