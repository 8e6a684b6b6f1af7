"""What `copy` remembers of a pair of mailboxes, for commands that only look at it."""

from pathlib import Path

from bascule.capture import require_owner
from bascule.commands import places
from bascule.deliver.comparison import Memory, remember
from bascule.mailbox import Mailbox
from bascule.mailbox.format import CATALOGUE


def memory_of(state: Path, source: str, location: str, *, same_person: bool = False) -> Memory | None:
    """None where nothing was ever copied with this state folder, or to this target. Raises BasculeError (usage) where it is another person's."""
    place = state / places.COPY_MAILBOX
    if not (place / CATALOGUE).exists():
        return None
    with Mailbox.open(place, read_only=True, made_elsewhere=True) as mailbox:
        if not same_person:
            require_owner(mailbox, source)
        return remember(mailbox, location)
