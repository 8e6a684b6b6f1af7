"""``bascule capture SOURCE FILE``"""

import time
from pathlib import Path
from typing import Any

import click

from bascule.capture import CaptureOptions, capture, require_owner
from bascule.commands import options, places, showing
from bascule.commands.report_folder import ReportFolder
from bascule.commands.turn import open_in_turn
from bascule.deliver.proof import gather_report
from bascule.mailbox import Mailbox
from bascule.sources import Source


@click.command("capture")
@click.argument("source")
@click.argument("file", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--same-person", is_flag=True, help="FILE is this person's, though user or server had another name before."
)
@options.side_options("source")
@options.connection_options
@options.speed_options
@options.selection_options
@options.report_options
def command(source: str, file: Path, same_person: bool, **values: Any) -> int:
    """Bring a mailbox on disk up to date with an old server.

    FILE is the mailbox: a folder, best named *.mailbox; it is made where there is none. The server is never changed. Run it again for
    the delta. It is one person's: a mailbox of another user or server is not captured into it, nor one into what `import` made.
    """
    origin = places.source_of(source, options.SideOptions.of("source", values))
    return run_capture(origin, file, values, "capture", same_person=same_person)


def run_capture(source: Source, file: Path, values: dict[str, Any], name: str, *, same_person: bool = False) -> int:
    """Capture, report, exit status. ``same_person``: whoever the source's mailbox belongs to, ``file`` is theirs."""
    started = time.time()
    chosen = CaptureOptions(values["connections"], options.selection_of(values))
    with open_in_turn(lambda: Mailbox.open_or_create(file, made_elsewhere=True)) as mailbox:
        if not same_person:
            require_owner(mailbox, source.location)
        place = ReportFolder(mailbox, values["report_dir"])
        watcher = showing.watcher_for(values["quiet"])
        ended = showing.attempt(watcher, capture(source, mailbox, chosen, watcher))
        taken = [row for row in mailbox.folders.all() if chosen.selection.takes_folder(row.path)]
        report = gather_report(
            mailbox, None, command=name, source=source.location, target=str(file), started_utc=started, taken=taken,
            stopped=ended.stopped,
        )  # fmt: skip
        return showing.finish(report, mailbox, None, place, values, ended.status)
