"""Threads that many share, so that whoever asks for much waits behind nobody but themselves.

Work is asked for under a name: an account, or a network. Of the names that wait, each in turn has its next piece of work begun; and one name has only
some of the threads at the same time, so that others find a thread however long its work takes.
"""

import asyncio
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from bascule.platform import limits

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Work:
    name: str
    call: Callable[[], Any]
    future: "Future[Any]"

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - it is told to whoever asked
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class FairThreads:
    """Use as a context manager: leaving it waits for all work. ``threads``: in all; ``of_one``: for one name at the same time. For any thread."""

    def __init__(self, threads: int, of_one: int) -> None:
        self._executor = ThreadPoolExecutor(threads)
        self._free = threads
        self._of_one = of_one
        self._waiting: OrderedDict[str, deque[_Work]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._guard = threading.Lock()

    def submit(self, name: str, call: Callable[[], _T]) -> "Future[_T]":
        work = _Work(name, call, Future())
        with self._guard:
            self._waiting.setdefault(name, deque()).append(work)
            begun = self._next() if self._free else None
            self._free -= begun is not None
        if begun is not None:
            self._executor.submit(self._work_on, begun)
        return work.future

    async def run(self, name: str, call: Callable[[], _T]) -> _T:
        """For the event loop. Raises what ``call`` raises."""
        return await asyncio.wrap_future(self.submit(name, call))

    def _work_on(self, work: _Work | None) -> None:
        """One piece after the other, until there is none that may be begun."""
        while work is not None:
            work.do()
            with self._guard:
                self._running[work.name] -= 1
                if not self._running[work.name]:
                    del self._running[work.name]
                work = self._next()
                self._free += work is None

    def _next(self) -> _Work | None:
        """The next piece of the name that has waited longest and has a thread left; it counts as running. The guard is held."""
        name = next((name for name in self._waiting if self._running[name] < self._of_one), None)
        if name is None:
            return None
        queue = self._waiting.pop(name)
        work = queue.popleft()
        if queue:
            self._waiting[name] = queue  # behind all others
        self._running[name] += 1
        return work

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()


@dataclass(frozen=True, slots=True)
class Threads:
    """Those of a server process; none of the three takes another's. Use as a context manager."""

    members: FairThreads = field(default_factory=lambda: FairThreads(limits.MEMBERS_THREADS, limits.OF_ONE_MEMBER))
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
