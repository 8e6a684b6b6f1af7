"""``bascule copy SOURCE TARGET``"""

import time
from pathlib import Path
from typing import Any

import click

from bascule.capture import require_owner
from bascule.commands import options, places, showing
from bascule.commands.report_folder import ReportFolder
from bascule.commands.saving import RefusedKeeper
from bascule.commands.turn import open_in_turn, turn
from bascule.copy import CopyOptions, copy
from bascule.deliver.proof import gather_report
from bascule.mailbox import Mailbox
from bascule.sources import Source
from bascule.wire.imap import Connections


@click.command("copy")
@click.argument("source")
@click.argument("target")
@click.option("--state", type=click.Path(file_okay=False), help="Where to remember what was copied.")
@click.option("--dry-run", is_flag=True, help="Only show what would be copied where.")
@options.same_person_option
@options.side_options("source")
@options.side_options("target")
@options.connection_options
@options.speed_options
@options.selection_options
@options.deliver_options
@options.report_options
def command(source: str, target: str, state: str | None, dry_run: bool, same_person: bool, **values: Any) -> int:
    """Copy one mailbox to another, and verify it.

    SOURCE is imaps://user@host, imap://user@host:143, maildir:PATH, mbox:PATH, eml:PATH, zip:PATH or pst:PATH; TARGET is a server.
    The source is never changed. Run it again at any time: it goes on where it stopped, and adds only what is new.
    """
    places.require_two(source, target, then="Its mail would be doubled, or nothing done.")
    origin = places.source_of(source, options.SideOptions.of("source", values))
    location, connect = places.target_of(target, options.SideOptions.of("target", values))
    selection = options.selection_of(values)
    chosen = CopyOptions(selection, options.deliver_options_of(values))
    place = Path(state) if state else places.state_folder(origin.location, location)
    if dry_run:
        from bascule.commands.plan_words import plan_words_of
        from bascule.commands.planning import show_plan
        from bascule.commands.remembered import memory_of

        watcher = showing.watcher_for(values["quiet"])
        memory = memory_of(place, origin.location, location, same_person=same_person)
        words = plan_words_of(values["language"] or "")
        return showing.run_engine(show_plan(origin, Connections(connect, location, watcher), chosen, memory, words))
    with (
        turn(location),
        open_in_turn(lambda: Mailbox.open_or_create(place / places.COPY_MAILBOX, keeps_bodies=False)) as mailbox,
    ):
        if not same_person:
            require_owner(mailbox, origin.location)
        return _copy(mailbox, origin, location, connect, chosen, values)


def _copy(
    mailbox: Mailbox, source: Source, location: str, connect: Any, chosen: CopyOptions, values: dict[str, Any]
) -> int:
    started = time.time()
    place = ReportFolder(mailbox, values["report_dir"])
    keeper = RefusedKeeper(mailbox, place)
    is_first = not mailbox.ledger(location).folders()
    watcher = showing.watcher_for(values["quiet"])
    ended = showing.attempt(watcher, copy(source, location, connect, mailbox, chosen, watcher, keeper))
    ledger = mailbox.ledger(location)
    report = gather_report(
        mailbox, ledger, command="copy", source=source.location, target=location, started_utc=started,
        verify=values["verify"], mapped=ended.result or (), taken=_taken(mailbox, chosen), stopped=ended.stopped, this_run=watcher.this_run,
    )  # fmt: skip
    showing.note_first_run(report, watcher, is_first=is_first)
    return showing.finish(report, mailbox, ledger, place, values, ended.status)


def _taken(mailbox: Mailbox, chosen: CopyOptions) -> list[Any]:
    return [row for row in mailbox.folders.all() if chosen.selection.takes_folder(row.path)]
