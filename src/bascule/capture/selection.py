"""What the user chooses to take: by folder, arrival date and size. What is left out is counted, not forgotten."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import TOO_LARGE

_VIEWS = (SpecialUse.ALL, SpecialUse.FLAGGED, SpecialUse.IMPORTANT)


@dataclass(frozen=True, slots=True)
class Selection:
    """``folders`` and ``without_folders`` are shell patterns on ``A/B`` paths; ``*`` matches across ``/``.

    ``since`` and ``before`` are compared with the arrival date (INTERNALDATE); ``max_octets`` with the size.
    """

    folders: tuple[str, ...] = ()
    without_folders: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    max_octets: int | None = None

    def takes_folder(self, path: FolderPath) -> bool:
        name = path.join("/")
        if self.folders and not any(fnmatchcase(name, pattern) for pattern in self.folders):
            return False
        return not any(fnmatchcase(name, pattern) for pattern in self.without_folders)

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
