"""Maildir and Maildir++ (Courier, Dovecot): folders ``.A.B`` beside ``cur``, or plain folders within folders."""

import os
import re
from pathlib import Path

from bascule.protocols.imap.names import decode_utf7, encode_utf7
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.reading import read_file
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate

_LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted", "P": "$Forwarded"}
_ORDER = re.compile(r"(\d+)")
_LEVEL = re.compile(r"\.+[^.]+(?:\.+\Z)?|\.+\Z", re.DOTALL)


def walk_maildir(root: Path) -> list[FileFolder]:
    """Every folder of a Maildir; ``root`` itself is INBOX where it has ``cur``."""
    subscribed = _subscriptions(root)
    places = [place.parent for place in sorted(root.rglob("cur")) if place.is_dir()]
    return [
        _folder(
            place, FileFolder(INBOX, pieces=("",)) if place == root else _named(place.relative_to(root)), subscribed
        )
        for place in places
    ]


def _named(relative: Path) -> FileFolder:
    """``.A.B`` is A/B; a folder without a dot first is one level; both may be mixed."""
    levels = [level for part in relative.parts for level in _levels(part)]
    names = tuple(decode_utf7(os.fsencode(bare)) for _, bare in levels)
    regular = [encode_utf7(name).decode() for name in names]
    odd = sum(piece not in (name, f".{name}") for (piece, _), name in zip(levels, regular, strict=True))
    return FileFolder(FolderPath(names), pieces=tuple(piece for piece, _ in levels), odd=odd)


def _levels(part: str) -> list[tuple[str, str]]:
    """The levels in one directory's name, each with its dots and without. Empty names are none."""
    if not part.startswith("."):
        return [(part, part)]
    return [(piece, piece.strip(".") or piece) for piece in _LEVEL.findall(part)]


def _subscriptions(root: Path) -> set[str] | None:
    """Names in Dovecot's or Courier's file; None where there is none (then everything counts as subscribed)."""
    for name in ("subscriptions", "courierimapsubscribed"):
        file = root / name
        if file.is_file():
            lines = file.read_text(errors="surrogateescape").splitlines()
            listed = [line for line in lines if line and not line.startswith("V\t")]
            return {decode_utf7(re.sub(r"[\t/]", ".", line).encode("utf-8", "surrogateescape")) for line in listed}
    return None


def _folder(place: Path, folder: FileFolder, subscribed: set[str] | None) -> FileFolder:
    folder.subscribed = subscribed is None or folder.path.join(".") in subscribed
    keywords = _keywords(place)
    try:
        files = [file for kind in ("cur", "new") for file in (place / kind).glob("*") if file.is_file()]
        for file in sorted(files, key=_sort_key):
            folder.entries.append(_entry(file, keywords))
    except OSError as error:
        folder.error = str(error)
    return folder


def _sort_key(file: Path) -> tuple[int, str]:
    number = _ORDER.match(file.name)
    return int(number[1]) if number else 0, file.name


def _keywords(place: Path) -> dict[str, str]:
    """Dovecot's letters a–z for keywords."""
    file = place / "dovecot-keywords"
    if not file.is_file():
        return {}
    pairs = (line.split(" ", 1) for line in file.read_text(errors="backslashreplace").splitlines() if " " in line)
    return {chr(ord("a") + int(number)): name for number, name in pairs if number.isdigit() and int(number) < 26}


def _entry(file: Path, keywords: dict[str, str]) -> FileEntry:
    stat = file.stat()
    base, _, info = file.name.partition(":2,")
    date = InternalDate(int(stat.st_mtime))
    return FileEntry(base, _flags(info, keywords), date, stat.st_size, lambda: read_file(file))


def _flags(info: str, keywords: dict[str, str]) -> Flags:
    return normalise_flags(_LETTERS.get(letter) or keywords.get(letter, "") for letter in info)
