"""One attempt: a message for those who wait for it in one lane, into mailboxes here or to the servers of a domain."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from bascule.platform.accounts import Account, Accounts
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.octets import FileOctets
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.accepting import delivery_fields
from bascule.platform.smtp.postmaster import find_account, is_ours
from bascule.platform.smtp.queue import limits
from bascule.platform.smtp.queue.meaning import Meaning, Outcome, final, later
from bascule.platform.smtp.queue.routes import NoRoute, Routes
from bascule.platform.smtp.queue.sending import Outgoing, Sender, Unreachable
from bascule.platform.smtp.queue.store import Entry, Waiting
from bascule.protocols.smtp import Reply

_DELIVERED = Outcome(Reply(250, "2.0.0", ("delivered",)), Meaning.DONE, is_here=True)


@dataclass(slots=True)
class _Known:
    """Of a domain or a host. ``until_utc``: what is due up to then gets ``outcome``."""

    reached_utc: float = 0.0
    until_utc: float = 0.0
    outcome: Outcome | None = None


class Silence:
    """Which domains had no server that takes mail from us, and what was found; which hosts did not; which mailboxes could not be opened. For any thread.

    What was due before such an attempt began, or comes due in the moment after, would only wait for the same time-outs: it gets the same
    answer. Unless another attempt of the same time was more lucky. ``rest_seconds``: how long that moment is.
    """

    def __init__(self, rest_seconds: float) -> None:
        self.rest_seconds = rest_seconds
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._guard = threading.Lock()

    def note(self, name: str, began_utc: float, until_utc: float, outcome: Outcome) -> None:
        """An attempt that began then ended so; what is due up to ``until_utc`` gets the same."""
        with self._guard:
            known = self._of(name)
            if known.reached_utc < began_utc:
                known.until_utc, known.outcome = until_utc, outcome

    def reached(self, name: str, now_utc: float) -> None:
        with self._guard:
            known = self._of(name)
            known.reached_utc, known.outcome = now_utc, None

    def answer(self, name: str, due_utc: float, now_utc: float) -> Outcome | None:
        """Of what is due since then. What was found at a time that is still to come was found by a clock that was ahead, and says nothing."""
        with self._guard:
            known = self._known.get(name)
        if known is None or known.until_utc > now_utc + max(self.rest_seconds, limits.HOST_REST_SECONDS):
            return None
        return known.outcome if due_utc <= known.until_utc else None

    def _of(self, name: str) -> _Known:
        known = self._known.setdefault(name, _Known())
        self._known.move_to_end(name)
        while len(self._known) > limits.DOMAINS_REMEMBERED:
            self._known.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class Attempts:
    """``workers``: threads for what blocks. ``postmaster``: see `find_account`. ``begun``: told of a message, and for whom, before its octets go to
    another server; what it raises keeps them here, and `make` raises it."""

    accounts: Accounts
    arrivals: Arrivals
    routes: Routes
    sender: Sender
    workers: Executor
    clock: Callable[[], float]
    postmaster: str | None
    silence: Silence
    begun: Callable[[str, Sequence[str]], None] = lambda message, recipients: None

    async def make(
        self,
        entry: Entry,
        waiting: Sequence[Waiting],
        octets: FileOctets,
        begin: Callable[[Sequence[str]], None],
    ) -> AsyncIterator[dict[str, Outcome]]:
        """Outcomes, as soon as each is known, of those who wait in one lane. ``begin``: notes that these are sent elsewhere now; where it can't, they are not.

        Who gets none does not belong there: their mailbox is not on this machine any more. Raises AccountsUnavailable, and what ``begin`` raises.
        """
        loop = asyncio.get_running_loop()
        here = await loop.run_in_executor(self.workers, self._deliver, entry, waiting, octets)
        if here:
            yield here
        elsewhere = [each for each in waiting if each.address not in here and not each.is_for_here]
        if not elsewhere:
            return
        domain = elsewhere[0].lane
        place, now = self._place(domain), self.clock()
        known = {each.address: self.silence.answer(place, each.next_utc, now) for each in elsewhere}
        if silent := {address: outcome for address, outcome in known.items() if outcome is not None}:
            yield silent
        asked = [each.address for each in elsewhere if each.address not in silent]
        for first in range(0, len(asked), limits.RECIPIENTS):
            some = tuple(asked[first : first + limits.RECIPIENTS])
            await loop.run_in_executor(self.workers, begin, some)
            yield await self._send(
                domain, Outgoing(entry.sender, some, octets, entry.is_utf8, partial(self.begun, entry.id))
            )

    def _deliver(self, entry: Entry, waiting: Sequence[Waiting], octets: FileOctets) -> dict[str, Outcome]:
        """Of those who have, or should have, a mailbox here."""
        outcomes: dict[str, Outcome] = {}
        for each in waiting:
            address = each.address
            account = find_account(self.accounts, address, self.postmaster)
            if account is None:
                if is_ours(self.accounts, address):
                    outcomes[address] = final("5.1.1", f"there is nobody here named {address}")
            elif account.is_here:
                known = self.silence.answer(f"mailbox {account.id}", each.next_utc, self.clock())
                outcomes[address] = known or self._deliver_to(account, entry, address, octets)
            elif "@" not in address:  # with a domain, the mail server in front knows on which node it is
                outcomes[address] = later("4.2.0", "the mailbox is on another server")
        return outcomes

    def _deliver_to(self, account: Account, entry: Entry, address: str, octets: FileOctets) -> Outcome:
        began = self.clock()
        try:
            before, delivery = delivery_fields(entry.sender, address), f"{entry.id}/{address}"
            self.arrivals.deliver(account, octets, before, delivery, is_spam=entry.is_spam)
        except NotDelivered as failure:
            if failure.is_full:
                return later("4.2.2", failure.text, 452)
            closed = later("4.2.0", failure.text, 452)
            self.silence.note(f"mailbox {account.id}", began, began, closed)  # whoever waits for it would wait as long
            return closed
        return _DELIVERED

    # -- to other servers ---------------------------------------------------------------------------------------------

    def _place(self, domain: str) -> str:
        """What is silent: a smarthost is so for all domains."""
        return domain if self.routes.smarthost is None else str(self.routes.smarthost)

    async def _send(self, domain: str, message: Outgoing) -> dict[str, Outcome]:
        began, place = self.clock(), self._place(domain)
        try:
            found = await self._send_to_one(await self.routes.hosts(domain), message)
        except NoRoute as error:
            unreached = (final if error.is_permanent else later)(error.status, error.text)
        except _NoHost as error:
            unreached = error.outcome
        else:
            self.silence.reached(place, self.clock())
            return found
        self.silence.note(place, began, began + self.silence.rest_seconds, unreached)
        return dict.fromkeys(message.recipients, unreached)

    async def _send_to_one(self, hosts: Sequence[Endpoint], message: Outgoing) -> dict[str, Outcome]:
        """The first of ``hosts`` that takes mail from us; those that just did not come last. Raises _NoHost."""
        problems: list[Unreachable] = []
        now = self.clock()
        for host in sorted(hosts, key=lambda each: self.silence.answer(f"host {each}", now, now) is not None):
            began = self.clock()
            try:
                return await self.sender.send(host, message)
            except Unreachable as error:
                problems.append(error)
                until = self.clock() + limits.HOST_REST_SECONDS
                self.silence.note(f"host {host}", began, until, later("4.4.1", str(error)))
        text = "; ".join(str(each)[: limits.REPLY_CHARACTERS] for each in problems)
        is_never = self.routes.smarthost is None and all(
            each.is_never for each in problems
        )  # RFC 7504 is of a domain's own hosts
        raise _NoHost(final("5.3.2", text) if is_never else later("4.4.1", text))


class _NoHost(Exception):
    """No server of a domain takes mail from us now."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reply.text)
        self.outcome = outcome
