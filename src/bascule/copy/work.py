"""What there is to copy of one folder, as the workers take it."""

from dataclasses import dataclass

from bascule.capture import FolderDelta, Selection
from bascule.deliver import MappedFolder, TargetRun
from bascule.mailbox import FolderRow
from bascule.mailbox.ledger import Ledger
from bascule.sources import Reader, SourceFolder
from bascule.terms.outcome import Outcome, OutcomeCode


@dataclass(frozen=True, slots=True)
class Work:
    """``messages``: how many are expected. ``to_probe``: its numbers prove it unchanged, and its last messages are to be looked at before that is
    believed. ``delta``: its survey, where that was made before anything is delivered."""

    folder: SourceFolder
    row: FolderRow
    target: MappedFolder
    messages: int
    to_probe: bool = False
    delta: FolderDelta | None = None

    @property
    def is_refused(self) -> bool:
        """The target makes no such folder: its messages need not be read."""
        return bool(self.target.refusal)


async def survey(target: TargetRun, reader: Reader, item: Work, selection: Selection) -> FolderDelta:
    """The folder's delta. A choice of messages holds in each run: of what an earlier one could not deliver, the target has nothing, and what the choice
    does not take is left out by it. Raises FolderError, SourceError."""
    mailbox, ledger = target.mailbox, target.ledger
    delta = await FolderDelta.begin(mailbox, reader, item.folder, item.row, selection, target.watcher)
    if selection.looks_at_messages:
        never_taken = await mailbox.run(ledger.never_taken, delta.row.id, delta.row.uidvalidity)
        known = [uid for uid in delta.survey.uids if uid in never_taken]
        left = await delta.leave_out(reader, selection, known) if known else {}
        outcomes = [(never_taken[uid], Outcome(OutcomeCode.LEFT_OUT, reason)) for uid, reason in left.items()]
        await mailbox.run(ledger.settle, delta.row.id, outcomes)
    return delta


def fresh_of(ledger: Ledger, delta: FolderDelta) -> list[int]:
    """The folder's UIDs that no earlier run settled on this target. Blocks."""
    settled = ledger.settled_uids(delta.row.id, delta.row.uidvalidity)
    return [uid for uid in delta.unless_left_out if uid not in settled]


def fresh_since(target: TargetRun, work: list[Work]) -> int | None:
    """The earliest delta in which something that is to be copied was not in its folder yet; None: nothing is known to be. Blocks."""
    earliest: list[int] = []
    for item in work:
        fresh = fresh_of(target.ledger, item.delta) if item.delta is not None else []
        if item.delta is not None and fresh:
            absence = target.mailbox.messages.absence(item.row.id, item.delta.row.uidvalidity)
            earliest.append(absence.delta(fresh[0]))
    return min(earliest, default=None)
