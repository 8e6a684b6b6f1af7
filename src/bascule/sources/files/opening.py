"""From a path to a source: the kind that was asked for, or the one that the files tell."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bascule.sources.files.base import FileSource, Walked
from bascule.sources.files.beside import unread_form
from bascule.sources.files.exported import has_manifest, walk_exported
from bascule.sources.files.loose import is_eml, walk_eml, walk_mbox, walk_zip
from bascule.sources.files.maildir import walk_maildir
from bascule.sources.files.pst import walk_pst
from bascule.sources.files.reading import HEAD_OCTETS, begins_as_mbox, head_of
from bascule.sources.files.tree import Directory, Found, Tree
from bascule.terms.errors import BasculeError, ExitStatus

SOURCE_KINDS: dict[str, Callable[[Path], Walked]] = {
    "maildir": walk_maildir,
    "mbox": walk_mbox,
    "eml": walk_eml,
    "zip": walk_zip,
    "pst": walk_pst,
}

_OF_A_MAILDIR = ("cur", "new", "tmp")
_MAILDIR_LEVELS = 1
"""A Maildir that lies deeper is part of something else, unless nothing else is there."""


def detect_kind(path: Path) -> str:
    """Raises BasculeError (usage) when there is nothing at ``path``, or nothing that we know."""
    if not path.exists():
        raise BasculeError(f"{path} does not exist.", "Check the path.", ExitStatus.USAGE)
    if not path.is_dir():
        return _kind_of_file(path)
    tree, kinds = Tree(path), set()
    for directory in tree.walk():
        if not directory.parts and directory.error:
            raise BasculeError(f"{path} can't be read: {directory.error}.", "Let it be read.", ExitStatus.USAGE)
        if _is_maildir(directory):
            if len(directory.parts) <= _MAILDIR_LEVELS:
                return "maildir"
            kinds.add("maildir")
        if directory.error or directory.closed or any(is_eml(file.name) for file in directory.files):
            kinds.add("eml")
        if not kinds and any(begins_as_mbox(_head(tree, file)) for file in directory.files):
            kinds.add("mbox")
    for kind in ("eml", "mbox", "maildir"):
        if kind in kinds:
            return kind
    if has_manifest(path):
        return "eml"
    raise BasculeError(
        f"{path} holds no mail that Bascule knows.",
        "It reads Maildir, mbox (Thunderbird, Takeout), EML, zips of EML and mbox, and PST.",
        ExitStatus.USAGE,
    )


def _is_maildir(directory: Directory) -> bool:
    names = {*directory.folders, *directory.closed}
    return "cur" in names or {"new", "tmp"} <= names


def _head(tree: Tree, file: Found) -> bytes:
    try:
        return head_of(partial(tree.open, file.real))
    except (OSError, ValueError):
        return b""


def _kind_of_file(path: Path) -> str:
    if not path.is_file():
        raise BasculeError(f"{path} is neither a folder nor a file to read.", "Check the path.", ExitStatus.USAGE)
    if zipfile.is_zipfile(path):
        return "zip"
    with path.open("rb") as file:
        start = file.read(HEAD_OCTETS)
    if start.startswith(b"!BDN"):
        return "pst"  # MS-PST §2.2.2.6, dwMagic
    if why := unread_form(path.name, start):
        raise BasculeError(f"{path} can’t be imported.", f"{why[0].upper()}{why[1:]}.", ExitStatus.USAGE)
    return "mbox" if begins_as_mbox(start) or not (start or is_eml(path.name)) else "eml"


def open_files(kind: str, path: Path) -> FileSource:
    """A source over files. Raises BasculeError (usage) when there is nothing at ``path``, and for a Maildir that is given as another kind of folder."""
    if not path.exists():
        raise BasculeError(f"{path} does not exist.", "Check the path.", ExitStatus.USAGE)
    walk = _walk_a_maildir if kind == "maildir" else SOURCE_KINDS[kind]
    if kind != "pst" and has_manifest(path):
        return FileSource(f"{kind}:{path}", lambda: walk_exported(path))
    if kind in ("mbox", "eml") and all((path / name).is_dir() for name in _OF_A_MAILDIR):
        advice = f"Write maildir:{path}; to “bascule import” it needs no --kind."
        raise BasculeError(f"{path} is a Maildir, and not {kind}.", advice, ExitStatus.USAGE)
    return FileSource(f"{kind}:{path}", lambda: walk(path))


def _walk_a_maildir(path: Path) -> Walked:
    """Raises BasculeError (usage) where no folder is one of a Maildir: an empty mailbox has ``cur``, and a wrong path must not pass for one."""
    walked = walk_maildir(path)
    if not walked.folders:
        advice = "Name the folder in which cur and new are; or what lies there, with mbox:, eml:, zip: or pst:."
        raise BasculeError(f"{path} holds no Maildir.", advice, ExitStatus.USAGE)
    return walked
