"""Whoever stops a run (Ctrl-C, SIGTERM) does not wait until a thread of it is through with what it reads."""

import asyncio
import io
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.commands import main
from bascule.deliver.comparison import census_of_mailbox
from bascule.mailbox import Mailbox
from bascule.sources.files import open_files
from bascule.sources.files.mbox import folder_of_mbox, read_mbox
from bascule.terms.instant import InternalDate
from support.command import ENTRY, bascule, environment

BY = pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
AT_ONCE_SECONDS = 10.0
"""The walk that is stopped takes three times as long on a machine that does nothing else; the stop, beside a full one, under a second."""


def _takes_sigterm(process: int) -> bool:
    """A run that is asked to end before it listens for that is ended by the kernel (proc(5), SigCgt)."""
    caught = next(
        line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("SigCgt:")
    )
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def stopped(tmp_path: Path, words: Sequence[object], begun: Path, by: signal.Signals) -> str:
    """Start a command, stop it soon after ``begun`` is there, and give what it printed. Fails where it does not end at once, with 130."""
    with subprocess.Popen(
        [*ENTRY, *map(str, words), "--quiet", "--language", "en"], env=environment(tmp_path), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while not (begun.exists() and _takes_sigterm(run.pid)):
                assert run.poll() is None
                assert time.monotonic() < deadline, "it does not begin"
                time.sleep(0.02)
            time.sleep(0.05)
            assert run.poll() is None, "it ended by itself: nothing was stopped"
            run.send_signal(by)
            output, errors = run.communicate(timeout=AT_ONCE_SECONDS)
        finally:
            run.kill()
    assert (run.returncode, "Traceback" in errors) == (130, False), errors
    return output


@BY
def test_an_import_that_walks_through_a_large_mbox_is_stopped_at_once(by: signal.Signals, tmp_path: Path) -> None:
    place = tmp_path / "large.mbox"
    with place.open("wb") as file:
        file.write(b"From a@b Sat Feb  1 10:00:00 2020\nSubject: x\n\n")
        for _ in range(200):
            file.write(b"x\n" * 2**19)
    taken = tmp_path / "m.mailbox"
    output = stopped(tmp_path, ["import", place, taken], taken / "catalogue.sqlite", by)
    assert "interrupted; run the same command again to go on" in output


def test_a_walk_gives_the_interpreter_up_seldom_enough_that_another_thread_gets_it(tmp_path: Path) -> None:
    """A thread that waits for the interpreter asks for it after five milliseconds in which nobody gave it up; each read gives it up, and takes it back first."""
    reads: list[int] = []

    class Counted(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            reads.append(got := super().readinto(buffer) or 0)
            return got

    place = tmp_path / "large.mbox"
    place.write_bytes(b"From a@b Sat Feb  1 10:00:00 2020\nSubject: x\n\n" + b"x\n" * 2**22)
    folder = folder_of_mbox(("large.mbox",))
    read_mbox(folder, {}, "large.mbox", lambda: io.BufferedReader(Counted(place)), InternalDate(0))
    assert [entry.octets for entry in folder.entries] == [place.stat().st_size - 34]
    assert len(reads) < 20


@pytest.fixture(scope="module")
def three_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mailbox on disk, which no export changes."""
    root = tmp_path_factory.mktemp("large")
    place, taken = root / "mail.mbox", root / "m.mailbox"
    with place.open("wb") as file:
        for number in range(3000):
            file.write(
                b"From a@b Sat Feb  1 10:00:00 2020\nSubject: %d\n\n" % number
                + os.urandom(3000).hex().encode()
                + b"\n\n"
            )
    bascule(root, "import", place, taken, "--quiet")
    return taken


@BY
@pytest.mark.parametrize("kind", ["zip", "mbox", "maildir", "eml"])
@pytest.mark.xdist_group("exports")
def test_an_export_that_is_stopped_leaves_nothing_that_looks_like_one(
    kind: str, by: signal.Signals, three_thousand: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    begun = out.with_name("out.partial") if kind == "zip" else out
    words = [*ENTRY, "export", three_thousand, out, "--format", kind, "--quiet"]
    with subprocess.Popen(map(str, words), env=environment(tmp_path), stderr=subprocess.PIPE, text=True) as run:
        while not (
            begun.exists() and any(file.stat().st_size for file in [begun, *begun.rglob("*")] if file.is_file())
        ):
            assert run.poll() is None
            time.sleep(0.001)
        run.send_signal(by)
        _, errors = run.communicate(timeout=30)
    assert (run.returncode, "Traceback" in errors) == (130, False), errors
    assert "Nothing of the export is left." in errors
    assert not begun.exists() or not list(begun.iterdir())
    bascule(tmp_path, "export", three_thousand, out, "--format", kind, "--quiet")


def test_a_census_of_a_mailbox_on_disk_ends_at_the_next_message(tmp_path: Path) -> None:
    place = tmp_path / "mail.mbox"
    place.write_bytes(b"From a@b Sat Feb  1 10:00:00 2020\nSubject: x\n\ntext\n\n" * 3)
    asked: list[int] = []

    def is_stopped() -> bool:
        asked.append(1)
        return len(asked) == 2

    with Mailbox.open_or_create(tmp_path / "m.mailbox") as mailbox:
        asyncio.run(capture(open_files("mbox", place), mailbox, CaptureOptions(connections=1)))
        assert census_of_mailbox(mailbox, mailbox.folders.all(), is_stopped) == []
    assert len(asked) == 2


def test_what_is_stopped_before_it_did_anything_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Ctrl-C, as soon as there is anybody to hear it."""

    def interrupted(mask: int) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "umask", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err
