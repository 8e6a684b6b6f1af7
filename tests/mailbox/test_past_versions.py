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
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.purging import purge
from bascule.mailbox.live.undeleting import deleted, give_back
from bascule.mailbox.search import search, update_index
from bascule.sources.files import open_files
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support import messages
from support.command import bascule

FIXTURES = Path(__file__).parent.parent / "fixtures"
LIVE = sorted(FIXTURES.glob("live-version-*"))
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
    assert [place.name for place in VERSIONS] == [f"mailbox-version-{n + 1}" for n in range(FORMAT_VERSION)]
    assert [place.name for place in LIVE] == [f"live-version-{n}" for n in range(2, FORMAT_VERSION + 1)]


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


@pytest.fixture(params=LIVE, ids=lambda place: place.name)
def live(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict]:
    shutil.copytree(request.param / "mailbox", tmp_path / "live.mailbox")
    return tmp_path / "live.mailbox", json.loads((request.param / "expected.json").read_text())


def seen_by(box: LiveMailbox) -> dict[str, list]:
    """Folder → [UID, flags, octets, SHA-256] of each message that is there."""
    reading = box.reading
    return {
        folder.path.display(): [
            [row.uid, sorted(reading.flags(row.flagset)), row.octets, reading.sha256(row.body).hex()]
            for row in reading.rows(folder.id, 1, 2**31, limit=999)
            if row.uid in reading.uids(folder.id, folder.uidnext, folder.modseq)
        ]
        for folder in box.folders.all()
    }


def test_a_live_mailbox_opens_with_all_that_is_in_it(live) -> None:
    root, expected = live
    assert check(root) == []
    with LiveMailbox.open(root) as box:
        assert seen_by(box) == expected["owner"]
        assert seen_by(box.read_by("bob-id")) == expected["bob"]
        folders = box.folders.all()
        rights = {
            f.path.display(): {who: "".join(sorted(given)) for who, given in box.sharing.of(f.id).items()}
            for f in folders
        }
        assert rights == expected["rights"]
        assert {f.path.display(): f.uidvalidity for f in folders} == expected["uidvalidities"]
        assert box.folders.other_subscriptions() == expected["other_subscriptions"]
        update_index(box.mailbox)
        assert len(search(box.mailbox, "text:budget")) == 7  # the eighth was deleted


def test_a_live_mailbox_is_gone_on_with(live) -> None:
    root, expected = live
    with LiveMailbox.open(root) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        new = Arriving(HeldBody(messages.plain(9)), frozenset(), InternalDate(1_770_000_000), "queue-1")
        box.messages.deliver(inbox.id, [new], 1_760_000_300)  # it came already
        assert seen_by(box) == expected["owner"]
        uid = box.messages.append(inbox.id, [new]).uids[0]
        assert uid == inbox.uidnext
        assert {each.subject for each in deleted(box, 0)} == {"budget 2", "vieux 20"}
        assert give_back(box, deleted(box, 0), 1_770_000_000) == 2
        purge(box, 1_780_000_000)
    assert check(root) == []
