"""What a worker does with a wake-up, and how work that no worker has is found again."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from bascule.portal.jobs.lease import LAPSED, Hold, Interrupted, LeaseLost, StopAsked, claim, kept_alive
from bascule.portal.jobs.models import REFUSED, State, Work
from bascule.terms.errors import BasculeError

RECONCILE_SECONDS = 3.0
"""Between two looks for work that nobody has."""
WAKE_AGAIN_SECONDS = 10
"""After a wake-up that nobody followed."""
UNEXPECTED = gettext_noop(
    "Something went wrong here, and the log says what. What was done is kept; go on once it is mended."
)

Doing = Callable[[Hold], dict[str, Any]]
"""Does work of one kind, and says what came of it. It calls `Hold.require` in each transaction and `Hold.tell` between steps; run again, it goes on."""


class Worker:
    """``node``: of this machine. ``ending``: set when the process is to end: work is given back at its next step."""

    def __init__(self, kinds: Mapping[str, Doing], node: str, ending: threading.Event) -> None:
        self._kinds = kinds
        self._node = node
        self._ending = ending
        self._log = structlog.get_logger()

    def perform(self, number: int) -> None:
        """Do row ``number``, if it can be had. Raises nothing."""
        with _own_connection():
            try:
                if self._ending.is_set():
                    return
                hold = claim(number, self._node, self._ending)
                if hold is not None:
                    with kept_alive(hold):
                        self._do(hold)
                    # It is the turn of the others of its lane.
                    Work.objects.filter(lane=hold.work.lane, state=State.WAITING).update(woken_at=None)
            except (DatabaseError, InterfaceError) as error:
                self._log.warning("work-without-database", work=number, error=type(error).__name__)

    def _do(self, hold: Hold) -> None:
        """Raises DatabaseError where the database is away: then the lease lapses, and somebody goes on."""
        number, kind = hold.work.pk, hold.work.kind
        self._log.info("work-begins", work=number, kind=kind, attempt=hold.work.attempts)
        try:
            result = self._kinds[kind](hold)
        except LeaseLost:
            self._log.warning("work-lost", work=number)
        except StopAsked:
            hold.end(State.STOPPED)
        except Interrupted:
            hold.give_back()
        except BasculeError as error:
            hold.end(State.FAILED, trouble=REFUSED, message=error.message, advice=error.advice)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the row says that it ended and the log says why
            self._log.error("work-failed", work=number, error=type(error).__name__, exc_info=error)
            hold.end(State.FAILED, trouble=UNEXPECTED)
        else:
            hold.end(State.DONE, result=result)
            self._log.info("work-done", work=number, kind=kind)

    def reconcile(self, wake: Callable[[int], object], queued: Callable[[], int]) -> int:
        """Send a wake-up for each row that waits, or whose worker is gone, and that nobody was woken for lately; how many."""
        lately = Now() - timedelta(seconds=WAKE_AGAIN_SECONDS)
        due = Work.objects.filter(Q(state=State.WAITING) | LAPSED, node__in=("", self._node)).exclude(
            woken_at__gt=lately
        )
        numbers = list(due.order_by("asked_at").values_list("pk", flat=True)[:1000])
        if not numbers or queued() >= len(numbers):
            return 0
        for number in numbers:
            if due.filter(pk=number).update(woken_at=Now()):
                wake(number)
        return len(numbers)


@contextmanager
def _own_connection() -> Iterator[None]:
    """Threads of a worker live long: one whose connection broke gets another."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
