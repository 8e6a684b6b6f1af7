"""Power loss while the server takes mail: what every process wrote and synced is recorded with strace, and prefixes of it are replayed.

A reply that acknowledges a message is a step among the writes. After each prefix every mailbox opens, `check` holds, and each message that was
acknowledged by then is there: by its number in the Received field, or by its UID; in the mailbox, or still in the queue.
"""

import contextlib
import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.mailbox.live import LiveMailbox
from bascule.platform.smtp.queue import QueueStore
from support.dialogue import Dialogue
from support.inbox import Inbox
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message

from .test_power_loss import File, Step, apply, plain

pytestmark = [pytest.mark.needs("strace"), pytest.mark.soak]
_CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+= (-?\d+)")
_UNFINISHED = re.compile(r"^(\d+)\s+(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_PATH = re.compile(r"^\d+<([^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,sendto"
_KEPT = re.compile(rb"250 2\.0\.0 kept as (\S+)")
_APPENDED = re.compile(rb"APPENDUID (\d+) (\d+)")


@dataclass
class Told:
    """What had been acknowledged: numbers of messages, and (UIDVALIDITY, UID)."""

    numbers: set[bytes] = field(default_factory=set)
    uids: set[tuple[int, int]] = field(default_factory=set)


def whole_lines(log: str) -> list[str]:
    """Calls that another one came between are joined; each stands where it ended, as its effect may be no earlier for who waits for it."""
    begun: dict[str, str] = {}
    found = []
    for line in log.splitlines():
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1]] = unfinished[2]
        elif resumed := _RESUMED.match(line):
            found.append(f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[2]}")
        else:
            found.append(line)
    return found


def steps_of(log: Path, data: Path) -> list[Step]:
    steps: list[Step] = []
    lengths: dict[str, int] = {}
    for line in whole_lines(log.read_text()):
        found = _CALL.match(line)
        if not found or found[3].startswith("-"):
            continue
        call, words = found[1], found[2]
        path = _PATH.match(words)
        name = plain(path[1]).decode("utf-8", "replace") if path and path[1].startswith("\\x") else ""
        strings = _STRING.findall(words)
        if call == "sendto":
            steps.append(Step("told", data=plain(strings[0])))
        elif call == "unlink":
            name = plain(strings[0]).decode()
            lengths.pop(name, None)
            steps.append(Step("unlink", name))
        elif not name.startswith(str(data)) or Path(name).is_dir():
            continue
        elif call == "pwrite64":
            steps.append(Step("write", name, int(words.rpartition(", ")[2]), plain(strings[0])))
        elif call == "write":
            octets = plain(strings[0])
            steps.append(Step("write", name, lengths.get(name, 0), octets))
            lengths[name] = lengths.get(name, 0) + len(octets)
        elif call == "ftruncate":
            steps.append(Step("truncate", name, int(words.rpartition(", ")[2])))
        else:
            steps.append(Step("sync", name))
    return steps


def lay_out(steps: list[Step], survives: str, chance: random.Random, data: Path, place: Path) -> Told:
    """The data folder as it may be after these steps and a power loss."""
    files: dict[str, File] = {}
    told = Told()
    for step in steps:
        match step.kind:
            case "told":
                told.numbers.update(_KEPT.findall(step.data))
                told.uids.update((int(a), int(b)) for a, b in _APPENDED.findall(step.data))
            case "unlink":
                files.pop(step.path, None)
            case "sync":
                file = files.setdefault(step.path, File())
                for written in file.pending:
                    apply(file.synced, written)
                file.pending.clear()
            case _:
                files.setdefault(step.path, File()).pending.append(step)
    for path, file in files.items():
        if path.endswith("-shm") or not Path(path).is_relative_to(data) or "/run/" in path:
            continue
        octets = bytearray(file.synced)
        for written in file.pending:
            if survives == "all" or (survives == "some" and chance.random() < 0.5):
                apply(octets, written)
        target = place / Path(path).relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(octets)
    return told


def work(server: PrivateBascule) -> None:
    """Mail by every way in, and what a program does with it meanwhile."""
    client = Dialogue(server.imap)
    client.ok(f"LOGIN {ANNA} {PASSWORD}")
    with (
        SmtpDialogue(server.ports["smtp"]) as smtp,
        SmtpDialogue(server.ports["lmtp"], hello="LHLO x") as lmtp,
        SmtpDialogue(server.ports["submission"]) as submission,
    ):
        submission.login(ANNA)
        for number in range(5):
            for dialogue in (smtp, lmtp, submission):
                mail = message(f"m{number}", ANNA, f"{number} " * 300 + "\r\n")
                assert dialogue.deliver(mail, ANNA, ANNA).code == 250
            client.ok("APPEND Sent {}", message(f"a{number}", ANNA))
            client.ok("SELECT INBOX")
            client.ok("STORE 1:* +FLAGS (\\Seen)")
        Inbox(server, ANNA).wait(15)
    client.close()


def test_every_prefix_holds_what_was_acknowledged(tmp_path: Path, seed: int, soak: bool) -> None:
    chance = random.Random(f"{seed}/platform")
    log = tmp_path / "strace.log"
    server = PrivateBascule(tmp_path / "server", processes=2)
    data = server.root / "data"
    strace = ["strace", "-f", "-y", "-xx", "-s", "10000000", "-o", str(log), "-e", f"trace={CALLS}"]
    server.prefix = strace
    with server:
        work(server)
    box = server.mailbox()
    steps = steps_of(log, data)
    told = lay_out(steps, "all", chance, data, tmp_path / "whole")
    assert len(told.numbers) == 15
    assert len(told.uids) == 5
    prefixes = sorted(chance.sample(range(len(steps)), 600 if soak else 40))
    opened = 0
    for number in prefixes:
        for survives in ("none", "all", "some"):
            place = tmp_path / f"p{number}-{survives}"
            told = lay_out(steps[:number], survives, chance, data, place)
            opened += verify(place, place / box.relative_to(data), told, f"prefix {number} of {len(steps)}, {survives} of the pending writes")  # fmt: skip
            subprocess.run(["rm", "-rf", str(place)], check=True)
    assert opened > len(prefixes)


def verify(place: Path, box: Path, told: Told, where: str) -> bool:
    """Whether there was a mailbox to open."""
    waiting: set[bytes] = set()
    if (place / "queue.sqlite").exists():
        with contextlib.closing(QueueStore(place)) as queue:
            for entry in queue.all():
                octets = queue.file_of(entry.id).read_bytes()
                assert len(octets) == entry.octets, where
                waiting.add(entry.id.encode())
    if not told.numbers and not told.uids:
        return False
    there: list[bytes] = []
    with LiveMailbox.open(box) as live:
        uids = set()
        for folder in live.folders.all():
            for row in live.reading.rows(folder.id, 1, folder.uidnext, limit=-1):
                uids.add((folder.uidvalidity, row.uid))
                there += re.findall(rb"\r\n\tby [^\r]* id (\S+)", live.reading.octets(row.body))[:1]
    assert told.numbers <= set(there) | waiting, where
    assert told.uids <= uids, where
    assert len(there) == len(set(there)), where
    assert check(box) == [], where
    return True
