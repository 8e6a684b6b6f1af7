"""``bascule check FILE``"""

from dataclasses import asdict
from pathlib import Path

import click

from bascule.commands.terminal import say, say_json
from bascule.mailbox import check


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Do not read the octets of each message.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, quick: bool, as_json: bool) -> int:
    """Verify that a mailbox on disk is sound: every invariant of its format, and every message's SHA-256. Nothing is changed."""
    findings = check(file, octets=not quick)
    if as_json:
        say_json({"sound": not findings, "findings": [asdict(finding) for finding in findings]})
    elif findings:
        for finding in findings:
            say(f"invariant {finding.number}: {finding.what}")
        say(f"{file} is damaged. Restore what is named above from a backup, or capture again.")
    else:
        say(f"{file} is sound." if not quick else f"{file} is sound; its octets were not read.")
    return 1 if findings else 0
