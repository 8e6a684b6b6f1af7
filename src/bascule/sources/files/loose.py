"""EML files and mboxes, in folders or in a zip: an EML file is a message of the folder that it lies in, an mbox is a folder of its own.

Both are taken wherever they lie: what people have kept for years holds both. What is mail in another form is named among the messages of its folder; what can't be
looked into, and may hold mail, among the folders.
"""

import contextlib
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from bascule.sources.files.archive import Archive, Unpacked, date_of_member, name_of_member
from bascule.sources.files.base import FileEntry, FileFolder, Walked, unreadable_entry
from bascule.sources.files.beside import Beside, is_apple_double, mail_in
from bascule.sources.files.mbox import OF_APPLE, Labelled, folder_of_mbox, joined, read_mbox
from bascule.sources.files.other_forms import other_form
from bascule.sources.files.reading import (
    HEAD_OCTETS,
    Opener,
    begins_as_mbox,
    date_from_header,
    head_of,
    read_message,
    reason_of,
)
from bascule.sources.files.tree import Directory, Found, Parts, Tree
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate

_OF_A_PROGRAM = ("lock",)
"""A link that leads nowhere, in Thunderbird's profile while it runs."""
_MAILDIR = "it is a Maildir in a zip: unpack the zip, and import the folder"


def walk_eml(root: Path) -> Walked:
    """``root`` is a file, or a folder whose own EML files go to INBOX."""
    return _walk_folder(root) if root.is_dir() else Walked([FileFolder(INBOX, [_entry(*_only_file(root))])])


def walk_mbox(root: Path) -> Walked:
    """One mbox file, or every mbox in a folder (a Thunderbird profile: ``Inbox.sbd`` holds the folders within Inbox). One folder that Apple Mail exported
    is a file, too."""
    if root.suffix == ".mbox" and (root / OF_APPLE).is_file():
        root = root / OF_APPLE
    if root.is_dir():
        return _walk_folder(root)
    walk, (tree, file) = _Walk(), _only_file(root)
    opened = partial(tree.open, file.real)
    try:
        why = other_form(head_of(opened))
    except (OSError, ValueError) as error:
        why = reason_of(error)
    if why:
        return Walked([FileFolder(INBOX, error=why)])
    walk.mbox(FileFolder(INBOX), file.name, opened, InternalDate(int(file.modified)))
    return walk.result()


def walk_zip(path: Path) -> Walked:
    """What a folder with the same files would hold. Raises BasculeError (usage) for what is no zip, and for one that is damaged or encrypted."""
    archive, walk = Archive(path), _Walk()
    for info in archive.members():
        walk.look_at_member(archive, info)
    return walk.result()


def _walk_folder(root: Path) -> Walked:
    tree, walk = Tree(root), _Walk()
    for directory in tree.walk():
        walk.look_into(tree, directory)
    return walk.result()


def _only_file(path: Path) -> tuple[Tree, Found]:
    """A file that somebody named: it may be a link, to wherever they like."""
    real, told = Path(os.path.realpath(path)), path.stat()
    return Tree(real.parent), Found((path.name,), (real.name,), told.st_size, told.st_mtime)


