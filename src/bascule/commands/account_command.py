"""``bascule account``"""

import ipaddress
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.account_moving import hand_over, take_over
from bascule.commands.account_sharing import SETTINGS, owner_of, share, shares, unshare
from bascule.commands.installation import CONFIG, OfAnInstallation
from bascule.commands.passwords import password_in, password_of, warn_of_readers
from bascule.commands.stores import open_store
from bascule.commands.terminal import clock_time, say, say_json, so_many
from bascule.platform.accounts import AccountStore
from bascule.platform.accounts.limits import CHOSEN_CHARACTERS, NOTICED_SECONDS
from bascule.platform.accounts.passwords import generate_password
from bascule.platform.handing_over import is_handed_over
from bascule.platform.settings import Settings, read_settings
from bascule.platform.wakeups import send_to_all
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.size import parse_size, size_of


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
    help=f"A file whose first line is the password (“-”: standard input), {CHOSEN_CHARACTERS} characters at least. Without it one is generated and shown once.",
)
_QUOTA = click.option("--quota", help="How much the mailbox may hold, as “500 MB” or “5 GB”; “none”: no limit.")


def chosen_password(file: Path | None) -> tuple[str, bool]:
    """The password, and whether it was generated here."""
    if file is None:
        return generate_password(), True
    if str(file) == "-":
        password = password_of(sys.stdin.readline(), "Standard input")
        _require_long(password)
        return password, False
    password = password_in(file)
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise BasculeError(
            f"The password in {file} is not UTF-8.", "Write the file in UTF-8.", ExitStatus.USAGE
        ) from error
    _require_long(password)
    warn_of_readers(file)
    return password, False


def _require_long(password: str) -> None:
    """Of a password that was not generated here. Raises BasculeError (usage)."""
    if len(password) < CHOSEN_CHARACTERS:
        raise BasculeError(
            f"That password has {so_many(len(password), 'character')}; it needs {CHOSEN_CHARACTERS} at least.",
            "Without --password-file one is generated.", ExitStatus.USAGE,
        )  # fmt: skip


def _quota(told: str | None) -> int | None:
    """None: no limit. Raises BasculeError (usage); also where it has no unit, since “5” is rarely meant to be five octets."""
    if told is None or told.strip().lower() == "none":
        return None
    try:
        if told.strip().isdigit():
            raise ValueError
        return parse_size(told)
    except ValueError as error:
        raise BasculeError(f"“{told}” is not a quota.", "Write it with its unit, as “500 MB” or “5 GB”; “none”: no limit.", ExitStatus.USAGE) from error  # fmt: skip


def _login_of(accounts: AccountStore, address: str) -> str:
    """Of the account that has the address as its login or an alias. Raises BasculeError (usage)."""
    return owner_of(accounts, address).login


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
    """Add an account; its mailbox is made when it is first used. Addresses are kept in small letters. One signs in with ADDRESS; aliases only take mail."""
    octets = _quota(quota)
    password, generated = chosen_password(password_file)
    made = accounts.add(address, password, name=name, aliases=alias, quota_octets=octets, generated=generated)
    say(f"{made.login} is added." + (f" Its password: {password}" if generated else ""))
    return 0


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_context
def list_(context: click.Context, as_json: bool) -> int:
    """List the accounts: address, name, and what is particular about each."""
    accounts: AccountStore = context.obj
    settings: Settings = context.meta[SETTINGS]
    records = accounts.all()
    handed_over = {r.account.id for r in records if r.account.is_here and is_handed_over(settings.data, r.account)}
    if as_json:
        rows = [
            {"login": r.account.login, "name": r.account.name, "addresses": r.account.addresses, "locked": r.locked, "quota": r.account.quota_octets, "here": r.account.is_here, "handed_over": r.account.id in handed_over}
            for r in records
        ]  # fmt: skip
        say_json(rows)
        return 0
    for record in records:
        account = record.account
        aliases = [address for address in account.addresses if address != account.login]
        notes = ["locked"] if record.locked else []
        notes += [] if account.is_here else ["its mailbox is on another node"]
        notes += ["handed over: closed here"] if account.id in handed_over else []
        notes += [f"quota {size_of(account.quota_octets)}"] if account.quota_octets is not None else []
        notes += [f"also {', '.join(aliases)}"] if aliases else []
        say("\t".join([account.login, account.name, "; ".join(notes)]).rstrip())
    if not records:
        say("There are no accounts yet. Add one with: bascule account add name@domain")
    return 0


