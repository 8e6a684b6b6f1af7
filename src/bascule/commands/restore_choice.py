"""Which folder and message `bascule restore` is asked for; a name that is nowhere is refused, lest a slip of the pen reads as “nothing is missing”."""

from dataclasses import dataclass

from bascule.mailbox.live import LiveMailbox
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath

NAMED = 20
"""Folders that a refusal names: more than most people have, less than a screen."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``folder`` None: every folder; ``message_id`` None: every message."""

    folder: FolderPath | None
    message_id: str | None

    def takes(self, folder: FolderPath, message_id: str) -> bool:
        return self.folder in (None, folder) and self.message_id in (None, message_id)

    def require_known(self, box: LiveMailbox, name: str, *, with_deleted: bool = False) -> None:
        """``name``: the mailbox's, in a sentence. ``with_deleted``: folders and messages that are gone, and not purged yet, are known too. Raises BasculeError (usage)."""
        is_there = "TRUE" if with_deleted else "gone_utc IS NULL"
        query = f"SELECT DISTINCT path FROM folders WHERE {is_there}"
        paths = sorted(FolderPath.from_json(path) for (path,) in box.mailbox.database.execute(query))
        if self.folder is not None and self.folder not in paths:
            raise BasculeError(f"{name} has no folder {self.folder}; {_there_is(paths, self.folder)}.", "Capitals count; write a folder within another as “Projets/2026”.", ExitStatus.USAGE)  # fmt: skip
        is_there = "TRUE" if with_deleted else "m.vanished_utc IS NULL"
        query = f"SELECT 1 FROM messages m JOIN headers h ON h.message = m.id JOIN folders f ON f.id = m.folder WHERE {is_there} AND h.message_id = ? AND ? IN (f.path, '') LIMIT 1"
        if self.message_id is not None:
            path = self.folder.to_json() if self.folder else ""
            if box.mailbox.database.execute(query, (self.message_id, path)).fetchone() is None:
                where = f" in {self.folder}" if self.folder else ""
                raise BasculeError(f"{name} has no message {self.message_id}{where}.", "Write it as its Message-ID field has it, with < and >, in quotation marks.", ExitStatus.USAGE)  # fmt: skip


def _there_is(paths: list[FolderPath], meant: FolderPath) -> str:
    """Names that differ in capitals alone come first."""
    near = sorted(paths, key=lambda path: (path.join("/").casefold() != meant.join("/").casefold(), path))
    rest = f" and {len(near) - NAMED} more" if len(near) > NAMED else ""
    return f"there {'is' if len(near) == 1 else 'are'} " + ", ".join(map(str, near[:NAMED])) + rest
