"""Power loss while several processes do everything to one mailbox (`crash.meeting`): what each wrote and synced is recorded with strace, and
prefixes of it are replayed.

A file's name is there, or another's, as soon as the call that says so has ended; its octets are what was synced, and of what was written since none,
all or some. After each prefix the hand-over that may have been under way is settled; then every message that was acknowledged by then is there, once,
and `check` finds nothing, neither in the mailbox nor in its copy.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import check

from .meeting import Place, held, settle
from .test_power_loss import File, Step, apply, plain
from .test_power_loss_of_the_platform import whole_lines

pytestmark = [pytest.mark.needs("strace"), pytest.mark.soak]
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,openat,unlink,unlinkat,rename,renameat,renameat2"
_CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+= (\d+)")
_PATH = re.compile(r"^[-\w]+<((?:\\x[0-9a-f]{2})*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def record(root: Path, log: Path, seed: int) -> list[Step]:
    """What was done to files, in order. The place is made before: what is made once is another trial's."""
    words = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "10000000", "-o", str(log), "-e", f"trace={CALLS}"]
    words += [sys.executable, "-m", "crash.meeting", str(root), str(seed), "0"]
    subprocess.run(words, check=True, timeout=600, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    return list(_steps(log))


def _steps(log: Path) -> Iterator[Step]:
    ends: dict[str, int] = {}
    for line in whole_lines(log.read_text()):
        if "+++ killed" in line:
            return  # the end: what others wrote with this one's help may be more than was recorded of it
        found = _CALL.match(line)
        if found is None:
            continue
        call, words = found[1], found[2]
        path = _PATH.match(words)
        name = plain(path[1]).decode() if path else ""
        strings = [plain(each) for each in _STRING.findall(words)]
        match call:
            case "pwrite64":
                yield Step("write", name, int(words.rpartition(", ")[2]), strings[0])
            case "write":
                ends[name] = ends.get(name, 0) + len(strings[0])
                yield Step("write", name, ends[name] - len(strings[0]), strings[0])
            case "ftruncate":
                yield Step("truncate", name, int(words.rpartition(", ")[2]))
            case "fsync" | "fdatasync":
                yield Step("sync", name)
            case "openat" if "O_CREAT" in words:
                made = strings[0].decode()
                if "O_TRUNC" in words or "O_EXCL" in words:
                    ends.pop(made, None)
                    yield Step("truncate", made, 0)
            case "unlink":
                yield Step("unlink", strings[0].decode())
            case "unlinkat":
                yield Step("unlink", str(Path(name, strings[0].decode())))
            case "rename" | "renameat" | "renameat2":
                yield Step("rename", strings[0].decode(), to=strings[1].decode())


class Disk:
    """The files of ``root``, by their names at each instant."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = {
            str(path): File(bytearray(path.read_bytes())) for path in root.rglob("*") if path.is_file()
        }  # fmt: skip

    def do(self, step: Step) -> None:
        if not step.path.startswith(str(self._root)) or step.path.endswith("(deleted)"):
            return
        match step.kind:
            case "unlink":
                self._files.pop(step.path, None)
            case "rename":
                self._rename(step.path, step.to)
            case "sync":
                if file := self._files.get(step.path):  # not a folder
                    for written in file.pending:
                        apply(file.synced, written)
                    file.pending.clear()
            case _:
                self._files.setdefault(step.path, File()).pending.append(step)

    def _rename(self, old: str, new: str) -> None:
        """A file, or a folder with all that is in it."""
        if old in self._files:
            self._files[new] = self._files.pop(old)
        for path in [path for path in self._files if path.startswith(f"{old}/")]:
            self._files[new + path.removeprefix(old)] = self._files.pop(path)

    def lay_out(self, survives: str, chance: random.Random, place: Path) -> None:
        """As it may be after a power loss now. What was told was heard, whatever became of the disk."""
        for path, file in self._files.items():
            if path.endswith("-shm"):
                continue
            target = place / Path(path).relative_to(self._root)
            octets = bytearray(file.synced)
            for written in file.pending:
                if target.name == "told" or survives == "all" or (survives == "some" and chance.random() < 0.5):
                    apply(octets, written)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(octets)


def test_every_prefix_holds_what_was_acknowledged(tmp_path: Path, seed: int, soak: bool) -> None:
    chance = random.Random(f"{seed}/all at once")
    place = Place(tmp_path / "root")
    place.make()
    disk = Disk(place.root)
    steps = record(place.root, tmp_path / "strace.log", seed)
    assert place.told().wrong == []
    prefixes = set(chance.sample(range(len(steps)), 700 if soak else 15))
    asked = 0
    for number, step in enumerate(steps):
        disk.do(step)
        for survives in ("none", "all", "some") if number in prefixes else ():
            laid = Place(tmp_path / f"p{number}-{survives}")
            disk.lay_out(survives, chance, laid.root)
            where = f"seed {seed}, prefix {number} of {len(steps)}, {survives} of the pending writes"
            asked += _verify(laid, chance, where)
            shutil.rmtree(laid.root)
    assert asked > len(prefixes)


def _verify(place: Place, chance: random.Random, where: str) -> int:
    """How many acknowledged messages were asked for."""
    (place.data / "run").mkdir(exist_ok=True)
    settle(place, chance)
    told = place.told()
    if not told.must_be_there:
        return 0
    mailbox = place.mailbox(place.account)
    assert [finding.what for finding in check(mailbox)] == [], where
    there = held(mailbox)
    assert told.must_be_there - there.keys() == set(), f"acknowledged, and not there: {where}"
    assert there.keys() & told.gone == set(), f"expunged, and there: {where}"
    assert {name for name, count in there.items() if count > 1} == set(), f"twice: {where}"
    if (place.root / "copy/catalogue.sqlite").exists():
        assert [finding.what for finding in check(place.root / "copy")] == [], where
    return len(told.must_be_there)
