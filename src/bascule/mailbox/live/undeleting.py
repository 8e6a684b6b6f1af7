"""What was deleted from a live mailbox and can be given back: an expunged message keeps its row and its octets until it is purged."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bascule.mailbox.live.mailbox import LiveMailbox
from bascule.mailbox.live.messages import GIVEN_BACK
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


_IS_IN_ITS_FOLDER = (
    "EXISTS (SELECT 1 FROM messages n JOIN folders g ON g.id = n.folder"
    " WHERE n.body = m.body AND g.path = f.path AND g.gone_utc IS NULL AND n.vanished_utc IS NULL)"
)
_WAS_IN_ITS_FOLDER_AGAIN = (
    "EXISTS (SELECT 1 FROM messages n JOIN folders g ON g.id = n.folder"
    " WHERE n.body = m.body AND g.path = f.path AND g.gone_utc IS NULL)"
)
_WAS_MOVED = (
    "EXISTS (SELECT 1 FROM messages n WHERE n.body = m.body AND n.vanished_utc IS NULL"
    f" AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id = '{GIVEN_BACK}' || n.id))"
)


def deleted(box: LiveMailbox, since_utc: int) -> list[Deleted]:
    """What was deleted since, latest first, and its folder lacks now. What went with its folder is deleted, wherever there are copies. What was expunged
    alone is deleted unless the mailbox has it in another folder, to which it was moved then; copies that were given back are no sign of that, so that
    the order in which folders are given back makes no difference. Several copies of one are given once for each folder."""
    query = (
        "SELECT max(m.id), f.path, max(m.vanished_utc), h.subject, h.sender, h.message_id FROM messages m JOIN folders f ON f.id = m.folder"
        f" LEFT JOIN headers h ON h.message = m.id WHERE m.vanished_utc >= ? AND NOT {_IS_IN_ITS_FOLDER}"
        f" AND CASE WHEN m.vanished_utc = f.gone_utc THEN NOT {_WAS_IN_ITS_FOLDER_AGAIN} ELSE NOT {_WAS_MOVED} END"
        " GROUP BY f.path, m.body ORDER BY max(m.vanished_utc) DESC, 1 DESC"
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
        folder = box.folders.find_or_create(path, now_utc)
        placed = box.messages.give_back(sorted(each.row for each in those), folder.id, now_utc)
        given += len(placed.uids)
    return given
