"""Long work: one worker at a time, by the database's clock; it goes on when a worker dies, stops when somebody wants it to, and is found again when a wake-up was lost."""

import signal
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bascule.platform.stopping import Stop
from support.portal import Portal

ELSEWHERE = "another-machine"


class Jobs:
    """Workers of this process, which look only when a test tells them to."""

    def __init__(self) -> None:
        self.ending = threading.Event()
        self.steps: list[str] = []

    def worker(self, doing: Callable[[Any], dict[str, Any]], node: str = "here") -> Any:
        from bascule.portal.jobs.models import Kind
        from bascule.portal.jobs.working import Worker

        return Worker({Kind.PROVISION: doing}, node, self.ending)

    def ask(self, **more: Any) -> Any:
        from bascule.portal.jobs.asking import ask
        from bascule.portal.jobs.models import Kind
        from bascule.portal.shell.doors import now

        return ask(Kind.PROVISION, {}, by="paul", at=now(), **more)

    def state(self, work: Any) -> str:
        work.refresh_from_db()
        return str(work.state)

    def lapse(self, work: Any) -> None:
        """As if its worker had said nothing for longer than a lease."""
        from django.db.models.functions import Now

        type(work).objects.filter(pk=work.pk).update(lease_ends_at=Now() - timedelta(seconds=1))

    def woken(self, worker: Any) -> list[int]:
        told: list[int] = []
        worker.reconcile(told.append, lambda: 0)
        return told


@pytest.fixture
def jobs(portal: Portal) -> Jobs:
    return Jobs()


def nothing(hold: Any) -> dict[str, Any]:
    return {}


def test_work_is_done_once_and_says_what_came_of_it(jobs: Jobs) -> None:
    def doing(hold: Any) -> dict[str, Any]:
        hold.tell(0, 2)
        hold.note("anna", "refused-mailbox", "The platform could not make this mailbox: %(detail)s", detail="no room")
        hold.tell(2)
        jobs.steps.append("done")
        return {"ready": 2}

    work, worker = jobs.ask(), jobs.worker(doing)
    assert jobs.state(work) == "waiting"
    worker.perform(work.pk)
    worker.perform(work.pk)  # a wake-up too many
    assert jobs.state(work) == "done"
    assert (work.done, work.total, work.result, work.part) == (2, 2, {"ready": 2}, 100)
    assert [item.in_words() for item in work.items.all()] == ["La plateforme n’a pas pu créer cette boîte\xa0: no room"]
    assert jobs.steps == ["done"]


