"""``bascule campaign``"""

import math
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from bascule.campaign.difference import Change, Difference, differences, surprising_leavers
from bascule.campaign.instants import parse_instant, usual_calendar
from bascule.campaign.members_file import Row, parse_members, read_members
from bascule.campaign.sheets import sheet
from bascule.campaign.wrong import RowError
from bascule.commands.counting import counting
from bascule.commands.installation import CONFIG, OfAnInstallation
from bascule.commands.stores import ready_portal
from bascule.commands.terminal import say, say_json, so_many
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.phases import MemberCalendar

if TYPE_CHECKING:
    from bascule.portal.keys import Keys


@click.group("campaign", cls=OfAnInstallation)
@CONFIG
def command(config: Path) -> None:
    """Plan the move of a whole institution: its calendar, its members, their new mailboxes."""
    ready_portal(config)


@command.command("init")
@click.argument("switch")
@click.option("--wave", default="main", show_default=True, help="The wave's name: letters, digits, hyphens.")
@click.option("--title", default="", help="What people call it.")
@click.option("--pilot", is_flag=True, help="These members go first, to try.")
@click.option("--credentials-open", help="When members see their credentials; otherwise two weeks before.")
@click.option(
    "--full-assistance", help="When the help desk takes everything again; otherwise the next working morning."
)
@click.option("--archive-closes", help="When the old mail is no longer on the web; otherwise two months later.")
@click.option("--backup-destroyed", help="When the backup goes; otherwise twelve months later.")
def init(
    switch: str, wave: str, title: str, pilot: bool, credentials_open: str | None, full_assistance: str | None, archive_closes: str | None,
    backup_destroyed: str | None,
) -> int:  # fmt: skip
    """Make a wave, or give it another calendar. SWITCH is T, in the institution's zone: "2027-04-27 09:00"."""
    from django.conf import settings

    from bascule.portal.directory.models import Wave

    zone = ZoneInfo(settings.BASCULE.zone)
    told = [
        parse_instant(text, zone) if text else None
        for text in (credentials_open, full_assistance, archive_closes, backup_destroyed)
    ]
    usual = usual_calendar(parse_instant(switch, zone), zone, credentials_open=told[0])
    calendar = MemberCalendar(
        usual.credentials_open, usual.switch, told[1] or usual.all_assistance, told[2] or usual.archive_closes, told[3] or usual.backup_destroyed
    )  # fmt: skip
    _require_name(wave)
    found = Wave.objects.filter(name=wave).first() or Wave(name=wave)
    found.title, found.is_pilot = title or found.title, pilot or found.is_pilot
    for name in MemberCalendar.__slots__:
        setattr(found, name, getattr(calendar, name))
    found.save()
    say(f"Wave {wave}, in {zone.key}:")
    for name, words in _WORDS.items():
        say(f"  {words:<24} {getattr(calendar, name).astimezone(zone):%A %d %B %Y, %H:%M}")
    return 0


_WORDS = {
    "credentials_open": "credentials are shown",
    "switch": "switch (T)",
    "all_assistance": "full assistance",
    "archive_closes": "archives close",
    "backup_destroyed": "backup is destroyed",
}


def _require_name(wave: str) -> None:
    if not wave.replace("-", "").isalnum() or not wave.isascii() or wave != wave.lower():
        raise BasculeError(
            f"“{wave}” can't be a wave's name.", "Use small letters, digits and hyphens.", ExitStatus.USAGE
        )


