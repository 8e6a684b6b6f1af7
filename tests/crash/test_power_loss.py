"""Power loss: writes and syncs are recorded with strace, and their prefixes are replayed.

After each prefix a file holds what was synced, and of what was written since any part: none, all, or some of it. Every such state opens,
`check` holds, and every message that had been reported as kept is there.
"""

import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, check

from .writer import GROUP, GROUPS, body

pytestmark = [pytest.mark.needs("strace"), pytest.mark.soak]
_CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+= (-?\d+)")
_PATH = re.compile(r"^\d+<([^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Step:
    kind: str
    path: str = ""
    offset: int = 0
    data: bytes = b""
    to: str = ""


@dataclass
class File:
    """``synced`` is durable; ``pending`` was written since the last sync, in order."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)


def record(place: Path) -> list[Step]:
    """The calls that change files, in order, of a run of writer.py."""
    log = place / "strace.log"
    writer = Path(__file__).with_name("writer.py")
    calls = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,fchmod,chmod"
    subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", "10000000", "-o", str(log), "-e", f"trace={calls}",
         sys.executable, str(writer), str(place / "m")],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    steps = []
    for line in log.read_text().splitlines():
        found = _CALL.match(line)
        if found and not found[3].startswith("-"):
            step = read_step(found[1], found[2])
            if step is not None and (step.kind == "kept" or str(place / "m") in step.path):
                steps.append(step)
    return steps


def plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def read_step(call: str, words: str) -> Step | None:
    path = _PATH.match(words)
    name = plain(path[1]).decode() if path and path[1].startswith("\\x") else (path[1] if path else "")
    strings = _STRING.findall(words)
    match call:
        case "pwrite64":
            return Step("write", name, int(words.rpartition(", ")[2]), plain(strings[0]))
        case "write":
            data = plain(strings[0]) if strings else b""
            return Step("kept", data=data[5:].strip()) if data.startswith(b"KEPT ") else None
        case "fsync" | "fdatasync":
            return Step("sync", name)
        case "ftruncate":
            return Step("truncate", name, int(words.rpartition(", ")[2]))
        case "unlink":
            return Step("unlink", plain(strings[0]).decode())
    return None


def apply(octets: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del octets[step.offset :]
        octets.extend(bytes(step.offset - len(octets)))
        return
    if len(octets) < step.offset:
        octets.extend(bytes(step.offset - len(octets)))
    octets[step.offset : step.offset + len(step.data)] = step.data


def lay_out(steps: list[Step], survives: str, chance: random.Random, place: Path) -> int:
    """The folder as it may be after these steps and a power loss; the highest UID reported as kept."""
    files: dict[str, File] = {}
    kept = 0
    for step in steps:
        if step.kind == "kept":
            kept = int(step.data)
        elif step.kind == "unlink":
            files.pop(step.path, None)
        else:
            file = files.setdefault(step.path, File())
            if step.kind == "sync":
                for written in file.pending:
                    apply(file.synced, written)
                file.pending.clear()
            else:
                file.pending.append(step)
    place.mkdir()
    for path, file in files.items():
        if path.endswith("-shm") or Path(path).name == "m":
            continue
        octets = bytearray(file.synced)
        for written in file.pending:
            if survives == "all" or (survives == "some" and chance.random() < 0.5):
                apply(octets, written)
        (place / Path(path).name).write_bytes(octets)
    return kept


def test_every_prefix_of_the_writes_opens_checks_and_holds_what_was_kept(tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/power")
    steps = record(tmp_path)
    kept_steps = [n for n, step in enumerate(steps) if step.kind == "kept"]
    assert len(kept_steps) == GROUPS
    assert sum(step.kind == "sync" for step in steps) >= 2 * GROUPS, "each group is synced twice: bodies, catalogue"
    prefixes = range(len(steps) + 1) if soak else sorted(chance.sample(range(len(steps) + 1), 40))
    opened = 0
    for number in prefixes:
        for survives in ("none", "all", "some"):
            place = tmp_path / f"p{number}-{survives}"
            kept = lay_out(steps[:number], survives, chance, place)
            where = f"seed {seed}, prefix {number} of {len(steps)}, {survives} of the pending writes"
            if not kept and not is_made(place):
                continue
            opened += 1
            with Mailbox.open(place) as mailbox:
                rows = {row.uid: row for row in mailbox.messages.list(1)}
                assert set(range(1, kept + 1)) <= set(rows), where
                assert len(rows) % GROUP == 0, where
                for uid in (1, kept) if kept else ():
                    assert mailbox.messages.body(rows[uid]).whole() == body(uid), where
            assert check(place) == [], where
    assert opened > len(prefixes)


def is_made(place: Path) -> bool:
    """Whether the one transaction that makes a mailbox is in the files; `open_or_create` makes it otherwise."""
    import sqlite3

    try:
        with sqlite3.connect(place / "catalogue.sqlite") as database:
            return bool(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error:
        return False
