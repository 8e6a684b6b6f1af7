"""``bascule verify FILE|SOURCE TARGET``"""

from pathlib import Path
from typing import Any

import click

from bascule.commands import options, places, showing
from bascule.commands.planning import unrecorded_rows
from bascule.commands.terminal import say, say_json
from bascule.deliver import FolderMap
from bascule.deliver.proof.compare import Comparison, census_of_mailbox, census_of_source, compare
from bascule.mailbox import Mailbox
from bascule.mailbox.format import CATALOGUE
from bascule.terms.location import parse_location

_SHOWN = 100


@click.command("verify")
@click.argument("source")
@click.argument("target")
@click.option("--prefix", default="", help="As given to copy or deliver.")
@options.side_options("source")
@options.side_options("target")
@options.connection_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(source: str, target: str, prefix: str, as_json: bool, quiet: bool, **values: Any) -> int:
    """Read both sides in full, and compare every octet, flag and date. Nothing is changed.

    SOURCE is a mailbox on disk or anything that `bascule copy` reads. Messages that only the target has are no difference.
    """
    there = options.SideOptions.of("target", values)
    on_disk = (Path(source) / CATALOGUE).exists()
    origin = None if on_disk else places.source_of(source, options.SideOptions.of("source", values))
    _, connect = places.target_of(target, there)
    reached = places.source_of(str(parse_location(target)), there, "target")
    watcher = showing.watcher_for(quiet)

    async def work() -> tuple[Comparison, list[str]]:
        if origin is None:
            with Mailbox.open(Path(source), read_only=True) as mailbox:
                expected, rows = census_of_mailbox(mailbox), mailbox.folders.all()
                errors: list[str] = []
        else:
            rows = unrecorded_rows(await origin.folders())
            expected, errors = await census_of_source(origin, watcher)
        client = await connect()
        mapped = await FolderMap(prefix).map(client, rows)
        await client.logout()
        listed = {folder.name: folder.path for folder in await reached.folders()}
        places = {folder.row.path: listed[folder.name] for folder in mapped if folder.name in listed}
        found, more = await census_of_source(reached, watcher)
        return compare(expected, found, places), errors + more

    with watcher:
        result, errors = showing.run_engine(work())
    return _show(result, errors, as_json)


def _show(result: Comparison, errors: list[str], as_json: bool) -> int:
    differences = errors + result.differences
    if as_json:
        told = {"expected": result.expected, "equal": result.equal, "differences": differences}
        say_json(told)
    else:
        for text in differences[:_SHOWN]:
            say(text)
        if len(differences) > _SHOWN:
            say(f"… and {len(differences) - _SHOWN} more (--json shows all)")
        say(f"{result.equal} of {result.expected} messages are equal in every octet, flag and date.")
    return 1 if differences else 0
