"""What the user chooses to take: by folder, arrival date and size. What is left out is counted, not forgotten."""

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath, is_inbox_name
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import TOO_LARGE
from bascule.terms.watch import SILENT, Watcher

SHOWN = 12
"""Folders that are named to somebody who named one that is not there: a screen's part."""


@dataclass(frozen=True, slots=True)
class Selection:
    """``folders`` and ``without_folders`` are shell patterns on ``A/B`` paths; ``*`` matches across ``/``. INBOX may be written in any capitals (RFC 9051
    §5.1), an accent in either of its forms, and a name with ``[`` or ``*`` in it as it is.

    ``since`` and ``before`` are compared with the arrival date (INTERNALDATE); ``max_octets`` with the size.
    """

    folders: tuple[str, ...] = ()
    without_folders: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    max_octets: int | None = None

    def takes_folder(self, path: FolderPath) -> bool:
        if self.folders and not any(_matches(path, pattern) for pattern in self.folders):
            return False
        return not any(_matches(path, pattern) for pattern in self.without_folders)

    def require_folders(
        self,
        listed: Iterable[FolderPath],
        known: Iterable[FolderPath] = (),
        renamed: Collection[FolderPath] = (),
        watcher: Watcher = SILENT,
    ) -> None:
        """Raises BasculeError (usage) where none of ``folders`` matches anything, or a name without wildcards of ``without_folders``, or one
        that is ``renamed``, is not there: it is misspelt, and more or less would be taken than is meant. One of several ``folders`` that matches
        nothing is noted. ``listed``: those that may hold messages; ``known``: to earlier runs, whether or not they are still there.
        """
        there = sorted(set(listed))
        seen = {*there, *known}
        missing = _unmatched(self.folders, seen)
        if missing and len(missing) == len(self.folders):
            raise _no_folder("matches", missing, there)
        for pattern in missing:
            watcher.note(f"No folder matches “{pattern}”.")
        if misspelt := _unmatched([p for p in self.without_folders if not _has_wildcard(p)], seen):
            raise _no_folder("to leave out matches", misspelt, there)
        if unknown := [path.join("/") for path in renamed if path not in seen]:
            raise _no_folder("to rename is called", unknown, there)

    @property
    def looks_at_messages(self) -> bool:
        return self.since is not None or self.before is not None or self.max_octets is not None

    def reason_to_leave_out(self, date: InternalDate | None, octets: int) -> str:
        """Why a message is not taken; empty when it is. One of which the source gives no date is on neither side of any."""
        if date is not None and self.since is not None and date.utc_seconds < self.since.timestamp():
            return f"arrived before {self.since:%Y-%m-%d}"
        if date is not None and self.before is not None and date.utc_seconds >= self.before.timestamp():
            return f"arrived on or after {self.before:%Y-%m-%d}"
        if self.max_octets is not None and octets > self.max_octets:
            return f"{TOO_LARGE}{self.max_octets} octets"
        return ""


def _matches(path: FolderPath, pattern: str) -> bool:
    first, slash, rest = pattern.partition("/")
    if is_inbox_name(first):
        pattern = f"INBOX{slash}{rest}"
    name, pattern = (unicodedata.normalize("NFC", text) for text in (path.join("/"), pattern))
    return name == pattern or fnmatchcase(name, pattern)


def _unmatched(patterns: Iterable[str], paths: Collection[FolderPath]) -> list[str]:
    return [pattern for pattern in patterns if not any(_matches(path, pattern) for path in paths)]


def _has_wildcard(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def _no_folder(verb: str, wanted: list[str], there: list[FolderPath]) -> BasculeError:
    names = " or ".join(f"“{name}”" for name in wanted)
    shown = ", ".join(path.display() for path in there[:SHOWN])
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    advice = f"There are: {shown}{more}." if there else "There is none that holds messages."
    return BasculeError(f"No folder {verb} {names}.", advice, ExitStatus.USAGE)
