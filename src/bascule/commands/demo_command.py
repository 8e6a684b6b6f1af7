"""``bascule demo``: an old platform and a new one, a dozen members with their mail, the move, and both stay up to be looked at."""

import shutil
import signal
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.cells import cell_len, set_cell_size

from bascule.commands import places, showing
from bascule.commands.options import SideOptions
from bascule.copy import CopyOptions, copy
from bascule.deliver.proof import Report, gather_report, words_of, write_proof
from bascule.demo import MEMBERS, DemoPlatform, Member, sample_mail, write_endpoints
from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.phases import MemberCalendar, Side

_MARK = ".bascule-demo"
PASSWORD = "bascule-demo"  # noqa: S105 - of servers that only this machine can reach
_PORTS = {
    Side.NEW: {"imap": 143, "smtp": 125, "submission": 587},
    Side.OLD: {"imap": 243, "smtp": 225, "submission": 687},
}
"""Above ``--port-base``."""


@click.command("demo")
@click.option(
    "--dir",
    "place",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".bascule/demo"),
    show_default=True,
    help="Where all of it lies.",
)
@click.option(
    "--port-base", type=click.IntRange(1024, 64000), default=8000, show_default=True, help="Ports lie above it."
)
@click.option(
    "--messages",
    type=click.IntRange(100, 200_000),
    default=3000,
    show_default=True,
    help="Sample messages, of all members.",
)
@click.option(
    "--at",
    type=click.Choice(["eve", "day"]),
    default="day",
    show_default=True,
    help="eve: the old platform is in use, the new one opens tomorrow at 9:00. day: everybody has moved.",
)
@click.option("--stop", "stops", is_flag=True, help="Stop once all is moved, instead of staying up.")
def command(place: Path, port_base: int, messages: int, at: str, stops: bool) -> int:
    """See it work: a dozen members of a university move from an old platform to a new one, both on this machine.

    Then both stay up, and any mail program can sign in; Ctrl-C stops everything.
    """
    ports = {side: {name: port_base + offset for name, offset in above.items()} for side, above in _PORTS.items()}
    _require_free([port for each in ports.values() for port in each.values()])
    _clear(place)
    root = place.resolve()
    old, new = (
        DemoPlatform(root / "old", Side.OLD, ports[Side.OLD]),
        DemoPlatform(root / "new", Side.NEW, ports[Side.NEW]),
    )
    click.echo("Sample mail is being written …")
    count = _furnish(old, new, messages)
    click.echo(f"{count:,} messages of {len(MEMBERS)} members lie on the old platform.".replace(",", " "))
    with old, new:
        write_endpoints(place / "endpoints.json", _endpoints(old, new))
        if at == "day":
            reports = _move_all(old, new, root)
            _switch(old, new)
            if not all(report.accounted for report in reports):
                return ExitStatus.MISSING
        else:
            _announce(old, new)
        _show(old, new, at)
        click.echo("ready")
        if not stops:
            _wait()
    click.echo("stopped")
    return ExitStatus.ACCOUNTED


def _require_free(ports: Sequence[int]) -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise BasculeError(
                    f"Port {port} is in use.", "Stop the other demo, or give another --port-base.", ExitStatus.USAGE
                ) from error


def _clear(place: Path) -> None:
    """A new start each time; only what an earlier demo made is removed."""
    if place.exists() and any(place.iterdir()):
        if not (place / _MARK).exists():
            raise BasculeError(f"{place} is not a demo's folder.", "Name another with --dir.", ExitStatus.USAGE)
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    (place / _MARK).write_text("made by bascule demo\n")


