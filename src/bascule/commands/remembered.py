"""What `copy` remembers of a pair of mailboxes, for commands that only look at it."""

from pathlib import Path

from bascule.capture import require_owner
from bascule.commands import places
from bascule.commands.terminal import so_many
from bascule.deliver.comparison import Memory, remember
from bascule.deliver.proof import Report
from bascule.mailbox import Mailbox
from bascule.mailbox.format import CATALOGUE
from bascule.terms.watch import Watcher


def memory_of(state: Path, source: str, location: str, *, same_person: bool = False) -> Memory | None:
    """None where nothing was ever copied with this state folder, or to this target. Raises BasculeError (usage) where it is another person's."""
    place = state / places.COPY_MAILBOX
    if not (place / CATALOGUE).exists():
        return None
    with Mailbox.open(place, read_only=True, made_elsewhere=True) as mailbox:
        if not same_person:
            require_owner(mailbox, source)
        return remember(mailbox, location)


def note_first_run(report: Report, watcher: Watcher, *, is_first: bool) -> None:
    """``is_first``: nothing was remembered of an earlier run to this target. Where it had some of the mail all the same, one may have been forgotten."""
    found = report.totals.already_there
    if is_first and found:
        watcher.note(
            f"{so_many(found, 'message')} {'was' if found == 1 else 'were'} on the new side already, and no earlier run is remembered. If there was one, and its state is lost,"
            " what was deleted, moved or renamed there since has been brought again."
        )
