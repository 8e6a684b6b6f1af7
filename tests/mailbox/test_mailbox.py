"""The mailbox on disk: what is written is read back; each way it can rot is found by its invariant's number."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, MailboxError, NewMessage, check
from bascule.mailbox.copying import copy_mailbox
from bascule.mailbox.format import CATALOGUE, segment_name
from bascule.mailbox.sealing import SUMS, seal, unseal
from bascule.mailbox.search import search, to_fts, update_index
from bascule.terms.body import HeldBody, SpooledBody
from bascule.terms.instant import InternalDate
from support import messages, store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "x.mailbox"
    store.sample(place)
    return place


def change(root: Path, query: str, name: str = CATALOGUE) -> None:
    (root / name).chmod(0o644)
    with sqlite3.connect(root / name) as database:
        database.execute(query)
    database.close()


def numbers(root: Path) -> set[int]:
    return {finding.number for finding in check(root)}


def test_what_is_stored_is_read_back_and_every_invariant_holds(root: Path) -> None:
    assert check(root) == []
    with Mailbox.open(root, read_only=True) as mailbox:
        rows = {row.path.display(): list(mailbox.messages.list(row.id)) for row in mailbox.folders.all()}
        assert {name: len(found) for name, found in rows.items()} == {"Archive/2015": 10, "INBOX": 30, "Été": 2}
        assert [mailbox.messages.body(row).whole() for row in rows["INBOX"]] == messages.many(30)
        one = rows["INBOX"][1]
        assert (one.uid, one.flags, one.date) == (2, {"\\Flagged", "$Forwarded"}, InternalDate(1_580_000_002))
        header = mailbox.messages.header(one.id)
        assert header is not None
        assert header.subject == "number 1"


def test_equal_messages_share_one_body(root: Path) -> None:
    with Mailbox.open(root, read_only=True) as mailbox:
        bodies = mailbox.database.execute(
            "SELECT count(DISTINCT body), count(*) FROM messages WHERE folder = 3"
        ).fetchone()
        assert bodies == (1, 2)


def test_a_large_message_is_kept_in_parts(tmp_path: Path) -> None:
    octets = messages.plain(1, 3_500_000)
    spooled = SpooledBody()
    spooled.write(octets)
    with Mailbox.create(tmp_path / "m") as mailbox:
        folder = store.add(mailbox, "INBOX", [])
        mailbox.messages.advance(folder, 2)
        mailbox.messages.store(folder, 7, [NewMessage(1, frozenset(), InternalDate(0), spooled)])
        row = next(mailbox.messages.list(folder))
        assert mailbox.messages.body(row).whole() == octets
    assert check(tmp_path / "m") == []


def test_a_uid_that_is_there_is_not_written_again(root: Path) -> None:
    with Mailbox.open(root) as mailbox:
        again = [NewMessage(1, frozenset(), InternalDate(0), HeldBody(b"other"))]
        first = next(mailbox.messages.list(1)).id
        assert mailbox.messages.store(1, 7, again) == [first]
        assert sum(1 for _ in mailbox.messages.list(1)) == 30
    assert check(root) == []


def test_bodies_files_are_closed_when_full_and_never_touched_again(tmp_path: Path) -> None:
    root = tmp_path / "m"
    with Mailbox.create(root, segment_octets=20_000) as mailbox:
        for n in range(6):
            store.add(mailbox, "INBOX", [messages.plain(n * 10 + i, 5000) for i in range(5)], 1 + n * 5)
    with Mailbox.open(root, segment_octets=20_000) as mailbox:
        closed = mailbox.database.execute("SELECT count(*) FROM segments").fetchone()[0]
        store.add(mailbox, "INBOX", [messages.plain(999)], 40)
    assert closed >= 2
    assert not (root / segment_name(1)).stat().st_mode & 0o222
    assert check(root) == []


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("UPDATE messages SET folder = 99 WHERE id = 3", 2),
        ("UPDATE messages SET flagset = 99 WHERE id = 3", 2),
        ("UPDATE messages SET body = 9999 WHERE id = 3", 2),
        ("UPDATE messages SET body = NULL WHERE id = 3", 3),
        ("UPDATE messages SET octets = 1 WHERE id = 3", 3),
        ("UPDATE bodies SET place = 9999 WHERE id = 3", 4),
        ("UPDATE bodies SET place = 4 WHERE id = 3", 4),
        ("UPDATE messages SET uid = 0 WHERE id = 3", 7),
        ("UPDATE folders SET uidnext = 5 WHERE id = 1", 7),
        ("INSERT INTO outcomes (target, message, code) VALUES (1, 9999, 'delivered')", 8),
        (
            "INSERT INTO outcomes (target, message, code, target_uid) VALUES (1, 1, 'delivered', 5), (1, 2, 'delivered', 5)",
            8,
        ),
        ("INSERT INTO intents VALUES (1, 1, 1, 7, 1, '[9999]', 0)", 9),
        ("INSERT INTO segments VALUES (1, 1, x'00')", 6),
    ],
)
def test_each_broken_invariant_is_found_by_its_number(root: Path, query: str, number: int) -> None:
    change(root, query)
    assert number in numbers(root)


def test_changed_octets_are_found_and_never_given_out(root: Path) -> None:
    change(root, "UPDATE bodies SET data = zeroblob(length(data)) WHERE id = 1", segment_name(1))
    assert 5 in numbers(root)
    with Mailbox.open(root, read_only=True) as mailbox, pytest.raises(MailboxError):
        mailbox.messages.body(next(mailbox.messages.list(1)))


def test_a_missing_bodies_file_and_a_torn_catalogue_are_found(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / segment_name(1)).unlink()
    assert 4 in numbers(copy)
    with (root / CATALOGUE).open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 4)
    assert 1 in numbers(root)


def test_what_is_no_mailbox_or_newer_or_in_use_is_told_in_a_sentence(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="does not exist"):
        Mailbox.open(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    with pytest.raises(MailboxError, match="not a mailbox"):
        Mailbox.open(tmp_path / "folder")
    with pytest.raises(MailboxError, match="exists and is not a mailbox"):
        Mailbox.create(tmp_path / "folder")
    with Mailbox.open(root), pytest.raises(MailboxError, match="in use by another Bascule"):
        Mailbox.open(root)
    change(root, "PRAGMA user_version = 99")
    with pytest.raises(MailboxError, match="newer Bascule"):
        Mailbox.open(root)
    (root / CATALOGUE).write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(MailboxError, match="damaged"):
        Mailbox.open(root)


@pytest.mark.parametrize("damage", ["no database", "no tables", "another version", "text for a number"])
def test_what_cannot_be_opened_is_not_held_open(root: Path, damage: str) -> None:
    """A server meets a damaged mailbox at each command, and descriptors are few."""
    catalogue = root / CATALOGUE
    if damage == "no database":
        catalogue.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    else:
        with contextlib.closing(sqlite3.connect(catalogue)) as database, database:
            database.executescript(
                {
                    "no tables": "DROP TABLE meta",
                    "another version": "PRAGMA user_version = 1000",
                    "text for a number": "UPDATE messages SET uid = 'x' WHERE id = 1",
                }[damage]
            )
    before = len(os.listdir("/proc/self/fd"))
    errors = []
    for read_only in (True, False):
        with pytest.raises(MailboxError) as raised:
            Mailbox.open(root, read_only=read_only, made_elsewhere=True)
        errors.append(raised)  # whoever logs it may keep it
    assert len(os.listdir("/proc/self/fd")) == before


def test_search_folds_accents_and_knows_fields_and_the_default_view(root: Path) -> None:
    with Mailbox.open(root) as mailbox:
        store.add(
            mailbox, "INBOX", [messages.plain(800, 300, "R=?utf-8?q?=C3=A9?=union =?utf-8?q?sp=C3=A9ciale?=")], 50
        )
        assert update_index(mailbox) == 41
        assert update_index(mailbox) == 0
        hits = search(mailbox, "SPECIALE")
        assert [(hit.folder.display(), hit.uid) for hit in hits] == [("INBOX", 50)]
        assert search(mailbox, "subject:speciale from:a2")
        assert not search(mailbox, "from:speciale")
        assert not search(mailbox, "nonesuchword")
        mailbox.messages.set_vanished([hits[0].message], 1)
        assert not search(mailbox, "speciale")
        with pytest.raises(MailboxError):
            to_fts("«»")


def test_the_index_may_be_deleted(root: Path) -> None:
    with Mailbox.open(root) as mailbox:
        update_index(mailbox)
    (root / "search.sqlite").unlink()
    with Mailbox.open(root) as mailbox:
        assert update_index(mailbox) > 0
        assert search(mailbox, "number")


def test_a_sealed_mailbox_travels_and_opens_again(root: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "one.sealed"
    with Mailbox.open(root) as mailbox:
        seal(mailbox, sealed)
    unseal(sealed, tmp_path / "back.mailbox")
    assert check(tmp_path / "back.mailbox") == []
    damaged = bytearray(sealed.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    sealed.write_bytes(bytes(damaged))
    with pytest.raises(MailboxError):
        unseal(sealed, tmp_path / "worse.mailbox")
    assert not list(tmp_path.glob("worse*")), "nothing is left of what was not whole"
    (tmp_path / "worse.mailbox.partial").mkdir()  # as a crash leaves it
    (tmp_path / "worse.mailbox.partial/catalogue.sqlite").write_bytes(b"half of it")
    with pytest.raises(MailboxError):
        unseal(sealed, tmp_path / "worse.mailbox")
    assert not list(tmp_path.glob("worse*"))


def test_sealed_or_unsealed_a_mailbox_has_its_name_once_it_is_on_the_disk(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a power failure leaves under the name is whole: what is renamed is synced before, and its folder after."""
    done: list[tuple[str, str]] = []
    sync, rename = os.fsync, os.rename

    def noted_sync(handle: int) -> None:
        sync(handle)
        done.append(("sync", str(Path(os.readlink(f"/proc/self/fd/{handle}")).relative_to(tmp_path))))

    def noted_rename(source: Path, target: Path) -> None:
        rename(source, target)
        done.append(("rename", str(Path(target).relative_to(tmp_path))))

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    with Mailbox.open(root) as mailbox:
        done.clear()
        seal(mailbox, tmp_path / "one.sealed")
    assert done == [("sync", "one.sealed.partial"), ("rename", "one.sealed"), ("sync", ".")]
    done.clear()
    unseal(tmp_path / "one.sealed", tmp_path / "back.mailbox")
    assert done == [
        *(("sync", f"back.mailbox.partial/{name}") for name in (CATALOGUE, segment_name(1))),
        ("sync", "back.mailbox.partial"),
        ("rename", "back.mailbox"),
        ("sync", "."),
    ]


