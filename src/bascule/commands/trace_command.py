"""``bascule trace``"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.options import CONFIG
from bascule.commands.terminal import say, say_json
from bascule.platform.settings import read_settings
from bascule.platform.trace import KEPT_SECONDS, search
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("trace")
@CONFIG
@click.option("--id", "message", default="", help="The message's number here, or its Message-ID.")
@click.option("--from", "sender", default="", help="The sender's address, or a part of it.")
@click.option("--to", "recipient", default="", help="The recipient's address, or a part of it.")
@click.option("--subject", default="", help="A part of the subject.")
@click.option(
    "--since", default="", help="A date (2026-11-24) or an instant (2026-11-24T09:00), in the institution's zone."
)
@click.option("--until", default="", help="Likewise.")
@click.option("--limit", default=200, show_default=True, help="The newest so many events.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(
    config: Path, message: str, sender: str, recipient: str, subject: str, since: str, until: str, limit: int, as_json: bool
) -> int:  # fmt: skip
    """Tell what happened to a message: refused, queued, delivered, sent, delayed, returned. Goes back 90 days."""
    settings = read_settings(config)
    zone = ZoneInfo(settings.zone)
    rows = list(
        search(
            settings.data / "trace.sqlite", message=message, sender=sender, recipient=recipient, subject=subject,
            since_utc=_instant(since, zone, 0.0), until_utc=_instant(until, zone, 1e12), limit=limit,
        )
    )  # fmt: skip
    if as_json:
        say_json([asdict(row) for row in rows])
        return 0
    for row in rows:
        at = datetime.fromtimestamp(row.at_utc, zone).strftime("%Y-%m-%d %H:%M:%S")
        say(f"{at}\t{row.event}\t<{row.sender}> → <{row.recipient}>\t{row.subject}\t{row.message}\t{row.detail}".rstrip())  # fmt: skip
    if not rows:
        say(f"Nothing fits. Events are kept for {KEPT_SECONDS // 86400} days; ask for less to find more.")
    return 0


def _instant(text: str, zone: ZoneInfo, otherwise: float) -> float:
    if not text:
        return otherwise
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except ValueError as error:
        raise BasculeError(f"“{text}” is no date.", "Write 2026-11-24 or 2026-11-24T09:00.", ExitStatus.USAGE) from error  # fmt: skip
