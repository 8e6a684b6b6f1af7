"""What `bascule export` wrote, read back with everything its manifest says: folders, flags, dates, labels."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bascule.sources.files.archive import Archive
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.manifest import NAME, ManifestMessage, read_manifest
from bascule.sources.files.mbox import Span, read_span
from bascule.sources.files.reading import read_file
from bascule.terms.body import Body


def has_manifest(root: Path) -> bool:
    if root.is_file() and zipfile.is_zipfile(root):
        with zipfile.ZipFile(root) as opened:
            return NAME in opened.namelist()
    return (root / NAME).is_file()


def walk_exported(root: Path) -> list[FileFolder]:
    """The folders of an export. Raises BasculeError when the manifest is damaged; a message that is, is unreadable."""
    if root.is_file():
        with zipfile.ZipFile(root) as opened:
            lines = opened.read(NAME).decode("utf-8", "surrogatepass").splitlines()
        members = Archive(root)
        return _folders(lines, root, lambda row: members.read(row.file))
    lines = (root / NAME).read_text("utf-8", "surrogatepass").splitlines()
    return _folders(lines, root, lambda row: _read_plain(root, row))


def _read_plain(root: Path, row: ManifestMessage) -> Body:
    file = root / row.file
    if row.start:
        return read_span(file, Span(row.start, row.end, b""))
    return read_file(file)


def _folders(lines: list[str], root: Path, read: Callable[[ManifestMessage], Body]) -> list[FileFolder]:
    manifest = read_manifest(lines, f"{root}/{NAME}")
    found = {
        path: FileFolder(path, special_use=row.special_use, subscribed=row.subscribed)
        for path, row in manifest.folders.items()
    }
    for row in manifest.messages:
        folder = found.setdefault(row.folder, FileFolder(row.folder))
        key = f"{row.file} {row.start} {row.sha256}"
        entry = FileEntry(key, row.flags, row.date, row.octets, partial(_proven, read, row), row.labels)
        folder.entries.append(entry)
    return list(found.values())


def _proven(read: Callable[[ManifestMessage], Body], row: ManifestMessage) -> Body:
    body = read(row)
    if body.sha256.hex() != row.sha256:
        raise ValueError(f"{row.file} no longer has the SHA-256 that the manifest gives")
    return body