@pytest.mark.parametrize(
    "name", ["../bodies-0001.sqlite", "bodies-/../../x.sqlite", "lock", "bodies-0001.sqlite\0", ""]
)
def test_a_sealed_file_puts_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    sealed = tmp_path / "one.sealed"
    with zipfile.ZipFile(sealed, "w") as archive:
        archive.writestr(SUMS, f"{hashlib.sha256(b'x').hexdigest()}  {name}\n")
        archive.writestr("bodies-0001.sqlite", b"x")
    with pytest.raises(MailboxError, match="not a sealed mailbox"):
        unseal(sealed, tmp_path / "there/back.mailbox")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one.sealed", "there"]


def test_a_backup_copies_closed_files_once(tmp_path: Path) -> None:
    root, kept = tmp_path / "m", tmp_path / "backup"
    with Mailbox.create(root, segment_octets=20_000) as mailbox:
        for n in range(4):
            store.add(mailbox, "INBOX", [messages.plain(n * 10 + i, 5000) for i in range(5)], 1 + n * 5)
        first = copy_mailbox(root, kept, is_alone=True).octets
        written = (kept / segment_name(1)).stat().st_mtime_ns
        store.add(mailbox, "INBOX", [messages.plain(77)], 40)
        second = copy_mailbox(root, kept, is_alone=True).octets
    assert (kept / segment_name(1)).stat().st_mtime_ns == written
    assert 0 < second < first
    assert check(kept) == []


