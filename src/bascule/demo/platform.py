"""A Bascule platform of the demo: its folder, its accounts, its process on loopback."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bascule.demo.members import Member
from bascule.demo.place import PROCESS
from bascule.demo.sample import Sample
from bascule.mailbox.live import Arriving
from bascule.platform.accounts import Accounts, EmbeddedAccounts
from bascule.platform.accounts.opening import open_embedded
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.settings import Settings, read_settings
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.instant import InternalDate
from bascule.terms.phases import MemberCalendar, Side

GROUP = 200
"""Sample messages written at once."""
_CONFIGURATION = """\
[server]
data = "data"
hostname = "localhost"
side = "{side}"
processes = 1
rehearsal_clock = "../clock"

[imap]
listen = ["127.0.0.1:{imap}"]

[smtp]
listen = ["127.0.0.1:{smtp}"]

[submission]
listen = ["127.0.0.1:{submission}"]

# What is written to somebody who is not in the demo must not leave this machine: it comes back.
[queue]
smarthost = "127.0.0.1:{smtp}"
give_up_after = "1 min"
{more}"""
PASSWORD = "bascule-demo"  # noqa: S105 - of servers that only this machine can reach


class DemoPlatform:
    """The old one. Use as a context manager: it serves within the block. ``ports``: imap, smtp, submission."""

    side = Side.OLD

    def __init__(self, root: Path, ports: dict[str, int]) -> None:
        self.root = root
        self.ports = ports
        root.mkdir(parents=True)
        self.config = root / "bascule.toml"
        self.config.write_text(_CONFIGURATION.format(side=self.side.value, more=self.sections(), **ports), "utf-8")
        self.settings: Settings = read_settings(self.config)
        self._process: subprocess.Popen[bytes] | None = None

    def sections(self) -> str:
        """Of its configuration, beside the usual ones."""
        return ""

    def accounts(self) -> Accounts:
        """To be closed."""
        return self._embedded()

    def _embedded(self) -> EmbeddedAccounts:
        return open_embedded(self.config)

    def furnish(self, members: Iterable[Member], calendars: Mapping[str, MemberCalendar]) -> None:
        """Accounts, with `PASSWORD`. ``calendars``: by wave."""
        with contextlib.closing(self._embedded()) as accounts:
            for member in members:
                accounts.add(member.address, PASSWORD, name=member.name, generated=True)
        self.go_by(members, calendars)

    def go_by(self, members: Iterable[Member], calendars: Mapping[str, MemberCalendar]) -> None:
        """From now on these calendars decide."""
        with contextlib.closing(self._embedded()) as accounts:
            for member in members:
                accounts.set_calendar(member.address, calendars.get(member.wave))

    def password_of(self, member: Member) -> str:
        return PASSWORD

    def fill(self, member: Member, samples: list[Sample]) -> int:
        """Write sample mail straight into a member's mailbox, before anything serves it; how many messages."""
        mailboxes = Mailboxes(self.settings.data / "mailboxes")
        with contextlib.closing(self.accounts()) as accounts, contextlib.closing(mailboxes):
            account = accounts.find(member.address)
            assert account is not None
            with mailboxes.using(account.id) as box:
                for path in dict.fromkeys(sample.path for sample in samples):
                    folder = box.folders.find(path) or box.folders.create(path, samples[0].date_utc)
                    wanted = sorted((s for s in samples if s.path == path), key=lambda sample: sample.date_utc)
                    for start in range(0, len(wanted), GROUP):
                        box.messages.append(
                            folder.id,
                            [
                                Arriving(HeldBody(each.octets), each.flags, InternalDate(each.date_utc))
                                for each in wanted[start : start + GROUP]
                            ],
                        )
        return len(samples)

    def url(self, member: Member) -> str:
        return f"imap://{member.address}@127.0.0.1:{self.ports['imap']}"

    def endpoint(self) -> dict[str, object]:
        """For ``endpoints.json``."""
        return {"host": "127.0.0.1", **self.ports, "config": str(self.config)}

    def __enter__(self) -> Self:
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from bascule.commands import main; main()", "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
                start_new_session=True,  # Ctrl-C is for the demo, which stops it
            )  # fmt: skip
        (self.root / PROCESS).write_text(f"{self._process.pid}\n")
        assert self._process.stdout is not None
        if not any(line == b"ready\n" for line in self._process.stdout):
            self._process.wait()
            raise BasculeError(
                f"The {self.side.value} platform did not start; {self.root / 'log'} says why.",
                "Give another --port-base if its ports are in use.",
                ExitStatus.USAGE,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
        (self.root / PROCESS).unlink()


def write_endpoints(file: Path, told: dict[str, object]) -> None:
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
