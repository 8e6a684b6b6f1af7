"""Whoever waited longest has it next."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bascule.platform.queued_lock import QueuedLock


def until_there_wait(lock: QueuedLock, number: int) -> None:
    while lock.waiting < number:
        time.sleep(0.001)


def test_who_gives_it_back_and_wants_it_again_waits_for_those_who_came_before() -> None:
    lock = QueuedLock()
    had: list[str] = []

    def other(name: str) -> None:
        with lock:
            had.append(name)

    threads = [threading.Thread(target=other, args=(name,)) for name in ("second", "third")]
    with lock:
        for number, thread in enumerate(threads, 1):
            thread.start()
            until_there_wait(lock, number)
        had.append("first")
    with lock:
        had.append("first again")
    for thread in threads:
        thread.join()
    assert had == ["first", "second", "third", "first again"]


def test_who_has_it_may_take_it_again() -> None:
    lock = QueuedLock()
    with lock, lock:
        pass
    with ThreadPoolExecutor(1) as workers:
        with lock:
            with lock:
                waits = workers.submit(lock.__enter__)
                until_there_wait(lock, 1)
            assert not waits.done()
        waits.result()
        workers.submit(lock.__exit__, None, None, None).result()
    with lock:
        pass


def test_one_at_a_time_has_it() -> None:
    lock, inside, most, count = QueuedLock(), 0, 0, 0

    def work() -> None:
        nonlocal inside, most, count
        for _ in range(500):
            with lock:
                inside += 1
                most = max(most, inside)
                count += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, count, lock.waiting) == (1, 3000, 0)


def test_it_is_given_back_by_who_fails() -> None:
    lock = QueuedLock()
    try:
        with lock:
            raise ValueError
    except ValueError:
        pass
    with ThreadPoolExecutor(1) as workers:
        workers.submit(lock.__enter__).result()


def test_who_waits_for_so_long_only_stands_in_nobody_s_way_afterwards() -> None:
    lock = QueuedLock()
    with ThreadPoolExecutor(1) as workers:
        with lock:
            assert workers.submit(lock.take, 0.01).result() is False
            assert lock.waiting == 0
            waits = workers.submit(lock.take, 60.0)
            until_there_wait(lock, 1)
        assert waits.result() is True
        workers.submit(lock.give_back).result()
    with lock:
        pass
