"""``bascule report FILE`` and ``bascule report --check CERTIFICATE``"""

import time
from pathlib import Path

import click

from bascule.commands import showing
from bascule.commands.places import COPY_MAILBOX
from bascule.commands.report_folder import ReportFolder
from bascule.commands.terminal import say
from bascule.deliver.proof import Checked, check_certificate, gather_report, read_fingerprint
from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--check", "certificate", type=click.Path(path_type=Path), help="Check a certificate and the files beside it."
)
@click.option("--key", default="", metavar="FINGERPRINT", help="With --check: the key that must have signed it.")
@click.option("--target", default="", help="Which target, where there were several.")
@click.option(
    "--report", "report_dir", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report's files."
)
@click.option("--language", type=click.Choice(["en", "fr"]), help="Of the report; else as your locale says.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON report.")
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
        return _check(certificate, key)
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
        report = gather_report(
            mailbox, ledger, command="report", source=mailbox.meta("source") or str(root), target=chosen or str(root),
            started_utc=time.time(),
        )  # fmt: skip
        place, values = ReportFolder(mailbox, report_dir), {"as_json": as_json, "language": language}
        return showing.finish(report, mailbox, ledger, place, values, whole=True)


def _check(certificate: Path, key: str) -> int:
    expected = read_fingerprint(key) if key else ""
    found = check_certificate(certificate)
    problems = [*found.problems]
    if expected and found.fingerprint != expected:
        problems.append(f"it is signed with the key {found.fingerprint}, which is not the one that was named")
    for problem in problems:
        say(f"{certificate}: {problem}")
    if problems:
        return ExitStatus.MISSING
    say(f"{certificate} is {'unchanged' if not found.lacks else 'not complete'}: {_signature(found, expected)}")
    if found.lacks:
        raise BasculeError(
            f"Nothing was changed, but it is not complete: it builds on the report in the folder {found.lacks}, which is not beside it.",
            f"Bring the folder {found.lacks} as well, or write a whole report with “bascule report STATE”.",
            ExitStatus.USAGE,
        )
    verdict = "everything was accounted for" if found.accounted else "there were exceptions; report.html names them"
    say(f"It says: {verdict}.")
    return 0


def _signature(found: Checked, expected: str) -> str:
    told = " ".join(filter(None, ("signed", found.finished, "with the key", found.fingerprint)))
    if expected:
        return f"{told}, which is the one that was named."
    if found.is_ours:
        return f"{told}, which is this installation's."
    return (
        f"{told}, which is not this installation's: compare it with the one that “bascule doctor” shows where the report was written."
        " Anybody can sign a report with a key of their own; --key FINGERPRINT makes another one an error."
    )
