"""What `bascule export` wrote, read back with everything its manifest says: folders, flags, dates, labels."""

import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from bascule.sources.files.archive import Archive
from bascule.sources.files.base import FileEntry, FileFolder, Walked
from bascule.sources.files.beside import NAMED, OF_A_SERVER, Beside, is_apple_double
from bascule.sources.files.loose import is_eml
from bascule.sources.files.manifest import NAME, Manifest, ManifestMessage, read_manifest
from bascule.sources.files.mbox import Span, read_span
from bascule.sources.files.reading import HEAD_OCTETS, head_of, read_file, reason_of
from bascule.sources.files.tree import Tree
from bascule.terms.body import Body
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath


def has_manifest(root: Path) -> bool:
    """Raises BasculeError (usage) for a damaged zip."""
    if root.is_file():
        return zipfile.is_zipfile(root) and Archive(root).has(NAME)
    return (root / NAME).is_file()


def walk_exported(root: Path) -> Walked:
    """The folders of an export. Raises BasculeError when the manifest is damaged; a message that is, is unreadable, and so is one of which the
    manifest says that it lies outside of the folder. Mail that it does not name is told."""
    if root.is_file():
        archive = Archive(root)
        found = [(info.filename, partial(archive.head, info, HEAD_OCTETS)) for info in archive.members()]
        with archive.opened(NAME) as file:
            manifest = read_manifest(file, f"{root}/{NAME}")
        return _walked(manifest, lambda row: archive.read(row.file), found)
    tree = Tree(root)
    try:
        with tree.open((NAME,)) as file:
            manifest = read_manifest(file, f"{root}/{NAME}")
    except (OSError, ValueError) as error:
        raise BasculeError(
            f"{root / NAME} can't be read: {reason_of(error)}.", "Let it be read.", ExitStatus.USAGE
        ) from error
    found = [
        ("/".join(file.parts), partial(head_of, partial(tree.open, file.real)))
        for directory in tree.walk()
        for file in directory.files
    ]
    return _walked(manifest, partial(_read_plain, tree), found)


def _walked(
    manifest: Manifest, read: Callable[[ManifestMessage], Body], found: Sequence[tuple[str, Callable[[], bytes]]]
) -> Walked:
    """``found``: every file that is there, with what reads its start."""
    named, beside, strays = {row.file for row in manifest.messages}, Beside(), []
    for name, head in found:
        known = name in named or name == NAME or OF_A_SERVER.match(PurePosixPath(name).name)
        if not known and is_apple_double(PurePosixPath(name).name, head):
            beside.count(name)
        elif not known and (is_eml(name) or beside.look(name, head)):
            strays.append(name)
    folders = _folders(manifest, read)
    if strays:
        says = f"mail that it does not name lies beside it ({len(strays)}: {', '.join(strays[:NAMED])}): import that by itself"
        folders.append(FileFolder(FolderPath((NAME,)), pieces=(f"\0{NAME}",), error=says))
    return Walked(folders, beside.sentence)


def _read_plain(tree: Tree, row: ManifestMessage) -> Body:
    opened = partial(tree.open, row.file.split("/"))
    if row.start:
        return read_span(opened, Span(row.start, row.end, b""))
    return read_file(opened)


def _folders(manifest: Manifest, read: Callable[[ManifestMessage], Body]) -> list[FileFolder]:
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