class _Walk:
    """Takes one file after the other, each directory's by name."""

    def __init__(self) -> None:
        self._beside = Beside()
        self._folders: dict[Parts, FileFolder] = {}
        self._mboxes: list[FileFolder] = []
        self._labelled: Labelled = {}

    def result(self) -> Walked:
        return Walked([*self._folders.values(), *joined(self._mboxes, self._labelled)], self._beside.sentence)

    def look_into(self, tree: Tree, directory: Directory) -> None:
        if directory.error:
            self._folder(directory.parts).error = directory.error
        self._beside.set_aside(directory)
        files = {file.name: file for file in directory.files}
        for name in sorted({*files, *directory.odd, *directory.closed}.difference(_OF_A_PROGRAM)):
            parts = (*directory.parts, name)
            if name in files:
                self._look_at_file(tree, files[name])
            elif name in directory.closed:
                self._folder(parts).error = directory.closed[name]
            else:
                self._refuse(parts, directory.odd[name])

    def _look_at_file(self, tree: Tree, file: Found) -> None:
        opened = partial(tree.open, file.real)
        if is_apple_double(file.name, partial(head_of, opened)):
            self._beside.count(file.name)
        elif is_eml(file.name):
            self._message(file.parts, _entry(tree, file))
        else:
            self._look_at_other(file.parts, lambda: head_of(opened), opened, InternalDate(int(file.modified)))

    def look_at_member(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        parts = PurePosixPath(name_of_member(info)).parts
        if not parts:
            self._refuse((info.filename or "(no name)",), "its name is that of no file")
        elif is_apple_double(parts[-1], partial(archive.head, info, HEAD_OCTETS)):
            self._beside.count(parts[-1])
        elif is_eml(parts[-1]):
            self._message(parts, _entry_of_member(archive, info))
        elif parts[-2:-1] in (("cur",), ("new",)):
            within = parts[:-2] or ("INBOX",)
            self._folder((*within[:-1], f"\0{within[-1]}"), FolderPath(within)).error = _MAILDIR
        else:
            self._look_at_other(
                parts, lambda: archive.head(info, HEAD_OCTETS), Unpacked(archive, info), date_of_member(info)
            )

    def _look_at_other(self, parts: Parts, head: Callable[[], bytes], opened: Opener, modified: InternalDate) -> None:
        """A file that is no EML by its name."""
        try:
            start = head()
        except (OSError, ValueError) as error:  # on another day it may have been an mbox
            self._mboxes.append(folder_of_mbox(parts, reason_of(error)))
            return
        if begins_as_mbox(start):
            self.mbox(folder_of_mbox(parts), parts[-1], opened, modified)
        elif why := mail_in(parts[-1], start):
            self._refuse(parts, why)
        else:
            self._beside.count(parts[-1])

    def mbox(self, folder: FileFolder, name: str, opened: Opener, modified: InternalDate) -> None:
        self._mboxes.append(folder)
        self._beside.mboxes.add(read_mbox(folder, self._labelled, name, opened, modified))

    def _refuse(self, parts: Parts, why: str) -> None:
        self._message(parts, unreadable_entry(parts[-1], why))

    def _message(self, parts: Parts, entry: FileEntry) -> None:
        self._folder(parts[:-1]).entries.append(entry)

    def _folder(self, parts: Parts, path: FolderPath | None = None) -> FileFolder:
        """That of a directory; what lies in none goes to INBOX."""
        if parts not in self._folders:
            place = path or (FolderPath(parts) if parts else INBOX)
            self._folders[parts] = FileFolder(place, pieces=parts or ("",))
        return self._folders[parts]


def is_eml(name: str) -> bool:
    """Also of a file that is called ``.eml`` and nothing else."""
    return name.lower().endswith(".eml")


def _entry(tree: Tree, file: Found) -> FileEntry:
    opened = partial(tree.open, file.real)
    try:
        date = date_from_header(head_of(opened), file.modified)
    except (OSError, ValueError):  # reading it will say so
        date = InternalDate(int(file.modified))
    key = f"{file.name} {file.octets} {int(file.modified)}"
    return FileEntry(key, frozenset(), date, file.octets, partial(read_message, opened))


def _entry_of_member(archive: Archive, info: zipfile.ZipInfo) -> FileEntry:
    date = date_of_member(info)
    with contextlib.suppress(OSError, ValueError):  # reading it will say so
        date = date_from_header(archive.head(info, HEAD_OCTETS), date.utc_seconds)
    return FileEntry(
        f"{name_of_member(info)} {info.CRC:08x}", frozenset(), date, info.file_size, partial(archive.read, info)
    )
