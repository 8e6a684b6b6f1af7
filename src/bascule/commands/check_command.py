"""``bascule check FILE``, ``bascule check --account ADDRESS``"""

import contextlib
from dataclasses import asdict
from pathlib import Path

import click

from bascule.commands.terminal import say, say_json
from bascule.mailbox import check
from bascule.mailbox.format import CATALOGUE
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--account", help="The mailbox of this account of the built-in platform, instead of FILE.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("bascule.toml"),
    show_default=True,
    help="With --account: the settings.",
)
@click.option("--quick", is_flag=True, help="Do not read the octets of each message.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path | None, account: str | None, config: Path, quick: bool, as_json: bool) -> int:
    """Verify that a mailbox on disk is sound: every invariant of its format, and every message's SHA-256. Nothing is changed, and it may be in use."""
    if (file is None) == (account is None):
        raise click.UsageError("Name a mailbox on disk, or --account ADDRESS.")
    place = file if file is not None else _mailbox_of(config, account or "")
    _require_one(place)
    name = account or str(place)
    findings = check(place, octets=not quick)
    if as_json:
        say_json({"sound": not findings, "findings": [asdict(finding) for finding in findings]})
    elif findings:
        for finding in findings:
            say(f"invariant {finding.number}: {finding.what}")
        say(f"{name} is damaged. Restore what is named above from a backup, or capture again.")
    else:
        say(f"{name} is sound." if not quick else f"{name} is sound; its octets were not read.")
    return 1 if findings else 0


def _mailbox_of(config: Path, address: str) -> Path:
    """Raises BasculeError."""
    from bascule.commands.account_sharing import owner_of
    from bascule.commands.installation import require_its_user
    from bascule.commands.stores import open_store
    from bascule.platform.accounts import require_here
    from bascule.platform.settings import read_settings

    require_its_user(config)
    with contextlib.closing(open_store(config)) as accounts:
        owner = owner_of(accounts, address)
    require_here(owner)
    place = read_settings(config).data / "mailboxes" / f"{owner.id}.mailbox"
    if not (place / CATALOGUE).exists():
        raise BasculeError(f"{owner.login} has no mailbox yet: it is made when it is first used.", "", ExitStatus.USAGE)
    return place


def _require_one(place: Path) -> None:
    """Raises BasculeError for a folder of mailboxes."""
    if not (place / CATALOGUE).exists() and any(place.glob("*.mailbox")):
        raise BasculeError(
            f"{place} holds mailboxes, and is none.", "Name one of them, or check one person's with --account ADDRESS.", ExitStatus.USAGE
        )  # fmt: skip
