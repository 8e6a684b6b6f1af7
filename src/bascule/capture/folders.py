"""The folders of a source into the catalogue: new ones, changed ones, and those that are gone."""

import time

from bascule.capture.selection import Selection
from bascule.mailbox import FolderRow, Mailbox
from bascule.sources import SourceFolder


def record_folders(
    mailbox: Mailbox, listed: list[SourceFolder], selection: Selection
) -> list[tuple[SourceFolder, FolderRow]]:
    """Write what the source lists; the folders that the selection takes, with their rows. Blocks."""
    taken: list[tuple[SourceFolder, FolderRow]] = []
    with mailbox.transaction():
        mailbox.folders.begin_delta(int(time.time()))
        rows = [
            mailbox.folders.record(
                folder.path,
                source_name=folder.name,
                special_use=folder.special_use,
                subscribed=folder.subscribed,
                selectable=folder.selectable,
            )
            for folder in listed
        ]
    mailbox.folders.mark_gone([row.id for row in rows], int(time.time()))
    for folder, row in zip(listed, rows, strict=True):
        if selection.takes_folder(folder.path):
            taken.append((folder, row))
    return taken
