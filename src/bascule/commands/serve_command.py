"""``bascule serve``"""

import contextlib
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bascule.commands.installation import CONFIG, open_to_everybody
from bascule.commands.stores import ready_portal
from bascule.commands.terminal import say, so_many
from bascule.platform.accounts.opening import EMBEDDED
from bascule.platform.certificate import Certificate
from bascule.platform.child import Program
from bascule.platform.data_lock import DataLock
from bascule.platform.logs import set_up_logs
from bascule.platform.ownership import require_access
from bascule.platform.permissions import close_data
from bascule.platform.settings import Settings, read_settings
from bascule.platform.supervisor import Supervisor, listen, require_free
from bascule.platform.worker import certificate_of

if TYPE_CHECKING:
    from bascule.portal.configuration import PortalSettings

PORTAL_ACCOUNTS = "bascule.portal.accounts:open_accounts"


@click.command("serve")
@CONFIG
def command(config: Path) -> int:
    """Run the installation: the portal where bascule.toml has one, and the built-in platform's IMAP, SMTP, submission and LMTP. Stays in the
    foreground; Ctrl-C stops it."""
    settings = read_settings(config)
    set_up_logs()
    require_access(settings.data)
    lock = DataLock(settings.data)
    try:
        _serve(config, settings, lock)
    finally:
        lock.close()
    say("stopped")
    return 0


def _serve(config: Path, settings: Settings, lock: DataLock) -> None:
    """Until it is told to stop. Raises BasculeError; what was started has ended then."""
    _keep_to_ourselves(config, settings.data)
    accounts, beside = EMBEDDED, list[Program]()
    if settings.has_portal:
        accounts, beside = PORTAL_ACCOUNTS, _beside(_prepare_portal(config))
    _say_what_is_wrong_with(certificate_of(settings))
    _say_what_is_not_usual(settings)
    listening = listen(settings)
    for each in listening:
        host, port = each.address
        say(f"{each.service}\t{host}:{port}")
    supervisor = Supervisor(settings, config, listening, lock=lock, accounts=accounts, beside=beside)
    supervisor.run(lambda: say("ready"))


def _keep_to_ourselves(config: Path, data: Path) -> None:
    """An installation that everybody on the machine could read, because an earlier version or somebody made it so, is closed to them. What lies outside of the
    data folder may be meant for others too: that is only said."""
    with contextlib.suppress(PermissionError):  # it is somebody else's: what is open is said below
        if data.exists() and close_data(data):
            say(f"Everybody on this machine had a way into {data}: they have none any more.", err=True)
    for each in open_to_everybody(config):
        say(each.what, f"  Do: {each.advice}", err=True)


def _say_what_is_wrong_with(certificate: Certificate | None) -> None:
    """Before anything starts. One that has ended keeps nobody from starting: it may be renewed while the servers run."""
    if certificate is not None and (wrong := certificate.what_programs_will_say(datetime.datetime.now(datetime.UTC))):
        say(wrong, "  Do: renew it; it is read again within a minute, without a restart.", err=True)


def _say_what_is_not_usual(settings: Settings) -> None:
    """What works, and is seldom meant."""
    if os.geteuid() == 0:
        say("Bascule runs as root, which it never needs: docs/runbooks/in-service.md gives it a user of its own.", err=True)  # fmt: skip
    if settings.postmaster is None:
        say(
            "Nobody is named in [smtp] postmaster: mail for postmaster and abuse is refused, unless an account has these addresses.",
            err=True,
        )


def _prepare_portal(config: Path) -> "PortalSettings":
    """Its database is of this version, and its port is free, before anything else starts. No connection to the database is left: an SQLite one that goes
    through a fork forgets its locks (sqlite.org/howtocorrupt.html, 2.6), and PostgreSQL would hear two processes on one."""
    from django.db import connections

    from bascule.portal.configuration import read_portal_settings

    ready_portal(config)
    settings = read_portal_settings(config)
    require_free(settings.listen)
    _say_who_cannot_sign_on(settings)
    say(f"portal\t{settings.url}")
    connections.close_all()
    return settings


def _beside(portal: "PortalSettings") -> list[Program]:
    from bascule.portal import process, worker

    return [process.PROGRAM, worker.PROGRAM] if portal.workers else [process.PROGRAM]


def _say_who_cannot_sign_on(settings: "PortalSettings") -> None:
    from bascule.portal.directory.local_passwords import without

    count = without().count() if set(settings.sign_on) == {"local"} else 0
    if count:
        say(
            f"{so_many(count, 'member')} can't sign on to the portal: sign_on is local, and they have no password there.",
            "  Give them one each: bascule campaign passwords passwords.csv; or name ldap, cas or oidc in [portal] sign_on.", err=True,
        )  # fmt: skip
