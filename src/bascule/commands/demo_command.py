"""``bascule demo``: an old platform and a new one, thirteen mailboxes, the move, and both stay up to be looked at."""

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.campaign.instants import parse_instant
from bascule.commands.terminal import say

USUAL_BASE = 8000
DAYS = ("eve", "day", "after", "closed")


@click.command("demo")
@click.option(
    "--dir",
    "place",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where all of it lies. Otherwise .bascule/demo, and with another port base .bascule/demo-BASE.",
)
@click.option(
    "--port-base", type=click.IntRange(1024, 64000), default=USUAL_BASE, show_default=True, help="Ports lie above it."
)
@click.option(
    "--messages",
    type=click.IntRange(100, 200_000),
    default=3000,
    show_default=True,
    help="Sample messages, of all members.",
)
@click.option(
    "--at",
    default="eve",
    show_default=True,
    help='When it is: eve (the switch is tomorrow at 9:00), day (it was an hour ago, everybody has moved), after (two weeks ago), closed (three months ago), or an instant: "2027-04-27 08:59", the switch being at 9:00 of that day.',
)
@click.option("--stop", "stops", is_flag=True, help="Stop once all is made, instead of staying up.")
def command(place: Path | None, port_base: int, messages: int, at: str, stops: bool) -> int:
    """See it work: thirteen mailboxes of a university, in two waves, leave an old platform for a new one, on this machine.

    The portal and both platforms stay up, for a browser and any mail program; Ctrl-C stops everything.
    """
    if place is None:
        place = Path(".bascule/demo" if port_base == USUAL_BASE else f".bascule/demo-{port_base}")
    if at not in DAYS:
        parse_instant(at, ZoneInfo("Europe/Paris"))
    how_long = "half a minute" if at == "eve" else "a minute or two"
    say(f"A university in small is being made in {place}; it takes {how_long}.")
    from bascule.commands.demo_run import (
        run,
    )  # what it needs takes seconds to be read on a busy machine: say something first

    return run(place, port_base, messages, at, stops)
