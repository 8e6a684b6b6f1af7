"""``bascule report FILE`` and ``bascule report --check CERTIFICATE``"""

import time
from pathlib import Path

import click

from bascule.commands import showing
from bascule.commands.options import language_option
from bascule.commands.places import COPY_MAILBOX
from bascule.commands.report_check import check
from bascule.commands.report_folder import ReportFolder
from bascule.deliver.folder_map import remembered_places
from bascule.deliver.proof import gather_report, words_of
from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--check",
    "certificate",
    type=click.Path(path_type=Path),
    help="Check a certificate and the files beside it; or name the report's folder.",
)
@click.option(
    "--key",
    default="",
    metavar="FINGERPRINT",
    help="With --check: the key that must have signed it, in quotes: '3f2a 81bc …', as “bascule doctor” shows it.",
)
@click.option("--target", default="", help="Which target, where there were several.")
@click.option(
    "--report", "report_dir", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report's files."
)
@language_option("Of the report, or of what --check says")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON report; with --check, what was found.")
def command(
    file: Path | None,
    certificate: Path | None,
    key: str,
    target: str,
    report_dir: Path | None,
    language: str | None,
    as_json: bool,
) -> int:
    """Show what became of each message of a mailbox on disk (or of a copy's state folder)."""
    if certificate is not None:
        return check(certificate, key, words_of(language or ""), as_json=as_json)
    if key:
        raise BasculeError("--key goes with --check.", "Name the certificate with --check.", ExitStatus.USAGE)
    if file is None:
        raise BasculeError("What is to be reported on?", "Name a mailbox, or --check a certificate.", ExitStatus.USAGE)
    root = file / COPY_MAILBOX if (file / COPY_MAILBOX).is_dir() else file
    with Mailbox.open(root, made_elsewhere=True) as mailbox:
        targets = [name for (name,) in mailbox.database.execute("SELECT location FROM targets ORDER BY id")]
        if target and target not in targets:
            raise BasculeError(
                f"Nothing was delivered to {target}.", f"Targets: {', '.join(targets)}", ExitStatus.USAGE
            )
        chosen = target or (targets[-1] if targets else "")
        ledger = mailbox.ledger(chosen) if chosen else None
        known = {row: folder.name for row, folder in ledger.folders().items()} if ledger else {}
        report = gather_report(
            mailbox, ledger, command="report", source=mailbox.meta("source") or str(root), target=chosen or str(root),
            started_utc=time.time(), mapped=remembered_places(mailbox.folders.all(), known),
        )  # fmt: skip
        place, values = ReportFolder(mailbox, report_dir), {"as_json": as_json, "language": language}
        return showing.finish(report, mailbox, ledger, place, values, whole=True)
