"""What became of one message: a row of the ledger.

An engine never counts failures: it writes one outcome for each message, and every total in a report is a count of
rows. The codes are stable; ``docs/outcomes.md`` lists them, and a test fails when one is missing there.
"""

from dataclasses import dataclass
from enum import StrEnum

from bascule.terms.flags import Flags

MENDED = "mended: "
"""How the detail of a message begins that was sent in a mended form, by the user's choice."""
REFUSED_MENDED = "refused in its mended form too"
NOTHING_TO_MEND = "nothing was found in it to mend"
"""How the detail of a message ends that the user asked to have mended, and that is refused all the same."""
TOO_LARGE = "larger than "
"""How the detail of a message begins that is left out for its size; of the others that are, it is the day on which they arrived."""

REMEMBERED = "; until then "
"""What follows in the detail of a removed message, by `OutcomeCode.is_remembered`: its outcome before that, as ``altered: without $A``."""


class OutcomeCode(StrEnum):
    """The value is what the catalogue keeps and what the JSON report prints."""

    DELIVERED = "delivered"
    """This message was written to the target by us, and the target said OK."""
    ALREADY_THERE = "already-there"
    """The target held an equal message before we came (counting copies)."""
    ALTERED = "altered"
    """The target took the message, and gives back something else; ``detail`` says what differs."""
    REFUSED_SIZE = "refused-size"
    """The target refuses a message of this size."""
    REFUSED_EMPTY = "refused-empty"
    """The message has no octets, and the target does not keep such messages."""
    REFUSED_CONTENT = "refused-content"
    """The target refuses what is in the message (NUL, malformed header, …)."""
    REFUSED_QUOTA = "refused-quota"
    """The target has no room left. A later run tries again."""
    REFUSED_FOLDER = "refused-folder"
    """The target can't make or open the folder. A later run tries again."""
    UNREADABLE = "unreadable"
    """The source lists the message, and does not give it. A later run tries again."""
    DUPLICATE = "duplicate"
    """One copy too many, which the target can't remove, or which somebody touched: of a batch that was cut and committed late, of a message
    that moved on the old side, or of what another program delivered too."""
    MISSING = "missing"
    """The target said OK, and the message is not there when read back. A later run sends it again."""
    REFUSED_BUSY = "refused-busy"
    """The target can't take it now, or is at a limit of its own, and still said so after several tries. A later run tries again."""
    REMOVED = "removed"
    """It was on the target, and is there no longer: somebody moved or removed it on the new side, and it is theirs to do so."""
    LEFT_OUT = "left-out"
    """Left out by the user's choice (folder, date or size)."""

    @property
    def is_exception(self) -> bool:
        """Whether the report names the message and the exit status is not 0."""
        return self not in _IN_ORDER

    @property
    def is_remembered(self) -> bool:
        """Whether a message of this outcome that is removed, and found again after all, has this outcome again and not *delivered*."""
        return self in _REMEMBERED


_IN_ORDER = frozenset({OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.LEFT_OUT, OutcomeCode.REMOVED})

_REMEMBERED = frozenset({OutcomeCode.ALTERED, OutcomeCode.DUPLICATE, OutcomeCode.ALREADY_THERE})


def outcome_before(detail: str) -> tuple[OutcomeCode, str]:
    """The outcome, and its detail, of a removed message before it was removed, by the ``detail`` that it has since."""
    code, _, told = detail.partition(REMEMBERED)[2].partition(": ")
    return (OutcomeCode(code), told) if code in _REMEMBERED else (OutcomeCode.DELIVERED, "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message's outcome; ``detail`` is the server's own reason where there is one."""

    code: OutcomeCode
    detail: str = ""
    target_uid: int | None = None
    sent_as: tuple[bytes, int] | None = None
    """SHA-256 and size of what was sent, where that is not the message's own octets."""
    given: Flags | None = None
    """The flags of its copy on the target, where they are not the message's own."""
    for_flags: Flags | None = None
    """The flags of the message that its copy was given for, where the message has others by now."""
    theirs: bool = False
    """Its copy is not as the old side has it, and was not made so by us: it is neither followed nor removed."""
