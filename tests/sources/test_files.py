"""Every source from files, and every export: what goes in comes out, octet for octet."""

import asyncio
import mailbox as stdlib_mailbox
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.export import FORMATS, export_mailbox
from bascule.export.mbox import quote
from bascule.mailbox import Mailbox, check
from bascule.sources.files import SOURCE_KINDS, detect_kind, open_files
from bascule.sources.files.mbox import unquote
from bascule.terms import BasculeError
from bascule.terms.location import FILE_SCHEMES
from support import messages, parts, store
from support.command import bascule, report_of


def contents(root: Path) -> Counter[tuple]:
    """(folder, SHA-256, flags, date, special use, subscribed) of every message of the default view."""
    with Mailbox.open(root, read_only=True) as box:
        return Counter(
            (f.path, m.sha256, m.flags, m.date.utc_seconds, f.special_use, f.subscribed)
            for f in box.folders.all()
            for m in box.messages.list(f.id)
        )


def take_in(kind: str, path: Path, root: Path) -> None:
    with Mailbox.open_or_create(root) as box:
        asyncio.run(capture(open_files(kind, path), box, CaptureOptions(connections=1)))


NASTY = [
    b"", b"\n", b"no header at all", b"A: b\n\nFrom here\n>From there\n>>From\n", b"A: b\r\n\r\nFrom\r\nFrom x\r\n",
    b"From me\n\nFrom: a\n\nFrom b\nC: d\n", b"A: b\n\n\n\n", b"A: b\n\ntext\n\nFrom x Thu Jan  1 00:00:00 1970\nA: b\n\n",
    b"A: \xff\0\r\r\n\n", b"A: b\r\n\r\nno end",
]  # fmt: skip


@pytest.mark.parametrize("kind", list(FORMATS))
def test_an_export_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    root, out, back = tmp_path / "a.mailbox", tmp_path / "out", tmp_path / "b.mailbox"
    folders = {
        "INBOX": [*messages.many(8), *NASTY],
        "A.b/c?": [messages.plain(1)] * 3,
        "a.B/C?": [messages.plain(2)],
        ".x": [b"q"],
    }
    store.fill(root, folders)
    with Mailbox.open(root, read_only=True) as box:
        assert export_mailbox(box, out, kind) == 23
    take_in(kind, out, back)
    assert contents(back) == contents(root)
    assert check(back) == []


@pytest.mark.parametrize("octets", NASTY)
def test_mbox_quoting_loses_nothing(octets: bytes) -> None:
    assert unquote(quote(octets)) == octets


def test_other_programs_read_our_mbox_and_maildir(tmp_path: Path) -> None:
    root = tmp_path / "a.mailbox"
    store.fill(root, {"INBOX": messages.many(5)})
    with Mailbox.open(root, read_only=True) as box:
        export_mailbox(box, tmp_path / "mbox", "mbox")
        export_mailbox(box, tmp_path / "maildir", "maildir")
    assert len(stdlib_mailbox.mbox(tmp_path / "mbox" / "INBOX.mbox")) == 5
    found = stdlib_mailbox.Maildir(tmp_path / "maildir")
    assert sorted(m.get_flags() for m in found) == ["", "", "F", "F", "S"] or len(found) == 5


