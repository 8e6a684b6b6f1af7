"""The old side's folders as the runs so far saw them: when a message that none of them has seen was not in its folder yet."""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field, replace

from bascule.mailbox.deltas import Deltas
from bascule.mailbox.messages import Absence
from bascule.terms.folder import FolderPath


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """``delta``: of its last survey; ``is_complete``: all that it found was dealt with; ``sightings``: (delta, UIDVALIDITY, UIDNEXT), UIDVALIDITY 0
    where the folder was not there."""

    uidvalidity: int
    is_selectable: bool
    delta: int
    is_complete: bool
    sightings: tuple[tuple[int, int, int], ...]

    def absent_in(self, uidvalidity: int, uid: int) -> int:
        """The last delta in which a message that no run has seen provably was not in the folder yet, as `Messages.absence` tells it; 0: none is known."""
        seen = {delta: uidnext if validity == uidvalidity else 0 for delta, validity, uidnext in self.sightings}
        if self.is_complete and self.uidvalidity not in (0, uidvalidity):  # what `Folders.set_uidvalidity` will note
            seen[self.delta] = 0
        return Absence(tuple(sorted(seen.items(), reverse=True))).delta(uid)


@dataclass(frozen=True, slots=True)
class OldSide:
    """``delta``: the last one; 0: none is known, and nothing that is found is taken for a message that moved."""

    delta: int = 0
    folders: dict[FolderPath, KnownFolder] = field(default_factory=dict)

    def absent_in(self, path: FolderPath, uidvalidity: int, uid: int) -> int:
        """As `KnownFolder.absent_in`; a folder that the last delta did not list was made since."""
        folder = self.folders.get(path)
        return self.delta if folder is None else folder.absent_in(uidvalidity, uid)

    def deltas(self, database: sqlite3.Connection) -> Deltas:
        """As the next run will read them: before it begins, it notes whether the last one left nothing unread (`Folders.note_whole`). Blocks."""
        known = Deltas.read(database)
        read = [folder for folder in self.folders.values() if folder.is_selectable]
        is_whole = all(folder.is_complete and folder.delta == self.delta for folder in read)
        return replace(known, whole=self.delta) if is_whole else known


_FOLDERS = "SELECT id, path, uidvalidity, selectable, delta, complete FROM folders WHERE gone_utc IS NULL"


def read_old_side(database: sqlite3.Connection) -> OldSide:
    """Blocks."""
    sightings: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for row, delta, validity, uidnext in database.execute("SELECT folder, delta, uidvalidity, uidnext FROM sightings"):
        sightings[row].append((delta, validity, uidnext))
    folders = {}
    for row, path, validity, selectable, delta, complete in database.execute(_FOLDERS):
        known = KnownFolder(validity, bool(selectable), delta, bool(complete), tuple(sightings[row]))
        folders[FolderPath.from_json(path)] = known
    [latest] = database.execute("SELECT coalesce(max(id), 0) FROM deltas").fetchone()
    return OldSide(latest, folders)
