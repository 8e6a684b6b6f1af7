"""``bascule demo``: for now, one mailbox on its way from an old platform to a new one."""

import os
import pwd
import shutil
from pathlib import Path

import click

from bascule.commands.copy_command import command as copy
from bascule.commands.export_command import command as export
from bascule.commands.import_command import command as import_
from bascule.demo import PrivateDovecot, find_dovecot, write_sample
from bascule.demo.dovecot import PASSWORD, write_endpoints
from bascule.terms.errors import BasculeError, ExitStatus

_MARK = ".bascule-demo"
_USER = "camille.roux"


@click.command("demo")
@click.option(
    "--dir",
    "place",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".bascule/demo"),
    show_default=True,
    help="Where all of it lies.",
)
@click.option(
    "--messages", type=click.IntRange(10, 100_000), default=400, show_default=True, help="Size of the sample mailbox."
)
def command(place: Path, messages: int) -> int:
    """See it work: a sample mailbox moves from one Dovecot to another, both started for it and stopped afterwards.

    Where Dovecot is not installed, from a Maildir into a mailbox and out again.
    """
    _clear(place)
    if find_dovecot() is None:
        return _through_files(place, messages)
    return _between_servers(place, messages)


def _clear(place: Path) -> None:
    """A new start each time; only what an earlier demo made is removed."""
    if place.exists() and any(place.iterdir()):
        if not (place / _MARK).exists():
            raise BasculeError(f"{place} is not a demo's folder.", "Name another with --dir.", ExitStatus.USAGE)
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    (place / _MARK).write_text("made by bascule demo\n")


def _between_servers(place: Path, messages: int) -> int:
    root = place.resolve()
    click.echo("An old platform and a new one, both Dovecot, are started on this machine.")
    old = PrivateDovecot(root / "old", format="maildir", separator=".")
    written = write_sample(root / "old" / "mail" / _USER / "Maildir", messages)
    _give_to_mail_user(root / "old" / "mail")
    with old, PrivateDovecot(root / "new") as new:
        write_endpoints(place / "endpoints.json", {"old": old.endpoint(_USER), "new": new.endpoint(_USER)})
        click.echo(f"{written} messages of {_USER} move from {old.url(_USER)} to {new.url(_USER)}.\n")
        password = place / "password"
        password.write_text(PASSWORD + "\n")
        status = copy.main(
            [old.url(_USER), new.url(_USER), "--state", str(place / "state"), "--source-password-file", str(password),
             "--target-password-file", str(password)],
            standalone_mode=False,
        )  # fmt: skip
    return int(status)


def _give_to_mail_user(mail: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam("mail")
        for path in (mail, *mail.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)


def _through_files(place: Path, messages: int) -> int:
    click.echo("Dovecot is not installed: a sample Maildir goes into a mailbox, and out again as mbox.")
    written = write_sample(place / "Maildir", messages)
    click.echo(f"{written} messages.\n")
    mailbox = place / "camille.mailbox"
    status = import_.main([str(place / "Maildir"), str(mailbox), "--kind", "maildir"], standalone_mode=False)
    export.main([str(mailbox), str(place / "mbox"), "--format", "mbox"], standalone_mode=False)
    return int(status)
