"""Maildir and Maildir++ (Courier, Dovecot): folders ``.A.B`` beside ``cur``, or plain folders within folders."""

import re
from pathlib import Path

from bascule.protocols.imap.names import decode_utf7
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.reading import read_file
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate

_LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted", "P": "$Forwarded"}
_ORDER = re.compile(r"(\d+)")


def walk_maildir(root: Path) -> list[FileFolder]:
    """Every folder of a Maildir; ``root`` itself is INBOX where it has ``cur``."""
    subscribed = _subscriptions(root)
    found: dict[FolderPath, FileFolder] = {}
    if (root / "cur").is_dir():
        found[INBOX] = _folder(root, INBOX, subscribed)
    for place in sorted(root.rglob("cur")):
        if place.is_dir() and place.parent != root:
            path = _path(place.parent.relative_to(root))
            found.setdefault(path, _folder(place.parent, path, subscribed))
    return list(found.values())


def _path(relative: Path) -> FolderPath:
    """``.A.B`` is A/B; a folder without a dot first is one level; both may be mixed."""
    names: list[str] = []
    for part in relative.parts:
        names += [name for name in part[1:].split(".") if name] if part.startswith(".") else [part]
    return FolderPath(tuple(decode_utf7(name.encode("utf-8", "surrogateescape")) for name in names) or ("INBOX",))


def _subscriptions(root: Path) -> set[str] | None:
    """Names in Dovecot's or Courier's file; None where there is none (then everything counts as subscribed)."""
    for name in ("subscriptions", "courierimapsubscribed"):
        file = root / name
        if file.is_file():
            lines = file.read_text(errors="surrogateescape").splitlines()
            listed = [line for line in lines if line and not line.startswith("V\t")]
            return {decode_utf7(re.sub(r"[\t/]", ".", line).encode("utf-8", "surrogateescape")) for line in listed}
    return None


def _folder(place: Path, path: FolderPath, subscribed: set[str] | None) -> FileFolder:
    folder = FileFolder(path, subscribed=subscribed is None or ".".join(path.parts) in subscribed)
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
    pairs = (line.split(" ", 1) for line in file.read_text(errors="surrogateescape").splitlines() if " " in line)
    return {chr(ord("a") + int(number)): name for number, name in pairs if number.isdigit() and int(number) < 26}


def _entry(file: Path, keywords: dict[str, str]) -> FileEntry:
    stat = file.stat()
    base, _, info = file.name.partition(":2,")
    date = InternalDate(int(stat.st_mtime))
    return FileEntry(base, _flags(info, keywords), date, stat.st_size, lambda: read_file(file))


def _flags(info: str, keywords: dict[str, str]) -> Flags:
    return normalise_flags(_LETTERS.get(letter) or keywords.get(letter, "") for letter in info)
