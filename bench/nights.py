"""A mailbox that is followed for weeks: 100,000 messages, then a run each night after 0.5 % of them have changed.

Between two private Dovecots, with `bascule copy` as people run it. Prints a row for the first run, for one with nothing to do, and for
each night: what changed on the old side, seconds, seconds of processor time, peak memory and the size of the state folder. At the end the
old and the new side are read with a client of Python's own, and compared. Run it alone on the machine: ``python bench/nights.py``.
"""

import argparse
import contextlib
import imaplib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support import reference
from support.dovecot import PrivateDovecot
from support.messages import plain

USER = "anna"
ENTRY = [sys.executable, "-c", "from bascule.commands import main; main()"]
FOLDERS = ("INBOX", "Sent", *(f"Archive.{year}" for year in range(2006, 2024)))
OCTETS = 2_000
"""Of a message: what is measured is what each one costs beside its octets."""


@dataclass(frozen=True)
class Run:
    seconds: float
    processor_seconds: float
    megabytes: int
    state_octets: int

    def row(self, name: str) -> str:
        return (
            f"| {name} | {self.seconds:.2f} s | {self.processor_seconds:.2f} s | {self.megabytes} MB |"
            f" {self.state_octets / 1e6:.1f} MB |"
        )


class OldSide:
    """What its user does there between two nights."""

    def __init__(self, port: int, messages: int, seed: int) -> None:
        self._port = port
        self._chance = random.Random(seed)
        self._next = 0
        self._messages = messages

    def fill(self) -> None:
        for place, folder in enumerate(FOLDERS):
            share = self._messages * 3 // 10 if place == 0 else self._messages * 7 // 10 // (len(FOLDERS) - 1)
            for start in range(0, share, 2_000):
                reference.append(self._port, USER, folder, self._fresh(min(2_000, share - start)))

    def _fresh(self, count: int) -> list[bytes]:
        self._next += count
        return [plain(n, octets=OCTETS) for n in range(self._next - count, self._next)]

    def live_a_day(self, changes: int) -> str:
        """Half of the changes are new mail, three tenths flags, and a tenth each moves and deletions."""
        new, flagged, moved, deleted = changes // 2, changes * 3 // 10, changes // 10, changes // 10
        reference.append(self._port, USER, "INBOX", self._fresh(new))
        with self._signed_in() as client:
            for _ in range(3):
                self._in_some(
                    client, flagged // 3, lambda uids: client.uid("STORE", uids, "+FLAGS", r"(\Seen \Answered)")
                )
            self._in_some(client, moved, lambda uids: client.uid("MOVE", uids, "Archive.2023"), folder="INBOX")
            self._in_some(client, deleted, lambda uids: client.uid("STORE", uids, "+FLAGS", r"(\Deleted)"))
        return f"{new} new, {flagged} flagged, {moved} moved, {deleted} deleted"

    @contextlib.contextmanager
    def _signed_in(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self._port, timeout=60) as client:
            client.login(USER, "secret")
            yield client

    def _in_some(self, client: imaplib.IMAP4, count: int, deed: Callable[[str], object], folder: str = "") -> None:
        client.select(folder or self._chance.choice(FOLDERS))
        uids = client.uid("SEARCH", "UNDELETED")[1][0].split()
        chosen = sorted(self._chance.sample(uids, min(count, len(uids))), key=int)
        deed(b",".join(chosen).decode())
        client.expunge()


def run(work: Path, source: str, target: str) -> Run:
    state = work / "state"
    environment = {
        **os.environ, "BASCULE_SOURCE_PASSWORD": "secret", "BASCULE_TARGET_PASSWORD": "secret", "BASCULE_KEY": str(work / "key.pem"),
    }  # fmt: skip
    words = [*ENTRY, "copy", source, target, "--quiet", "--state", str(state)]
    began = time.monotonic()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"exit status {process.returncode}"
    size = sum(file.stat().st_size for file in state.rglob("*") if file.is_file())
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--per-mille", type=float, default=5, help="Messages that change between two nights.")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    changes = int(chosen.messages * chosen.per_mille / 1000)
    with (
        tempfile.TemporaryDirectory(prefix="bascule-nights-") as folder,
        PrivateDovecot(Path(folder) / "old", separator=".") as old,
        PrivateDovecot(Path(folder) / "new") as new,
    ):
        work, source, target = Path(folder), old.url(USER), new.url(USER)
        side = OldSide(old.port, chosen.messages, chosen.seed)
        side.fill()
        print("| run | time | processor | memory | state |\n|---|---|---|---|---|")
        print(run(work, source, target).row(f"first, {chosen.messages} messages"), flush=True)
        print(run(work, source, target).row("nothing to do"), flush=True)
        for night in range(1, chosen.nights + 1):
            told = side.live_a_day(changes)
            print(run(work, source, target).row(f"night {night}: {told}"), flush=True)
        print(run(work, source, target).row("nothing to do"), flush=True)
        print(compared(old.port, new.port))


def compared(old_port: int, new_port: int) -> str:
    """What the old side has and the new one does not, and what the new one has besides: deletions of the old side alone."""
    old, new = reference.read_mailbox(old_port, USER), reference.read_mailbox(new_port, USER)
    missing: Counter[reference.Key] = old - new
    return f"{old.total()} on the old side; {missing.total()} of them not on the new one, which has {(new - old).total()} besides"


if __name__ == "__main__":
    main()
