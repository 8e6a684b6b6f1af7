"""From a path to a source: the kind that was asked for, or the one that the files tell."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from bascule.sources.files.base import FileFolder, FileSource
from bascule.sources.files.eml import walk_eml, walk_zip
from bascule.sources.files.exported import has_manifest, walk_exported
from bascule.sources.files.maildir import walk_maildir
from bascule.sources.files.mbox import is_mbox, walk_mbox
from bascule.sources.files.pst import walk_pst
from bascule.terms.errors import BasculeError, ExitStatus

SOURCE_KINDS: dict[str, Callable[[Path], list[FileFolder]]] = {
    "maildir": walk_maildir,
    "mbox": walk_mbox,
    "eml": walk_eml,
    "zip": walk_zip,
    "pst": walk_pst,
}


def detect_kind(path: Path) -> str:
    """Raises BasculeError (usage) when there is nothing at ``path``, or nothing that we know."""
    if not path.exists():
        raise BasculeError(f"{path} does not exist.", "Check the path.", ExitStatus.USAGE)
    if path.is_file():
        return _kind_of_file(path)
    if (path / "cur").is_dir() or any(path.glob("*/cur")) or any(path.glob(".*/cur")):
        return "maildir"
    if any(path.rglob("*.eml")):
        return "eml"
    if any(file.is_file() and is_mbox(file) for file in path.rglob("*")):
        return "mbox"
    raise BasculeError(
        f"{path} holds no mail that Bascule knows.",
        "It reads Maildir, mbox (Thunderbird, Takeout), EML, zips of EML, and PST.",
        ExitStatus.USAGE,
    )


def _kind_of_file(path: Path) -> str:
    if zipfile.is_zipfile(path):
        return "zip"
    with path.open("rb") as file:
        start = file.read(5)
    if start.startswith(b"!BDN"):
        return "pst"  # MS-PST §2.2.2.6, dwMagic
    return "mbox" if start == b"From " else "eml"


def open_files(kind: str, path: Path) -> FileSource:
    """A source over files. Raises BasculeError (usage) when there is nothing at ``path``."""
    if not path.exists():
        raise BasculeError(f"{path} does not exist.", "Check the path.", ExitStatus.USAGE)
    walk = SOURCE_KINDS[kind]
    if kind != "pst" and has_manifest(path):
        return FileSource(f"{kind}:{path}", lambda: walk_exported(path))
    return FileSource(f"{kind}:{path}", lambda: walk(path))
