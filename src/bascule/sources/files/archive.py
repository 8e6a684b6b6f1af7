"""A zip whose messages are read one after the other: its directory, which tells of every member, is read once and not for each of them."""

import os
import shutil
import struct
import threading
import unicodedata
import zipfile
import zlib
from calendar import timegm
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from lzma import LZMAError
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast

from bascule.terms.body import CHUNK_OCTETS, Body, body_of
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.instant import InternalDate

_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    ValueError,
)
"""What zipfile raises at a member, or a directory, that is damaged or packed in a way that it does not know."""
_ENCRYPTED = 1  # APPNOTE.TXT §4.4.4, bit 0
_UTF8 = 0x800  # bit 11
_OF_WINDOWS = (0, 10)  # §4.4.2.2


class Archive:
    """Opened at the first reading, and closed with the last entry that refers to it. Several threads may read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: zipfile.ZipFile | None = None

    def read(self, member: zipfile.ZipInfo | str) -> Body:
        """One message. Of several members with one name, the name gives the last. Raises ValueError when it is damaged or not there, OSError."""
        try:
            opened = self._open()
            info = opened.getinfo(member) if isinstance(member, str) else member
            with opened.open(info) as octets:
                return body_of(iter(lambda: octets.read(CHUNK_OCTETS), b""), info.file_size)
        except (*_DAMAGES, KeyError) as error:
            raise ValueError(f"it can't be unpacked: {error}") from error

    def head(self, member: zipfile.ZipInfo, octets: int) -> bytes:
        """A member's first octets. Raises ValueError when it is damaged, OSError."""
        try:
            with self._open().open(member) as opened:
                return opened.read(octets)
        except _DAMAGES as error:
            raise ValueError(f"it can't be unpacked: {error}") from error

    def unpack(self, member: zipfile.ZipInfo, into: IO[bytes]) -> None:
        """All of a member. Raises ValueError when it is damaged, OSError."""
        try:
            with self._open().open(member) as opened:
                shutil.copyfileobj(opened, into, CHUNK_OCTETS)
            into.flush()
        except _DAMAGES as error:
            raise ValueError(f"it can't be unpacked: {error}") from error

    def members(self) -> list[zipfile.ZipInfo]:
        """Of every file in it, by name. Raises BasculeError (usage) for what is no zip, a damaged one, or one with a password."""
        with _told(self._path):
            files = (info for info in self._open().infolist() if not info.filename.endswith("/"))
            found = sorted(files, key=lambda info: info.filename)
        if any(info.flag_bits & _ENCRYPTED for info in found):
            raise BasculeError(f"{self._path} has a password.", "Give a zip without one.", ExitStatus.USAGE)
        return found

    def has(self, name: str) -> bool:
        """Whether there is a member of that name. Raises BasculeError (usage) for what is no zip, or a damaged one."""
        with _told(self._path):
            return name in self._open().NameToInfo

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A member that is there, to be read within the block, which raises BasculeError (usage) where it turns out to be damaged."""
        with _told(self._path), BufferedReader(cast(RawIOBase, self._open().open(name))) as octets:
            yield octets  # zipfile's own way to a line's end takes six times as long

    def _open(self) -> zipfile.ZipFile:
        with self._lock:
            if self._opened is None:
                self._opened = zipfile.ZipFile(self._path)
            return self._opened


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGES, OSError) as error:
        raise BasculeError(
            f"{path} can't be read as a zip: {error}.",
            "It is damaged, or was not fetched to its end: fetch it again.",
            ExitStatus.USAGE,
        ) from error


class Unpacked:
    """A member that is read in many places: when it is first opened it is unpacked to a file without a name, as large as it is."""

    def __init__(self, archive: Archive, member: zipfile.ZipInfo) -> None:
        self._archive, self._member = archive, member
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def __call__(self) -> BinaryIO:
        """Its octets, from the first. Raises ValueError when it is damaged, OSError (no room)."""
        with self._lock:
            if self._file is None:
                file = TemporaryFile(prefix="bascule-")  # noqa: SIM115 - lives as long as what is read from it
                self._archive.unpack(self._member, file)
                self._file = file
            return BufferedReader(_Place(self._file.fileno()))


class _Place(RawIOBase):
    """A place of its own in a file that others read, too; it closes nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._position = descriptor, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert whence == os.SEEK_SET
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        octets = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(octets)] = octets
        self._position += len(octets)
        return len(octets)


def name_of_member(info: zipfile.ZipInfo) -> str:
    """With ``/`` between folders. Archive Utility and ditto write names in UTF-8 and do not say so (APPNOTE.TXT §4.4.4, bit 11), and in the decomposed form of
    macOS' disks; programs of Windows write ``\\``. A name in a code page is hardly ever UTF-8 by chance."""
    name = info.filename
    if info.create_system in _OF_WINDOWS:
        name = name.replace("\\", "/")
    if info.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        return unicodedata.normalize("NFC", name.encode("cp437").decode())
    except ValueError:
        return name


def date_of_member(info: zipfile.ZipInfo) -> InternalDate:
    """When it was changed, by the clock of whoever packed it. A zip may say the 0th of month 0; that is 1970 here."""
    try:
        return InternalDate(timegm((*info.date_time, 0, 0, 0)))
    except ValueError:
        return InternalDate(0)
