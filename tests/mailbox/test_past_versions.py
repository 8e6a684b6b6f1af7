"""Every version of the format that was ever frozen opens, is sound, and can be gone on with."""

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.export import export_mailbox
from bascule.mailbox import Mailbox, check
from bascule.mailbox.format import FORMAT_VERSION
from bascule.mailbox.search import search
from bascule.sources.files import open_files
from support import messages
from support.command import bascule

FIXTURES = Path(__file__).parent.parent / "fixtures"
VERSIONS = sorted(FIXTURES.glob("mailbox-version-*"))


@pytest.fixture(params=VERSIONS, ids=lambda place: place.name)
def past(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict]:
    shutil.copytree(request.param / "mailbox", tmp_path / "past.mailbox")
    return tmp_path / "past.mailbox", json.loads((request.param / "expected.json").read_text())


def rows(root: Path) -> list[list]:
    with Mailbox.open(root, read_only=True) as box:
        return [
            [f.path.display(), r.uidvalidity, r.uid, r.sha256.hex(), r.octets, sorted(r.flags), r.date.to_iso(), r.vanished]
            for f in box.folders.all(gone=True)
            for r in box.messages.list(f.id, vanished=True)
        ]  # fmt: skip


def test_there_is_a_mailbox_of_each_version() -> None:
    frozen = FORMAT_VERSION - 1  # version 2 is not frozen yet
    assert [place.name for place in VERSIONS] == [f"mailbox-version-{n + 1}" for n in range(frozen)]


def test_it_opens_with_all_that_is_in_it(past) -> None:
    root, expected = past
    assert rows(root) == expected["messages"]
    assert check(root) == []
    with Mailbox.open(root, read_only=True) as box:
        outcomes = Counter(code for (code,) in box.database.execute("SELECT code FROM outcomes"))
        assert outcomes == dict(expected["outcomes"])
        assert [hit.subject for hit in search(box, "budget")]


def test_it_is_exported_captured_into_and_delivered_from(past, tmp_path: Path) -> None:
    root, expected = past
    with Mailbox.open(root) as box:
        there = sum(1 for row in expected["messages"] if not row[-1])
        assert export_mailbox(box, tmp_path / "out", "eml") == there
        (tmp_path / "more" / "New").mkdir(parents=True)
        (tmp_path / "more" / "New" / "1.eml").write_bytes(messages.plain(500))
    with Mailbox.open(root) as box:
        asyncio.run(capture(open_files("eml", tmp_path / "more"), box, CaptureOptions(connections=1)))
    assert check(root) == []
    added = [row for row in rows(root) if row[0] == "New"]
    assert len(added) == 1
    bascule(tmp_path, "search", root, "number", "--json")
