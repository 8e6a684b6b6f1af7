"""A folder that somebody named, and what lies below it, read without ever leaving it.

An administrator imports what belongs to others, and those may put links there that lead to files of everybody's. So a file is opened level by level, from
the folder's own descriptor and through no link: what was found cannot be exchanged for a link before it is read. A link whose end lies inside is
followed to that end; one that leads out is told, and so is whatever can't be listed. What Bascule itself keeps there (the mailbox that the mail is brought
into, the messages that a target refused) is none of that mail.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bascule.sources.files.reading import reason_of
from bascule.sources.limits import DIRECTORY_LEVELS
from bascule.terms.own_files import APPLICATION_ID, CATALOGUE, CERTIFICATE, COPY_MAILBOX, REFUSED, REPORTS

Parts = tuple[str, ...]
TOO_DEEP = f"it lies more than {DIRECTORY_LEVELS} folders deep"
_SEARCH = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Without O_NONBLOCK a FIFO would be waited for, for ever."""
_OF_A_MAILBOX = re.compile(r"(?:catalogue|search|bodies-\d+)\.sqlite(?:-wal|-shm|-journal)?|lock")
_OF_A_REPORT = {CERTIFICATE, "report.json", "manifest.sha256"}
_SQLITE_HEADER = 100  # octets, of which those from 68 on are the application's: https://www.sqlite.org/fileformat.html
_IS_A_LINK = (errno.ELOOP, errno.ENOTDIR)  # a link at the end of a path that may hold none, and one on the way


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file. ``parts``: its names from the folder down, as they were come upon; ``real``: those by which no link is met."""

    parts: Parts
    real: Parts
    octets: int
    modified: float

    @property
    def name(self) -> str:
        return self.parts[-1]


@dataclass(slots=True)
class Directory:
    """``files`` and ``folders`` in the order of their names, without Bascule's own; ``has_own``: there are some. ``closed``: names of what is a folder, or may be one, and is not looked into; ``odd``: of what
    is no folder and no file to read; both with the reason. ``error``: why nothing is known of what it holds."""

    parts: Parts
    files: list[Found] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    error: str = ""
    has_own: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    parts: Parts
    real: Parts
    linked: bool
    """Reached through a link: within it no further one to a folder is followed, or two could lead into one another for ever."""


class _NotFollowed(Exception):
    """A link, and why it is not."""


class Tree:
    """Several threads may read from it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = Path(os.path.realpath(root))

    def walk(self) -> Iterator[Directory]:
        """Every directory, the folder itself first, each before those within it. Raises nothing: what goes wrong is told of its directory."""
        waiting = [_Place((), (), linked=False)]
        while waiting:
            place = waiting.pop()
            found = Directory(place.parts)
            try:
                within = self._list(place, found)
                own = self._own_names(found)
            except OSError as error:
                found.error = reason_of(error)
                within, own = [], set()
            if own:
                found.has_own = True
                found.files = [file for file in found.files if file.name not in own]
                found.folders = [name for name in found.folders if name not in own]
            yield found
            waiting.extend(each for each in reversed(within) if each.parts[-1] not in own)

    def open(self, parts: Sequence[str]) -> BinaryIO:
        """A regular file inside the folder. Raises OSError; ValueError for names that lead out of it."""
        if not parts or any(part in ("", ".", "..") or "/" in part for part in parts):
            raise ValueError("it lies outside of the folder")
        try:
            descriptor = self._open(parts)
        except OSError as error:
            if error.errno not in _IS_A_LINK:
                raise
            descriptor = self._open(self._inside(Path(*parts)))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ValueError("it is no regular file")
        return os.fdopen(descriptor, "rb")

    def _open(self, parts: Sequence[str]) -> int:
        above = self._descend(parts[:-1])
        try:
            return os.open(parts[-1], _READ, dir_fd=above)
        finally:
            os.close(above)

    def _descend(self, parts: Sequence[str]) -> int:
        """A directory's descriptor."""
        descriptor = os.open(self._real, _SEARCH)
        for part in parts:
            try:
                inner = os.open(part, _SEARCH, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor

    def _inside(self, below: Path) -> Parts:
        """Where a path with links in it ends. Raises OSError where it ends nowhere, ValueError where that is not inside the folder."""
        end = Path(os.path.realpath(self._real / below, strict=True))
        if not end.is_relative_to(self._real):
            raise ValueError(f"it is a link that leads out of the folder, to {end}")
        return end.relative_to(self._real).parts

    def _own_names(self, found: Directory) -> set[str]:
        """Of what is Bascule's own in a directory. Whatever else lies beside it is looked at."""
        names = {*found.folders, *(file.name for file in found.files)}
        own: set[str] = set()
        if CATALOGUE in names and self._is_catalogue((*found.parts, CATALOGUE)):
            own |= {REPORTS} | {name for name in names if _OF_A_MAILBOX.fullmatch(name)}
        elif COPY_MAILBOX in names and self._is_catalogue((*found.parts, COPY_MAILBOX, CATALOGUE)):
            own |= {REPORTS, COPY_MAILBOX}
        if names >= _OF_A_REPORT:
            own |= {REFUSED, "report.html", "report.txt"} | _OF_A_REPORT
        return own & names

    def _is_catalogue(self, parts: Parts) -> bool:
        try:
            with self.open(parts) as file:
                head = file.read(_SQLITE_HEADER)
        except (OSError, ValueError):
            return False
        is_ours = head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
        return is_ours or not head  # one that is being made has all in its log yet

    def _list(self, place: _Place, found: Directory) -> list[_Place]:
        """What a directory holds, into ``found``; the directories within it. Raises OSError."""
        within: list[_Place] = []
        descriptor = self._descend(place.real)
        try:
            with os.scandir(descriptor) as listed:
                for entry in sorted(listed, key=lambda each: each.name):
                    self._sort(entry, place, found, within)
        finally:
            os.close(descriptor)
        return within

    def _sort(self, entry: os.DirEntry[str], place: _Place, found: Directory, within: list[_Place]) -> None:
        name, real, linked = entry.name, (*place.real, entry.name), place.linked
        try:
            if entry.is_symlink():
                real, linked = self._follow(name, place), True
                told = os.stat(self._real.joinpath(*real))
            else:
                told = entry.stat(follow_symlinks=False)
        except _NotFollowed as error:
            is_file = os.path.isfile(self._real.joinpath(*real))
            (found.odd if is_file else found.closed)[name] = str(error)
        except OSError as error:
            found.odd[name] = reason_of(error)
        else:
            parts = (*place.parts, name)
            if stat.S_ISREG(told.st_mode):
                found.files.append(Found(parts, real, told.st_size, told.st_mtime))
            elif not stat.S_ISDIR(told.st_mode):
                found.odd[name] = "it is no regular file"
            elif len(parts) > DIRECTORY_LEVELS:
                found.closed[name] = TOO_DEEP
            else:
                found.folders.append(name)
                within.append(_Place(parts, real, linked))

    def _follow(self, name: str, place: _Place) -> Parts:
        """Where a link ends, inside the folder. Raises _NotFollowed."""
        try:
            real = self._inside(Path(*place.real, name))
        except OSError as error:
            raise _NotFollowed(f"it is a link that leads nowhere: {reason_of(error)}") from error
        except ValueError as error:
            raise _NotFollowed(str(error)) from error
        if place.real[: len(real)] == real:
            raise _NotFollowed("it is a link to a folder in which it lies")
        if place.linked and self._real.joinpath(*real).is_dir():
            raise _NotFollowed("it is a link within a folder that is itself a link")
        return real
