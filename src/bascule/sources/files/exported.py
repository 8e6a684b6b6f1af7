"""What `bascule export` wrote, read back with everything its manifest says: folders, flags, dates, labels."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bascule.sources.files.archive import Archive
from bascule.sources.files.base import FileEntry, FileFolder, Walked
from bascule.sources.files.manifest import NAME, ManifestMessage, read_manifest
from bascule.sources.files.mbox import Span, read_span
from bascule.sources.files.reading import read_file
from bascule.sources.files.tree import Tree
from bascule.terms.body import Body
from bascule.terms.errors import BasculeError, ExitStatus


def has_manifest(root: Path) -> bool:
    """Raises BasculeError (usage) for a damaged zip."""
    if root.is_file():
        return zipfile.is_zipfile(root) and Archive(root).text(NAME) is not None
    return (root / NAME).is_file()


def walk_exported(root: Path) -> Walked:
    """The folders of an export. Raises BasculeError when the manifest is damaged; a message that is, is unreadable, and so is one of which the
    manifest says that it lies outside of the folder."""
    if root.is_file():
        archive = Archive(root)
        return Walked(_folders(archive.text(NAME) or b"", root, lambda row: archive.read(row.file)))
    tree = Tree(root)
    try:
        with tree.open((NAME,)) as file:
            text = file.read()
    except (OSError, ValueError) as error:
        raise BasculeError(f"{root / NAME} can't be read: {error}.", "Let it be read.", ExitStatus.USAGE) from error
    return Walked(_folders(text, root, partial(_read_plain, tree)))


def _read_plain(tree: Tree, row: ManifestMessage) -> Body:
    opened = partial(tree.open, row.file.split("/"))
    if row.start:
        return read_span(opened, Span(row.start, row.end, b""))
    return read_file(opened)


def _folders(text: bytes, root: Path, read: Callable[[ManifestMessage], Body]) -> list[FileFolder]:
    manifest = read_manifest(text, f"{root}/{NAME}")
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
