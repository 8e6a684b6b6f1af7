"""What every file source shares: a list of folders with numbered entries, as a `Source`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bascule.sources.contract import (
    CHANGED,
    FolderError,
    FolderGone,
    SourceFolder,
    SourceMessage,
    SourceState,
    Survey,
    Unreadable,
)
from bascule.sources.files.reading import reason_of
from bascule.sources.files.tree import TOO_DEEP
from bascule.sources.limits import DIRECTORY_LEVELS
from bascule.sources.paths import Spelling, tell_apart
from bascule.terms.body import Body, SpoolError
from bascule.terms.errors import BasculeError
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate
from bascule.terms.printable import printable
from bascule.terms.watch import SILENT, Watcher

GROUP = 100
"""Messages read in one go on a thread."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One message. ``key`` tells it from its neighbours and changes when the file does. ``read`` may raise OSError, ValueError, and FolderError
    where the folder is not what the walk found any more."""

    key: str
    flags: Flags
    date: InternalDate
    octets: int
    read: Callable[[], Body]
    labels: tuple[str, ...] | None = None


def unreadable_entry(key: str, why: str, flags: Flags = frozenset()) -> FileEntry:
    """One that is there and can't be read: it is found, and named with the reason."""
    return FileEntry(key, flags, InternalDate(0), 0, partial(_refuse, why))


def _refuse(why: str) -> Body:
    raise ValueError(why)


@dataclass(slots=True)
class FileFolder:
    """``path``: what the folder is called; two may be called the same, and `FileSource` tells them apart. ``pieces`` (no other folder of
    the walk has the same; empty: those of ``path``) and ``odd``: see `Spelling`. ``error``: why the folder can't be read; it is then reported like
    one that a server does not open.
    """

    path: FolderPath
    entries: list[FileEntry] = field(default_factory=list)
    special_use: SpecialUse | None = None
    subscribed: bool = True
    selectable: bool = True
    error: str = ""
    pieces: tuple[str, ...] = ()
    odd: int = 0
    told_apart: str = ""

    @property
    def spelling(self) -> Spelling:
        pieces = self.pieces or self.path.parts
        return Spelling(tuple(piece.encode("utf-8", "surrogatepass") for piece in pieces), self.path.parts, self.odd)

    @property
    def uidvalidity(self) -> int:
        digest = hashlib.sha256(
            "\0".join(f"{e.key} {sorted(e.flags)}" for e in self.entries).encode("utf-8", "replace")
        )
        return int.from_bytes(digest.digest()[:4], "big") % (2**31 - 2) + 1


@dataclass(slots=True)
class Walked:
    """What a walk found. ``remark``: a sentence about what it passed over; empty where it did not."""

    folders: list[FileFolder]
    remark: str = ""


class FileSource:
    """A `Source` over folders that ``walk`` finds; it is called once, on a thread. A folder's key is its path, told apart, as JSON."""

    def __init__(self, location: str, walk: Callable[[], Walked]) -> None:
        self.location = location
        self._walk = walk
        self._watcher = SILENT
        self._found: dict[bytes, FileFolder] | None = None

    async def _folders(self) -> dict[bytes, FileFolder]:
        if self._found is None:
            result = await asyncio.to_thread(self._walk)
            if result.remark:
                self._watcher.note(result.remark)
            walked = {folder.spelling: folder for folder in _within_levels(result.folders)}
            self._found = {
                place.path.to_json().encode(): replace(walked[spelling], path=place.path, told_apart=place.told_apart)
                for spelling, place in tell_apart(walked).items()
            }
        return self._found

    def watch(self, watcher: Watcher) -> None:
        """There is nothing to wait for; what was passed over is told."""
        self._watcher = watcher

    async def folders(self) -> list[SourceFolder]:
        found = await self._folders()
        return [
            SourceFolder(f.path, name, f.special_use, f.subscribed, f.selectable, f.told_apart)
            for name, f in found.items()
        ]

    async def states(self, folders: Sequence[SourceFolder]) -> dict[bytes, SourceState]:
        found = await self._folders()
        return {f.name: _state(found[f.name]) for f in folders if f.name in found and not found[f.name].error}

    async def reader(self) -> "FileReader":
        return FileReader(await self._folders())

    async def close(self) -> None:
        """Nothing is held open between readings."""


def _within_levels(folders: Sequence[FileFolder]) -> Iterator[FileFolder]:
    """The folders, whichever file names them. In the place of those that lie too deep there is one with that error, where it gets too deep: each level of a path
    costs something at every step after this."""
    levels = DIRECTORY_LEVELS + 1
    deep: set[tuple[str, ...]] = set()
    for folder in folders:
        pieces = folder.pieces or folder.path.parts
        if len(pieces) <= levels:
            yield folder
            continue
        place = (*pieces[: levels - 1], f"\0{pieces[levels - 1]}")  # no file has NUL in its name
        if place not in deep:
            deep.add(place)
            yield FileFolder(FolderPath(folder.path.parts[:levels]), pieces=place, error=TOO_DEEP)


def _state(folder: FileFolder) -> SourceState:
    return SourceState(folder.uidvalidity, len(folder.entries) + 1, len(folder.entries))


class FileReader:
    """See `Reader`."""

    def __init__(self, folders: dict[bytes, FileFolder]) -> None:
        self._folders = folders
        self._folder: FileFolder | None = None

    def _open(self) -> FileFolder:
        assert self._folder is not None  # `open` comes first
        return self._folder

    def _find(self, folder: SourceFolder) -> FileFolder:
        found = self._folders.get(folder.name)
        if found is None:
            raise FolderGone("there is no such folder")
        if found.error:
            raise FolderError(printable(found.error))
        return found

    async def open(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        found = self._folder = self._find(folder)
        flags = {uid: entry.flags for uid, entry in enumerate(found.entries, 1)}
        return Survey(_state(found), list(flags), flags, flags_are_complete=True)

    async def reopen(self, folder: SourceFolder, uidvalidity: int) -> None:
        found = self._find(folder)
        if found.uidvalidity != uidvalidity:
            raise FolderError(CHANGED)
        self._folder = found

    async def details(self, uids: Sequence[int]) -> dict[int, tuple[InternalDate | None, int]]:
        entries = self._open().entries
        return {uid: (entries[uid - 1].date, entries[uid - 1].octets) for uid in uids}

    async def read(self, uids: Sequence[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        for start in range(0, len(uids), GROUP):
            found, error = await asyncio.to_thread(self._read, uids[start : start + GROUP])
            if found:
                yield found
            if error is not None:
                raise error

    def _read(self, uids: Sequence[int]) -> tuple[list[SourceMessage | Unreadable], FolderError | None]:
        """What was read before the folder turned out to be another one, and that."""
        found: list[SourceMessage | Unreadable] = []
        for uid in uids:
            entry = self._open().entries[uid - 1]
            try:
                found.append(SourceMessage(uid, entry.flags, entry.date, entry.read(), entry.labels))
            except SpoolError:
                raise
            except FolderError as error:
                return found, error
            except (OSError, ValueError, BasculeError) as error:
                found.append(Unreadable(uid, printable(f"{entry.key}: {reason_of(error)}")))
        return found, None

    async def close(self) -> None:
        """Nothing is held open."""
