"""``bascule search FILE QUERY``"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from bascule.commands.terminal import say, say_again, say_json, so_many
from bascule.mailbox import Mailbox
from bascule.mailbox.search import search, update_index
from bascule.terms.instant import InternalDate


@click.command("search")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each message.")
def command(file: Path, query: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Look for messages in a mailbox on disk, newest first.

    Accents and case do not matter; every word must be there. from:anna, subject:budget, file:pdf and "an exact phrase" narrow it down.
    The first search of a mailbox builds its index.
    """
    with Mailbox.open(file, made_elsewhere=True) as mailbox:
        added = update_index(mailbox, _show_progress)
        if added:
            say(f"Indexed {so_many(added, 'message')}.", err=True)
        hits = search(mailbox, " ".join(query), limit)
    for hit in hits:
        if as_json:
            say_json({**asdict(hit), "folder": hit.folder.display()})
        else:
            say(f"{_day(hit.date_utc)}  {hit.folder.display()} UID {hit.uid}  {hit.sender[:40]}  {hit.subject[:80]}")
    if not hits:
        say("No message has all of these words.", err=True)
    return 0 if hits else 1


def _day(date_utc: int) -> str:
    """On this machine's clock; a date from a file may have a year that no calendar has."""
    try:
        return datetime.fromtimestamp(date_utc).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return InternalDate(date_utc).to_iso()


def _show_progress(done: int, total: int) -> None:
    if total > 2000:
        say_again(f"Indexing {done} of {total}", last=done >= total)
