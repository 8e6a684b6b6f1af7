"""``bascule account hand-over``, ``take-over``"""

import sys
from pathlib import Path

import click

from bascule.commands.account_sharing import SETTINGS, mailbox_of, owner_of
from bascule.commands.terminal import say
from bascule.platform.handing_over import hand_over as hand_over_
from bascule.platform.handing_over import require_handed_over, take_back
from bascule.platform.handing_over import take_over as take_over_
from bascule.platform.settings import Settings
from bascule.terms.errors import BasculeError, ExitStatus

_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.command("hand-over")
@click.argument("address")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--undo", is_flag=True, help="Use the mailbox here again; only where it was taken over nowhere.")
@click.option("--yes", is_flag=True, help="With --undo: it was taken over nowhere; do not ask.")
@click.pass_context
def hand_over(context: click.Context, address: str, folder: Path | None, undo: bool, yes: bool) -> int:
    """Put ADDRESS's mailbox and account into FOLDER for another node, and close it here.

    It is copied while it is in use, and closed for the last moment only. Mail for it waits until it is taken over and comes there.
    """
    settings: Settings = context.meta[SETTINGS]
    owner = owner_of(context.obj, address)
    if undo:
        if not settings.has_portal:
            require_handed_over(settings.data, owner)
            _ask_whether_taken(address, yes)
        take_back(settings.data, context.obj, owner)
        say(f"{address} is in use here again.")
        return 0
    if folder is None:
        raise click.UsageError("Name the folder to put it into.")
    if not (settings.data / "mailboxes" / f"{owner.id}.mailbox").exists():
        with mailbox_of(context, owner):
            pass  # made now: it was never used
    hand_over_(settings.data, context.obj, owner, folder, click.echo)
    say(f"{address} is closed here. Bring {folder} to the other node; there: bascule account take-over FOLDER")
    return 0


def _ask_whether_taken(address: str, yes: bool) -> None:
    """Without a portal no node knows of another. Raises BasculeError (usage) where it was taken over, or nobody can be asked."""
    danger = f"Where it was taken over, {address} would be in use on two nodes: mail comes to one or the other, and neither has all."
    if yes:
        return
    if not sys.stdin.isatty():
        raise BasculeError(f"It is not said that the mailbox was taken over nowhere. {danger}", "If it was taken over nowhere, give --yes; otherwise hand it over from there.", ExitStatus.USAGE)  # fmt: skip
    say(danger, err=True)
    if not click.confirm("Was it taken over nowhere?", err=True):
        raise BasculeError(f"{address} stays closed here.", "To have it back, hand it over from the node that took it.", ExitStatus.USAGE)  # fmt: skip


@click.command("take-over")
@_FOLDER
@click.pass_context
def take_over(context: click.Context, folder: Path) -> int:
    """Use the mailbox and account that another node handed over in FOLDER, after every octet of it was verified."""
    settings: Settings = context.meta[SETTINGS]
    login = take_over_(settings.data, context.obj, folder)
    say(f"{login} is in use here.")
    return 0
