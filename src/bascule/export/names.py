"""The one writer of names of files and folders that come from outside: what every file system takes, each used once."""

import re
import unicodedata

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows keeps these for devices
NAME_OCTETS = 120
"""Of one name: a path of a few of them stays below what Windows and ext4 (255 octets a name) take."""


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
