"""A target that shows something late, or that numbers everything anew: what it has is found, and nothing is sent twice."""

import os
import signal
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox.ledger import MISSING_SECONDS
from support.command import report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.sample import VICTIM
from support.quirks.server import Session
from support.quirks.store import Folder, Message
from support.quirks.syntax import Command, Hangup


class Runs:
    """Runs of `bascule copy` from a plain server to one with a quirk, with one state folder."""

    def __init__(self, tmp: Path, source: QuirkServer, target: QuirkServer) -> None:
        self.tmp, self.source, self.target = tmp, source, target

    def __call__(self, status: int | None = 0, *words: str) -> dict[str, Any]:
        state = ["--json", "--quiet", "--settle", "0.5", "--state", self.tmp / "state"]
        done = bascule_in_a_hurry(self.tmp, "copy", self.source.url, self.target.url, *state, *words)
        assert status in (None, done.returncode), done.stderr
        return report_of(done)  # type: ignore[arg-type,no-any-return]  # has what it reads

    def wait(self, seconds: int) -> None:
        """As if the last run had been so much earlier."""
        for catalogue in (self.tmp / "state").rglob("catalogue.sqlite"):
            with sqlite3.connect(catalogue) as database:
                database.execute("UPDATE outcomes SET verified_utc = verified_utc - ?", (seconds,))
            database.close()


def codes(report: dict[str, Any]) -> Counter[str]:
    return Counter(each["code"] for each in report["exceptions"])


class HidesOne(Quirk):
    """One message of those that are appended together is not shown while ``hidden`` says so."""

    hidden = True

    def is_shown(self, session: Session, message: Message) -> bool:
        return not (self.hidden and VICTIM in message.octets)


def test_what_was_missing_is_found_where_the_target_had_told_that_it_lies(tmp_path: Path) -> None:
    """What came with it was read back, and lies above it."""
    old, new, quirk = Store(), Store(), HidesOne()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(quirk, new) as target:
        run = Runs(tmp_path, source, target)
        assert codes(run(1)) == {"missing": 1}
        run(1)
        quirk.hidden = False
        run.wait(MISSING_SECONDS + 1)
        assert run()["exceptions"] == []
        assert new.keys() == old.keys()
        run()
        assert new.keys() == old.keys()


def test_what_stays_missing_is_sent_again_once(tmp_path: Path) -> None:
    old, new = Store(), Store()
    sample.fill(old)

    class LosesOne(Quirk):
        """One message is answered OK and not kept, the first time."""

        lost = 0

        def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
            if VICTIM in message.octets and not self.lost:
                self.lost += 1
                folder.uidnext += 1
                return None
            return message

    with QuirkServer(Quirk(), old) as source, QuirkServer(LosesOne(), new) as target:
        run = Runs(tmp_path, source, target)
        assert codes(run(1)) == {"missing": 1}
        run.wait(MISSING_SECONDS + 1)
        for _ in range(2):
            assert run()["exceptions"] == []
            assert new.keys() == old.keys()


class Munges(Quirk):
    """As Cyrus with munge8bit, an octet above 127 in a header becomes an X; or it becomes ``written``."""

    def __init__(self, written: bytes = b"X") -> None:
        self.written = written

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, octets=message.octets.replace(b"R\xe9union", b"R" + self.written + b"union"))


def number_anew(store: Store) -> None:
    """Every folder gets a new UIDVALIDITY, and every message a new UID."""
    for folder in store.folders.values():
        folder.uidvalidity += 1000
        folder.uidnext += 300
        for message in folder.messages:
            message.uid += 300


@pytest.mark.parametrize("written", [b"X", b"=E9"], ids=["of the same size", "of another size"])
def test_what_the_target_had_altered_is_a_fault_also_after_it_numbered_everything_anew(
    tmp_path: Path, written: bytes
) -> None:
    """Where it is known again, its flags follow; either way it is not told as removed by the member."""
    old, new = Store(), Store()
    sample.fill(old)
    meetings = b"R&AOk-unions"
    with QuirkServer(Quirk(), old) as source, QuirkServer(Munges(written), new) as target:
        run = Runs(tmp_path, source, target)
        assert codes(run(1)) == {"altered": 1}
        number_anew(new)
        old.folders[meetings].change(old.folders[meetings].messages[-1], [b"\\Flagged"])
        for _ in range(2):
            report = run(1)
            assert codes(report) == {"altered": 1}
            assert report["totals"]["removed"] == 0
            assert len(new.folders[meetings].messages) == 8
        if written == b"X":
            assert new.folders[meetings].messages[-1].flags == {b"\\Flagged"}


def test_a_missing_message_is_not_told_as_read_back(tmp_path: Path) -> None:
    old, new = Store(), Store()
    old.append(old.folders[b"INBOX"], b"Subject: one\r\n" + VICTIM + b"\r\n\r\ntext\r\n")
    with QuirkServer(Quirk(), old) as source, QuirkServer(HidesOne(), new) as target:
        report = Runs(tmp_path, source, target)(1)
    assert codes(report) == {"missing": 1}
    assert (report["verified"], report["read_back_first"], report["read_back_last"]) == ({}, "", "")
    (manifest,) = (tmp_path / "state").rglob("manifest.sha256")
    assert manifest.read_text().split("  ")[1:] == ["INBOX/1", "missing", "-\n"]


class IsCutOff(Munges):
    """The run is interrupted, as by Ctrl-C, once the first batch was kept and before anybody hears of it."""

    is_over = False

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        if command.verb == "APPEND" and not self.is_over:
            self.is_over = True
            os.kill(os.getpid(), signal.SIGINT)
            raise Hangup
        return status, text


@pytest.mark.parametrize(
    "octets",
    [b"Subject: one\nMessage-ID: <1@example.org>\n\ntext\n", sample.EIGHT_BIT],
    ids=["sent with CRLF for LF", "altered by the target"],
)
def test_what_is_in_doubt_and_moved_is_known_by_what_was_sent(tmp_path: Path, octets: bytes) -> None:
    """Its own SHA-256 is not what the target has of it."""
    old, new = Store(), Store()
    inbox, kept = old.folders[b"INBOX"], old.create(b"Kept")
    old.append(kept, b"Subject: other\r\n\r\ntext\r\n")
    old.append(inbox, octets)
    with QuirkServer(Quirk(), old) as source, QuirkServer(IsCutOff(), new) as target:
        run = Runs(tmp_path, source, target)
        run(130, "--connections", "1")
        assert [len(folder.messages) for folder in new.folders.values()] == [1, 0]
        inbox.remove(inbox.messages[:])
        old.append(kept, octets)
        for status in (None, None):
            run(status)
            assert {name: len(folder.messages) for name, folder in new.folders.items()} == {b"INBOX": 0, b"Kept": 2}
