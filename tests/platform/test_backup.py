"""Backup while the server runs, and what comes back: a message, a folder, a mailbox, the whole installation on an empty machine."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox import check, copying
from bascule.mailbox.format import MailboxInUse, segment_name
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.purging import compact, purge
from bascule.mailbox.live.undeleting import deleted
from bascule.platform.backup import BackedUp, back_up, restore_installation, restore_messages, restoring
from bascule.platform.backup.backing_up import INSTANT, THE_TRACE
from bascule.platform.smtp.queue import QueueStore
from bascule.platform.trace import FILE as TRACE
from bascule.platform.trace import KEPT_SECONDS, Event, Trace, search
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from support import messages
from support.command import ENTRY
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message

BOB = "bob@example.org"
MAILS = [*messages.many(30), b"Subject: large\r\nMessage-ID: <large@x>\r\n\r\n" + b"y" * 3_000_000 + b"\r\n"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    with PrivateBascule(
        tmp_path / "server", accounts=(ANNA, BOB), settings={"server": 'zone = "Asia/Tokyo"'}
    ) as running:
        yield running


@pytest.fixture
def box(server: PrivateBascule) -> Iterator[Dialogue]:
    dialogue = Dialogue(server.imap)
    dialogue.ok(f"LOGIN {ANNA} {PASSWORD}")
    dialogue.ok("CREATE Projets/2026")
    fill(dialogue, "INBOX", MAILS)
    fill(dialogue, "Projets/2026", MAILS[:5])
    yield dialogue
    dialogue.close()


def fill(box: Dialogue, folder: str, mails: list[bytes]) -> None:
    box.ok(
        f"APPEND {folder} " + " ".join("(\\Seen $Label1) {}" if n % 2 else "() {}" for n in range(len(mails))), *mails
    )


def run(server: PrivateBascule, name: str, *words: str, status: int = 0) -> str:
    done = subprocess.run([*ENTRY, name, "--config", str(server.config), *words], capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def held(place: Path) -> Counter[tuple[str, bytes, frozenset[str], int]]:
    """Every message that is there: folder, content, flags, date."""
    found: Counter[tuple[str, bytes, frozenset[str], int]] = Counter()
    with LiveMailbox.open(place) as box:
        for folder in box.folders.all():
            there = set(box.reading.uids(folder.id, folder.uidnext, folder.modseq))
            for row in box.reading.rows(folder.id, 1, folder.uidnext, limit=-1):
                if row.uid in there:
                    octets = box.reading.octets(row.body)
                    found[str(folder.path), octets, box.reading.flags(row.flagset), row.date_utc] += 1
    return found


def test_the_installation_comes_back_on_an_empty_machine(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    with SmtpDialogue(server.ports["smtp"]) as dialogue:
        assert dialogue.deliver(message(), "a@b.example", BOB).code == 250
    run(server, "backup", str(tmp_path / "backup"))
    places = [server.mailbox(ANNA), server.mailbox(BOB)]
    expected = [held(place) for place in places]
    server.stop()
    shutil.rmtree(server.root / "data")
    run(server, "restore", str(tmp_path / "backup"), "--all")
    for place, before in zip(places, expected, strict=True):
        assert check(place) == []
        assert held(place) == before
    server.start()
    again = Dialogue(server.imap)
    again.ok(f"LOGIN {ANNA} {PASSWORD}")
    again.ok("SELECT INBOX")
    fill(again, "INBOX", MAILS[:1])
    again.close()
    assert "already" in run(server, "restore", str(tmp_path / "backup"), "--all", status=1)


def test_no_uid_is_given_again_after_a_restore(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    """RFC 9051 §2.3.1.1, RFC 7162 §3.2.5: a program that was there between the backup and the loss hears what is lost, and what is so again."""
    run(server, "backup", str(tmp_path / "backup"))
    lost = box.ok("APPEND INBOX {}", b"Subject: lost\r\n\r\n").code.split()
    box.ok("CREATE Later")
    box.ok("SELECT INBOX")
    box.ok("STORE 1 +FLAGS (\\Flagged)")
    validity, uidnext, modseq = (numbers(box, "INBOX")[name] for name in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"))
    later = numbers(box, "Later")["UIDVALIDITY"]
    box.close()
    server.stop()
    shutil.rmtree(server.root / "data")
    run(server, "restore", str(tmp_path / "backup"), "--all")
    assert check(server.mailbox()) == []
    server.start()
    again = Dialogue(server.imap)
    again.ok(f"LOGIN {ANNA} {PASSWORD}")
    again.ok("ENABLE QRESYNC")
    reply = again.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    assert reply.has(b"* OK [UIDVALIDITY %d]" % validity)
    assert any(int(lost[2]) in _named(line) for line in reply.lines if line.startswith(b"* VANISHED (EARLIER) "))
    assert reply.has(b"FETCH (UID 1 FLAGS () MODSEQ") or reply.has(b"FETCH (UID 1 FLAGS (\\Recent) MODSEQ")
    assert numbers(again, "INBOX")["HIGHESTMODSEQ"] > modseq
    new = again.ok("APPEND INBOX {}", b"Subject: new\r\n\r\n").code.split()
    assert new[1] == lost[1]
    assert int(new[2]) >= uidnext
    again.ok("CREATE Later")
    assert numbers(again, "Later")["UIDVALIDITY"] > later
    again.close()


def numbers(box: Dialogue, folder: str) -> dict[str, int]:
    [line] = [
        line for line in box.ok(f"STATUS {folder} (UIDVALIDITY UIDNEXT HIGHESTMODSEQ)").lines if b"* STATUS" in line
    ]
    words = line.partition(b"(")[2].strip(b")\r\n").decode().split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _named(vanished: bytes) -> range:
    """Of a response that names one range."""
    low, _, high = vanished.split()[-1].decode().rpartition(":")
    return range(int(low or high), int(high) + 1)


def test_a_restore_writes_over_no_mail_but_what_one_that_was_cut_off_left(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    LiveMailbox.create(data / "mailboxes/anna.mailbox", 1_700_000_000).close()
    back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)
    with LiveMailbox.open(data / "mailboxes/anna.mailbox") as box:
        box.folders.create(FolderPath(("New",)), 1_700_000_000)
    with pytest.raises(BasculeError, match="newer than the backup"):
        restore_installation(backup, data, lambda done, of: None)
    with LiveMailbox.open(data / "mailboxes/anna.mailbox") as box:
        assert box.folders.find(FolderPath(("New",))) is not None

    def stop(done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_installation(backup, tmp_path / "back", stop)
    assert restore_installation(backup, tmp_path / "back", lambda done, of: None).mailboxes == 1
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["mailboxes", "queue"]


def test_only_what_is_new_is_written(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    first = json.loads(run(server, "backup", str(backup), "--json"))
    assert first["octets"] > 3_000_000
    for _ in range(8):  # once, housekeeping describes what came: that is a change
        again = json.loads(run(server, "backup", str(backup), "--json"))
        assert again["octets"] == 0
        if again["changed"] == 0:
            break
    assert again["changed"] == 0
    fill(box, "Sent", [b"Subject: new\r\n\r\nnew\r\n"])
    third = json.loads(run(server, "backup", str(backup), "--json"))
    assert (third["changed"], third["octets"]) == (1, 21)
    for place in (backup / "mailboxes").iterdir():
        assert check(place) == []


def test_a_message_a_folder_and_a_mailbox_come_back(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    backup = str(tmp_path / "backup")
    run(server, "backup", backup)
    place = server.mailbox(ANNA)
    before = held(place)
    box.ok("SELECT INBOX")
    box.ok("STORE 1:31 +FLAGS (\\Deleted)")
    box.ok("EXPUNGE")
    box.ok("DELETE Projets/2026")
    fill(box, "INBOX", [b"Subject: since\r\n\r\nsince\r\n"])
    assert "31 would come back" in run(server, "restore", backup, "--account", ANNA, "--folder", "INBOX", "--dry-run")
    assert sum(held(place).values()) == 1
    assert "1 came back" in run(server, "restore", backup, "--account", ANNA, "--message-id", "<large@x>")
    assert "5 came back" in run(server, "restore", backup, "--account", ANNA, "--folder", "Projets/2026")
    assert "30 came back" in run(server, "restore", backup, "--account", ANNA)
    assert "Nothing is missing" in run(server, "restore", backup, "--account", ANNA)
    after = held(place)
    assert after - before == Counter({key: 1 for key in after if key[1].startswith(b"Subject: since")})
    assert before - after == Counter()
    assert check(place) == []


def test_one_that_is_damaged_in_the_backup_is_named_and_the_others_come_back(
    server: PrivateBascule, box: Dialogue, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    run(server, "backup", str(backup))
    place = server.mailbox(ANNA)
    before = held(place)
    box.ok("SELECT INBOX")
    box.ok("STORE 1:* +FLAGS (\\Deleted)")
    box.ok("EXPUNGE")
    with LiveMailbox.open(place) as live:
        lost, altered = (row.body for row in live.reading.rows(1, 1, 2, limit=2))
    with contextlib.closing(sqlite3.connect(backup / "mailboxes" / place.name / segment_name(1))) as bodies, bodies:
        bodies.execute("DELETE FROM bodies WHERE id = ?", (lost,))
        bodies.execute("UPDATE bodies SET encoding = 0, data = x'ff' WHERE id = ?", (altered,))
    said = run(server, "restore", str(backup), "--account", ANNA, "--folder", "INBOX", status=1)
    assert "29 came back" in said
    assert said.count("Not restored: INBOX") == 2
    assert sum((before - held(place)).values()) == 2
    assert check(place) == []


def in_tokyo(state: str) -> str:
    """Nine hours before UTC, summer and winter."""
    return (datetime.strptime(state, INSTANT) + timedelta(hours=9)).isoformat(" ")


def test_an_earlier_state_can_be_gone_back_to(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    backup = str(tmp_path / "backup")
    run(server, "backup", backup)
    place = server.mailbox(ANNA)
    before = held(place)
    box.ok("SELECT INBOX")
    box.ok("STORE 1:* +FLAGS (\\Deleted)")
    box.ok("EXPUNGE")
    first_second = int(time.time())
    while int(time.time()) == first_second:  # states have seconds
        time.sleep(0.01)
    last = run(server, "backup", backup)
    assert "Nothing is missing" in run(server, "restore", backup, "--account", ANNA)
    heading, *lines = run(server, "restore", backup, "--account", ANNA, "--states").splitlines()
    assert heading == "For --at\tWhen (Asia/Tokyo)"
    (first, _), (second, at) = (line.split("\t") for line in lines)
    assert at == in_tokyo(second)
    assert f"as of {at} (Asia/Tokyo)" in last
    assert first < second
    assert "31 came back" in run(server, "restore", backup, "--account", ANNA, "--at", first)
    assert held(place) == before
    assert "There is no state" in run(server, "restore", backup, "--account", ANNA, "--at", "2001-01-01", status=1)


def test_what_was_deleted_comes_back_without_a_backup(server: PrivateBascule, box: Dialogue) -> None:
    place = server.mailbox(ANNA)
    box.ok("SELECT INBOX")
    box.ok("MOVE 2 Sent")
    box.ok("STORE 30 +FLAGS (\\Deleted)")
    box.ok("EXPUNGE")
    with LiveMailbox.open(place) as live:
        [gone] = deleted(live, 0)
    assert gone.subject == "large"
    assert "1 would come back" in run(server, "restore", "--deleted", "--account", ANNA, "--dry-run")
    assert "1 came back" in run(server, "restore", "--deleted", "--account", ANNA)
    assert "Nothing is missing" in run(server, "restore", "--deleted", "--account", ANNA)
    names = [key for key in held(place) if key[1].startswith(b"Subject: large")]
    assert [(key[0], sorted(key[2])) for key in names] == [("INBOX", [])]
    box.ok("NOOP")
    assert check(place) == []


def test_what_is_no_backup_is_left_alone(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_bytes(b"x")
    assert "holds something else" in run(server, "backup", str(tmp_path / "photos"), status=1)
    assert "is no backup" in run(server, "restore", str(tmp_path / "photos"), "--account", ANNA, status=1)
    assert "Give --account" in run(server, "restore", str(tmp_path / "photos"), status=2)


def test_where_no_backup_can_lie_nothing_is_made(server: PrivateBascule, tmp_path: Path) -> None:
    data = server.root / "data"
    (tmp_path / "afile").write_text("x")
    (tmp_path / "link").symlink_to(data)
    for place in (data / "bk", data, tmp_path / "link/bk"):
        assert "lies within the data folder" in run(server, "backup", str(place), status=2)
    for place in (tmp_path / "afile", tmp_path / "afile/below", Path("/proc/nowhere")):
        said = run(server, "backup", str(place), status=2)
        assert f"{place} " in said
        assert "Nothing was backed up." in said
        assert "again" not in said
    assert not (data / "bk").exists()


def test_all_of_a_backup_is_its_owners_alone(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    server.config.chmod(0o644)
    run(server, "backup", str(tmp_path / "backup"))
    modes = {str(path): path.stat().st_mode & 0o077 for path in (tmp_path / "backup").rglob("*")}
    assert {path: mode for path, mode in modes.items() if mode} == {}


@pytest.mark.parametrize("words", [("{backup}",), ("--deleted",)])
def test_a_name_that_is_nowhere_is_refused(
    server: PrivateBascule, box: Dialogue, tmp_path: Path, words: tuple[str, ...]
) -> None:
    backup = str(tmp_path / "backup")
    run(server, "backup", backup)
    words = ("restore", *(word.format(backup=backup) for word in words), "--account", ANNA)
    for folder in ("Nope", "sent", "projets/2026", "Projets"):
        said = run(server, *words, "--folder", folder, status=2)
        assert f"has no folder {folder}; there are " in said
        assert "INBOX" in said
        assert "Projets/2026" in said
    assert "there are Sent, " in run(server, *words, "--folder", "sent", status=2)
    assert "has no message <no@x>." in run(server, *words, "--message-id", "<no@x>", status=2)
    said = run(server, *words, "--folder", "Sent", "--message-id", "<large@x>", status=2)
    assert "has no message <large@x> in Sent." in said
    for known in (("--folder", "INBOX"), ("--folder", "inbox"), ("--message-id", "<large@x>"), ("--folder", "INBOX/")):
        assert "Nothing is missing" in run(server, *words, *known)


def test_a_folder_that_held_copies_comes_back_as_the_dry_run_said(server: PrivateBascule, box: Dialogue) -> None:
    for name in ("Courrier", "Rapports"):
        box.ok(f"CREATE {name}")
    fill(box, "Courrier", [b"Subject: report %d\r\n\r\n" % number for number in range(3)])
    box.ok("SELECT Courrier")
    box.ok("COPY 1:2 Rapports")
    box.ok("STORE 1:3 +FLAGS (\\Deleted)")
    box.ok("EXPUNGE")
    box.ok("DELETE Rapports")
    words = ("restore", "--deleted", "--account", ANNA)
    assert "5 would come back" in run(server, *words, "--dry-run")
    assert "3 came back" in run(server, *words, "--folder", "Courrier")
    assert "2 came back" in run(server, *words, "--folder", "Rapports")
    assert "Nothing is missing" in run(server, *words)


def test_the_backup_is_right_while_mail_arrives(server: PrivateBascule, box: Dialogue, tmp_path: Path) -> None:
    import threading

    stop, sent = threading.Event(), []

    def send() -> None:
        with SmtpDialogue(server.ports["smtp"]) as dialogue:
            while not stop.is_set():
                assert dialogue.deliver(message(f"n{len(sent)}"), "a@b.example", ANNA).code == 250
                sent.append(len(sent))

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(3):
        acknowledged = len(sent)
        run(server, "backup", str(tmp_path / "backup"))
        [place] = (tmp_path / "backup/mailboxes").glob(f"{server.mailbox(ANNA).name}")
        assert check(place) == []
        arrived = sum(count for key, count in held(place).items() if key[1].startswith(b"Return-Path"))
        assert arrived >= acknowledged
    stop.set()
    thread.join()


def queued(backup: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (backup / "queue").iterdir()}


def test_of_the_queue_what_is_acknowledged_is_copied_and_copied_whole(tmp_path: Path) -> None:
    """A file is synced before its row: one without a row is being written."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    (data / "mailboxes").mkdir(parents=True)

    def once() -> dict[str, bytes]:
        back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)
        return queued(backup)

    with contextlib.closing(QueueStore(data)) as queue:
        queue.put("whole", "a@b.example", ["c@d.example"], HeldBody(b"all of it"))
        (data / "queue/half").write_bytes(b"half of")
        assert once() == {"whole": b"all of it"}
        queue.put("half", "a@b.example", ["c@d.example"], HeldBody(b"half of it, and the rest"))
        assert once() == {"whole": b"all of it", "half": b"half of it, and the rest"}
        (backup / "queue/whole").write_bytes(b"all")  # as an earlier Bascule could leave it
        (backup / "queue/half.partial").write_bytes(b"cut off")
        assert once() == {"whole": b"all of it", "half": b"half of it, and the rest"}
        with contextlib.closing(sqlite3.connect(data / "queue.sqlite")) as rows, rows:
            rows.execute("DELETE FROM recipients")
            rows.execute("DELETE FROM messages")
        assert once() == {}


