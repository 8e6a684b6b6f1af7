"""``bascule clock``"""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.campaign.instants import parse_instant
from bascule.commands.installation import CONFIG
from bascule.commands.terminal import say
from bascule.platform.clock import Clock
from bascule.platform.settings import read_settings
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("clock")
@CONFIG
@click.argument("instant", required=False)
@click.option("--real", is_flag=True, help="Back to real time.")
def command(config: Path, instant: str | None, real: bool) -> int:
    """Show the time of a rehearsal or a demo, or move it to INSTANT ("2027-04-27 08:59", in the institution's zone).

    Doors, dates and queues follow; TLS, one-time codes and signatures stay on real time.
    """
    settings = read_settings(config)
    if settings.rehearsal_clock is None:
        raise BasculeError(
            "This installation is not a rehearsal: its time can't be moved.",
            "Only one with [server] rehearsal_clock has a clock of its own.",
            ExitStatus.USAGE,
        )
    zone, clock = ZoneInfo(settings.zone), Clock(settings.rehearsal_clock)
    if real:
        settings.rehearsal_clock.unlink(missing_ok=True)
    elif instant is not None:
        clock.move_to(parse_instant(instant, zone).timestamp())
    say(f"{datetime.fromtimestamp(clock(), zone):%A %d %B %Y, %H:%M:%S} ({zone.key})")
    return 0
