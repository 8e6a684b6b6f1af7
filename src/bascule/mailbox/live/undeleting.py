"""What was deleted from a live mailbox and can be given back: an expunged message keeps its row and its octets until it is purged."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bascule.mailbox.live.mailbox import LiveMailbox
from bascule.terms.folder import FolderPath


@dataclass(frozen=True, slots=True)
class Deleted:
    """``row``: of the catalogue. ``path``: the folder it was in, which may be gone too."""

    row: int
    path: FolderPath
    deleted_utc: int
    subject: str
    sender: str
    message_id: str


def deleted(box: LiveMailbox, since_utc: int) -> list[Deleted]:
    """What was expunged since, latest first. A message that is still somewhere in the mailbox was moved, not deleted; several copies of one
    are given once for each folder."""
    query = (
        "SELECT max(m.id), f.path, max(m.vanished_utc), h.subject, h.sender, h.message_id FROM messages m JOIN folders f ON f.id = m.folder"
        " LEFT JOIN headers h ON h.message = m.id WHERE m.vanished_utc >= ? AND NOT EXISTS"
        " (SELECT 1 FROM messages n WHERE n.body = m.body AND n.vanished_utc IS NULL) GROUP BY m.folder, m.body ORDER BY max(m.vanished_utc) DESC, 1 DESC"
    )
    return [
        Deleted(row, FolderPath.from_json(path), when, subject or "", sender or "", message_id or "")
        for row, path, when, subject, sender, message_id in box.mailbox.database.execute(query, (since_utc,))
    ]


def give_back(box: LiveMailbox, messages: Iterable[Deleted], now_utc: int) -> int:
    """Put them where they were, with new UIDs, their flags and dates; a folder that is gone is made again. How many: not those that were purged
    meanwhile, or given back by somebody else. Raises FolderGone."""
    by_path: dict[FolderPath, list[Deleted]] = defaultdict(list)
    for each in messages:
        by_path[each.path].append(each)
    given = 0
    for path, those in by_path.items():
        folder = box.folders.find(path) or box.folders.create(path, now_utc)
        placed = box.messages.copy_lacking(sorted(each.row for each in those), folder.id)
        box.messages.set_flags(folder.id, placed.uids, lambda flags: flags - {"\\Deleted"})
        given += len(placed.uids)
    return given
