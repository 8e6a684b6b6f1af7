"""Threads that many share, so that whoever asks for much waits behind nobody but themselves.

Work is asked for under a name: an account, or a network. Of the names that wait, each in turn has its next piece of work begun; and one name has only
some of the threads at the same time, so that others find a thread however long its work takes.

Where it is told how many threads long work may have, who has worked for long lately (`_Worked`) shares these with all others of whom that is so, and
the rest are for who asks for little; and of the names that wait, the one that has worked least is first. Nothing is taken from work that has begun: long
work is to be asked for in pieces.
"""

import asyncio
import atexit
import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from bascule.platform import limits

_T = TypeVar("_T")


class _Work(ABC):
    """One piece of it; who asked for it is told what came of it."""

    __slots__ = ("begun_at", "call", "name")

    def __init__(self, name: str, call: Callable[[], Any]) -> None:
        self.name = name
        self.call = call
        self.begun_at = 0.0

    @abstractmethod
    def is_wanted(self) -> bool:
        """Whether it is still waited for, when its turn has come."""

    @abstractmethod
    def tell(self, result: Any, error: BaseException | None) -> None:
        """In the thread that did it."""

    def do(self) -> None:
        if not self.is_wanted():
            return
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - it is told to whoever asked
            self.tell(None, error)
        else:
            self.tell(result, None)

    def seconds(self, now: float) -> float:
        """What counts of it, up to now."""
        return max(0.0, now - self.begun_at - limits.QUICK_WORK_SECONDS)


class _AskedByThread(_Work):
    __slots__ = ("future",)

    def __init__(self, name: str, call: Callable[[], Any]) -> None:
        super().__init__(name, call)
        self.future: Future[Any] = Future()

    def is_wanted(self) -> bool:
        return self.future.set_running_or_notify_cancel()

    def tell(self, result: Any, error: BaseException | None) -> None:
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class _AskedByLoop(_Work):
    """Of an event loop, which is woken once: a future of threads, and a second one that goes by it, cost as much as all the rest of a change of threads."""

    __slots__ = ("future", "loop")

    def __init__(self, name: str, call: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name, call)
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def is_wanted(self) -> bool:
        return not self.future.cancelled()

    def tell(self, result: Any, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever asked
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return  # it is not waited for any more
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


@dataclass(slots=True)
class _Worked:
    """Seconds that a name has worked, as of ``at``; they are forgotten in time."""

    seconds: float = 0.0
    at: float = 0.0

    def left(self, now: float) -> float:
        return max(0.0, self.seconds - (now - self.at) * limits.FORGOTTEN_PER_SECOND)


class FairThreads:
    """Use as a context manager: leaving it waits for all work (`close`). ``threads``: in all; ``of_one``: for one name at the same time; ``of_long``: for all names
    together that have worked for `limits.LONG_WORK_SECONDS` lately; None: as many as there are. It may be changed at any time: what runs goes on. For any
    thread."""

    def __init__(
        self, threads: int, of_one: int, of_long: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = threads
        self._of_one = of_one
        self.of_long = of_long
        self._clock = clock
        self._waiting: OrderedDict[str, deque[_Work]] = OrderedDict()
        self._running: dict[str, list[_Work]] = {}
        self._worked: dict[str, _Worked] = {}
        self._guard = threading.Lock()
        self._at_rest = threading.Condition(self._guard)
        self._is_closing = False
        self._begun: SimpleQueue[_Work | None] = SimpleQueue()
        """For the threads that have none; None ends one."""
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def submit(self, name: str, call: Callable[[], _T]) -> "Future[_T]":
        """Raises RuntimeError once it was left."""
        work = _AskedByThread(name, call)
        self._ask(work)
        return work.future

    async def run(self, name: str, call: Callable[[], _T]) -> _T:
        """For the event loop. Raises what ``call`` raises."""
        work = _AskedByLoop(name, call, asyncio.get_running_loop())
        self._ask(work)
        result: _T = await work.future
        return result

    def _ask(self, work: _Work) -> None:
        with self._guard:
            if self._is_closing:
                raise RuntimeError("no work is taken any more")
            self._waiting.setdefault(work.name, deque()).append(work)
            self._begin_more()

    def _work_on(self, first: _Work) -> None:
        """A thread: one piece after the other, and when there is none that may be begun, what it is given."""
        work: _Work | None = first
        while work is not None:
            work.do()
            with self._guard:
                self._end(work)
                work = self._next()
                if work is None:
                    self._idle += 1
                self._begin_more()
                if self._is_closing and not self._running:
                    self._at_rest.notify_all()
            work = work or self._begun.get()

    def _begin_more(self) -> None:
        """Begin what may be begun. The guard is held, as it is for all below."""
        while (work := self._next()) is not None:
            if self._idle:
                self._idle -= 1
                self._begun.put(work)
                continue
            thread = threading.Thread(target=self._work_on, args=(work,), name="fair-thread", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has no more of them: those that are there do it
                if not self._threads:
                    self._end(work)
                    raise
                self._begun.put(work)
                continue
            if not self._threads:
                atexit.register(self.close)
            self._threads.append(thread)

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

    def close(self) -> None:
        """Wait for all work; none is taken any more. Who uses it without leaving it has this done when the process ends."""
        with self._guard:
            self._is_closing = True
            self._at_rest.wait_for(lambda: not self._running)  # what waits is begun by whoever ends
            for _ in self._threads:
                self._begun.put(None)
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
