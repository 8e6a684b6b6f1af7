"""``bascule account hand-over``, ``take-over``"""

from pathlib import Path

import click

from bascule.commands.account_sharing import SETTINGS, mailbox_of, owner_of
from bascule.commands.terminal import say
from bascule.platform.handing_over import hand_over as hand_over_
from bascule.platform.handing_over import take_back
from bascule.platform.handing_over import take_over as take_over_
from bascule.platform.settings import Settings

_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.command("hand-over")
@click.argument("address")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--undo", is_flag=True, help="Use the mailbox here again; only where it was not taken over.")
@click.pass_context
def hand_over(context: click.Context, address: str, folder: Path | None, undo: bool) -> int:
    """Put ADDRESS's mailbox and account into FOLDER for another node, and close it here.

    It is copied while it is in use, and closed for the last moment only. Mail for it waits until it is taken over and comes there.
    """
    settings: Settings = context.meta[SETTINGS]
    owner = owner_of(context.obj, address)
    if undo:
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


@click.command("take-over")
@_FOLDER
@click.pass_context
def take_over(context: click.Context, folder: Path) -> int:
    """Use the mailbox and account that another node handed over in FOLDER, after every octet of it was verified."""
    settings: Settings = context.meta[SETTINGS]
    login = take_over_(settings.data, context.obj, folder)
    say(f"{login} is in use here.")
    return 0
