"""``bascule export FILE DEST --format mbox|maildir|eml|zip``"""

import contextlib
import errno
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bascule.capture import Selection, require_kept
from bascule.commands import showing
from bascule.commands.terminal import say, so_many
from bascule.commands.turn import undisturbed
from bascule.deliver.proof import Lack, lacks
from bascule.export import FORMATS, export_mailbox
from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus

FOLDERS_TOLD = 20
"""That lack something: a screen's part."""


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@click.option("--folder", "folders", multiple=True, metavar="PATTERN", help="Only these folders (Archive/*).")
@click.option("--without-folder", "without_folders", multiple=True, metavar="PATTERN", help="Not these folders.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    file: Path, dest: Path, kind: str, folders: tuple[str, ...], without_folders: tuple[str, ...], quiet: bool
) -> int:
    """Write a mailbox on disk as files that other programs read, with manifest.jsonl beside them.

    DEST must be new or empty; with --format zip it is the zip file.
    """
    selection = Selection(folders, without_folders)
    with (
        _stopped_by_sigterm_too(),
        undisturbed(file),
        Mailbox.open(file, read_only=True, made_elsewhere=True) as mailbox,
        showing.watcher_for(quiet) as watcher,
    ):
        require_kept(mailbox, selection, watcher=watcher)
        try:
            written = export_mailbox(mailbox, dest, kind, watcher, selection.takes_folder)
        except KeyboardInterrupt:
            raise BasculeError(
                "interrupted. Nothing of the export is left.", "Run the same command again.", ExitStatus.INTERRUPTED
            ) from None
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            advice = "Free some space, and export again." if full else "Export to another place."
            raise BasculeError(f"{dest} can't be written: {error.strerror or error}.", advice) from error
        mailbox_lacks = list(lacks(mailbox, selection.takes_folder))
    say(f"{so_many(written, 'message')} written to {dest}.")
    return _tell_what_it_lacks(mailbox_lacks)


@contextlib.contextmanager
def _stopped_by_sigterm_too() -> Iterator[None]:
    """As by SIGINT: KeyboardInterrupt is raised, wherever the export is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_what_it_lacks(found: Sequence[Lack]) -> ExitStatus:
    """1 where the mailbox is not whole, so that neither is what was written of it."""
    for lack in found[:FOLDERS_TOLD]:
        say(f"  {lack.path.display()}: {lack.sentence}.")
    if len(found) > FOLDERS_TOLD:
        say(f"  … and {so_many(len(found) - FOLDERS_TOLD, 'folder')} more; “bascule report” names them.")
    if found:
        say(
            "The mailbox is not whole, and so is not what was written: run the capture or import again, and export to a new place."
        )
    return ExitStatus.MISSING if found else ExitStatus.ACCOUNTED
