"""Where the files of a run's report go: a folder of its own in ``reports/`` of the mailbox or of the state folder, or the one of ``--report``."""

import os
import time
from functools import cached_property
from itertools import count
from pathlib import Path

from bascule.commands.places import COPY_MAILBOX
from bascule.mailbox import Mailbox
from bascule.terms.own_files import REFUSED, REPORTS


class ReportFolder:
    """Named by the second in which the run began, in UTC as the report itself; of several in one second the later ones are numbered."""

    def __init__(self, mailbox: Mailbox, asked_for: str | Path | None) -> None:
        self._asked_for = asked_for
        root = mailbox.root
        self._reports = (root.parent if root.name == COPY_MAILBOX else root) / REPORTS
        self._stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())

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

    def written_down(self, name: Path) -> str:
        """A file below it as later reports are to find it: from ``reports/`` on, so that a state folder may be moved, or in full. Raises OSError."""
        return str((Path(self.path.name) if self.in_series else self.path.absolute()) / name)

    def seen_from_here(self, kept: str) -> str:
        """What `written_down` of this or another run gave, as a path from this folder. What an older Bascule wrote down says not of which run it
        is, and stays as it is. Raises OSError."""
        if not kept or kept.startswith(f"{REFUSED}/"):
            return kept
        return os.path.relpath(self._reports / kept, self.path)

    def kept_in_series(self, kept: str) -> Path | None:
        """The file that `written_down` of an earlier run of the series told, where it is there and no link leads elsewhere."""
        name = Path(kept)
        if not self.in_series or name.is_absolute() or ".." in name.parts or name.parts[1:2] != (REFUSED,):
            return None
        file = self._reports / name
        below = (file, *file.parents)[: len(name.parts)]
        return file if file.is_file() and not any(place.is_symlink() for place in below) else None
