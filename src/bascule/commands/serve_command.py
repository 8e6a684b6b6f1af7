"""``bascule serve``"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bascule.commands.options import CONFIG
from bascule.platform.accounts.opening import EMBEDDED
from bascule.platform.logs import set_up_logs
from bascule.platform.settings import read_settings
from bascule.platform.supervisor import Supervisor, listen, require_free

if TYPE_CHECKING:
    from bascule.portal.configuration import PortalSettings

PORTAL_ACCOUNTS = "bascule.portal.accounts:open_accounts"
PORTAL_PROCESS = "bascule.portal.process"
PORTAL_WORKER = "bascule.portal.worker"


@click.command("serve")
@CONFIG
def command(config: Path) -> int:
    """Run the installation: the portal where bascule.toml has one, and the built-in platform's IMAP, SMTP, submission and LMTP. Stays in the
    foreground; Ctrl-C stops it."""
    settings = read_settings(config)
    set_up_logs()
    accounts, beside = EMBEDDED, []
    if settings.has_portal:
        accounts, beside = PORTAL_ACCOUNTS, [PORTAL_PROCESS]
        if _prepare_portal(config).workers:
            beside.append(PORTAL_WORKER)
    listening = listen(settings)
    for each in listening:
        host, port = each.address
        click.echo(f"{each.service}\t{host}:{port}")
    Supervisor(settings, config, listening, accounts=accounts, beside=beside).run(lambda: click.echo("ready"))
    click.echo("stopped")
    return 0


def _prepare_portal(config: Path) -> "PortalSettings":
    """Its database is of this version, and its port is free, before anything else starts."""
    from bascule.portal.configuration import read_portal_settings
    from bascule.portal.start import migrate, start

    start(config)
    migrate()
    settings = read_portal_settings(config)
    require_free(settings.listen)
    click.echo(f"portal\t{settings.url}")
    return settings
