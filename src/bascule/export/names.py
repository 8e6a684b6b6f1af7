"""The one writer of names of files and folders that come from outside: what every file system takes, each used once."""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from bascule.sources.files.manifest import NAME

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows keeps these for devices
NAME_OCTETS = 120
"""Of one name: a path of a few of them stays below what Windows and ext4 (255 octets a name) take."""

PATH_OCTETS = 600
"""Of a folder's names together: with a destination and a message's own name this is within the 1,024 octets that macOS takes, and the 4,096 of Linux."""


def safe_name(name: str) -> str:
    """``name`` without what a file system refuses; never empty, never hidden, never above NAME_OCTETS octets."""
    cleaned = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" ")
    cleaned = cleaned.encode("utf-8", "replace")[:NAME_OCTETS].decode("utf-8", "ignore").rstrip(". ")
    if not cleaned or cleaned.startswith(".") or _RESERVED.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    return cleaned


class UniqueNames:
    """Gives each name once, without regard to case; a second one gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        candidate, number = name, 1
        while candidate.lower() in self._taken:
            number += 1
            candidate = f"{name} ({number})"
        self._taken.add(candidate.lower())
        return candidate


class FolderNames:
    """A place below the destination for each folder, as a directory, so that no directory has the name of a file: those end in ``ending``."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._names = UniqueNames()

    def directory(self, parts: Sequence[str]) -> str:
        """That of a folder of its own."""
        return self._names.take(_short(parts, [self._part(part) for part in parts]))

    def file(self, parts: Sequence[str]) -> str:
        """That of a folder which is one file, with its ending."""
        names = [*(self._part(part) for part in parts[:-1]), safe_name(parts[-1])]
        return self._names.take(_short(parts, names)) + self._ending

    def _part(self, part: str) -> str:
        name = safe_name(part)
        return f"{name}_" if name.lower().endswith(self._ending) or name.lower() == NAME else name


def _short(parts: Sequence[str], names: Sequence[str]) -> str:
    """The names as a path; where that is too long, the first of them and a digest of all, for the manifest has the whole path."""
    path = "/".join(names)
    return path if len(path.encode()) <= PATH_OCTETS else f"{names[0]}/{digest_of(parts)}"


def digest_of(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def clear(root: Path) -> None:
    """Take away what a folder holds that was empty before. Raises OSError."""
    for within in root.iterdir():
        if within.is_dir():
            shutil.rmtree(within)
        else:
            within.unlink()