@pytest.mark.parametrize("name", [CATALOGUE, segment_name(1)])
def test_a_file_whose_writer_was_killed_as_it_was_closed_is_copied(root: Path, name: str) -> None:
    """Half of what it wrote lies in the file, and what that was before in the journal beside it."""
    with Mailbox.open(root) as mailbox:
        store.add(mailbox, "INBOX", [messages.plain(77, 60_000)], 900)
    (root / name).chmod(0o644)
    killed = (
        "import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None); d.execute('PRAGMA journal_mode = DELETE');"
        "d.execute('PRAGMA cache_size = 2'); d.execute('BEGIN'); d.execute('CREATE TABLE half (x)');"
        "d.execute('INSERT INTO half WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) SELECT randomblob(900) FROM n'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", killed, str(root / name)], check=True)
    assert (root / f"{name}-journal").stat().st_size > 0
    copy_mailbox(root, root.with_name("kept"))
    assert check(root.with_name("kept")) == []


def test_a_word_of_nearly_every_message_finds_the_newest_just_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mailbox.open(root) as mailbox:
        update_index(mailbox)
        few = [search(mailbox, "from:example", limit) for limit in (1, 7, 100)]
        monkeypatch.setattr("bascule.mailbox.search.FEW_BODIES", 0)
        assert [search(mailbox, "from:example", limit) for limit in (1, 7, 100)] == few
        assert [len(hits) for hits in few] == [1, 7, 42]


