"""``bascule import PATH FILE``"""

from pathlib import Path
from typing import Any

import click

from bascule.commands import options
from bascule.commands.capture_command import run_capture
from bascule.sources.files import SOURCE_KINDS, detect_kind, open_files


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(file_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(list(SOURCE_KINDS)), help="What PATH is, where it can't be told.")
@options.same_person_option
@options.selection_options
@options.report_options
def command(path: Path, file: Path, kind: str | None, same_person: bool, **values: Any) -> int:
    """Bring files into a mailbox on disk: Maildir, mbox (Thunderbird, Takeout), EML, zips of EML and mbox, PST.

    Run it again when the files have changed: what is there already is recognised. FILE is made from one PATH: another one needs a FILE of its
    own, or one folder holds all the files.
    """
    source = open_files(kind or detect_kind(path), path)
    return run_capture(source, file, {**values, "connections": 1}, "import", same_person=same_person)
