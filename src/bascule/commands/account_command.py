"""``bascule account``"""

import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.account_moving import hand_over, take_over
from bascule.commands.account_sharing import SETTINGS, share, shares, unshare
from bascule.commands.options import CONFIG, OfAnInstallation, octets_of
from bascule.commands.passwords import password_in, password_of, warn_of_readers
from bascule.commands.stores import open_store
from bascule.commands.terminal import clock_time, say, say_json, so_many
from bascule.platform.accounts import AccountStore
from bascule.platform.accounts.passwords import generate_password
from bascule.platform.settings import read_settings
from bascule.terms.errors import BasculeError, ExitStatus


@click.group("account", cls=OfAnInstallation)
@CONFIG
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Add accounts to the built-in platform, list them, lock them, change their passwords and quotas."""
    settings = read_settings(config)
    accounts = open_store(config)
    context.call_on_close(accounts.close)
    context.obj = accounts
    context.meta[SETTINGS] = settings


_PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="A file whose first line is the password (“-”: standard input). Without it one is generated and shown once.",
)
_QUOTA = click.option("--quota", help="How much the mailbox may hold, as “5 GB”; “none”: no limit.")


def chosen_password(file: Path | None) -> tuple[str, bool]:
    """The password, and whether it was generated here."""
    if file is None:
        return generate_password(), True
    if str(file) == "-":
        return password_of(sys.stdin.readline(), "Standard input"), False
    password = password_in(file)
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise BasculeError(
            f"The password in {file} is not UTF-8.", "Write the file in UTF-8.", ExitStatus.USAGE
        ) from error
    warn_of_readers(file)
    return password, False


def _quota(told: str | None) -> int | None:
    return None if told is None or told.lower() == "none" else octets_of(told, "--quota")


@command.command("add")
@click.argument("address")
@click.option("--name", default="", help="The person's name.")
@click.option("--alias", multiple=True, help="Another address of the same mailbox. May be repeated.")
@_QUOTA
@_PASSWORD_FILE
@click.pass_obj
def add(
    accounts: AccountStore, address: str, name: str, alias: tuple[str, ...], quota: str | None, password_file: Path | None
) -> int:  # fmt: skip
    """Add an account; its mailbox is made when it is first used."""
    password, generated = chosen_password(password_file)
    accounts.add(address, password, name=name, aliases=alias, quota_octets=_quota(quota), generated=generated)
    say(f"{address} is added." + (f" Its password: {password}" if generated else ""))
    return 0


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def list_(accounts: AccountStore, as_json: bool) -> int:
    """List the accounts."""
    records = accounts.all()
    if as_json:
        rows = [
            {"login": r.account.login, "name": r.account.name, "addresses": r.account.addresses, "locked": r.locked, "quota": r.account.quota_octets, "here": r.account.is_here}
            for r in records
        ]  # fmt: skip
        say_json(rows)
        return 0
    for record in records:
        account = record.account
        aliases = [address for address in account.addresses if address != account.login]
        notes = ["locked"] if record.locked else []
        notes += [] if account.is_here else ["its mailbox is on another node"]
        notes += [f"quota {account.quota_octets / 1e9:g} GB"] if account.quota_octets is not None else []
        notes += [f"also {', '.join(aliases)}"] if aliases else []
        say("\t".join([account.login, account.name, "; ".join(notes)]).rstrip())
    if not records:
        say("There are no accounts yet. Add one with: bascule account add name@domain")
    return 0


@command.command("lock")
@click.argument("address")
@click.option("--undo", is_flag=True, help="Open it again.")
@click.pass_obj
def lock(accounts: AccountStore, address: str, undo: bool) -> int:
    """Lock an account: nobody signs in to it, sessions end at their next command, mail for it is still taken."""
    accounts.set_locked(address, not undo)
    say(f"{address} is {'open again' if undo else 'locked'}.")
    return 0


@command.command("passwd")
@click.argument("address")
@_PASSWORD_FILE
@click.pass_obj
def passwd(accounts: AccountStore, address: str, password_file: Path | None) -> int:
    """Give an account another password."""
    password, generated = chosen_password(password_file)
    accounts.set_password(address, password, generated=generated)
    say(f"{address} has another password." + (f" It is: {password}" if generated else ""))
    return 0


@command.command("quota")
@click.argument("address")
@click.argument("size")
@click.pass_obj
def quota(accounts: AccountStore, address: str, size: str) -> int:
    """Set how much a mailbox may hold: “5 GB”, or “none”."""
    accounts.set_quota(address, _quota(size))
    say(f"{address}: {size}.")
    return 0


@command.command("lockouts")
@click.option("--lift", metavar="ACCOUNT|IP", help="Let an account, or everybody at an IP address, try again at once.")
@click.pass_context
def lockouts(context: click.Context, lift: str | None) -> int:
    """List who is asked to wait after wrong passwords, on this machine."""
    accounts: AccountStore = context.obj
    zone = ZoneInfo(context.meta[SETTINGS].zone)
    if lift is not None:
        count = accounts.attempts.lift(account=lift) + accounts.attempts.lift(peer=lift)
        say(f"{lift}: {so_many(count, 'wrong password')} forgotten.")
        return 0
    waiting = accounts.attempts.waiting()
    if waiting:
        say(f"Who\tFrom\tDifferent wrong passwords\tWaits until ({zone.key})")
    for each in waiting:
        who, whence = each.account or "everybody not known there", each.peer or "everywhere else"
        say(f"{who}\tfrom {whence}\t{so_many(each.wrong, 'wrong password')}\tuntil {clock_time(each.until_utc, zone)}")
    if not waiting:
        say("Nobody is asked to wait.")
    return 0


for _command in (share, unshare, shares, hand_over, take_over):
    command.add_command(_command)
