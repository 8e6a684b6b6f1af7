"""``bascule trace``"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.installation import CONFIG
from bascule.commands.terminal import clock_time, say, say_json
from bascule.platform.settings import read_settings
from bascule.platform.trace import FILE, KEPT_SECONDS, Row, search
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
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Only the newest so many events."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(
    config: Path, message: str, sender: str, recipient: str, subject: str, since: str, until: str, limit: int, as_json: bool
) -> int:  # fmt: skip
    """Tell what happened to a message, one line an event, the oldest first. Goes back 90 days.

    \b
    refused    not taken: whoever brought it got the answer that is shown
    discarded  taken and thrown away, as a filter asked for
    queued     taken, to be delivered or sent from the queue
    delivered  into a mailbox here
    sent       another server has taken it
    delayed    it could not be sent yet, and is tried again
    bounced    given up; its sender was told by a notice
    held       an administrator keeps it back in the queue
    released   …and has let go of it
    deleted    an administrator deleted it from the queue

    A refused recipient is named, up to some a minute from one network; the others are counted.
    """
    settings = read_settings(config)
    zone = ZoneInfo(settings.zone)
    rows = list(
        search(
            settings.data / FILE, message=message, sender=sender, recipient=recipient, subject=subject,
            since_utc=_instant(since, zone, 0.0), until_utc=_instant(until, zone, 1e12), limit=limit + 1,
        )
    )  # fmt: skip
    is_more, rows = len(rows) > limit, rows[-limit:]
    if as_json:
        say_json([asdict(row) for row in rows])
    elif not rows:
        say(f"Nothing fits. Events are kept for {KEPT_SECONDS // 86400} days; with fewer options, more may fit.")
    else:
        say(
            f"When ({zone.key})\tEvent\tSender → recipient\tSubject\tMessage\tDetail",
            *(_line(row, zone) for row in rows),
        )
    if is_more:
        say(f"More were left out: these are the newest {limit}. Give a larger --limit, or narrow it with --since, --until, --from, --to.", err=as_json)  # fmt: skip
    return 0


def _line(row: Row, zone: ZoneInfo) -> str:
    detail = f"{row.detail} (from {row.peer})".strip() if row.peer else row.detail
    return f"{clock_time(row.at_utc, zone)}\t{row.event}\t<{row.sender}> → <{row.recipient}>\t{row.subject}\t{row.message}\t{detail}".rstrip()


def _instant(text: str, zone: ZoneInfo, otherwise: float) -> float:
    if not text:
        return otherwise
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except ValueError as error:
        raise BasculeError(f"“{text}” is no date.", "Write 2026-11-24 or 2026-11-24T09:00.", ExitStatus.USAGE) from error  # fmt: skip
