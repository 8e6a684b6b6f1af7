"""Every mailbox can be exported, whatever its folders are called and whenever its messages came, and comes back as it was."""

import asyncio
import threading
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.export import FORMATS, export_mailbox
from bascule.mailbox import Mailbox, NewMessage
from bascule.sources.files import open_files
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from support import messages, store
from support.command import bascule

AWKWARD = {
    "a folder that is called like a message": ["A", "A/000001 x.eml", "A/000001 x.eml/sub", "A.eml/B"],
    "a folder that is called like an mbox": ["A", "A.mbox", "A.mbox/x", "A.mbox_/x", "A.MBOX/B"],
    "a folder that is called like the manifest": ["manifest.jsonl", "Manifest.jsonl/x", "manifest.jsonl_"],
    "long names": ["y" * 900, "y" * 901],
    "long names with accents": ["é" * 90 + "/" + "ü" * 90, "é" * 90 + "/" + "ü" * 91],
    "deep folders": ["/".join(["d" * 110] * 40), "/".join(["d" * 110] * 41), "/".join(["é"] * 150)],
}


def folders_of(root: Path) -> dict[FolderPath, list[bytes]]:
    with Mailbox.open(root, read_only=True) as box:
        return {f.path: [m.sha256 for m in box.messages.list(f.id)] for f in box.folders.all()}


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("names", AWKWARD.values(), ids=AWKWARD)
def test_folders_with_awkward_names_come_back_as_they_were(names: list[str], kind: str, tmp_path: Path) -> None:
    store.fill(tmp_path / "a", {name: [b"Subject: x\r\n\r\n%d" % number] for number, name in enumerate(names)})
    with Mailbox.open(tmp_path / "a", read_only=True) as box:
        export_mailbox(box, tmp_path / "out", kind)
    with Mailbox.open_or_create(tmp_path / "b") as box:
        asyncio.run(capture(open_files("zip" if kind == "zip" else "eml", tmp_path / "out"), box, CaptureOptions()))
    assert folders_of(tmp_path / "b") == folders_of(tmp_path / "a")


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("seconds", [2**62, 2**38, -(2**62)])
def test_a_date_that_no_calendar_has_stops_neither_an_export_nor_a_search(
    seconds: int, kind: str, tmp_path: Path
) -> None:
    with Mailbox.create(tmp_path / "m") as box:
        row = store.add(box, "INBOX", [])
        box.messages.store(
            row, 7, [NewMessage(1, frozenset(), InternalDate(seconds), HeldBody(b"Subject: word\r\n\r\n"))]
        )
    bascule(tmp_path, "export", tmp_path / "m", tmp_path / "out", "--format", kind)
    assert "  INBOX UID 1  " in bascule(tmp_path, "search", tmp_path / "m", "word").stdout
    bascule(tmp_path, "import", tmp_path / "out", tmp_path / "back")
    with Mailbox.open(tmp_path / "back", read_only=True) as box:
        assert [message.date.utc_seconds for message in box.messages.list(1)] == [seconds]


def test_an_export_waits_for_the_run_that_fills_the_mailbox(tmp_path: Path) -> None:
    done: list[str] = []
    with Mailbox.create(tmp_path / "m") as box:
        words = ("export", tmp_path / "m", tmp_path / "out", "--format", "eml")
        export = threading.Thread(target=lambda: done.append(bascule(tmp_path, *words).stdout))
        export.start()
        export.join(2)
        assert export.is_alive()
        store.add(box, "INBOX", messages.many(3))
    export.join(60)
    assert done[0].startswith("3 messages written")


def test_an_export_that_can_not_be_written_is_not_told_to_free_some_space(tmp_path: Path) -> None:
    store.fill(tmp_path / "m", {"INBOX": messages.many(1)})
    (tmp_path / "file").write_bytes(b"")
    done = bascule(tmp_path, "export", tmp_path / "m", tmp_path / "file" / "out", "--format", "eml", status=None)
    assert done.returncode != 0
    assert "Free some space" not in done.stderr
    assert "another place" in " ".join(done.stderr.split())
