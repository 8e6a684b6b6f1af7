"""``bascule backup``"""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.installation import CONFIG
from bascule.commands.terminal import clock_time, say, say_again, say_json, so_many
from bascule.platform.backup import back_up
from bascule.platform.settings import read_settings
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("backup")
@CONFIG
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--keep", default=30, show_default=True, help="How many earlier states of each mailbox can be gone back to."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON report.")
def command(config: Path, folder: Path, keep: int, as_json: bool) -> int:
    """Bring the backup in FOLDER up to date: mailboxes, accounts, queue, trace, keys. The servers may run meanwhile; only what is new is written."""
    settings = read_settings(config)
    now = time.time()
    done = back_up(settings.data, config, folder, now, keep=max(1, keep), progress=tell_progress)
    if settings.has_portal:
        _back_up_portal(config, folder)
    if as_json:
        say_json(asdict(done))
    else:
        say(f"Backed up as of {clock_time(now, ZoneInfo(settings.zone))} ({settings.zone}): {so_many(done.mailboxes, 'mailbox')}, {done.changed} changed, {done.octets / 1e6:.1f} MB of new mail.")  # fmt: skip
        for account, place in done.set_aside.items():
            say(
                f"Made anew since the last backup: {account}. What was kept of its mailbox before is in {place}.",
                err=True,
            )
        for account, why in done.failed.items():
            say(f"Not backed up: {account}: {why}", err=True)
    return ExitStatus.MISSING if done.failed else 0


def _back_up_portal(config: Path, folder: Path) -> None:
    """Raises BasculeError."""
    from bascule.portal.configuration import read_portal_settings
    from bascule.portal.start import start

    portal = read_portal_settings(config)
    if portal.database is None and portal.keys is None:
        return  # all of it lies in the data folder
    start(config)
    from django.db import Error

    from bascule.portal.copying import back_up as back_up_portal

    try:
        back_up_portal(portal, folder)
    except (Error, OSError) as error:
        raise BasculeError(f"The portal's database could not be backed up: {error}.", "Mailboxes are. What the backup held of the portal before is still there; run it again.") from error  # fmt: skip


def tell_progress(done: int, of: int) -> None:
    """On a terminal one line that changes; otherwise every hundredth mailbox."""
    if sys.stderr.isatty():
        say_again(f"{done} of {of} mailboxes", last=done == of)
    elif done and done % 100 == 0:
        say(f"{done} of {of} mailboxes", err=True)
