"""A mailbox as one file that travels (sealed).

It is a zip without compression (its bodies are compressed already) that holds the mailbox's files and ``SHA256SUMS``. Either way what is made appears
under its name only when it is complete and synced, and what a crash left of it is no one's.
"""

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

from bascule.mailbox.bodies import segment_numbers
from bascule.mailbox.database import open_database, sync_file
from bascule.mailbox.format import CATALOGUE, MailboxError, segment_name
from bascule.mailbox.mailbox import Mailbox

SUMS = "SHA256SUMS"
_PARTIAL = ".partial"
_NAME = re.compile(rf"{re.escape(CATALOGUE)}|bodies-[0-9]{{4,9}}\.sqlite")
"""Of a file in it: it comes from elsewhere."""


def _files(root: Path) -> list[str]:
    return [CATALOGUE, *(segment_name(number) for number in segment_numbers(root))]


def _checkpoint(path: Path) -> None:
    """Everything into the one file: the WAL is emptied."""
    database = open_database(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def seal(mailbox: Mailbox, destination: Path) -> None:
    """Write the mailbox, which the caller has open alone, as one file.

    Raises MailboxError when ``destination`` exists, OSError; nothing is left behind then.
    """
    if destination.exists():
        raise MailboxError(f"{destination} exists.", "Name a new file.")
    partial = destination.with_name(destination.name + _PARTIAL)
    sums = []
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name in _files(mailbox.root):
                path = mailbox.root / name
                if path.stat().st_mode & 0o200:
                    _checkpoint(path)
                archive.write(path, name)
                with path.open("rb") as file:
                    sums.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
            archive.writestr(SUMS, "".join(sums))
        sync_file(partial)
        partial.rename(destination)
        sync_file(destination.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def unseal(sealed: Path, destination: Path) -> None:
    """The mailbox in a sealed file as a folder again, each file proven by its SHA-256. Raises MailboxError, OSError; nothing is left behind then."""
    if destination.exists():
        raise MailboxError(f"{destination} exists.", "Name a new folder.")
    partial = destination.with_name(destination.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True, mode=0o700)
        _unpack(sealed, partial)
        sync_file(partial)
        partial.rename(destination)
        sync_file(destination.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _unpack(sealed: Path, folder: Path) -> None:
    """Raises MailboxError, OSError."""
    try:
        with zipfile.ZipFile(sealed) as archive:
            for line in archive.read(SUMS).decode().splitlines():
                digest, _, name = line.partition("  ")
                if not _NAME.fullmatch(name):
                    raise MailboxError(f"{sealed} is not a sealed mailbox.", "Name a file that Bascule sealed.")
                path = folder / name
                with archive.open(name) as member, path.open("xb") as file:
                    shutil.copyfileobj(member, file, 1 << 20)
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        raise MailboxError(f"{name} in {sealed} is damaged.", "Take another copy of the file.")
                sync_file(path)
    except (zipfile.BadZipFile, KeyError, FileExistsError, UnicodeDecodeError) as error:
        raise MailboxError(f"{sealed} is not a sealed mailbox: {error}.", "Name a file that Bascule sealed.") from error