@command.command("lock")
@click.argument("address")
@click.option("--undo", is_flag=True, help="Open it again.")
@click.pass_context
def lock(context: click.Context, address: str, undo: bool) -> int:
    """Lock an account: nobody signs in to it, mail for it is still taken. Once this has returned, each open session ends at its next command, and one that waits for mail at once."""
    accounts: AccountStore = context.obj
    login = _login_of(accounts, address)
    accounts.set_locked(login, not undo)
    _let_servers_know(context, login)
    say(f"{login} is {'open again' if undo else 'locked'}.")
    return 0


def _let_servers_know(context: click.Context, login: str) -> None:
    """Returns when every server process goes by what was just changed, and sessions that wait for mail have been told to look."""
    time.sleep(NOTICED_SECONDS)
    settings: Settings = context.meta[SETTINGS]
    send_to_all(settings.data / "run", owner_of(context.obj, login).id)


@command.command("passwd")
@click.argument("address")
@_PASSWORD_FILE
@click.pass_context
def passwd(context: click.Context, address: str, password_file: Path | None) -> int:
    """Give an account another password. Sessions that began with the former one end as with “lock”."""
    accounts: AccountStore = context.obj
    login = _login_of(accounts, address)
    password, generated = chosen_password(password_file)
    accounts.set_password(login, password, generated=generated)
    _let_servers_know(context, login)
    say(f"{login} has another password." + (f" It is: {password}" if generated else ""))
    return 0


@command.command("change")
@click.argument("address")
@click.option("--name", help="The person's name.")
@click.option("--alias", multiple=True, help="Another address that the mailbox takes mail for. May be repeated.")
@click.option("--without-alias", multiple=True, help="An address that it takes no mail for any more. May be repeated.")
@click.pass_obj
def change(accounts: AccountStore, address: str, name: str | None, alias: tuple[str, ...], without_alias: tuple[str, ...]) -> int:  # fmt: skip
    """Change the name of an account, or its aliases."""
    if name is None and not alias and not without_alias:
        raise click.UsageError("Say what to change: --name, --alias or --without-alias.")
    changed = accounts.change(_login_of(accounts, address), name=name, aliases=alias, without_aliases=without_alias)
    aliases = ", ".join(each for each in changed.addresses if each != changed.login)
    say(f"{changed.login}: {changed.name or 'no name'}; {f'also {aliases}' if aliases else 'no alias'}.")
    return 0


@command.command("quota")
@click.argument("address")
@click.argument("size")
@click.pass_obj
def quota(accounts: AccountStore, address: str, size: str) -> int:
    """Set how much a mailbox may hold: SIZE is “500 MB”, “5 GB”, or “none” for no limit."""
    octets, login = _quota(size), _login_of(accounts, address)
    accounts.set_quota(login, octets)
    say(f"{login}: {'no limit' if octets is None else size_of(octets)}.")
    return 0


@command.command("lockouts")
@click.option("--lift", metavar="ACCOUNT|IP", help="Let an account, or everybody at an IP address, try again at once.")
@click.pass_context
def lockouts(context: click.Context, lift: str | None) -> int:
    """List who is asked to wait after wrong passwords, on this machine."""
    accounts: AccountStore = context.obj
    zone = ZoneInfo(context.meta[SETTINGS].zone)
    if lift is not None:
        return _lift(accounts, lift)
    waiting = accounts.attempts.waiting()
    if waiting:
        say(f"Who\tFrom\tDifferent wrong passwords\tWaits until ({zone.key})")
    for each in waiting:
        who, whence = each.account or "everybody not known there", each.peer or "everywhere else"
        say(f"{who}\tfrom {whence}\t{so_many(each.wrong, 'wrong password')}\tuntil {clock_time(each.until_utc, zone)}")
    if not waiting:
        say("Nobody is asked to wait.")
    return 0


def _lift(accounts: AccountStore, who: str) -> int:
    """``who``: an address of an account, what was tried as one, or an IP address, as `lockouts` lists it. Raises BasculeError (usage) where it is none of these."""
    found = accounts.find(who)
    names = dict.fromkeys([who, *([found.login] if found else [])])
    count = sum(accounts.attempts.lift(account=name) for name in names)
    is_place = _is_network(who)
    count += accounts.attempts.lift(peer=who) if is_place else 0
    if found is None and not is_place and not count:
        raise BasculeError(f"There is no account {who}, and it is no IP address.", "See “bascule account lockouts”.", ExitStatus.USAGE)  # fmt: skip
    say(f"{found.login if found else who}: {so_many(count, 'wrong password')} forgotten.")
    return 0


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return False
    return True


for _command in (share, unshare, shares, hand_over, take_over):
    command.add_command(_command)