class Diary:
    """A trace, and its copy in a backup."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.backup = root, root / "data", root / "backup"
        (self.data / "mailboxes").mkdir(parents=True)
        self.now = time.time()

    def note(self, *messages: str, age_seconds: float = 0.0) -> None:
        trace = Trace(self.data / TRACE, clock=lambda: self.now - age_seconds)
        for each in messages:
            trace.note(Event.SENT, each)
        trace.close()

    def back_up(self) -> list[str]:
        """Which messages the copy tells of afterwards."""
        done = back_up(
            self.data, self.root / "none.toml", self.backup, self.now, keep=1, progress=lambda done, of: None
        )
        assert done.failed == {}
        return [row.message for row in search(self.backup / TRACE)]


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path)


def test_the_trace_is_backed_up_row_by_row_and_comes_back(diary: Diary) -> None:
    diary.note("one", "two")
    assert diary.back_up() == ["one", "two"]
    copy = (diary.backup / TRACE).stat().st_ino
    diary.note("three")
    assert diary.back_up() == diary.back_up() == ["one", "two", "three"]
    assert (diary.backup / TRACE).stat().st_ino == copy, "what was copied once is not copied again"
    restore_installation(diary.backup, diary.root / "back", lambda done, of: None)
    assert [row.message for row in search(diary.root / "back" / TRACE)] == ["one", "two", "three"]


def test_what_the_trace_no_longer_keeps_leaves_the_copy_too(diary: Diary) -> None:
    diary.note("long ago", age_seconds=KEPT_SECONDS - 60)
    assert diary.back_up() == ["long ago"]
    diary.now += 120
    assert diary.back_up() == []
    diary.note("new")
    assert diary.back_up() == ["new"]


def test_a_trace_that_was_begun_anew_or_a_copy_that_is_damaged_is_copied_whole(diary: Diary) -> None:
    diary.note("one", "two")
    diary.back_up()
    (diary.data / TRACE).unlink()
    diary.note("another", "and another", "a third")
    assert diary.back_up() == ["another", "and another", "a third"]
    (diary.backup / TRACE).write_bytes(b"no database at all" * 100)
    assert diary.back_up() == ["another", "and another", "a third"]


def test_of_a_trace_that_is_just_being_made_there_is_nothing_to_copy_yet(diary: Diary) -> None:
    """Its file is there, in one moment of its first row, before it has a table."""
    with contextlib.closing(sqlite3.connect(diary.data / TRACE)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    assert diary.back_up() == []
    diary.note("one")
    assert diary.back_up() == ["one"]


def test_a_trace_that_is_damaged_is_named_and_keeps_nothing_else_from_coming_back(diary: Diary) -> None:
    LiveMailbox.create(diary.data / "mailboxes/anna.mailbox", 1_700_000_000).close()
    diary.note("one")
    diary.back_up()
    (diary.backup / TRACE).write_bytes(b"no database at all" * 100)
    done = restore_installation(diary.backup, diary.root / "back", lambda done, of: None)
    assert (done.mailboxes, list(done.failed)) == (1, [THE_TRACE])
    (diary.data / TRACE).write_bytes(b"no database at all" * 100)
    saved = back_up(
        diary.data, diary.root / "none.toml", diary.backup, diary.now, keep=1, progress=lambda done, of: None
    )
    assert (saved.mailboxes, list(saved.failed)) == (1, [THE_TRACE])


def test_of_two_backups_to_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    LiveMailbox.create(data / "mailboxes/anna.mailbox", 1_700_000_000).close()

    def once_more(done: int, of: int) -> None:
        with pytest.raises(MailboxInUse):
            back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)

    done = back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=once_more)
    assert (done.mailboxes, done.failed) == (1, {})
    assert os.listdir(backup / "mailboxes") == ["anna.mailbox"]


def test_what_two_restores_find_missing_comes_back_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second runs between the first one's look and its writing."""
    place, backup, said = tmp_path / "anna.mailbox", tmp_path / "backup", []
    mail = Arriving(HeldBody(b"Subject: thrice\r\n\r\n"), frozenset(), InternalDate(1))
    with LiveMailbox.create(place, 1_700_000_000) as box:
        made = box.folders.create(FolderPath(("Made",)), 1)
        box.messages.append(made.id, [mail, mail, mail, Arriving(HeldBody(b"once\r\n"), frozenset(), InternalDate(1))])
        copying.copy_mailbox(place, backup)
        box.folders.delete(made.path, 2)
    look = restoring._missing

    def restore() -> None:
        with LiveMailbox.open(place) as live, LiveMailbox.open(backup) as kept:
            said.append(len(list(restore_messages(kept, live, 3))))

    def look_and_wait(*asked: Any) -> Any:
        found = list(look(*asked))
        if found:
            monkeypatch.undo()
            restore()
        return found

    monkeypatch.setattr(restoring, "_missing", look_and_wait)
    restore()
    assert said == [4, 0]
    assert sorted(octets for folder, octets, _, _ in held(place).elements() if folder == "Made") == [b"Subject: thrice\r\n\r\n"] * 3 + [b"once\r\n"]  # fmt: skip
    assert check(place) == []


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_mailbox_that_was_made_anew_has_a_copy_of_its_own(tmp_path: Path, is_damaged: bool) -> None:
    """As after a restore that could not bring it back: the octets of the one before lie at the places of the new one's."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    place, kept = data / "mailboxes/anna.mailbox", backup / "mailboxes/anna.mailbox"

    def make(*names: str) -> None:
        with LiveMailbox.create(place, 1_700_000_000) as box:
            [inbox] = [folder for folder in box.folders.all() if folder.path.is_inbox]
            mails = [HeldBody(f"Subject: {name}\r\n\r\n".encode()) for name in names]
            box.messages.append(inbox.id, [Arriving(mail, frozenset(), InternalDate(1)) for mail in mails])

    def run_backup() -> BackedUp:
        return back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)

    make("old one", "old two", "old three")
    assert run_backup().set_aside == {}
    before = held(kept)
    shutil.rmtree(place)
    make("new one", "new two", *(["new three", "new four"] if is_damaged else []))
    if is_damaged:
        (kept / "catalogue.sqlite").write_bytes(b"no database at all" * 100)
    done = run_backup()
    assert check(kept) == []
    assert held(kept) == held(place)
    [aside] = done.set_aside.values()
    assert Path(aside).parent == kept.parent
    assert is_damaged or held(Path(aside)) == before
    assert run_backup().set_aside == {}
    assert restore_installation(backup, tmp_path / "back", lambda done, of: None).mailboxes == 1


def test_a_copy_is_brought_up_to_date_behind_a_purge_and_what_is_compacted(tmp_path: Path) -> None:
    """Rows of a bodies file go: that makes no other mailbox of it."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    place, kept = data / "mailboxes/anna.mailbox", backup / "mailboxes/anna.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        [inbox] = [folder for folder in box.folders.all() if folder.path.is_inbox]
        for n in range(4):
            box.messages.append(
                inbox.id, [Arriving(HeldBody(b"Subject: %d\r\n\r\n" % n), frozenset(), InternalDate(1))]
            )
            if n in (1, 3):
                rows = [row.id for row in box.reading.rows(inbox.id, 1, 9, limit=9)]
                back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)
                box.messages.expunge(inbox.id, rows, 1)
        purge(box, 2)
    assert compact(place, waste_octets=1) >= 0
    done = back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)
    assert (done.set_aside, done.failed, check(kept)) == ({}, {}, [])


