"""`bascule copy` between two quirk servers, run after run, with what a test looks at afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.command import report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import Folder, Message, Quirk, QuirkServer, Store


def text(number: int) -> bytes:
    """A message, of a size of its own."""
    return b"Subject: message %d\r\n\r\n%b\r\n" % (number, b"text " * (10 * number))


@dataclass(frozen=True, slots=True)
class Ended:
    """``report``: empty of a run that had nothing to report. ``codes``: of the exceptions that the report names."""

    status: int
    report: dict[str, Any]
    errors: str

    @property
    def codes(self) -> list[str]:
        return [one["code"] for one in self.report["exceptions"]]


class TwoServers:
    def __init__(self, tmp: Path, source: QuirkServer, target: QuirkServer) -> None:
        self._tmp = tmp
        self._source = source
        self.target = target
        self.old, self.new = source.store, target.store

    def copy(self, *words: object) -> Ended:
        return self._run("copy", self._source.url, self.target.url, "--state", self._tmp / "state", *words)

    def capture_and_deliver(self, *words: object) -> Ended:
        """The same by both steps; what the second one comes to."""
        mailbox = self._tmp / "steps.mailbox"
        captured = bascule_in_a_hurry(self._tmp, "capture", self._source.url, mailbox, "--quiet")
        assert captured.returncode == 0, captured.stderr
        return self._run("deliver", mailbox, self.target.url, *words)

    def verify(self) -> int:
        """The exit status."""
        words = ("verify", self._source.url, self.target.url, "--state", self._tmp / "state")
        done = bascule_in_a_hurry(self._tmp, *words)
        for server in (self._source, self.target):
            server.hang_up()
        return done.returncode

    def _run(self, command: str, *words: object) -> Ended:
        done = bascule_in_a_hurry(self._tmp, command, *words, "--json", "--quiet", "--settle", "0.5")
        for server in (self._source, self.target):
            server.hang_up()
        report = report_of(done) if done.stdout else {}  # type: ignore[arg-type]  # has what it reads
        return Ended(done.returncode, report, done.stderr)

    def move(self, message: Message, away: Folder, to: Folder) -> None:
        """The old side moves it."""
        away.remove([message])
        self.old.append(to, message.octets, message.flags, message.date)

    def lies(self, octets: bytes) -> list[tuple[str, frozenset[bytes]]]:
        """Where the new side has this message, and with which flags."""
        return [
            (folder.name.decode(), message.flags)
            for folder in self.new.folders.values()
            for message in folder.messages
            if message.octets == octets
        ]


@contextmanager
def two_servers(tmp: Path, new: Quirk | None = None, old: Quirk | None = None) -> Iterator[TwoServers]:
    with QuirkServer(old or Quirk(), Store()) as source, QuirkServer(new or Quirk(), Store()) as target:
        yield TwoServers(tmp, source, target)
