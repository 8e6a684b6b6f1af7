"""``bascule serve``"""

from pathlib import Path

import click

from bascule.commands.options import CONFIG
from bascule.platform.logs import set_up_logs
from bascule.platform.settings import read_settings
from bascule.platform.supervisor import Supervisor, listen


@click.command("serve")
@CONFIG
def command(config: Path) -> int:
    """Run the built-in platform: IMAP over the mailboxes of this installation. Stays in the foreground; Ctrl-C stops it."""
    settings = read_settings(config)
    set_up_logs()
    listening = listen(settings)
    for each in listening:
        host, port = each.address
        click.echo(f"{each.service}\t{host}:{port}")
    Supervisor(settings, config, listening).run(lambda: click.echo("ready"))
    click.echo("stopped")
    return 0
