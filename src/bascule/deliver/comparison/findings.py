"""What a comparison found, message by message."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The value is what the JSON prints."""

    EQUAL = "equal"
    THEIRS = "theirs"
    """It differs by what was done on the new side, which is no fault."""
    TO_DO = "to do"
    """It differs by what happened on the old side since the last run, or by what no run has done yet: the next one brings it."""
    FAULT = "fault"
    LEFT_OUT = "left out"
    """By the user's choice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``title``: the subject, else the Message-ID. ``what``: in words, after the name of the message. ``last_seen``: how and when its copy was
    read back last, where a run did; UTC."""

    kind: Kind
    what: str = ""
    folder: str = ""
    uid: int = 0
    title: str = ""
    last_seen: str = ""


@dataclass(slots=True)
class Comparison:
    """``findings``: every message but the equal ones. ``of_folders``: what was done to folders on the new side, a sentence each. ``knows``: whether
    the runs before were known. ``line_ends``: equal messages that have CRLF for LF alone. ``not_compared``: folders that one side does not let be read to the
    end; what is in them counts as far as it was read."""

    knows: bool = False
    counts: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    of_folders: list[str] = field(default_factory=list)
    line_ends: int = 0
    not_compared: int = 0

    @property
    def expected(self) -> int:
        """How many messages the old side has."""
        return self.counts.total()

    @property
    def is_in_order(self) -> bool:
        """Whether all that differs is what people did on the new side, or left out by choice."""
        return not any(finding.kind in (Kind.FAULT, Kind.TO_DO) for finding in self.findings)

    def add(self, finding: Finding) -> None:
        """Of one message."""
        self.counts[finding.kind] += 1
        if finding.kind is not Kind.EQUAL:
            self.findings.append(finding)

    def name_fault(self, folder: str, what: str, uid: int = 0) -> None:
        """What is no message of the old side's that was read: a folder, or a message that is not given. Whoever names one of the old side's counts it."""
        self.findings.append(Finding(Kind.FAULT, what, folder, uid))

    def name_to_do(self, folder: str, what: str) -> None:
        """What no run has read of the old side."""
        self.findings.append(Finding(Kind.TO_DO, what, folder))
