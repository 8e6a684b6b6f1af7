"""``bascule serve``"""

import contextlib
import datetime
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bascule.commands.installation import open_to_everybody
from bascule.commands.options import CONFIG
from bascule.commands.stores import ready_portal
from bascule.commands.terminal import say, so_many
from bascule.platform.accounts.opening import EMBEDDED
from bascule.platform.certificate import Certificate
from bascule.platform.child import Program
from bascule.platform.logs import set_up_logs
from bascule.platform.permissions import close_data
from bascule.platform.settings import read_settings
from bascule.platform.settings_file import Endpoint
from bascule.platform.supervisor import Supervisor, listen, require_free
from bascule.platform.worker import certificate_of

if TYPE_CHECKING:
    from bascule.portal.configuration import PortalSettings

PORTAL_ACCOUNTS = "bascule.portal.accounts:open_accounts"
PORTAL_SECONDS = 30.0
"""For the portal to begin to listen."""


@click.command("serve")
@CONFIG
def command(config: Path) -> int:
    """Run the installation: the portal where bascule.toml has one, and the built-in platform's IMAP, SMTP, submission and LMTP. Stays in the
    foreground; Ctrl-C stops it."""
    settings = read_settings(config)
    set_up_logs()
    _keep_to_ourselves(config, settings.data)
    accounts, beside, portal = EMBEDDED, list[Program](), None
    if settings.has_portal:
        accounts, portal = PORTAL_ACCOUNTS, _prepare_portal(config)
        beside = _beside(portal)
    _say_what_is_wrong_with(certificate_of(settings))
    listening = listen(settings)
    for each in listening:
        host, port = each.address
        say(f"{each.service}\t{host}:{port}")

    def say_ready() -> None:
        """The sockets of mail are open already; the portal opens its own, a little later."""
        if portal is not None:
            _wait_for(portal.listen)
        say("ready")

    Supervisor(settings, config, listening, accounts=accounts, beside=beside).run(say_ready)
    say("stopped")
    return 0


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


def _wait_for(endpoint: Endpoint) -> None:
    """Until somebody listens there; not for ever, so that what is wrong with one part does not hold up the others."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)  # noqa: S104 - where all addresses are served, this one is
    until = time.monotonic() + PORTAL_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((host, endpoint.port), timeout=1.0):
            return
        time.sleep(0.05)
    say(f"The portal does not answer on {endpoint} yet; its log says why.", err=True)


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
