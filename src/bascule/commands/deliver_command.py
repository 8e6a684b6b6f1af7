"""``bascule deliver FILE TARGET``"""

import time
from pathlib import Path
from typing import Any

import click

from bascule.capture import Selection, require_kept
from bascule.commands import options, places, showing
from bascule.commands.report_folder import ReportFolder
from bascule.commands.saving import RefusedKeeper
from bascule.commands.turn import open_in_turn, turn
from bascule.deliver import DeliverOptions, deliver_mailbox
from bascule.deliver.proof import gather_report
from bascule.mailbox import Mailbox


@click.command("deliver")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target")
@options.folder_options
@options.side_options("target")
@options.connection_options
@options.deliver_options
@options.report_options
def command(file: Path, target: str, folders: tuple[str, ...], without_folders: tuple[str, ...], **values: Any) -> int:
    """Deliver a mailbox on disk to a server.

    Nothing is written twice, and nothing that the server has already is repeated. Run it again at any time.
    """
    location, connect = places.target_of(target, options.SideOptions.of("target", values))
    selection = Selection(folders, without_folders)
    chosen = options.deliver_options_of(values, selection)
    with turn(location), open_in_turn(lambda: Mailbox.open(file, made_elsewhere=True)) as mailbox:
        require_kept(mailbox, selection, chosen.renames, showing.watcher_for(values["quiet"]))
        return _deliver(mailbox, location, connect, chosen, values)


def _deliver(mailbox: Mailbox, location: str, connect: Any, chosen: DeliverOptions, values: dict[str, Any]) -> int:
    started = time.time()
    place = ReportFolder(mailbox, values["report_dir"])
    keeper = RefusedKeeper(mailbox, place)
    is_first = not mailbox.ledger(location).folders()
    watcher = showing.watcher_for(values["quiet"])
    ended = showing.attempt(watcher, deliver_mailbox(mailbox, location, connect, chosen, watcher, keeper))
    ledger = mailbox.ledger(location)
    taken = [row for row in mailbox.folders.all() if chosen.takes_folder(row.path)]
    report = gather_report(
        mailbox, ledger, command="deliver", source=str(mailbox.root), target=location, started_utc=started,
        verify=values["verify"], mapped=ended.result or (), taken=taken, stopped=ended.stopped, this_run=watcher.this_run,
    )  # fmt: skip
    showing.note_first_run(report, watcher, is_first=is_first)
    return showing.finish(report, mailbox, ledger, place, values, ended.status)
