"""`export_mailbox`: every message of the default view into files of one format."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol, TextIO

from bascule.export.eml import EmlWriter, ZipWriter
from bascule.export.maildir import MaildirWriter
from bascule.export.mbox import MboxWriter
from bascule.mailbox import FolderRow, Mailbox, MessageRow
from bascule.sources.files.manifest import ManifestFolder, ManifestMessage
from bascule.terms.body import Body
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath
from bascule.terms.watch import SILENT, Watcher


class Writer(Protocol):
    """Writes the messages of one folder after the other."""

    def begin(self, folder: FolderRow) -> None: ...

    def write(self, row: MessageRow, body: Body) -> tuple[str, int, int]:
        """Write one message: the file's name below the destination, and its place in it (0, 0: the file is the message)."""

    def finish(self, manifest: Iterator[str]) -> None:
        """Write the manifest's lines, and end."""

    def abandon(self) -> None:
        """Take away all that was written: half an export looks like a whole one to whoever finds it."""


FORMATS: dict[str, Callable[[Path], Writer]] = {
    "mbox": MboxWriter,
    "maildir": MaildirWriter,
    "eml": EmlWriter,
    "zip": ZipWriter,
}


def export_mailbox(
    mailbox: Mailbox,
    destination: Path,
    kind: str,
    watcher: Watcher = SILENT,
    takes_folder: Callable[[FolderPath], bool] = lambda path: True,
) -> int:
    """Write the default view; how many messages that were. Blocks.

    Raises BasculeError when the destination is not new or empty, MailboxError for a damaged message, OSError (disk full), and whatever a signal's handler
    raises. Of what was written then nothing stays but an empty folder.
    """
    if destination.exists() and not (destination.is_dir() and kind != "zip" and not any(destination.iterdir())):
        raise BasculeError(f"{destination} exists.", "Name a new place to export to.", ExitStatus.USAGE)
    writer = FORMATS[kind](destination)
    try:
        return _write(mailbox, writer, watcher, takes_folder)
    except BaseException:
        writer.abandon()
        raise


def _write(mailbox: Mailbox, writer: Writer, watcher: Watcher, takes_folder: Callable[[FolderPath], bool]) -> int:
    folders = [row for row in mailbox.folders.all() if takes_folder(row.path)]
    counts = mailbox.database.execute(
        "SELECT count(*), sum(octets) FROM messages WHERE vanished_utc IS NULL"
    ).fetchone()
    watcher.expect(counts[0], counts[1] or 0)
    written = 0
    # A line for each of a million messages is more than should be held in memory.
    with TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", prefix="bascule-") as lines:
        for row in folders:
            if row.selectable:
                lines.write(ManifestFolder(row.path, row.special_use, row.subscribed).to_json() + "\n")
        for folder in folders:
            if folder.selectable:
                writer.begin(folder)
                written += _write_folder(mailbox, folder, writer, lines, watcher)
        lines.seek(0)
        writer.finish(line.rstrip("\n") for line in lines)
    return written


def _write_folder(mailbox: Mailbox, folder: FolderRow, writer: Writer, lines: TextIO, watcher: Watcher) -> int:
    written = 0
    for row in mailbox.messages.list(folder.id):
        body = mailbox.messages.body(row)
        file, start, end = writer.write(row, body)
        body.close()
        watcher.done(1, row.octets)
        written += 1
        told = ManifestMessage(
            file, start, end, folder.path, row.uid, row.sha256.hex(), row.octets, row.flags, row.date, row.labels
        )
        lines.write(told.to_json() + "\n")
    return written
