"""How work begins, stops and goes on: what pages ask for."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from bascule.portal.jobs.models import Kind, Lane, State, Work
from bascule.portal.jobs.wakeups import wake


def ask(kind: Kind, order: dict[str, Any], *, by: str, at: datetime, lane: Lane | None = None, node: str = "") -> Work:
    """Within the caller's transaction, if there is one: the wake-up follows its end."""
    made = Work.objects.create(
        kind=kind, order=order, lane=lane, node=node, asked_by=by, asked_at=at, woken_at=Now()
    )  # fmt: skip
    transaction.on_commit(lambda: wake(made.pk))
    return made


def stop(work: Work) -> None:
    """At its next step; what is done stays."""
    waiting = Work.objects.filter(pk=work.pk, state=State.WAITING)
    if not waiting.update(state=State.STOPPED, ended_at=Now()):
        Work.objects.filter(pk=work.pk, state=State.RUNNING).update(is_stop_asked=True)


def go_on(work: Work) -> None:
    """After it was stopped, or could not go on."""
    ended = Work.objects.filter(pk=work.pk, state__in=(State.STOPPED, State.FAILED))
    if ended.update(state=State.WAITING, is_stop_asked=False, attempts=0, trouble="", trouble_values={}, ended_at=None, woken_at=Now()):  # fmt: skip
        transaction.on_commit(lambda: wake(work.pk))