def test_only_the_last_word_may_be_a_beginning() -> None:
    assert to_fts('de budg "le mot" from:ann') == '"de" AND "budg" AND "le mot" AND people : "ann"*'


def test_of_the_sightings_of_an_unchanged_folder_the_last_is_kept(tmp_path: Path) -> None:
    with Mailbox.open_or_create(tmp_path / "x", keeps_bodies=False) as mailbox:
        for uidnext in (5, 5, 5, 8, 8):
            with mailbox.transaction():
                mailbox.folders.begin_delta(0)
                mailbox.folders.sight([(1, 7, uidnext)])
                mailbox.folders.sight([(1, 7, uidnext + 1)])
        assert mailbox.messages.absence(1, 7).sightings == ((5, 8), (3, 5))


def test_a_set_of_flags_that_was_rolled_back_is_written_again(tmp_path: Path) -> None:
    """Whoever wrote it: here the ledger. Its number may be another set's by then."""
    seen, flagged = frozenset({"\\Seen"}), frozenset({"\\Flagged"})
    with Mailbox.open_or_create(tmp_path / "x", keeps_bodies=False) as mailbox:
        ledger = mailbox.ledger("imap://u@h")

        def fail() -> None:
            with mailbox.transaction() as database:
                ledger.intend(1, 1, 1, {1: seen})
                mailbox.flagsets.flags_of(mailbox.flagsets.number_of(seen))
                database.execute("INSERT INTO meta SELECT key, value FROM meta")

        with pytest.raises(sqlite3.IntegrityError):
            fail()
        with mailbox.transaction():
            numbers = mailbox.flagsets.number_of(flagged), mailbox.flagsets.number_of(seen)
        assert [mailbox.flagsets.flags_of(number) for number in numbers] == [flagged, seen]
        assert dict(mailbox.database.execute("SELECT names, id FROM flagsets")) == {
            "\\Flagged": numbers[0],
            "\\Seen": numbers[1],
        }