def test_mbox_of_others_is_cut_where_its_messages_begin(tmp_path: Path) -> None:
    file = tmp_path / "Inbox"
    file.write_bytes(
        b"From a@b Thu Jan  2 10:00:00 2020\nStatus: RO\nX-Status: AF\nSubject: one\n\nFrom here on, no header\n>From quoted\n\n"
        b"From - Thu Jan  2 11:00:00 2020\nX-Mozilla-Status: 0005\nSubject: two\n\nbody\n\n\n"
        b"From x@y Thu Jan  2 12:00:00 2020\nSubject: three\n\nFrom: not a separator\nlast\n"
    )
    root = tmp_path / "m"
    take_in("mbox", file, root)
    with Mailbox.open(root, read_only=True) as box:
        rows = list(box.messages.list(1))
        bodies = [box.messages.body(row).whole() for row in rows]
    assert [len(rows), rows[0].date.utc_seconds] == [3, 1577959200]
    assert rows[0].flags == {"\\Seen", "\\Answered", "\\Flagged"}
    assert rows[1].flags == {"\\Seen", "\\Flagged"}
    assert bodies[0].endswith(b"From here on, no header\nFrom quoted\n")
    assert bodies[0].startswith(b"Subject: one\n\n")
    assert bodies[1] == b"Subject: two\n\nbody\n\n"
    assert bodies[2].endswith(b"From: not a separator\nlast\n")