def test_two_workers_never_have_the_same_work(jobs: Jobs) -> None:
    """Twenty at once, ten times."""
    from django.db import connection

    from bascule.portal.jobs.lease import claim

    for _ in range(10):
        work = jobs.ask()
        got: list[Any] = []
        start = threading.Barrier(20)

        def attempt(number: int = work.pk, got: list[Any] = got, start: threading.Barrier = start) -> None:
            start.wait()
            got.append(claim(number, "here", jobs.ending))
            connection.close()

        threads = [threading.Thread(target=attempt) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([hold for hold in got if hold is not None]) == 1
        work.refresh_from_db()
        assert work.attempts == 1


def test_of_a_lane_one_runs_and_the_next_has_its_turn(jobs: Jobs) -> None:
    from bascule.portal.jobs.lease import claim
    from bascule.portal.jobs.models import Lane, State

    first, second = jobs.ask(lane=Lane.DIRECTORY), jobs.ask(lane=Lane.DIRECTORY)
    hold = claim(first.pk, "here", jobs.ending)
    assert hold is not None
    worker = jobs.worker(nothing)
    worker.perform(second.pk)
    assert jobs.state(second) == "waiting"
    hold.end(State.DONE)
    worker.perform(second.pk)
    assert jobs.state(second) == "done"


def test_a_worker_that_was_asleep_writes_nothing_after_its_lease(jobs: Jobs) -> None:
    from django.db import transaction

    from bascule.portal.directory.models import Note
    from bascule.portal.jobs.lease import LeaseLost, claim
    from bascule.portal.jobs.models import State
    from bascule.portal.shell.doors import now

    work = jobs.ask()
    asleep = claim(work.pk, "here", jobs.ending)
    assert asleep is not None
    jobs.lapse(work)
    assert asleep.beat() is False, "too late"
    awake = claim(work.pk, "here", jobs.ending)
    assert awake is not None

    def write() -> None:
        with transaction.atomic():
            asleep.require()
            Note.objects.create(at=now(), by="asleep", what="written")

    with pytest.raises(LeaseLost):
        write()
    with pytest.raises(LeaseLost):
        asleep.tell(1)
    assert asleep.end(State.DONE) is False
    with transaction.atomic():
        awake.require()
    assert awake.end(State.DONE) is True
    assert not Note.objects.filter(by="asleep").exists()


def test_a_lease_that_ended_is_not_enough_even_if_nobody_took_it(jobs: Jobs) -> None:
    from django.db import transaction

    from bascule.portal.jobs.lease import LeaseLost, claim

    work = jobs.ask()
    hold = claim(work.pk, "here", jobs.ending)
    assert hold is not None
    jobs.lapse(work)
    with pytest.raises(LeaseLost), transaction.atomic():
        hold.require()


def test_what_nobody_was_woken_for_is_found(jobs: Jobs) -> None:
    from bascule.portal.jobs.lease import claim
    from bascule.portal.jobs.models import Work

    worker = jobs.worker(nothing)
    work = jobs.ask()
    assert jobs.woken(worker) == [], "its wake-up is on its way"
    Work.objects.update(woken_at=None)
    assert jobs.woken(worker) == [work.pk]
    assert jobs.woken(worker) == [], "once"
    assert claim(work.pk, "here", jobs.ending) is not None
    Work.objects.update(woken_at=None)
    assert jobs.woken(worker) == [], "somebody has it"
    jobs.lapse(work)
    assert jobs.woken(worker) == [work.pk], "nobody has it any more"
    worker.perform(work.pk)
    assert jobs.state(work) == "done"
    assert work.attempts == 2


def test_work_that_ends_its_workers_is_given_up(jobs: Jobs) -> None:
    from bascule.portal.jobs.lease import MOST_ATTEMPTS, claim

    work = jobs.ask()
    for _ in range(MOST_ATTEMPTS):
        assert claim(work.pk, "here", jobs.ending) is not None
        jobs.lapse(work)
    jobs.worker(nothing).perform(work.pk)
    assert jobs.state(work) == "failed"
    assert "5 fois" in work.trouble_in_words()


def test_stopped_between_two_steps_it_goes_on_later(jobs: Jobs) -> None:
    from bascule.portal.jobs.asking import go_on, stop

    def doing(hold: Any) -> dict[str, Any]:
        jobs.steps.append("step")
        if len(jobs.steps) == 1:
            stop(hold.work)
        hold.tell(1, 2)
        jobs.steps.append("after")
        return {}

    work, worker = jobs.ask(), jobs.worker(doing)
    worker.perform(work.pk)
    assert (jobs.state(work), jobs.steps) == ("stopped", ["step"])
    worker.perform(work.pk)
    assert jobs.state(work) == "stopped", "a late wake-up does not begin it again"
    go_on(work)
    worker.perform(work.pk)
    assert (jobs.state(work), jobs.steps) == ("done", ["step", "step", "after"])


def test_what_waits_is_stopped_at_once(jobs: Jobs) -> None:
    from bascule.portal.jobs.asking import stop

    work = jobs.ask()
    stop(work)
    jobs.worker(nothing).perform(work.pk)
    assert jobs.state(work) == "stopped"


def test_a_worker_that_ends_gives_its_work_back(jobs: Jobs) -> None:
    def doing(hold: Any) -> dict[str, Any]:
        jobs.ending.set()
        hold.tell(1, 2)
        return {}

    work = jobs.ask()
    jobs.worker(doing).perform(work.pk)
    assert (jobs.state(work), work.attempts) == ("waiting", 0)
    jobs.ending.clear()
    assert jobs.woken(jobs.worker(nothing)) == [work.pk], "at once"


def test_what_goes_wrong_is_said_without_what_was_typed(jobs: Jobs) -> None:
    from bascule.terms.errors import BasculeError

    def broken(hold: Any) -> dict[str, Any]:
        raise ValueError("secret-in-a-message")

    def refused(hold: Any) -> dict[str, Any]:
        raise BasculeError("The list is gone.", "Bring it again.")

    unexpected, expected = jobs.ask(), jobs.ask()
    jobs.worker(broken).perform(unexpected.pk)
    jobs.worker(refused).perform(expected.pk)
    assert jobs.state(unexpected) == jobs.state(expected) == "failed"
    assert "the log says what" in unexpected.trouble
    assert "secret" not in str(unexpected.__dict__)
    assert expected.trouble_in_words() == "The list is gone. Bring it again."


def test_a_worker_takes_what_its_machine_has_to_do(jobs: Jobs) -> None:
    work = jobs.ask(node=ELSEWHERE)
    jobs.worker(nothing).perform(work.pk)
    assert jobs.state(work) == "waiting"
    assert jobs.woken(jobs.worker(nothing)) == []
    jobs.worker(nothing, ELSEWHERE).perform(work.pk)
    assert jobs.state(work) == "done"


def test_a_wake_up_is_taken_by_one_of_many(portal: Portal) -> None:
    """Huey's dequeue on this database: 200 wake-ups, eight threads, each taken once."""
    from django.conf import settings

    from bascule.portal.jobs.wakeups import open_queue, task_of

    queue = open_queue(settings.BASCULE)
    wake = task_of(queue, lambda number: None)
    while queue.dequeue() is not None:
        pass  # what other tests asked for
    for number in range(200):
        wake(number)
    queues = [open_queue(settings.BASCULE) for _ in range(8)]
    taken: list[int] = []

    def take(mine: Any) -> None:
        task_of(mine, lambda number: None)
        while (task := mine.dequeue()) is not None:
            taken.append(task.args[0])
        mine.storage.close()

    threads = [threading.Thread(target=take, args=(mine,)) for mine in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.storage.close()
    assert sorted(taken) == list(range(200))


def test_a_worker_whose_queue_is_away_waits_for_it_and_logs_anything_else_with_its_traceback(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First it can't be opened, then not be looked into."""
    from bascule.portal import worker
    from bascule.portal.jobs import wakeups, working

    bug, away = TypeError("a bug of ours"), sqlite3.OperationalError("database is locked")
    until = Stop()
    opened = wakeups.open_queue
    handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

    def in_turn(errors: list[Exception], then: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            if errors:
                raise errors.pop(0)
            return then(*given)

        return call

    monkeypatch.setattr(working, "RECONCILE_SECONDS", 0.01)
    monkeypatch.setattr(wakeups, "open_queue", in_turn([away, bug], opened))
    monkeypatch.setattr(working.Worker, "reconcile", in_turn([away, bug], lambda *_: until.set()))
    try:
        with capture_logs() as logged:
            worker.work(portal.config, 1, until)
    finally:
        for name, handler in handlers.items():
            signal.signal(name, handler)
    told = [(each["event"], each["error"], each["exc_info"]) for each in logged if "error" in each]
    assert told == [
        ("worker-without-database", "OperationalError", False),
        ("worker-without-database", "TypeError", True),
        ("worker-without-queue", "OperationalError", False),
        ("worker-without-queue", "TypeError", True),
    ]
