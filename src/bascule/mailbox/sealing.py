"""A mailbox as one file that travels (sealed), and as an incremental copy (backup).

A sealed mailbox is a zip without compression (its bodies are compressed already) that holds the mailbox's files and
``SHA256SUMS``. A backup is a folder with the same files; a bodies file that is closed is copied once and never again.
"""

import hashlib
import shutil
import sqlite3
import stat
import zipfile
from pathlib import Path

from bascule.mailbox.bodies import READ_ONLY, segment_numbers
from bascule.mailbox.database import open_database
from bascule.mailbox.format import CATALOGUE, MailboxError, segment_name
from bascule.mailbox.mailbox import Mailbox

SUMS = "SHA256SUMS"


def _files(root: Path) -> list[str]:
    return [CATALOGUE, *(segment_name(number) for number in segment_numbers(root))]


def _checkpoint(path: Path) -> None:
    """Everything into the one file: the WAL is emptied."""
    database = open_database(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def seal(mailbox: Mailbox, destination: Path) -> None:
    """Write the mailbox, which the caller has open, as one file. The file appears only when it is complete.

    Raises MailboxError when ``destination`` exists, OSError; nothing is left behind then.
    """
    if destination.exists():
        raise MailboxError(f"{destination} exists.", "Name a new file.")
    partial = destination.with_name(destination.name + ".partial")
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
        partial.rename(destination)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def unseal(sealed: Path, destination: Path) -> None:
    """The mailbox in a sealed file as a folder again, each file proven by its SHA-256. Raises MailboxError."""
    if destination.exists():
        raise MailboxError(f"{destination} exists.", "Name a new folder.")
    try:
        with zipfile.ZipFile(sealed) as archive:
            lines = archive.read(SUMS).decode().splitlines()
            destination.mkdir(parents=True)
            for line in lines:
                digest, _, name = line.partition("  ")
                if name != CATALOGUE and not name.startswith("bodies-"):
                    raise MailboxError(f"{sealed} is not a sealed mailbox.", "Name a file that Bascule sealed.")
                with archive.open(name) as member, (destination / name).open("wb") as file:
                    shutil.copyfileobj(member, file, 1 << 20)
                with (destination / name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        raise MailboxError(f"{name} in {sealed} is damaged.", "Take another copy of the file.")
    except (zipfile.BadZipFile, KeyError) as error:
        raise MailboxError(f"{sealed} is not a sealed mailbox: {error}.", "Name a file that Bascule sealed.") from error


def back_up(mailbox: Mailbox, destination: Path) -> int:
    """Bring a backup folder up to date; how many octets were copied.

    Consistent while others write: each file is copied by SQLite's own backup, the catalogue first, so that every body it names
    is in the files copied after it.
    """
    destination.mkdir(parents=True, exist_ok=True)
    closed = {number for (number,) in mailbox.database.execute("SELECT number FROM segments")}
    copied = _copy_database(mailbox.root / CATALOGUE, destination / CATALOGUE)
    for number in segment_numbers(mailbox.root):
        name = segment_name(number)
        source, target = mailbox.root / name, destination / name
        if number in closed and target.exists() and target.stat().st_size == source.stat().st_size:
            continue
        copied += _copy_closed(source, target) if number in closed else _copy_database(source, target)
    return copied


def _copy_closed(source: Path, target: Path) -> int:
    """Octet for octet: the SHA-256 of a closed file stays true."""
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(source, partial)
    partial.chmod(stat.S_IMODE(partial.stat().st_mode) & READ_ONLY)
    partial.replace(target)
    return target.stat().st_size


def _copy_database(source: Path, target: Path) -> int:
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    reading = open_database(source, read_only=True)
    writing = sqlite3.connect(partial)
    try:
        reading.backup(writing, pages=4096)
    finally:
        writing.close()
        reading.close()
    partial.replace(target)
    return target.stat().st_size
