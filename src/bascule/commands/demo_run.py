"""What `bascule demo` does: makes both platforms, moves those whose day has come, shows where everything is, and waits."""

import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size

from bascule.campaign.instants import parse_instant, usual_calendar
from bascule.commands import places, showing
from bascule.commands.options import SideOptions
from bascule.commands.terminal import say, so_many
from bascule.copy import CopyOptions, copy
from bascule.deliver.proof import Report, gather_report, words_of, write_proof
from bascule.demo import MEMBERS, PASSWORD, DemoPlatform, Member, NewPlatform, sample_mail, write_endpoints
from bascule.demo.place import claimed, clear
from bascule.mailbox import Mailbox
from bascule.platform.clock import Clock
from bascule.platform.stopping import Stop
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.phases import MemberCalendar, Side

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PORTS = {
    Side.NEW: {"imap": 143, "smtp": 125, "submission": 587, "web": 25},
    Side.OLD: {"imap": 243, "smtp": 225, "submission": 687},
}
"""Above ``--port-base``."""


def run(place: Path, port_base: int, messages: int, at: str, stops: bool) -> int:
    """Its exit status. Raises BasculeError; what was started is stopped, however it ends."""
    moment = _moment(at)
    for name in _ENDS:
        signal.signal(name, signal.default_int_handler)  # platforms that are up are stopped, however it ends
    ports = {side: {name: port_base + offset for name, offset in above.items()} for side, above in _PORTS.items()}
    with claimed(place):
        _require_free([port for each in ports.values() for port in each.values()])
        clear(place)
        return _play(place, ports, messages, moment, stops)


def _play(place: Path, ports: Mapping[Side, dict[str, int]], messages: int, moment: "_Moment", stops: bool) -> int:
    root = place.resolve()
    os.environ["BASCULE_KEY"] = str(root / "signing-key.pem")  # of the reports; not the user's own
    moment.begin(root)
    old, new = DemoPlatform(root / "old", ports[Side.OLD]), NewPlatform(root / "new", ports[Side.NEW])
    say("Sample mail is being written …")
    count = _furnish(old, new, messages, moment)
    say(f"{so_many(count, 'message')} of {len(MEMBERS)} members lie on the old platform.")
    with old, new:
        endpoints = place / "endpoints.json"
        write_endpoints(endpoints, _endpoints(old, new))
        reports = _move_all(old, new, root, [member for member in MEMBERS if moment.has_switched(member.wave)])
        old.go_by(MEMBERS, moment.calendars)
        if not all(report.accounted for report in reports):
            return ExitStatus.MISSING
        moment.begin(root)  # what came before took its time
        if not stops:
            _show(old, new, moment, endpoints)
            over = _until_told()  # whoever reads “ready” may stop it at once
            say("ready", "Ctrl-C stops everything.")
            over.wait()
    say(f"All is made, and lies in {place}." if stops else "stopped")
    return ExitStatus.ACCOUNTED


@dataclass(frozen=True, slots=True)
class _Moment:
    """When the demo plays. ``clock_at``: what its clock is set to; None: real time."""

    calendars: dict[str, MemberCalendar]
    clock_at: datetime | None = None

    def has_switched(self, wave: str) -> bool:
        return self.calendars[wave].switch <= (self.clock_at or datetime.now(UTC))

    def begin(self, root: Path) -> None:
        """The clock of both platforms is there now, and goes on from there."""
        if self.clock_at is not None:
            Clock(root / "clock").move_to(self.clock_at.timestamp())


def _moment(at: str) -> _Moment:
    """Raises BasculeError."""
    zone = ZoneInfo("Europe/Paris")
    now = datetime.now(zone).replace(second=0, microsecond=0)
    nine = now.replace(hour=9, minute=0)
    ago = {"day": now - timedelta(hours=1), "after": nine - timedelta(days=14), "closed": nine - timedelta(days=92)}
    if at == "eve":
        return _Moment(_calendars(nine + timedelta(days=1), zone))
    if at in ago:
        return _Moment(_calendars(ago[at], zone))
    instant = parse_instant(at, zone)
    switch = instant.astimezone(zone).replace(hour=9, minute=0, second=0, microsecond=0)
    return _Moment(_calendars(switch, zone), instant)


def _calendars(switch: datetime, zone: ZoneInfo) -> dict[str, MemberCalendar]:
    """The pilots went a week before everybody else."""
    return {"main": usual_calendar(switch, zone), "pilots": usual_calendar(switch - timedelta(days=7), zone)}


def _require_free(ports: Sequence[int]) -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise BasculeError(
                    f"Port {port} is in use.",
                    "Stop what uses it, or give another --port-base (make demo PORT_BASE=9000).",
                    ExitStatus.USAGE,
                ) from error