def test_a_mailbox_that_was_written_to_in_the_moment_of_the_copy_is_copied_again(tmp_path: Path) -> None:
    """Two writes within one tick of the file system's clock look alike from outside."""
    place, copy = tmp_path / "anna.mailbox", tmp_path / "copy"
    with LiveMailbox.create(place, 1_700_000_000):
        long_ago = time.time() - 10
        for instant, is_new in ((None, True), (None, True), (long_ago, True), (long_ago, False)):
            for path in place.iterdir():
                os.utime(path, None if instant is None else (instant, instant))
            assert copying.copy_mailbox(place, copy).is_new is is_new


def test_a_mailbox_that_could_never_be_read_keeps_no_other_from_coming_back(tmp_path: Path) -> None:
    data, backup, back = tmp_path / "data", tmp_path / "backup", tmp_path / "back"
    LiveMailbox.create(data / "mailboxes/anna.mailbox", 1_700_000_000).close()
    (data / "mailboxes/bob.mailbox").mkdir()
    (data / "mailboxes/bob.mailbox/catalogue.sqlite").write_bytes(b"no database at all" * 100)
    done = back_up(data, data / "none.toml", backup, time.time(), keep=1, progress=lambda done, of: None)
    assert (done.mailboxes, list(done.failed)) == (2, ["bob"])
    assert restore_installation(backup, back, lambda done, of: None).mailboxes == 1
    assert check(back / "mailboxes/anna.mailbox") == []


def test_a_mailbox_that_is_damaged_in_the_backup_keeps_no_other_from_coming_back(
    server: PrivateBascule, box: Dialogue, tmp_path: Path
) -> None:
    fill(box, "INBOX", [b"Subject: x\r\n\r\n"])
    backup = tmp_path / "backup"
    run(server, "backup", str(backup))
    (backup / "mailboxes/0.mailbox").mkdir()
    (backup / "mailboxes/0.mailbox/catalogue.sqlite").write_bytes(b"no database at all" * 100)
    server.stop()
    shutil.rmtree(server.root / "data")
    said = run(server, "restore", "--all", str(backup), status=1)
    assert "Restored: 1 mailbox," in said
    assert "Not restored: 0: " in said
    assert check(server.mailbox()) == []
    assert not (server.root / "data/mailboxes/0.mailbox").exists()
