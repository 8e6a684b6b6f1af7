"""Whoever asks for much waits behind nobody but themselves."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from functools import partial

import pytest

from bascule.platform import limits
from bascule.platform.fair_threads import FairThreads


class Gate:
    """Work that ends when it is let go."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.begun: list[str] = []

    def of(self, name: str) -> None:
        self.begun.append(name)
        assert self._open.wait(60)

    def let_go(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.let_go()


def _begun(threads: FairThreads, gate: Gate, name: str) -> "Future[None]":
    return threads.submit(name, lambda: gate.of(name))


def test_names_take_turns_however_much_one_has_asked_for(gate: Gate) -> None:
    order: list[str] = []
    with FairThreads(1, 1) as threads:
        _begun(threads, gate, "first")
        for number in range(100):
            threads.submit("flood", lambda number=number: order.append(f"flood {number}"))  # type: ignore[misc]
        for name in ("anna", "bert"):
            threads.submit(name, lambda name=name: order.append(name))  # type: ignore[misc]
        gate.let_go()
    assert order[:5] == ["flood 0", "anna", "bert", "flood 1", "flood 2"]
    assert len(order) == 102


def test_work_without_an_end_leaves_threads_for_other_names(gate: Gate) -> None:
    with FairThreads(3, 2) as threads:
        stuck = [_begun(threads, gate, "flood") for _ in range(10)]
        assert threads.submit("anna", lambda: "served").result(60) == "served"
        assert not any(each.done() for each in stuck)
        assert gate.begun == ["flood"] * 2
        gate.let_go()
    assert all(each.done() for each in stuck)


def test_what_fails_is_told_and_the_thread_goes_on() -> None:
    with FairThreads(1, 1) as threads:
        failed = threads.submit("anna", lambda: 1 // 0)
        assert threads.submit("anna", lambda: 2).result(60) == 2
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_who_does_not_wait_any_more_costs_no_work(gate: Gate) -> None:
    with FairThreads(1, 1) as threads:
        _begun(threads, gate, "first")
        given_up = _begun(threads, gate, "anna")
        assert given_up.cancel()
        gate.let_go()
    assert gate.begun == ["first"]
    with pytest.raises(CancelledError):
        given_up.result()


def test_leaving_waits_for_all_that_was_asked_for() -> None:
    done: list[int] = []
    with FairThreads(2, 1) as threads:
        for number in range(200):
            threads.submit(str(number % 3), lambda number=number: done.append(number))  # type: ignore[misc]
    assert sorted(done) == list(range(200))


def test_an_event_loop_is_told_what_came_of_it() -> None:
    async def ask(threads: FairThreads) -> None:
        assert await threads.run("anna", lambda: threading.current_thread().name) == "fair-thread"
        with pytest.raises(ZeroDivisionError):
            await threads.run("anna", lambda: 1 // 0)
        assert await asyncio.gather(*(threads.run("anna", partial(int, n)) for n in range(100))) == [*range(100)]

    with FairThreads(2, 1) as threads:
        asyncio.run(ask(threads))


def test_what_an_event_loop_does_not_wait_for_any_more_is_not_begun(gate: Gate) -> None:
    async def give_up(threads: FairThreads) -> None:
        begun = asyncio.ensure_future(threads.run("first", lambda: gate.of("first")))
        waits = asyncio.ensure_future(threads.run("anna", lambda: gate.of("anna")))
        await asyncio.sleep(0)
        begun.cancel()
        waits.cancel()
        given_up = await asyncio.gather(begun, waits, return_exceptions=True)
        assert [type(each) for each in given_up] == [asyncio.CancelledError] * 2

    with FairThreads(1, 1) as threads:
        asyncio.run(give_up(threads))  # what runs goes on, and its loop is over by then
        gate.let_go()
    assert gate.begun == ["first"]


def test_nothing_is_taken_once_it_was_left() -> None:
    with FairThreads(1, 1) as threads:
        threads.submit("anna", lambda: None)
    with pytest.raises(RuntimeError):
        threads.submit("anna", lambda: None)
    threads.close()


def test_threads_that_can_not_be_started_leave_the_work_to_those_that_are_there(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with FairThreads(3, 1) as threads:
        begun = [_begun(threads, gate, "anna")]
        monkeypatch.setattr(threading.Thread, "start", refuse)
        begun += [_begun(threads, gate, name) for name in ("bert", "carl", "dora")]
        gate.let_go()
        assert [each.result(60) for each in begun] == [None] * 4
    with FairThreads(3, 1) as threads, pytest.raises(RuntimeError):
        threads.submit("anna", lambda: None)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_works_for_long_leaves_threads_however_many_they_are(gate: Gate) -> None:
    clock = Clock()
    with FairThreads(8, 6, 4, clock) as threads:
        stuck = [_begun(threads, gate, f"flood {number % 3}") for number in range(30)]
        waits = threads.submit("anna", lambda: "served")
        assert not waits.done()  # they have only just begun
        clock.now += 10.0
        gate.let_go()
        assert waits.result(60) == "served"
        for each in stuck:
            each.result(60)
        again = Gate()
        stuck = [_begun(threads, again, f"flood {number % 3}") for number in range(30)]
        assert threads.submit("anna", lambda: "served").result(60) == "served"
        assert len(again.begun) == 4
        assert set(again.begun) == {"flood 0", "flood 1", "flood 2"}
        again.let_go()
        for each in stuck:
            each.result(60)


def test_work_that_runs_counts_as_long_before_it_ends(gate: Gate) -> None:
    clock = Clock()
    with FairThreads(3, 2, 1, clock) as threads:
        stuck = [_begun(threads, gate, name) for name in ("flood", "flood")]
        clock.now += limits.LONG_WORK_SECONDS + limits.QUICK_WORK_SECONDS
        more = threads.submit("flood", lambda: None)
        assert threads.submit("anna", lambda: "served").result(60) == "served"
        assert not more.done()
        gate.let_go()
        for each in (*stuck, more):
            each.result(60)


def test_what_was_worked_is_forgotten_in_time_and_quick_work_counts_for_nothing() -> None:
    clock = Clock()

    def work(seconds: float) -> None:
        clock.now += seconds

    def is_long(name: str) -> bool:
        return threads._is_long(name, clock.now)

    with FairThreads(1, 1, 1, clock) as threads:
        for _ in range(1000):
            threads.submit("anna", lambda: work(limits.QUICK_WORK_SECONDS)).result(60)
        threads.submit("flood", lambda: work(limits.LONG_WORK_SECONDS + 1)).result(60)
        threads.submit("anna", lambda: None).result(60)  # what "flood" worked is counted
        assert is_long("flood")
        assert not is_long("anna")
        clock.now += limits.LONG_WORK_SECONDS / limits.FORGOTTEN_PER_SECOND
        assert not is_long("flood")
        threads.submit("flood", lambda: None).result(60)
    clock.now += 1000.0
    assert set(threads._worked) <= {"flood"}


def test_of_those_who_wait_who_has_worked_least_is_first(gate: Gate) -> None:
    clock = Clock()
    order: list[str] = []

    def work(name: str, seconds: float) -> None:
        order.append(name)
        clock.now += seconds

    with FairThreads(1, 1, 1, clock) as threads:
        for name, seconds in (("anna", 0.5), ("bert", 1.0), ("cleo", 0.3)):
            threads.submit(name, lambda name=name, seconds=seconds: work(name, seconds)).result(60)  # type: ignore[misc]
        order.clear()
        first = _begun(threads, gate, "first")
        for name in ("bert", "anna", "bert", "cleo", "new"):
            threads.submit(name, lambda name=name: order.append(name))  # type: ignore[misc]
        gate.let_go()
        first.result(60)
    assert order == ["new", "cleo", "anna", "bert", "bert"]


def test_how_many_may_work_for_long_can_change_while_they_do(gate: Gate) -> None:
    clock = Clock()
    with FairThreads(4, 4, 4, clock) as threads:
        threads.submit("flood", lambda: setattr(clock, "now", clock.now + 100.0)).result(60)
        threads.of_long = 1
        stuck = [_begun(threads, gate, "flood") for _ in range(3)]
        assert threads.submit("anna", lambda: "served").result(60) == "served"
        assert len(threads._running["flood"]) == 1
        threads.of_long = 4
        deadline = time.monotonic() + 60
        while len(gate.begun) < 3:
            assert threads.submit("anna", lambda: "served").result(60) == "served"
            assert time.monotonic() < deadline
        gate.let_go()
        for each in stuck:
            each.result(60)