def _furnish(old: DemoPlatform, new: NewPlatform, messages: int, moment: _Moment) -> int:
    """Accounts on both sides, mail on the old one: the old side stays open until all has moved."""
    old.furnish(MEMBERS, {})
    new.furnish(MEMBERS, moment.calendars)
    now = int((moment.clock_at or datetime.now(UTC)).timestamp())
    return sum(old.fill(member, list(sample_mail(member, messages * member.share // 100, now))) for member in MEMBERS)


def _move_all(old: DemoPlatform, new: NewPlatform, root: Path, members: Sequence[Member]) -> list[Report]:
    width = max(cell_len(member.name) for member in MEMBERS)
    say("", f"{'':{width}}    found  delivered  refused   seconds")
    passwords = {side: root / f"{side}-password" for side in Side}
    reports = []
    for member in members:
        started = time.monotonic()
        for platform in (old, new):
            passwords[platform.side].write_text(platform.password_of(member) + "\n")
        report = _move(old.url(member), new.url(member), root / "moves" / member.local, passwords)
        totals = report.totals
        refused = totals.refused
        say(
            f"{set_cell_size(member.name, width)}  {totals.found:7d}  {totals.delivered:9d}  {refused:7d}  {time.monotonic() - started:8.1f}"
        )
        reports.append(report)
    say("", f"Every report, and what proves it, lies in {root / 'moves'}.")
    return reports


def _move(source: str, target: str, place: Path, passwords: dict[Side, Path]) -> Report:
    """As `bascule copy` does it. Raises BasculeError where a server can't be reached."""
    origin = places.source_of(source, SideOptions(password_file=str(passwords[Side.OLD])))
    location, connect = places.target_of(target, SideOptions(password_file=str(passwords[Side.NEW])))
    chosen = CopyOptions()
    started = time.time()
    with Mailbox.open_or_create(place / places.COPY_MAILBOX, keeps_bodies=False) as mailbox:
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


def _endpoints(old: DemoPlatform, new: NewPlatform) -> dict[str, object]:
    members = [
        {
            "name": member.name, "login": member.address, "password": new.password_of(member), "old_password": PASSWORD, "wave": member.wave,
            **({} if member.keepers else {"sign_on": member.local, "sign_on_password": PASSWORD, "role": member.role}),
        }
        for member in MEMBERS
    ]  # fmt: skip
    return {
        "old": old.endpoint(),
        "new": new.endpoint(),
        "portal": f"http://127.0.0.1:{new.ports['web']}/",
        "members": members,
    }


def _show(old: DemoPlatform, new: NewPlatform, moment: _Moment, endpoints: Path) -> None:
    switch = moment.calendars["main"].switch.astimezone(ZoneInfo(new.settings.zone))
    say("", f"portal         http://127.0.0.1:{new.ports['web']}/   the switch {'was' if moment.has_switched('main') else 'is'} on {switch:%A %d %B %Y at %H:%M}")  # fmt: skip
    for platform, state in (
        (old, "closed" if moment.has_switched("main") else "in use; closed to the pilots"),
        (new, "open" if moment.has_switched("main") else "open to the pilots, who moved a week ago"),
    ):
        ports = platform.ports
        say(f"{platform.side.value:3} platform   IMAP 127.0.0.1:{ports['imap']}   submission :{ports['submission']}   SMTP :{ports['smtp']}   {state}")  # fmt: skip
    say("", f"Sign on to the portal, with the password {PASSWORD}, as")
    for role, what in _ROLES.items():
        member: Member = next(each for each in MEMBERS if each.role == role and not each.keepers)
        say(f"  {member.local:<16} {what}")
    say(
        f"Each finds the password of the new mailbox there; all are in {endpoints}. On the old platform it is the same for all:"
    )
    say(f"{PASSWORD}. Everything is on this machine only, without TLS; no mail leaves it.")
    words = [_own_command(), "clock", "--config", str(new.config), "2027-04-27 08:59"]
    say(f"Move its clock with: {shlex.join(words)}")


_ROLES = {
    "member": "a member",
    "operator": "an operator, and a pilot",
    "technician": "a technician of the help desk",
    "auditor": "an auditor",
}


def _own_command() -> str:
    """As it can be typed here: where it is not on PATH, by the path that it was called by."""
    return "bascule" if shutil.which("bascule") else sys.argv[0]


def _until_told() -> Stop:
    """Set by Ctrl-C, or by the terminal being closed, from now on."""
    over = Stop()
    for name in _ENDS:
        signal.signal(name, lambda *_: over.set())
    return over
