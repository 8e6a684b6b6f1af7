"""What a mailbox on disk knows that it lacks: it is asked by the report, by `verify` and by whoever exports it, so that none takes it for whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.folders import unlisted_key
from bascule.sources import SourceState
from bascule.terms.folder import FolderPath
from bascule.terms.outcome import OutcomeCode


@dataclass(frozen=True, slots=True)
class Lack:
    """Of one folder. ``error``: why its source did not open it, or not to the end. ``unreadable``: UID → why the source did not give it. ``unlisted``: how
    many messages more the source counts than it lists. ``unread``: how many it listed that no run has read. Not ``reached``: no run has read the folder."""

    path: FolderPath
    error: str = ""
    unreadable: tuple[tuple[int, str], ...] = ()
    unlisted: int = 0
    unread: int = 0
    reached: bool = True

    @property
    def is_anything(self) -> bool:
        return bool(self.error or self.unreadable or self.unlisted or self.unread or not self.reached)

    @property
    def sentence(self) -> str:
        """In English, without the folder's name and without a full stop."""
        missing = len(self.unreadable) + self.unlisted + self.unread
        of_messages = f"{missing} of its messages {'is' if missing == 1 else 'are'} missing" if missing else ""
        reached = "" if self.reached else "no run has read it"
        error = f"its source did not let it be read to the end ({self.error})" if self.error else ""
        return ", ".join(filter(None, (reached, error, of_messages)))


def lack_of(mailbox: Mailbox, row: FolderRow) -> Lack:
    """Blocks."""
    given = mailbox.database.execute(
        "SELECT uid, code, detail FROM not_held WHERE folder = ? ORDER BY uid", (row.id,)
    ).fetchall()
    state = SourceState.from_json(row.source_state)
    return Lack(
        row.path,
        row.error or "",
        tuple((uid, detail) for uid, code, detail in given if code == OutcomeCode.UNREADABLE.value),
        int(mailbox.meta(unlisted_key(row.id)) or 0),
        max(0, state.messages - mailbox.messages.count(row.id) - len(given)) if state else 0,
        is_read(mailbox, row),
    )


def lacks(mailbox: Mailbox, takes_folder: Callable[[FolderPath], bool]) -> Iterator[Lack]:
    """Of each folder that lacks something, but for those that the user of the last run chose to leave out. Blocks."""
    left_out = {row.id for row in unread_by_choice(mailbox)}
    for row in mailbox.folders.all():
        if takes_folder(row.path) and (row.selectable or row.error) and row.id not in left_out:
            lack = lack_of(mailbox, row)
            if lack.is_anything:
                yield lack


def unread_by_choice(mailbox: Mailbox) -> list[FolderRow]:
    """Folders that no run has read because the last one's user left them out. Blocks."""
    left_out = mailbox.folders.left_out()
    return [row for row in mailbox.folders.all() if row.id in left_out and not is_read(mailbox, row)]


def is_read(mailbox: Mailbox, row: FolderRow) -> bool:
    """Whether a run has opened it, or tried to."""
    return bool(row.error) or is_known(mailbox, row)


def is_known(mailbox: Mailbox, row: FolderRow) -> bool:
    """Whether a run has opened it: something is known of what is in it. Those of a live mailbox are not read from anywhere."""
    return bool(row.source_state or mailbox.meta("live") or mailbox.messages.count(row.id))
