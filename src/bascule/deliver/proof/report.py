"""What a report says: counts that add up for each folder, and each exception by name."""

from dataclasses import asdict, dataclass, field
from typing import Any

_COUNTS = (
    "found", "delivered", "already_there", "refused", "left_out", "altered", "removed", "marked", "unlisted", "unread", "line_ends",
)  # fmt: skip


THIS_RUN = ("delivered", "moved", "flagged")
"""What a run did on the target itself, where all else that a report counts is of every run until now: messages that the target took, those moved ones among
them whose earlier copies made way, and those that were given the old side's flags."""


@dataclass(slots=True)
class FolderCounts:
    """``found`` is the source's own count. ``altered`` and ``removed`` (no longer there: somebody removed or moved them on the new side) are
    among ``delivered``; ``marked`` are those whose copies somebody marked there, or that were there before with another date. ``unlisted``
    are among ``found``: the source counts them and lists them not, so that they can't be asked for. ``unread``: it listed them, and no run has read them. ``line_ends``: delivered with CRLF for LF alone. ``unaccounted`` is what has no outcome. ``error``: why
    the folder is not whole, as the side says that ``error_of`` names (``source``, ``target``). Not ``reached``: no run has read it, and nothing is known of
    what it holds."""

    folder: str
    target: str = ""
    found: int = 0
    delivered: int = 0
    already_there: int = 0
    refused: int = 0
    left_out: int = 0
    altered: int = 0
    removed: int = 0
    marked: int = 0
    unlisted: int = 0
    unread: int = 0
    line_ends: int = 0
    renamed: str = ""
    error: str = ""
    error_of: str = ""
    reached: bool = True

    @property
    def unaccounted(self) -> int:
        return self.found - self.delivered - self.already_there - self.refused - self.left_out

    @property
    def is_whole(self) -> bool:
        """Everything found was delivered, was there, or was left out by choice; and nothing was altered."""
        return self.reached and not (self.unaccounted or self.refused or self.altered or self.error)

    def add(self, other: "FolderCounts") -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class ReportedException:
    """One message that is not on the target as it was found. ``saved_as``: where its octets were written, if they were."""

    folder: str
    uid: int
    code: str
    detail: str
    octets: int = 0
    sha256: str = ""
    subject: str = ""
    sender: str = ""
    date: str = ""
    saved_as: str = ""


@dataclass(slots=True)
class Report:
    """``verified``: how many delivered messages were read back, by how: ``octets``, ``details`` or ``no``; ``read_back_first`` and
    ``read_back_last``: when the first and the last of them were, UTC; empty where that is not known. ``left_out_folders``: those that the user
    chose not to have looked at; no count speaks of them. ``left_out_why``: how many messages of the others are left out by choice, for their ``size``
    and their ``date``."""

    command: str
    source: str
    target: str
    version: str
    started: str
    finished: str
    verify: str
    folders: list[FolderCounts] = field(default_factory=list)
    exceptions: list[ReportedException] = field(default_factory=list)
    verified: dict[str, int] = field(default_factory=dict)
    read_back_first: str = ""
    read_back_last: str = ""
    left_out_folders: list[str] = field(default_factory=list)
    left_out_why: dict[str, int] = field(default_factory=dict)
    this_run: dict[str, int] = field(default_factory=dict)
    """`THIS_RUN` → how many messages; empty where no run is reported, but what is remembered."""
    stopped: str = ""
    """Why the run ended before it was through; empty when it was."""
    origin: str = ""
    """What was read, also where ``source`` is a mailbox on disk that was filled from it; empty where that is not known."""
    signing_key: str = ""
    """The fingerprint of the key that signs the report's files; empty where none are written."""

    @property
    def totals(self) -> FolderCounts:
        total = FolderCounts("")
        for folder in self.folders:
            total.add(folder)
        return total

    @property
    def accounted(self) -> bool:
        """Whether the exit status is 0."""
        return not self.stopped and all(folder.is_whole for folder in self.folders)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: stable names, documented in ``docs/formats/report.md``."""
        values = asdict(self)
        totals = asdict(self.totals)
        for name in ("folder", "target", "renamed", "error", "error_of", "reached"):
            totals.pop(name)
        for row, folder in zip(values["folders"], self.folders, strict=True):
            row["unaccounted"] = folder.unaccounted
        return {
            "format": 1,
            **values,
            "totals": {**totals, "unaccounted": self.totals.unaccounted},
            "accounted": self.accounted,
        }
