"""Work that is asked for, and what became of its items."""

from enum import StrEnum
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """What does it is named in `bascule.portal.kinds_of_work`."""

    IMPORT = "import-members"
    PROVISION = "provision"


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """By an operator; it can go on."""


class Lane(StrEnum):
    """Work of the same lane goes one at a time."""

    DIRECTORY = "directory"


REFUSED = "%(message)s %(advice)s"
"""Of `Work.trouble`: the sentences of a BasculeError, translated where the catalogue has them."""


class Work(models.Model):
    """``lease_token`` and ``lease_ends_at``: who has it, and until when by the database's clock. ``node``: only a worker there does it; empty: any."""

    KIND_NAMES: ClassVar = {
        Kind.IMPORT: _("Bringing in a list of members"),
        Kind.PROVISION: _("Making mailboxes ready"),
    }
    STATE_NAMES: ClassVar = {
        State.WAITING: _("waiting for its turn"),
        State.RUNNING: _("going on"),
        State.DONE: _("done"),
        State.FAILED: _("could not go on"),
        State.STOPPED: _("stopped"),
    }

    kind = models.CharField(max_length=40, choices=list(KIND_NAMES.items()))
    order = models.JSONField(default=dict)
    """What exactly; never a secret."""
    lane = models.CharField(max_length=40, null=True)
    """None: in no lane. NULL is in no unique index."""
    node = models.CharField(max_length=254, blank=True)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=list(STATE_NAMES.items()), default=State.WAITING, db_index=True)
    is_stop_asked = models.BooleanField(default=False)
    attempts = models.IntegerField(default=0)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_ends_at = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)
    """When the last wake-up for it was sent."""
    done = models.IntegerField(default=0)
    total = models.IntegerField(default=0)
    result = models.JSONField(default=dict)
    trouble = models.TextField(blank=True)
    """Why it could not go on: an English sentence with ``%(name)s`` for what is in ``trouble_values``."""
    trouble_values = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["lane"], condition=models.Q(state=State.RUNNING), name="one_of_a_lane_runs")
        ]

    @property
    def is_over(self) -> bool:
        return self.state in (State.DONE, State.FAILED, State.STOPPED)

    @property
    def part(self) -> int:
        """Of a hundred."""
        return min(100, self.done * 100 // self.total) if self.total else 0

    def trouble_in_words(self) -> str:
        """In the reader's language."""
        if self.trouble == REFUSED:
            parts = (self.trouble_values["message"], self.trouble_values["advice"])
            return " ".join(str(gettext(part)) for part in parts if part)
        return in_words(self.trouble, self.trouble_values)


class Item(models.Model):
    """What became of one thing that was not done as asked; what was done stands in the rows that it changed."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="items")
    about = models.CharField(max_length=254)
    code = models.CharField(max_length=40)
    """Stable: docs/outcomes.md."""
    what = models.TextField()
    values = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["id"]

    def in_words(self) -> str:
        return in_words(self.what, self.values)


def in_words(sentence: str, values: dict[str, Any]) -> str:
    """An English sentence with its values, in the reader's language."""
    return str(gettext(sentence)) % values if sentence else ""