def _furnish(old: DemoPlatform, new: DemoPlatform, messages: int) -> int:
    """Accounts on both sides, mail on the old one, an office that its keepers share on the new one."""
    for platform in (old, new):
        platform.add(MEMBERS, PASSWORD, None)
    now = int(time.time())
    count = sum(old.fill(member, list(sample_mail(member, messages * member.share // 100, now))) for member in MEMBERS)
    for member in MEMBERS:
        if member.keepers:
            new.share(member)
    return count


def _move_all(old: DemoPlatform, new: DemoPlatform, root: Path) -> list[Report]:
    width = max(cell_len(member.name) for member in MEMBERS)
    click.echo(f"\n{'':{width}}    found  delivered  refused   seconds")
    password = root / "password"
    password.write_text(PASSWORD + "\n")
    reports = []
    for member in MEMBERS:
        started = time.monotonic()
        report = _move(old.url(member), new.url(member), root / "moves" / member.local, password)
        totals = report.totals
        refused = totals.refused
        click.echo(
            f"{set_cell_size(member.name, width)}  {totals.found:7d}  {totals.delivered:9d}  {refused:7d}  {time.monotonic() - started:8.1f}"
        )
        reports.append(report)
    click.echo(f"\nEvery report, and what proves it, lies in {root / 'moves'}.")
    return reports


def _move(source: str, target: str, place: Path, password: Path) -> Report:
    """As `bascule copy` does it. Raises BasculeError where a server can't be reached."""
    options = SideOptions(password_file=str(password))
    origin = places.source_of(source, options)
    location, connect = places.target_of(target, options)
    chosen = CopyOptions()
    started = time.time()
    with Mailbox.open_or_create(place / "copy.mailbox", keeps_bodies=False) as mailbox:
        ended = showing.attempt(
            showing.QuietWatcher(), copy(origin, location, connect, mailbox, chosen, showing.QuietWatcher())
        )
        ledger = mailbox.ledger(location)
        report = gather_report(
            mailbox, ledger, command="copy", source=origin.location, target=location, started_utc=started,
            verify="delivered", mapped=ended.result or (), taken=mailbox.folders.all(), stopped=ended.stopped,
        )  # fmt: skip
        write_proof(place, report, mailbox, ledger, words_of(""))
    return report


def _calendar(switch: datetime) -> MemberCalendar:
    return MemberCalendar(
        switch - timedelta(days=7), switch, switch + timedelta(days=1), switch + timedelta(days=61), switch + timedelta(days=366)
    )  # fmt: skip


def _switch(old: DemoPlatform, new: DemoPlatform) -> None:
    """T is now: the old side closes as the new one opens."""
    calendar = _calendar(datetime.now(UTC).replace(microsecond=0))
    for platform in (old, new):
        platform.set_calendar(MEMBERS, calendar)


def _announce(old: DemoPlatform, new: DemoPlatform) -> None:
    """T is tomorrow at 9:00."""
    tomorrow = datetime.now(ZoneInfo(new.settings.zone)) + timedelta(days=1)
    calendar = _calendar(tomorrow.replace(hour=9, minute=0, second=0, microsecond=0))
    for platform in (old, new):
        platform.set_calendar(MEMBERS, calendar)


def _endpoints(old: DemoPlatform, new: DemoPlatform) -> dict[str, object]:
    members = [{"name": member.name, "login": member.address, "password": PASSWORD} for member in MEMBERS]
    return {"old": old.endpoint(), "new": new.endpoint(), "members": members}


def _show(old: DemoPlatform, new: DemoPlatform, at: str) -> None:
    member: Member = MEMBERS[0]
    office = next(each for each in MEMBERS if each.keepers)
    click.echo("")
    for platform, state in (
        (old, "closed" if at == "day" else "in use"),
        (new, "open" if at == "day" else "opens tomorrow at 9:00"),
    ):
        ports = platform.ports
        click.echo(f"{platform.side.value:3} platform   IMAP 127.0.0.1:{ports['imap']}   submission :{ports['submission']}   SMTP :{ports['smtp']}   {state}")  # fmt: skip
    click.echo(f"\nSign in as {member.address}, or any other in endpoints.json; password: {PASSWORD}")
    click.echo("Without TLS, and on this machine only. No mail leaves it.")
    keepers = ", ".join(each.name for each in MEMBERS if each.local in office.keepers)
    click.echo(f"{office.address} is shared with {keepers}, who may write as it.")


def _wait() -> None:
    """Until Ctrl-C."""
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    click.echo("Ctrl-C stops everything.")
    over.wait()
