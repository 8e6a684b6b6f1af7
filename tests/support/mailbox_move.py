"""One mailbox on its way between two servers in memory: `bascule` is run from one to the other, again and again."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from bascule.mailbox.ledger import MISSING_SECONDS
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.store import ARRIVAL, Folder, Message


@dataclass
class MailboxMove:
    """``quirk``: of the new side. ``status``, ``report``, ``told``: exit status, report and standard error of the last run."""

    tmp: Path
    quirk: Quirk = field(default_factory=Quirk)
    state: str = "state"
    status: int = 0
    told: str = ""
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.old, self.new = Store(), Store()
        self._source, self._target = QuirkServer(Quirk(), self.old), QuirkServer(self.quirk, self.new)

    def __enter__(self) -> "MailboxMove":
        self._source.__enter__()
        self._target.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._source.__exit__(kind, error, at)
        self._target.__exit__(kind, error, at)

    @property
    def inbox(self) -> Folder:
        """Of the old side."""
        return self.old.folders[b"INBOX"]

    @property
    def arrived(self) -> list[Message]:
        """What the new side has in its INBOX."""
        return self.new.folders[b"INBOX"].messages

    def fill(self, count: int, *flags: bytes) -> None:
        """The old side's INBOX gets so many messages, each of an hour of its own."""
        for number in range(1, count + 1):
            text = b"Subject: message %d\r\n\r\ntext\r\n" % number
            self.old.append(self.inbox, text, flags, ARRIVAL + timedelta(hours=number))

    def copy(self, *words: str) -> list[tuple[int, str]]:
        """One run of `bascule copy`; UID and code of each message that its report names."""
        self._run("copy", "--quiet", "--settle", "0.5", *words)
        return [(one["uid"], one["code"]) for one in self.report["exceptions"]]

    def verify(self) -> list[tuple[int, str]]:
        """UID and kind of each difference that `bascule verify` names."""
        self._run("verify")
        return [(one["uid"], one["kind"]) for one in self.report["differences"]]

    def later(self) -> None:
        """So much time passes that what was missing is sent again."""
        self.write(f"UPDATE outcomes SET verified_utc = verified_utc - {MISSING_SECONDS + 60}")

    def write(self, statement: str) -> None:
        """Change what the runs remember, as one that was killed would have left it."""
        [catalogue] = (self.tmp / self.state).rglob("catalogue.sqlite")
        with closing(sqlite3.connect(catalogue)) as database, database:
            database.execute(statement)

    def source_has(self, quirk: Quirk) -> None:
        """The old side has it from now on."""
        self._source.quirk = quirk

    def _run(self, command: str, *words: str) -> None:
        where = ["--state", self.tmp / self.state]
        done = bascule_in_a_hurry(self.tmp, command, self._source.url, self._target.url, "--json", *where, *words)
        self.status, self.told = done.returncode, done.stderr
        self.report = json.loads(done.stdout)
        self._source.hang_up()
        self._target.hang_up()
