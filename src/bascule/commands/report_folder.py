"""Where the files of a run's report go: a folder of its own in ``reports/`` of the mailbox or of the state folder, or the one of ``--report``."""

import time
from functools import cached_property
from itertools import count
from pathlib import Path

from bascule.commands.places import COPY_MAILBOX
from bascule.mailbox import Mailbox


class ReportFolder:
    """Named by the second in which the run began; of several in one second the later ones are numbered."""

    def __init__(self, mailbox: Mailbox, asked_for: str | Path | None) -> None:
        self._asked_for = asked_for
        root = mailbox.root
        self._reports = (root.parent if root.name == COPY_MAILBOX else root) / "reports"
        self._stamp = time.strftime("%Y%m%d-%H%M%S")

    @property
    def in_series(self) -> bool:
        """Whether it lies beside those of the runs before."""
        return not self._asked_for

    @cached_property
    def path(self) -> Path:
        """It is made when it is first asked for, so that a run which has nothing to report leaves none; nobody else is given the same. Raises
        OSError."""
        if self._asked_for:
            return Path(self._asked_for)
        self._reports.mkdir(parents=True, exist_ok=True)
        for number in count(2):
            place = self._reports / self._stamp
            try:
                place.mkdir()
                return place
            except FileExistsError:
                self._stamp = f"{self._stamp[:15]}-{number:02d}"
        raise AssertionError  # `count` has no end
