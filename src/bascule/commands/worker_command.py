"""``bascule worker``"""

from pathlib import Path

import click

from bascule.commands.installation import CONFIG
from bascule.commands.terminal import say
from bascule.platform.logs import set_up_logs
from bascule.platform.stopping import Stop


@click.command("worker")
@CONFIG
@click.option(
    "--threads", type=click.IntRange(1, 64), help="So many pieces of work at once; otherwise as bascule.toml says."
)
def command(config: Path, threads: int | None) -> int:
    """Do what the portal's pages asked for, beside the workers that “bascule serve” runs: on this machine, or with PostgreSQL on as many as wanted. Stays in the
    foreground; Ctrl-C ends it, and what it was doing goes on elsewhere."""
    from bascule.portal.configuration import read_portal_settings
    from bascule.portal.worker import work

    set_up_logs()
    portal = read_portal_settings(config)
    work(config, threads or max(1, portal.workers), Stop(), lambda: say("ready"))
    say("stopped")
    return 0