def test_a_thunderbird_profile_has_its_folders(tmp_path: Path) -> None:
    profile = tmp_path / "Local Folders"
    (profile / "Inbox.sbd" / "Projects.sbd").mkdir(parents=True)
    for name in ("Inbox", "Inbox.sbd/Projects", "Inbox.sbd/Projects.sbd/2020"):
        (profile / name).write_bytes(b"From - Thu Jan  2 10:00:00 2020\nSubject: x\n\n" + name.encode() + b"\n")
    (profile / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork")
    assert detect_kind(profile) == "mbox"
    take_in("mbox", profile, tmp_path / "m")
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        assert sorted(f.path.display() for f in box.folders.all()) == ["INBOX", "INBOX/Projects", "INBOX/Projects/2020"]


def test_takeout_goes_to_folders_by_label_and_keeps_the_labels(tmp_path: Path) -> None:
    file = tmp_path / "All mail.mbox"
    labels = [
        "Inbox,Important,Unread",
        "Sent,Opened",
        "Archived,Projects/Été",
        "=?UTF-8?Q?Bo=C3=AEte_de_r=C3=A9ception?=",
        "Archived",
    ]
    file.write_bytes(
        b"".join(
            b"From 1@xxx Thu Jan 02 10:00:00 +0000 2020\nX-Gmail-Labels: "
            + text.encode()
            + b"\nSubject: x%d\n\nbody\n\n" % n
            for n, text in enumerate(labels)
        )
    )
    take_in("mbox", file, tmp_path / "m")
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        found = {f.path.display(): list(box.messages.list(f.id)) for f in box.folders.all()}
    assert {name: len(rows) for name, rows in found.items()} == {"Archive": 1, "INBOX": 2, "Projects/Été": 1, "Sent": 1}
    assert found["INBOX"][0].flags == frozenset()
    assert found["Sent"][0].flags == {"\\Seen"}
    assert found["INBOX"][0].labels == ("Inbox", "Important", "Unread")
    assert found["INBOX"][0].date.utc_seconds == 1577959200


def test_a_maildir_is_read_with_its_keywords_and_subscriptions(tmp_path: Path) -> None:
    root = tmp_path / "Maildir"
    for folder in ("", ".Sent", ".Archive.&AMk-t&AOk-"):
        for kind in ("cur", "new", "tmp"):
            (root / folder / kind).mkdir(parents=True)
    (root / "cur" / "1.a:2,FSa").write_bytes(b"A: b\n\n1")
    (root / "new" / "2.b").write_bytes(b"A: b\n\n2")
    (root / "dovecot-keywords").write_text("0 $Forwarded\n")
    (root / ".Archive.&AMk-t&AOk-" / "cur" / "3.c:2,").write_bytes(b"A: b\n\n3")
    (root / "subscriptions").write_text("V\t2\n\nArchive\t&AMk-t&AOk-\n")
    take_in("maildir", root, tmp_path / "m")
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        found = {
            f.path.display(): (f.subscribed, [m.flags for m in box.messages.list(f.id)]) for f in box.folders.all()
        }
    assert found["INBOX"] == (False, [{"\\Flagged", "\\Seen", "$Forwarded"}, frozenset()])
    assert found["Archive/Été"] == (True, [frozenset()])
    assert found["Sent"] == (False, [])


def test_files_that_changed_are_recognised_by_content(tmp_path: Path) -> None:
    place, root = tmp_path / "eml", tmp_path / "m"
    place.mkdir()
    for n in range(5):
        (place / f"{n}.eml").write_bytes(messages.plain(n))
    take_in("eml", place, root)
    (place / "0.eml").unlink()
    (place / "9.eml").write_bytes(messages.plain(9))
    take_in("eml", place, root)
    with Mailbox.open(root, read_only=True) as box:
        assert [box.messages.body(m).whole() for m in box.messages.list(1)] == [
            messages.plain(n) for n in (1, 2, 3, 4, 9)
        ]
        assert sum(1 for _ in box.messages.list(1, vanished=True)) == 6
    assert check(root) == []


def test_a_damaged_zip_and_a_file_that_vanishes_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not a zip")
    done = bascule(tmp_path, "import", tmp_path / "x.zip", tmp_path / "m", "--kind", "zip", status=2)
    assert "can't be read" in done.stderr
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("In/a.eml", messages.plain(1))
    report = report_of(bascule(tmp_path, "import", tmp_path / "y.zip", tmp_path / "n", "--json"))
    assert [(f["folder"], f["found"]) for f in report["folders"]] == [("In", 1)]
    with pytest.raises(BasculeError):
        detect_kind(tmp_path / "none")
    assert set(SOURCE_KINDS) == {"maildir", "mbox", "eml", "zip", "pst"}


@pytest.mark.needs("corpora")
@pytest.mark.parametrize("name", ["mooijtech__go-pst/data/32-bit.pst", "apache__tika/**/testPST_variousBodyTypes.pst"])
def test_a_pst_gives_the_same_messages_each_time(name: str, tmp_path: Path) -> None:
    folder = parts.folder("BASCULE_CORPORA")
    assert folder is not None
    file = next((folder / "pst").glob(name))
    take_in("pst", file, tmp_path / "a")
    take_in("pst", file, tmp_path / "b")
    found = contents(tmp_path / "a")
    assert sum(found.values()) > 0
    assert found == contents(tmp_path / "b")
    with Mailbox.open(tmp_path / "a", read_only=True) as box:
        assert box.database.execute("SELECT count(*) FROM not_held").fetchone()[0] == 0


@pytest.mark.parametrize("exported", [True, False])
def test_a_zip_s_directory_is_read_as_often_for_many_messages_as_for_few(
    exported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory tells of every member: read again for each of them, twice the messages took four times as long."""
    opened: Counter[int] = Counter()
    begin = zipfile.ZipFile.__init__

    def counted(self: zipfile.ZipFile, *args: Any, **more: Any) -> None:
        opened[count] += 1
        begin(self, *args, **more)

    for count in (4, 40):
        file = tmp_path / f"{count}.zip"
        if exported:
            store.fill(tmp_path / f"{count}.mailbox", {"INBOX": messages.many(count)})
            with Mailbox.open(tmp_path / f"{count}.mailbox", read_only=True) as box:
                export_mailbox(box, file, "zip")
        else:
            with zipfile.ZipFile(file, "w") as archive:
                for number, message in enumerate(messages.many(count)):
                    archive.writestr(f"A/{number}.eml", message)
        with monkeypatch.context() as patched:
            patched.setattr(zipfile.ZipFile, "__init__", counted)
            take_in("zip", file, tmp_path / f"back-{count}.mailbox")
        assert contents(tmp_path / f"back-{count}.mailbox").total() == count
    assert opened[4] == opened[40]


def test_each_kind_of_file_that_a_location_names_can_be_opened() -> None:
    assert set(SOURCE_KINDS) == set(FILE_SCHEMES)
