"""Works the queue off: each message that is due is delivered here or sent on, lane by lane, so that nobody's mail waits behind another's.

A lane is some mailboxes here or a domain elsewhere (`bascule.platform.smtp.queue.store`). Of the former one message is worked on at a time, a domain
gets a few connections; all mailboxes together have some threads, which no connection takes from them. Only one process runs this for an
installation (`process`); servers and administrators change the rows meanwhile, so each attempt reads its message anew.

Another server does not know a message again. So it is sent to one only once a row says that this began, and where the rows can't be written, what was
sent stays in hand, with its lane's place, until they can. A process that ends in between tries again when a failed attempt would be.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from bascule.mailbox.database import is_bug
from bascule.platform.accounts import AccountsUnavailable
from bascule.platform.octets import FileOctets
from bascule.platform.smtp.queue import limits
from bascule.platform.smtp.queue.attempt import Attempts
from bascule.platform.smtp.queue.conclusion import Conclusions, NotSettled
from bascule.platform.smtp.queue.meaning import later
from bascule.platform.smtp.queue.store import Entry, NotWaiting, QueueStore, State, Waiting, is_lane_here
from bascule.protocols.mime.headers import HEADER_OCTETS

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Part:
    """What is in hand at once: a message, for those who wait in one lane."""

    lane: str
    message: str

    @property
    def is_for_here(self) -> bool:
        return is_lane_here(self.lane)


def choose(lanes: Sequence[str], due: Callable[[str, int], Sequence[str]], in_hand: Sequence[Part]) -> list[Part]:
    """Which to begin now. ``lanes``: in which something is due, in their order; ``due``: the first messages of one, those in hand among them.

    Of two lanes, the one with less in hand comes first.
    """
    busy = Counter(part.lane for part in in_hand)
    known = set(in_hand)
    free = {True: limits.DELIVERIES, False: limits.CONNECTIONS}
    for part in in_hand:
        free[part.is_for_here] -= 1
    found: list[tuple[int, Part]] = []
    asked = {True: 0, False: 0}
    for lane in lanes:
        is_for_here = is_lane_here(lane)
        room = (1 if is_for_here else limits.CONNECTIONS_TO_ONE) - busy[lane]
        if room <= 0 or (not busy[lane] and asked[is_for_here] >= free[is_for_here]):
            continue
        new = [part for message in due(lane, room + busy[lane]) if (part := Part(lane, message)) not in known]
        asked[is_for_here] += bool(new) and not busy[lane]  # those with some in hand may have to stand back
        found += [(busy[lane] + place, part) for place, part in enumerate(new[:room])]
    chosen: list[Part] = []
    for rank, part in sorted(found, key=lambda each: each[0]):
        spare = 0 if part.is_for_here or rank == 0 else limits.CONNECTIONS - limits.CONNECTIONS_SHARED
        if free[part.is_for_here] > spare:
            free[part.is_for_here] -= 1
            chosen.append(part)
    return chosen


@dataclass(frozen=True, slots=True)
class Runner:
    store: QueueStore
    attempts: Attempts
    conclusions: Conclusions
    workers: Executor
    log: Callable[..., None]
    clock: Callable[[], float] = time.time
    _tasks: dict[Part, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, wake: asyncio.Event, until: asyncio.Event) -> None:
        """``wake``: something was put, or an administrator wants it tried. Returns once what is in hand is finished, or
        cut off after `limits.STOP_SECONDS`: `Conclusions.note_cut_off` tells of it."""
        await self._in_thread(self.store.tidy)
        ending = asyncio.create_task(until.wait())
        while not until.is_set():
            wake.clear()
            due = await self._begin(until)
            shortest = 0.5 if self._tasks else 0.01  # what is in hand still counts as due
            pause = limits.LOOK_SECONDS if due is None else min(limits.LOOK_SECONDS, max(shortest, due - self.clock()))
            woken = asyncio.create_task(wake.wait())
            tasks = [woken, ending, *self._tasks.values()]
            await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
        await self._finish()
        ending.cancel()

    async def _finish(self) -> None:
        """What goes to a mailbox here has no other server to wait for."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=limits.STOP_SECONDS)
        for part, task in self._tasks.items():
            if not part.is_for_here:
                task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _begin(self, until: asyncio.Event) -> float | None:
        """Begin what there is room for; when the next one is due. A queue that can't be read is looked at again later."""
        for part in [part for part, task in self._tasks.items() if task.done()]:
            del self._tasks[part]
        in_hand = list(self._tasks)
        try:
            await self._in_thread(lambda: self.store.bring_forward(self.clock() + limits.LONGEST_RETRY_SECONDS))
            for part in await self._in_thread(lambda: choose(self.store.lanes_due(), self.store.due, in_hand)):
                self._tasks[part] = asyncio.create_task(self._work(part, until))
            return await self._in_thread(self.store.next_utc)
        except sqlite3.Error as error:
            self.log("queue-unreadable", error=str(error), exc_info=error)
            return self.clock() + limits.ERROR_SECONDS

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self.workers, call)

    async def _until_written(
        self, part: Part, write: Callable[[], None], until: asyncio.Event, failures: tuple[type[Exception], ...]
    ) -> None:
        """Try it again after one of ``failures``; once ``until`` is set, a last time. Raises what it raises."""
        while True:
            is_last = until.is_set()
            try:
                return await self._in_thread(write)
            except failures as error:
                if is_last:
                    raise
                self.log("queue-unwritable", id=part.message, error=str(error), exc_info=is_bug(error) and error)
            await _rest(until)

    # -- one message, for one lane ------------------------------------------------------------------------------------

    async def _work(self, part: Part, until: asyncio.Event) -> None:
        """Whatever goes wrong, those who wait there wait on, later, and nothing else is held up."""
        try:
            entry = await self._in_thread(lambda: self.store.get(part.message, part.lane))
            if entry is None:  # deleted a moment ago; or rows of a recipient are left, which would be due for ever
                await self._in_thread(lambda: self.store.delete(part.message))
            elif waiting := self._waiting(entry):
                await self._attempt_or_postpone(part, entry, waiting, until)
        except Exception as error:  # noqa: BLE001 - the queue can't be read or written: not even that it is tried later
            self.log("queue-unwritable", id=part.message, error=repr(error), exc_info=error)
            await _rest(until)

    async def _attempt_or_postpone(
        self, part: Part, entry: Entry, waiting: Sequence[Waiting], until: asyncio.Event
    ) -> None:
        begun: dict[str, float] = {}
        try:
            await self._attempt(part, entry, waiting, begun, until)
        except NotWaiting:
            pass  # it was held, or deleted, while it waited for the other server
        except FileNotFoundError:
            await self._in_thread(lambda: self._hold_what_is_lost(part.message))
        except (AccountsUnavailable, OSError, sqlite3.Error) as error:
            is_ours = is_bug(error) and not isinstance(error, AccountsUnavailable)
            self.log("queue-error", id=part.message, error=str(error), exc_info=is_ours and error)
            postpone = partial(self._postpone, part, begun, is_attempt=False)
            await self._until_written(part, postpone, until, (OSError, sqlite3.Error))
        except Exception as error:  # noqa: BLE001 - one message must not stop the others
            self.log("bug", id=part.message, error=repr(error), exc_info=error)
            postpone = partial(self._postpone, part, begun, is_attempt=True)
            await self._until_written(part, postpone, until, (OSError, sqlite3.Error))

    def _waiting(self, entry: Entry) -> list[Waiting]:
        now = self.clock()
        return [each for each in entry.recipients if each.state is State.WAITING and each.next_utc <= now]

    async def _attempt(
        self, part: Part, entry: Entry, waiting: Sequence[Waiting], begun: dict[str, float], until: asyncio.Event
    ) -> None:
        """``begun``: gets those that are sent elsewhere, and when they are due next if nothing more is written of them."""
        left = {each.address: each for each in waiting}

        def begin(addresses: Sequence[str]) -> None:
            now, patience = self.clock(), self.conclusions.patience
            due = {each: now + patience.wait_seconds(left[each].attempts) for each in addresses}
            self.store.put_off(entry.id, due)
            begun.update(due)

        octets = await self._in_thread(lambda: FileOctets(self.store.file_of(entry.id)))
        try:
            start = await self._in_thread(lambda: octets.start(HEADER_OCTETS))
            async for outcomes in self.attempts.make(entry, waiting, octets, begin):
                draw = partial(self.conclusions.draw, entry, outcomes, start)
                await self._until_written(part, draw, until, (NotSettled,))
                for address in outcomes:
                    del left[address]
            for each in left.values():
                await self._in_thread(lambda each=each: self.store.move(entry.id, each.address, each.lane_elsewhere))  # type: ignore[misc]
        finally:
            octets.close()

    def _postpone(self, part: Part, begun: Mapping[str, float], *, is_attempt: bool) -> None:
        """Those of ``part`` that nothing is known of; why, the log says, and no sender. What was ``begun`` was an attempt in any case: another server may
        have been asked. Raises OSError, sqlite3.Error."""
        reply = str(later("4.3.0", "this server could not work on it", 451).reply)
        entry = self.store.get(part.message, part.lane)
        due = self._waiting(entry) if entry is not None else []
        for each in entry.recipients if entry is not None else ():
            is_begun = begun.get(each.address) == each.next_utc
            if is_begun or each in due:
                counts = is_attempt or is_begun
                wait = self.conclusions.patience.wait_seconds(each.attempts) if counts else limits.ERROR_SECONDS
                self.store.postpone(part.message, each.address, self.clock() + wait, reply, is_attempt=counts)

    def _hold_what_is_lost(self, identity: str) -> None:
        """Its octets are gone: an administrator deleted it a moment ago, or the folder was damaged."""
        if self.store.change(identity, State.HELD):
            self.log("queue-damaged", id=identity, advice="the message's file is missing; it is held")


async def _rest(until: asyncio.Event) -> None:
    """For `limits.ERROR_SECONDS`, or until ``until`` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), limits.ERROR_SECONDS)
