"""One worker at a time has a row of work, and only while its lease lasts. The database's clock decides: machines need not agree on the time."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from bascule.portal.jobs.models import Item, State, Work

LEASE_SECONDS = 15
"""After which a worker that said nothing is taken for dead."""
BEAT_SECONDS = 4
"""Between two signs of life."""
MOST_ATTEMPTS = 5
"""Work that took so many workers with it is not given to another."""
DIED_AGAIN = gettext_noop(
    "This work ended its worker %(count)s times. The log says more; let it go on when that is mended."
)
LAPSED = Q(state=State.RUNNING, lease_ends_at__lt=Now())
"""Had by a worker that is gone."""


class LeaseLost(Exception):
    """Somebody else has the work: what is not committed must not be."""


class StopAsked(Exception):
    """An operator wants it to stop; what is done stays."""


class Interrupted(Exception):
    """This worker ends; another goes on."""


class Hold:
    """A worker's hold on a row. For the thread that does the work; `beat` for another. ``ending``: set when the worker is to end."""

    def __init__(self, work: Work, token: str, ending: threading.Event) -> None:
        self.work = work
        self._token = token
        self._ending = ending

    @property
    def _mine(self) -> Any:
        return Work.objects.filter(pk=self.work.pk, lease_token=self._token, state=State.RUNNING)

    def require(self) -> None:
        """Call first in each transaction that writes something: the row is locked until it ends, so nobody takes the work meanwhile. Raises LeaseLost."""
        if not list(self._mine.select_for_update().filter(lease_ends_at__gt=Now()).values_list("pk", flat=True)):
            raise LeaseLost

    def beat(self) -> bool:
        """A sign of life; False: the work is no longer ours. One that comes after the lease ended is none: others may have looked."""
        return bool(self._mine.filter(lease_ends_at__gt=Now()).update(lease_ends_at=_end_of_lease()))

    def tell(self, done: int, total: int | None = None) -> None:
        """How far it is. Call between steps. Raises LeaseLost, StopAsked, Interrupted."""
        more = {} if total is None else {"total": total}
        if not self._mine.update(done=done, **more):
            raise LeaseLost
        if Work.objects.filter(pk=self.work.pk, is_stop_asked=True).exists():
            raise StopAsked
        if self._ending.is_set():
            raise Interrupted

    def begin(self) -> None:
        """Before the first step: what an earlier attempt said of items is said anew."""
        Item.objects.filter(work=self.work).delete()

    def note(self, about: str, code: str, what: str, **values: object) -> None:
        """What became of one item; once for each (about, code)."""
        Item.objects.update_or_create(work=self.work, about=about, code=code, defaults={"what": what, "values": values})

    def end(self, state: State, *, trouble: str = "", result: dict[str, Any] | None = None, **values: object) -> bool:
        """False: somebody else has it."""
        return bool(
            self._mine.update(
                state=state,
                lease_token="",
                lease_ends_at=None,
                ended_at=Now(),
                trouble=trouble,
                trouble_values=values,
                result=result or {},
            )
        )

    def give_back(self) -> None:
        """Another worker goes on, at once."""
        self._mine.update(
            state=State.WAITING, lease_token="", lease_ends_at=None, woken_at=None, attempts=F("attempts") - 1
        )


def _end_of_lease() -> Any:
    return Now() + timedelta(seconds=LEASE_SECONDS)


def claim(number: int, node: str, ending: threading.Event) -> Hold | None:
    """Take row ``number``, if it waits or its worker is gone, and nothing else of its lane runs. None: it can't be had now."""
    token = secrets.token_hex(16)
    due = Work.objects.filter(Q(state=State.WAITING) | LAPSED, pk=number, node__in=("", node))
    try:
        with transaction.atomic():
            taken = due.update(
                state=State.RUNNING, lease_token=token, lease_ends_at=_end_of_lease(), attempts=F("attempts") + 1
            )
    except IntegrityError:
        return None  # its lane is taken
    if not taken:
        return None
    hold = Hold(Work.objects.get(pk=number), token, ending)
    if hold.work.attempts > MOST_ATTEMPTS:
        hold.end(State.FAILED, trouble=DIED_AGAIN, count=MOST_ATTEMPTS)
        return None
    return hold


@contextmanager
def kept_alive(hold: Hold) -> Iterator[None]:
    """Signs of life from a thread of its own, for as long as the block lasts."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                if not hold.beat():
                    break
            except DatabaseError:
                continue  # away or busy: the next sign may reach it in time
        connection.close()

    thread = threading.Thread(target=go_on, name=f"work-{hold.work.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
