"""A live mailbox: what always holds, also for two who have it open at once."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, check
from bascule.mailbox.format import MailboxError, segment_name
from bascule.mailbox.live import Arriving, FolderGone, LiveMailbox, NameRefused
from bascule.platform.mailboxes import Mailboxes
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate
from support import messages, store


def arriving(octets: bytes, *flags: str) -> Arriving:
    return Arriving(HeldBody(octets), frozenset(flags), InternalDate(1_600_000_000))


@pytest.fixture
def box(tmp_path: Path):
    with LiveMailbox.create(tmp_path / "live.mailbox", 1_700_000_000) as made:
        yield made
    assert check(tmp_path / "live.mailbox") == []


@pytest.fixture
def inbox(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def test_what_one_writes_the_other_sees(box: LiveMailbox, inbox: int) -> None:
    with LiveMailbox.open(box.root) as other:
        for number in range(20):
            writer = (box, other)[number % 2]
            assert writer.messages.append(inbox, [arriving(messages.plain(number))]).uids == [number + 1]
        for reader in (box, other):
            folder = reader.folders.get(inbox)
            assert folder is not None
            assert (folder.messages, folder.unseen, folder.uidnext) == (20, 20, 21)
            rows = reader.reading.rows(inbox, 1, 99, limit=-1)
            assert [reader.reading.octets(row.body) for row in rows] == [messages.plain(n) for n in range(20)]


def test_equal_octets_are_kept_once(box: LiveMailbox, inbox: int) -> None:
    placed = box.messages.append(inbox, [arriving(messages.plain(1))] * 3)
    assert len({row.body for row in box.reading.rows(inbox, 1, 9, limit=-1)}) == 1
    assert placed.uids == [1, 2, 3]


def test_full_segments_are_followed_by_others(tmp_path: Path) -> None:
    root = tmp_path / "many.mailbox"
    with (
        LiveMailbox.create(root, 1, segment_octets=50_000) as one,
        LiveMailbox.open(root, segment_octets=50_000) as other,
    ):
        for number in range(40):
            (one, other)[number % 2].messages.append(2 - number % 2, [arriving(messages.plain(number, 20_000))])
    assert len(list(root.glob("bodies-*.sqlite"))) > 1
    assert check(root) == []


def test_uids_of_a_moment(box: LiveMailbox, inbox: int) -> None:
    box.messages.append(inbox, [arriving(messages.plain(n)) for n in range(5)])
    then = box.folders.get(inbox)
    assert then is not None
    rows = box.reading.rows(inbox, 1, 9, limit=-1)
    box.messages.expunge(inbox, [rows[1].id], 5)
    box.messages.append(inbox, [arriving(messages.plain(9))])
    now = box.folders.get(inbox)
    assert now is not None
    assert list(box.reading.uids(inbox, then.uidnext, then.modseq)) == [1, 2, 3, 4, 5]
    assert list(box.reading.uids(inbox, now.uidnext, now.modseq)) == [1, 3, 4, 5, 6]
    assert [(c.uid, c.vanished) for c in box.reading.changes(inbox, then.modseq)] == [(2, True), (6, False)]


def test_a_change_that_changes_nothing_has_no_modseq(box: LiveMailbox, inbox: int) -> None:
    box.messages.append(inbox, [arriving(messages.plain(1), "\\Seen")])
    assert box.messages.set_flags(inbox, [1], lambda flags: flags | {"\\Seen"}).changed == []
    done = box.messages.set_flags(inbox, [1], lambda flags: flags - {"\\Seen"}, unchanged_since=0)
    assert (done.changed, done.refused) == ([], [1])


def test_a_deleted_folder_takes_nothing(box: LiveMailbox) -> None:
    path = FolderPath(("Passing",))
    made = box.folders.create(path, 5)
    box.messages.append(made.id, [arriving(messages.plain(1))])
    box.folders.delete(path, 6)
    with pytest.raises(FolderGone):
        box.messages.append(made.id, [arriving(messages.plain(2))])
    assert box.messages.set_flags(made.id, [1], lambda flags: frozenset({"\\Seen"})).changed == []
    again = box.folders.create(path, 5)
    assert again.uidvalidity > made.uidvalidity
    assert again.messages == 0
    with pytest.raises(NameRefused):
        box.folders.create(path, 7)


def test_a_group_that_fails_leaves_nothing(box: LiveMailbox, inbox: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(message: int, header: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(box.mailbox.messages, "record_header", broken)
    with pytest.raises(OSError, match="disk full"):
        box.messages.append(inbox, [arriving(messages.plain(1), "a-new-keyword")])
    monkeypatch.undo()
    folder = box.folders.get(inbox)
    assert folder is not None
    assert (folder.messages, folder.uidnext) == (0, 1)
    assert box.messages.append(inbox, [arriving(messages.plain(1), "a-new-keyword")]).uids == [1]


def test_who_needs_it_alone_waits_and_archives_are_not_live(box: LiveMailbox, tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="in use"):
        Mailbox.open(box.root)
    store.sample(tmp_path / "archive.mailbox")
    with pytest.raises(MailboxError, match="archive"):
        LiveMailbox.open(tmp_path / "archive.mailbox")
    with Mailbox.open(tmp_path / "archive.mailbox"), pytest.raises(MailboxError, match="in use"):
        LiveMailbox.open(tmp_path / "archive.mailbox")


def test_a_count_that_is_wrong_is_found(tmp_path: Path) -> None:
    root = tmp_path / "wrong.mailbox"
    with LiveMailbox.create(root, 5) as box:
        box.messages.append(1, [arriving(messages.plain(1))])
        box.mailbox.database.execute("UPDATE folders SET unseen = 0 WHERE id = 1")
    assert [finding.number for finding in check(root)] == [10]


def test_a_making_that_was_cut_off_before_its_first_table_is_gone_on_with(tmp_path: Path) -> None:
    place = tmp_path / "anna.mailbox"
    place.mkdir()
    with contextlib.closing(sqlite3.connect(place / "catalogue.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    mailboxes = Mailboxes(tmp_path)
    with mailboxes.using("anna") as box:
        assert box.folders.find(INBOX) is not None
    mailboxes.close()
    assert check(place) == []


def test_nothing_is_written_at_the_places_of_a_bodies_file_that_is_missing(tmp_path: Path) -> None:
    """It is put back from a backup, and what came meanwhile is there too."""
    place, elsewhere = tmp_path / "anna.mailbox", tmp_path / "kept"
    mails = [b"Subject: %d\r\n\r\n" % n for n in range(4)]

    def bring(*octets: bytes) -> None:
        with LiveMailbox.open(place) as box:
            inbox = box.folders.find(INBOX)
            assert inbox is not None
            box.messages.append(inbox.id, [Arriving(HeldBody(each), frozenset(), InternalDate(1)) for each in octets])

    LiveMailbox.create(place, 1_700_000_000).close()
    bring(*mails[:2])
    shutil.move(place / segment_name(1), elsewhere)
    bring(mails[2])
    bring(mails[3])
    assert {finding.number for finding in check(place)} == {4}
    shutil.move(elsewhere, place / segment_name(1))
    assert check(place) == []
    with LiveMailbox.open(place) as box:
        bodies = [row.body for row in box.reading.rows(1, 1, 9, limit=9)]
        assert [box.reading.octets(body) for body in bodies] == mails
