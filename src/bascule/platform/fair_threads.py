"""Threads that many share, so that whoever asks for much waits behind nobody but themselves.

Work is asked for under a name: an account, or a network. Of the names that wait, each in turn has its next piece of work begun; and one name has only
some of the threads at the same time, so that others find a thread however long its work takes.

Where it is told how many threads long work may have, who has worked for long lately (`_Worked`) shares these with all others of whom that is so, and
the rest are for who asks for little; and of the names that wait, the one that has worked least is first. Nothing is taken from work that has begun: long
work is to be asked for in pieces.
"""

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from bascule.platform import limits

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class _Work:
    name: str
    call: Callable[[], Any]
    future: "Future[Any]"
    begun_at: float = 0.0

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - it is told to whoever asked
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def seconds(self, now: float) -> float:
        """What counts of it, up to now."""
        return max(0.0, now - self.begun_at - limits.QUICK_WORK_SECONDS)


@dataclass(slots=True)
class _Worked:
    """Seconds that a name has worked, as of ``at``; they are forgotten in time."""

    seconds: float = 0.0
    at: float = 0.0

    def left(self, now: float) -> float:
        return max(0.0, self.seconds - (now - self.at) * limits.FORGOTTEN_PER_SECOND)


class FairThreads:
    """Use as a context manager: leaving it waits for all work. ``threads``: in all; ``of_one``: for one name at the same time; ``of_long``: for all names
    together that have worked for `limits.LONG_WORK_SECONDS` lately; None: as many as there are. It may be changed at any time: what runs goes on. For any
    thread."""

    def __init__(
        self, threads: int, of_one: int, of_long: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._executor = ThreadPoolExecutor(threads)
        self._free = threads
        self._of_one = of_one
        self.of_long = of_long
        self._clock = clock
        self._waiting: OrderedDict[str, deque[_Work]] = OrderedDict()
        self._running: dict[str, list[_Work]] = {}
        self._worked: dict[str, _Worked] = {}
        self._is_closing = False
        self._guard = threading.Lock()

    def submit(self, name: str, call: Callable[[], _T]) -> "Future[_T]":
        work = _Work(name, call, Future())
        with self._guard:
            self._waiting.setdefault(name, deque()).append(work)
            self._begin_more()
        return work.future

    async def run(self, name: str, call: Callable[[], _T]) -> _T:
        """For the event loop. Raises what ``call`` raises."""
        return await asyncio.wrap_future(self.submit(name, call))

    def _work_on(self, work: _Work | None) -> None:
        """One piece after the other, until there is none that may be begun."""
        while work is not None:
            work.do()
            with self._guard:
                self._end(work)
                work = self._next()
                if not self._is_closing:  # then each thread goes on until nothing is left
                    self._begin_more()

    def _begin_more(self) -> None:
        """Begin what may be begun. The guard is held, as it is for all below."""
        while (work := self._next()) is not None:
            self._executor.submit(self._work_on, work)

    def _next(self) -> _Work | None:
        """The next piece of the name that may begin one and has worked least lately; of those that are alike, of the one that has waited longest. It counts
        as running."""
        now = self._clock()
        name = self._least_worked(now) if self._free else None
        if name is None:
            return None
        queue = self._waiting.pop(name)
        work = queue.popleft()
        if queue:
            self._waiting[name] = queue  # behind all others
        self._running.setdefault(name, []).append(work)
        self._free -= 1
        work.begun_at = now
        return work

    def _least_worked(self, now: float) -> str | None:
        found, least = None, 0.0
        for name in self._waiting:
            seconds = self._seconds(name, now) if self.of_long is not None else 0.0
            if (found is None or seconds < least) and self._may_begin(name, seconds, now):
                found, least = name, seconds
                if not seconds:
                    break
        return found

    def _may_begin(self, name: str, seconds: float, now: float) -> bool:
        if len(self._running.get(name, ())) >= self._of_one:
            return False
        if self.of_long is None or seconds < limits.LONG_WORK_SECONDS:
            return True
        return sum(len(works) for each, works in self._running.items() if self._is_long(each, now)) < self.of_long

    def _is_long(self, name: str, now: float) -> bool:
        return self._seconds(name, now) >= limits.LONG_WORK_SECONDS

    def _seconds(self, name: str, now: float) -> float:
        """That ``name`` has worked lately, what runs included."""
        worked = self._worked.get(name)
        seconds = worked.left(now) if worked else 0.0
        return seconds + sum(work.seconds(now) for work in self._running.get(name, ()))

    def _end(self, work: _Work) -> None:
        now = self._clock()
        self._free += 1
        running = self._running[work.name]
        running.remove(work)
        if not running:
            del self._running[work.name]
        worked = self._worked.pop(work.name, None)
        seconds = (worked.left(now) if worked else 0.0) + work.seconds(now)
        if seconds and self.of_long is not None:
            self._worked[work.name] = _Worked(seconds, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._is_closing = True
        self._executor.shutdown()


@dataclass(frozen=True, slots=True)
class Threads:
    """Those of a server process; none of the three takes another's. Use as a context manager."""

    members: FairThreads = field(
        default_factory=lambda: FairThreads(limits.MEMBERS_THREADS, limits.OF_ONE_MEMBER, limits.LONG_WORK_THREADS)
    )
    """For who has signed in, by account."""
    strangers: FairThreads = field(
        default_factory=lambda: FairThreads(limits.SIGN_IN_THREADS, limits.SIGN_INS_OF_ONE_NETWORK)
    )
    """For who is about to sign in, by network."""
    arriving: FairThreads = field(
        default_factory=lambda: FairThreads(limits.ARRIVING_THREADS, limits.ARRIVING_OF_ONE_NETWORK)
    )
    """For mail from the world, its filters, its parsing and its way into mailboxes, by network."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self.members, self.strangers, self.arriving):
            each.__exit__(kind, error, trace)
