"""``bascule restore``"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.backup_command import tell_progress
from bascule.commands.installation import CONFIG
from bascule.commands.restore_choice import Choice
from bascule.commands.stores import open_store
from bascule.commands.terminal import clock_time, say, so_many
from bascule.mailbox.copying import generations, lay_out
from bascule.mailbox.live import LiveMailbox
from bascule.mailbox.live.undeleting import deleted, give_back
from bascule.platform.backup import RestoredAll, restore_installation, restore_messages
from bascule.platform.backup.backing_up import INSTANT
from bascule.platform.backup.restoring import require_backup
from bascule.platform.settings import Settings, read_settings
from bascule.platform.wakeups import send_to_all
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath


@click.command("restore")
@CONFIG
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--all", "everything", is_flag=True, help="The whole installation, into an empty data folder.")
@click.option(
    "--account",
    help="One account's mailbox, into the one that is in use: what is missing comes back, nothing else changes.",
)
@click.option(
    "--deleted",
    "undelete",
    is_flag=True,
    help="Without a backup: what was deleted from the account's mailbox, each message into the folder it was in; a deleted folder is made again.",
)
@click.option("--folder", "only", help="Only this folder: “Projets/2026”.")
@click.option("--message-id", help="Only this message.")
@click.option("--at", help="As of this state of the backup, by its name; see --states.")
@click.option("--since", help="With --deleted: since this date (2026-11-24); otherwise the last 30 days.")
@click.option("--states", is_flag=True, help="List the states that the account's mailbox can be restored from.")
@click.option("--dry-run", is_flag=True, help="Say what would come back, and change nothing.")
def command(
    config: Path, folder: Path | None, everything: bool, account: str | None, undelete: bool, only: str | None, message_id: str | None,
    at: str | None, since: str | None, states: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Bring back from the backup in FOLDER: a message, a folder, a mailbox, or everything on an empty machine."""
    settings = read_settings(config)
    if everything:
        done = _restore_all(config, settings, _required(folder))
        say(
            f"Restored: {so_many(done.mailboxes, 'mailbox')}, accounts, keys. What waited in the queue is held: see “bascule queue list”."
        )
        for failed, why in done.failed.items():
            say(f"Not restored: {failed}: {why}", err=True)
        return ExitStatus.MISSING if done.failed else 0
    if account is None:
        raise BasculeError("It is not said what to restore.", "Give --account ADDRESS, or --all.", ExitStatus.USAGE)
    choice = Choice(FolderPath.split(only, "/") if only else None, message_id)
    identity = _account(config, account)
    if states:
        place = _required(folder) / "mailboxes" / f"{identity}.mailbox"
        _say_states(generations(place), ZoneInfo(settings.zone))
        return 0
    problems: list[str] = []
    with LiveMailbox.open(settings.data / "mailboxes" / f"{identity}.mailbox") as live:
        lines = list(
            _undeleted(live, choice, _since(since, settings), dry_run)
            if undelete
            else _from_backup(live, _required(folder), identity, choice, at, dry_run, problems)
        )
    for line in lines:
        say(line)
    say(
        f"{len(lines)} {'would come back' if dry_run else 'came back'}." if lines or problems else "Nothing is missing."
    )
    for problem in problems:
        say(f"Not restored: {problem}", err=True)
    send_to_all(settings.data / "run", identity)
    return ExitStatus.MISSING if problems else 0


def _say_states(names: list[str], zone: ZoneInfo) -> None:
    """A state's name is its instant in UTC: of two in the hour that comes twice in autumn, each has its own."""
    if not names:
        say("There is no earlier state.")
        return
    say(f"For --at\tWhen ({zone.key})")
    for name in names:
        say(f"{name}\t{clock_time(datetime.strptime(name, INSTANT).replace(tzinfo=UTC).timestamp(), zone)}")


def _restore_all(config: Path, settings: Settings, backup: Path) -> RestoredAll:
    """Raises BasculeError; where a portal's database is not empty, before anything is written."""
    if not settings.has_portal:
        return restore_installation(backup, settings.data, tell_progress)
    from bascule.portal.configuration import read_portal_settings
    from bascule.portal.start import start

    portal = read_portal_settings(config)
    if portal.database is None and portal.keys is None:
        return restore_installation(backup, settings.data, tell_progress)
    start(config)
    from django.db import Error

    from bascule.portal.copying import require_empty, restore

    try:
        if portal.database is not None:
            require_empty()
        done = restore_installation(backup, settings.data, tell_progress)
        restore(portal)
    except Error as error:
        raise BasculeError(f"The portal's database can't be written: {error}.", "Look at [portal] database; then empty the data folder and run it again.") from error  # fmt: skip
    return done


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise BasculeError("The backup is not named.", "Give the folder that “bascule backup” made.", ExitStatus.USAGE)
    require_backup(folder)
    return folder


def _account(config: Path, address: str) -> str:
    with contextlib.closing(open_store(config)) as accounts:
        found = accounts.find(address)
    if found is None:
        raise BasculeError(f"There is no account {address}.", "See “bascule account list”.", ExitStatus.USAGE)
    return found.id


def _since(text: str | None, settings: Settings) -> int:
    if text is None:
        return int(time.time()) - 30 * 24 * 3600
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(settings.zone)).timestamp())
    except ValueError as error:
        raise BasculeError(f"“{text}” is no date.", "Write 2026-11-24.", ExitStatus.USAGE) from error


def _undeleted(live: LiveMailbox, choice: Choice, since: int, dry_run: bool) -> Iterator[str]:
    choice.require_known(live, "The mailbox", with_deleted=True)
    found = [each for each in deleted(live, since) if choice.takes(each.path, each.message_id)]
    if not dry_run:
        give_back(live, found, int(time.time()))
    return (f"{each.path}\t{each.sender}\t{each.subject}" for each in found)


def _from_backup(
    live: LiveMailbox, backup: Path, identity: str, choice: Choice, at: str | None, dry_run: bool, problems: list[str],
) -> Iterator[str]:  # fmt: skip
    """A line for each that is back, or would be; what can't be read is added to ``problems``."""
    with tempfile.TemporaryDirectory(prefix="bascule-restore-") as folder:
        place = lay_out(backup / "mailboxes" / f"{identity}.mailbox", Path(folder), at)
        with LiveMailbox.open(place) as kept:
            choice.require_known(kept, "The backup")
            for each in restore_messages(
                kept, live, int(time.time()), folder=choice.folder, message_id=choice.message_id, dry_run=dry_run
            ):
                line = f"{each.path}\t{each.subject}\t{each.message_id}"
                if each.problem:
                    problems.append(f"{line}\t{each.problem}")
                else:
                    yield line
