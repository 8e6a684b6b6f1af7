"""``bascule account share``, ``unshare``, ``shares``"""

import contextlib
from collections.abc import Iterator

import click

from bascule.commands.terminal import say
from bascule.mailbox.live import LiveFolder, LiveMailbox
from bascule.platform.accounts import Account, AccountStore, require_here
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.settings import FOLDERS, Settings
from bascule.platform.sharing import KINDS, NobodyOfThatName, identifier_of, set_rights
from bascule.platform.wakeups import send_to_all
from bascule.protocols.imap.rights import Rights, format_rights
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath

SETTINGS = "bascule.settings"
"""The group's settings, in click's ``meta``."""
_FOLDER = click.option("--folder", help="Only this folder: “Projets/2026”. Otherwise every folder that there is now.")


@click.command("share")
@click.argument("address")
@click.argument("member")
@click.option(
    "--may",
    type=click.Choice(list(KINDS)),
    default="full",
    show_default=True,
    help="read; contribute: sort, answer, add; full: also delete, and make folders; manage: also share with others.",
)
@click.option("--send", is_flag=True, help="MEMBER may also write as ADDRESS.")
@_FOLDER
@click.pass_context
def share(context: click.Context, address: str, member: str, may: str, send: bool, folder: str | None) -> int:
    """Share ADDRESS's mailbox with MEMBER (“anyone”: all who have an account). MEMBER signs in as themselves and finds it among their folders."""
    if send:
        accounts: AccountStore = context.obj
        accounts.let_send(owner_of(accounts, address), owner_of(accounts, member), True)
    count = _set(context, address, member, KINDS[may], folder)
    say(f"{count} folder{'s' if count > 1 else ''} of {address} shared with {member}: {may}.")
    return 0


@click.command("unshare")
@click.argument("address")
@click.argument("member")
@_FOLDER
@click.pass_context
def unshare(context: click.Context, address: str, member: str, folder: str | None) -> int:
    """Take back what `share` gave; without --folder also the right to write as ADDRESS."""
    accounts: AccountStore = context.obj
    known = accounts.find(member)
    if folder is None and known is not None:
        accounts.let_send(owner_of(accounts, address), known, False)
    count = _set(context, address, member, frozenset(), folder)
    say(f"{count} folder{'s' if count > 1 else ''} of {address} shared with {member} no more.")
    return 0


@click.command("shares")
@click.argument("address")
@click.pass_context
def shares(context: click.Context, address: str) -> int:
    """List with whom ADDRESS's folders are shared: folder, member, rights (RFC 4314); and who may write as ADDRESS."""
    owner = owner_of(context.obj, address)
    lines = []
    with mailbox_of(context, owner) as box:
        for folder in box.folders.all():
            for who, rights in box.sharing.of(folder.id).items():
                known = next((name for name, kind in KINDS.items() if kind == rights), format_rights(rights).decode())
                lines.append(f"{folder.path.display()}\t{who}\t{known}")
    lines += [f"–\t{member.login}\tsend" for member in context.obj.senders_as(owner)]
    say(*(lines or [f"{address} shares nothing."]))
    return 0


def _set(context: click.Context, address: str, member: str, rights: Rights, folder: str | None) -> int:
    accounts: AccountStore = context.obj
    owner = owner_of(accounts, address)
    try:
        identifier = identifier_of(accounts, member)
    except NobodyOfThatName as error:
        if rights:
            raise _no_account(member) from error
        identifier = member.lower()  # whoever had rights may have no account any more
    if identifier == owner.login:
        raise BasculeError("A mailbox is its owner's already.", "Name somebody else.", ExitStatus.USAGE)
    with mailbox_of(context, owner) as box:
        folders = _chosen(box, folder)
        for each in folders:
            set_rights(accounts, owner, box, each.id, identifier, rights)
    settings: Settings = context.meta[SETTINGS]
    send_to_all(settings.data / "run", owner.id)
    return len(folders)


def _chosen(box: LiveMailbox, name: str | None) -> list[LiveFolder]:
    if name is None:
        return box.folders.all()
    found = box.folders.find(FolderPath.split(name, "/"))
    if found is None:
        raise BasculeError(f"There is no folder {name}.", "Without --folder, every folder is meant.", ExitStatus.USAGE)
    return [found]


def owner_of(accounts: AccountStore, address: str) -> Account:
    """Raises BasculeError where there is none."""
    found = accounts.find(address)
    if found is None:
        raise _no_account(address)
    return found


def _no_account(address: str) -> BasculeError:
    return BasculeError(f"There is no account {address}.", "See “bascule account list”.", ExitStatus.USAGE)


@contextlib.contextmanager
def mailbox_of(context: click.Context, owner: Account) -> Iterator[LiveMailbox]:
    """Made now where it was never used. Raises BasculeError."""
    require_here(owner)
    settings: Settings = context.meta[SETTINGS]
    first = {name: FOLDERS[name] for name in settings.first_folders}
    mailboxes = Mailboxes(settings.data / "mailboxes", first_folders=first)
    try:
        with mailboxes.using(owner.id) as box:
            yield box
    finally:
        mailboxes.close()
