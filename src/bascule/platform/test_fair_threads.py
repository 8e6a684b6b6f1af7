"""Whoever asks for much waits behind nobody but themselves."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future

import pytest

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