@command.command("members")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--ldap", "from_ldap", is_flag=True, help="Ask the directory of [ldap] for the list, instead of reading FILE."
)
@click.option(
    "--save", type=click.Path(path_type=Path), help="With --ldap: write the list there as well, to be looked at."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, line by line, and change nothing.")
@click.option(
    "--complete", is_flag=True, help="The list is complete: who is not on it has left, unless a line is wrong."
)
@click.option(
    "--leaving",
    type=int,
    help="So many leave, and that is right: needed where it is more than ten, and more than a tenth.",
)
@click.option("--wave", default="main", show_default=True, help="For new members whose line names none.")
@click.option("--skip-errors", is_flag=True, help="Bring in the other lines even if some are wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def members(file: Path | None, from_ldap: bool, save: Path | None, dry_run: bool, complete: bool, leaving: int | None, wave: str, skip_errors: bool, as_json: bool) -> int:  # fmt: skip
    """Bring in the institution's list: CSV, with a line of headings (docs/runbooks/members.md); or its directory. Run again, only what differs is changed."""
    from bascule.portal.directory.importing import apply, present_mailboxes
    from bascule.portal.directory.models import Wave
    from bascule.portal.shell.doors import keys, now

    waves = dict.fromkeys(Wave.objects.values_list("name", flat=True), "")
    if wave not in waves:
        raise BasculeError(f"There is no wave “{wave}” yet.", 'Make it: bascule campaign init "2027-04-27 09:00"', ExitStatus.USAGE)  # fmt: skip
    rows, wrong = _read(file, from_ldap, save)
    present = present_mailboxes(keys())
    found, errors = differences(rows, present, waves, wave, complete=complete, wrong=wrong)
    _tell(found, errors, dry_run=dry_run, as_json=as_json)
    if dry_run or (errors and not skip_errors):
        if errors and not dry_run:
            say("Nothing was changed: correct these lines, or bring in the others with --skip-errors.", err=True)
        return ExitStatus.MISSING if errors else ExitStatus.ACCOUNTED
    surprising = surprising_leavers(found, present)
    if surprising not in (0, leaving):
        raise BasculeError(
            f"{surprising} members would leave, more than a tenth: is the list complete? Nothing was changed.",
            f"If they do leave, say so: --leaving {surprising}", ExitStatus.MISSING,
        )  # fmt: skip
    with counting("Bringing in", sum(each.change is not Change.SAME for each in found)) as told:
        count = apply(found, wave, keys(), now(), "command line", told=told)
    if not as_json:
        say(f"{count} brought in. Make their mailboxes ready with: bascule campaign provision")
    return ExitStatus.MISSING if errors else ExitStatus.ACCOUNTED


def _read(file: Path | None, from_ldap: bool, save: Path | None) -> tuple[list[Row], list[RowError]]:
    from django.conf import settings

    from bascule.portal.directory.from_ldap import NAME, list_of

    if from_ldap == (file is not None):
        raise BasculeError("Whence does the list come?", "Name its FILE, or say --ldap.", ExitStatus.USAGE)
    if file is not None:
        return read_members(file)
    text = list_of(settings.BASCULE)
    if save is not None:
        save.write_text(text, "utf-8")
    return parse_members(text, NAME)


def _tell(found: list[Difference], errors: list[RowError], *, dry_run: bool, as_json: bool) -> None:
    counts = Counter(each.change for each in found)
    if as_json:
        changes = [
            {
                "change": each.change.value,
                "line": each.line,
                "address": each.address,
                "fields": [list(field) for field in each.fields],
            }
            for each in found
            if each.change is not Change.SAME
        ]
        told = {"counts": {change.value: counts[change] for change in Change}, "changes": changes, "errors": [{"line": error.line, "who": error.who, "what": error.what} for error in errors]}  # fmt: skip
        say_json(told)
        return
    for each in found:
        if each.change is not Change.SAME and (dry_run or each.change is Change.LEAVING):
            fields = "; ".join(f"{name}: {before or '–'} → {after}" for name, before, after in each.fields)
            say(f"{each.line or '–':>6}  {each.change:<8} {each.address}  {fields}".rstrip())
    for error in errors:
        say(f"{error.line:>6}  wrong    {error.what}{f' ({error.who})' if error.who else ''}", err=True)
    words = ", ".join(f"{counts[change]} {change}" for change in Change if counts[change])
    say(f"{words or 'nobody'}; {len(errors)} wrong line{'' if len(errors) == 1 else 's'}.")


@command.command("provision")
def provision() -> int:
    """Make the new mailboxes ready: each gets its password, once; those who look after a functional one get access to it. Stop it whenever you like; run again, it goes on."""
    from bascule.portal.directory.built_in import built_in
    from bascule.portal.directory.models import Mailbox
    from bascule.portal.directory.provisioning import due
    from bascule.portal.directory.provisioning import provision as make_ready
    from bascule.portal.shell.doors import accounts, keys, now

    with built_in() as platform, counting("Making ready", due(platform.node).count()) as told:
        outcome = make_ready(
            platform, keys(), now(), told=told,
            refused=lambda box, made: say(f"{box.login}: {made.code}: {made.detail}", err=True),
        )  # fmt: skip
        accounts().refresh()
    say(f"{outcome.ready} made ready; {Mailbox.objects.filter(is_gone=False).count()} in all.")
    for node, count in Counter(due().exclude(node=platform.node).values_list("node", flat=True)).items():
        say(f"{count} are for the machine {node}: run it there, too.", err=True)
    if outcome.refused:
        say(f"{outcome.refused} could not be made: mend what is said above, and run it again.", err=True)
    return ExitStatus.MISSING if outcome.refused else ExitStatus.ACCOUNTED


@command.command("password")
@click.argument("sign_on")
@click.option(
    "--role", type=click.Choice(["member", "technician", "operator", "auditor"]), help="Give this role as well."
)
@click.option(
    "--name", default="", help="Of somebody who is not on the list: a local account without a mailbox is made."
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="A file whose first line is the password; otherwise one is generated and shown once.",
)
def password(sign_on: str, role: str | None, name: str, password_file: Path | None) -> int:
    """Give SIGN_ON a local account: for the first operator, and where there is no directory."""
    from bascule.commands.account_command import chosen_password
    from bascule.portal.directory.models import Member
    from bascule.portal.shell.doors import now

    text, generated = chosen_password(password_file)
    found = Member.objects.filter(sign_on=sign_on.lower()).first()
    if found is None and not name:
        raise BasculeError(
            f"Nobody signs on as {sign_on}.", "With --name, an account without a mailbox is made.", ExitStatus.USAGE
        )
    found = found or Member(sign_on=sign_on.lower(), name=name, created_at=now())
    found.role = role or found.role
    found.set_password(text)
    found.save()
    say(
        f"{found.sign_on} signs on with a local account, as {found.role}." + (f" Password: {text}" if generated else "")
    )
    return 0


@command.command("passwords")
@click.argument("file", type=click.Path(path_type=Path))
def passwords(file: Path) -> int:
    """Give each member who has none a password to sign on to the portal with, where no directory does that, and write them into FILE, a table to print slips from. Keep it as you keep keys."""
    from bascule.portal.directory.local_passwords import give, prepare

    prepared = prepare()
    if not prepared:
        say("Everybody has one.")
        return 0
    rows = [("office", "name", "sign_on", "password"), *((each.member.office, each.member.name, each.member.sign_on, each.password) for each in prepared)]  # fmt: skip
    try:
        with file.open("x", encoding="utf-8-sig", newline="") as out:
            out.write(sheet(rows))
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError as error:
        raise BasculeError(f"{file} is there already, and may hold passwords that are in use.", "Name another file.", ExitStatus.USAGE) from error  # fmt: skip
    with counting("Giving passwords", len(prepared)) as told:
        give(prepared, told)
    say(f"{so_many(len(prepared), 'member')} can sign on now; their passwords are in {file}.")
    return 0


@command.command("keys")
@click.option(
    "--forget-old",
    is_flag=True,
    help="Make no new keys, but throw the older ones away, ten minutes after new ones came: whoever signed on before that signs on again.",
)
def keys_(forget_old: bool) -> int:
    """Put new keys in the place of those that seal passwords and sign sessions, and seal everything anew, while the installation runs."""
    from django.conf import settings

    from bascule.portal.keys import SETTLE_SECONDS, Keys, changing
    from bascule.portal.sealing import seal_anew

    place = settings.BASCULE.keys_file
    Keys.at(place)  # made where there are none
    with changing(place):
        keys = Keys.at(place)
        if forget_old:
            _require_settled(keys, place)
        else:
            keys.rotate(place)
        count = seal_anew(Keys.at(place))
        if forget_old:
            keys.forget_old(place)
    if forget_old:
        say(f"{place}: {count} secrets sealed anew; the older keys are gone.")
        return 0
    say(
        f"{place}: new keys; {count} secrets sealed anew. Running servers seal with them at once, and sign sessions with them once they are started again.",
        f"In {SETTLE_SECONDS // 60} minutes the older ones may go: bascule campaign keys --forget-old. Where several machines share the portal, copy the file to the others first.",
    )
    return 0


def _require_settled(keys: "Keys", place: Path) -> None:
    """Raises BasculeError where a running process may still have sealed with an older key."""
    if len(keys.sealing) < 2:
        raise BasculeError(f"{place} has no older keys.", "Make new ones first: bascule campaign keys", ExitStatus.USAGE)  # fmt: skip
    left = keys.settles_at - time.time()
    if left > 0:
        raise BasculeError(
            "The new keys came a moment ago: what is being sealed just now may need the older ones.",
            f"Do it again in {math.ceil(left / 60)} min.", ExitStatus.USAGE,
        )  # fmt: skip


@command.command("show")
@click.argument("address")
def show(address: str) -> int:
    """Print the generated password of ADDRESS: for service accounts (applications, scanners), whose password somebody has to type in. It is recorded."""
    from bascule.portal.directory.models import Mailbox, Note
    from bascule.portal.shell.doors import keys, now

    found = Mailbox.objects.filter(login=address.lower()).first()
    if found is None or not found.shown:
        raise BasculeError(
            f"{address} has no password that can be shown.",
            "It was chosen, or is not made yet: bascule campaign provision",
            ExitStatus.USAGE,
        )
    Note.objects.create(at=now(), by="command line", what="password-shown", about=found.login)
    say(keys().open(found.shown))
    return 0
