"""Folders of EML files, and zips of them (what MailStore exports): one file, one message; directories are folders."""

import zipfile
from calendar import timegm
from functools import partial
from pathlib import Path, PurePosixPath

from bascule.sources.files.archive import Archive
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.reading import date_from_header, read_file
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import INBOX, FolderPath

_HEAD_OCTETS = 64 * 1024


def walk_eml(root: Path) -> list[FileFolder]:
    """``root`` is a file, or a folder whose own files go to INBOX."""
    if root.is_file():
        return [FileFolder(INBOX, [_entry(root)])]
    folders: dict[tuple[str, ...], FileFolder] = {}
    for file in sorted(root.rglob("*.eml")):
        if file.is_file():
            _folder(folders, file.relative_to(root).parts[:-1]).entries.append(_entry(file))
    return list(folders.values())


def _folder(folders: dict[tuple[str, ...], FileFolder], parts: tuple[str, ...]) -> FileFolder:
    """That of a directory; what lies in none goes to INBOX."""
    path, pieces = (FolderPath(parts), parts) if parts else (INBOX, ("",))
    return folders.setdefault(parts, FileFolder(path, pieces=pieces))


def _entry(file: Path) -> FileEntry:
    stat = file.stat()
    with file.open("rb") as opened:
        date = date_from_header(opened.read(_HEAD_OCTETS), stat.st_mtime)
    key = f"{file.name} {stat.st_size} {int(stat.st_mtime)}"
    return FileEntry(key, frozenset(), date, stat.st_size, lambda: read_file(file))


def walk_zip(archive: Path) -> list[FileFolder]:
    """Every EML in a zip. Raises BasculeError for a file that is no zip, or a damaged or encrypted one."""
    folders: dict[tuple[str, ...], FileFolder] = {}
    members = Archive(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in sorted(opened.infolist(), key=lambda i: i.filename):
                name = PurePosixPath(info.filename)
                if info.is_dir() or name.suffix.lower() != ".eml":
                    continue
                with opened.open(info) as member:
                    head = member.read(_HEAD_OCTETS)
                date = date_from_header(head, timegm((*info.date_time, 0, 0, 0)))
                entry = FileEntry(
                    f"{info.filename} {info.CRC:08x}", frozenset(), date, info.file_size,
                    partial(members.read, info.filename),
                )  # fmt: skip
                _folder(folders, name.parts[:-1]).entries.append(entry)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BasculeError(
            f"{archive} can't be read: {error}.", "Give a zip without a password.", ExitStatus.USAGE
        ) from error
    return list(folders.values())
