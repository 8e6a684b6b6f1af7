"""What an import finds is counted; what it can't read or does not know is named, or, where it is none of mail's business, counted in a sentence."""

import asyncio
import hashlib
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.mailbox import Mailbox
from bascule.sources.files import detect_kind, open_files
from bascule.terms import BasculeError
from bascule.terms.errors import ExitStatus
from bascule.terms.watch import Watcher
from support.command import bascule, report_of
from support.quirks import QuirkServer
from support.unprivileged import as_one_who_may_not_read_everything


@dataclass
class TakenIn(Watcher):
    """What came of an import: Subjects by folder, reasons by folder that was not read, reasons of messages, and notes."""

    subjects: dict[str, list[str]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)


def take_in(place: Path, kind: str = "") -> TakenIn:
    root, taken = place.with_name(place.name + ".mailbox"), TakenIn()
    with Mailbox.open_or_create(root) as box:
        asyncio.run(capture(open_files(kind or detect_kind(place), place), box, CaptureOptions(connections=1), taken))
        for folder in box.folders.all():
            bodies = [box.messages.body(row).whole() for row in box.messages.list(folder.id)]
            if bodies:
                taken.subjects[folder.path.display()] = [_subject(body) for body in bodies]
            if folder.error:
                taken.folders[folder.path.display()] = folder.error
        taken.messages = [row[0] for row in box.database.execute("SELECT detail FROM not_held ORDER BY folder, uid")]
    return taken


def _subject(body: bytes) -> str:
    return next((line[9:].decode() for line in body.splitlines() if line.startswith(b"Subject: ")), "")


def mail(subject: str) -> bytes:
    return f"From: a@example.org\r\nSubject: {subject}\r\n\r\ntext\r\n".encode()


def mbox(*subjects: str) -> bytes:
    return b"".join(b"From a@b Sat Feb  1 10:00:00 2020\nSubject: %s\n\ntext\n\n" % each.encode() for each in subjects)


def takeout(octets: bytes, labels: str) -> bytes:
    return octets.replace(b"From a@b", b"From 17@xxx").replace(
        b"Subject", b"X-Gmail-Labels: %s\nSubject" % labels.encode()
    )


def write(file: Path, octets: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(octets)


def maildir(root: Path, *folders: str) -> Path:
    for folder in folders:
        for kind in ("cur", "new", "tmp"):
            (root / folder / kind).mkdir(parents=True, exist_ok=True)
        write(root / folder / "cur" / "1.a:2,S", mail(f"in {folder}"))
    return root


# What may not be read


@pytest.mark.parametrize("closed", [".Sent", ".Sent/cur", ".Sent/new"])
def test_a_maildir_folder_that_may_not_be_read_is_named(closed: str, tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent")
    (root / closed).chmod(0)
    with as_one_who_may_not_read_everything():
        taken = take_in(root)
    (root / closed).chmod(0o755)
    assert taken.folders == {"Sent": "Permission denied"}
    assert taken.subjects == {"INBOX": ["in ."]}


@pytest.mark.parametrize("closed", ["S", "S/2.eml", "S/c.mbox", "S/c"])
def test_a_folder_or_a_file_that_may_not_be_read_is_named_and_the_others_are_read(closed: str, tmp_path: Path) -> None:
    root = tmp_path / "mail"
    write(root / "1.eml", mail("one"))
    for name in {closed, "S/3.eml"} - {"S"}:
        write(root / name, mail("closed") if name.endswith("eml") else mbox("closed"))
    write(root / "S" / "3.eml", mail("three"))
    (root / closed).chmod(0)
    with as_one_who_may_not_read_everything():
        taken = take_in(root)
    (root / closed).chmod(0o755)
    assert taken.subjects.pop("INBOX") == ["one"]
    assert taken.subjects == ({} if closed == "S" else {"S": ["three"]})
    named = [*taken.folders.items(), *(("", reason) for reason in taken.messages)]
    assert len(named) == 1
    assert "Permission denied" in named[0][1]
    assert named[0][0] == {"S": "S", "S/2.eml": "", "S/c.mbox": "S/c", "S/c": "S/c"}[closed]


def test_the_folder_itself_may_not_be_read(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    write(root / "1.eml", mail("one"))
    root.chmod(0)
    with as_one_who_may_not_read_everything(), pytest.raises(BasculeError, match="can't be read: Permission denied"):
        take_in(root)
    root.chmod(0o755)


# What is easily overlooked


def test_endings_are_eml_in_any_capitals(tmp_path: Path) -> None:
    for name in ("1.eml", "2.EML", "sub/3.Eml"):
        write(tmp_path / "mail" / name, mail(name))
    assert take_in(tmp_path / "mail").subjects == {"INBOX": ["1.eml", "2.EML"], "sub": ["sub/3.Eml"]}


def test_a_maildir_folder_may_have_new_alone(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    write(root / ".X" / "new" / "1.a", mail("new"))
    maildir(root, ".new")
    assert take_in(root).subjects == {"INBOX": ["in ."], "X": ["new"], "new": ["in .new"]}


@pytest.mark.parametrize("before", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_mbox_may_begin_with_an_empty_line_or_a_byte_order_mark(before: bytes, tmp_path: Path) -> None:
    write(tmp_path / "alone", before + mbox("one", "two"))
    write(tmp_path / "folder" / "a.mbox", before + mbox("one", "two"))
    assert take_in(tmp_path / "alone").subjects == {"INBOX": ["one", "two"]}
    assert take_in(tmp_path / "folder").subjects == {"a": ["one", "two"]}


def test_an_empty_mbox_holds_no_message(tmp_path: Path) -> None:
    write(tmp_path / "Trash", b"")
    assert detect_kind(tmp_path / "Trash") == "mbox"
    assert take_in(tmp_path / "Trash").subjects == {}


@pytest.mark.parametrize(
    "first", [b"From a@b Sat Feb  1 10:00:00 2020\n\nno header\n\n", b"From a@b Sat Feb  1 10:00:00 2020\n>From x\n\n", b"no From at all\n\n"]
)  # fmt: skip
def test_what_stands_before_the_first_header_of_an_mbox_is_a_message(first: bytes, tmp_path: Path) -> None:
    write(tmp_path / "box", first + mbox("two"))
    assert take_in(tmp_path / "box", "mbox").subjects == {"INBOX": ["", "two"]}


def test_eml_files_and_mboxes_in_one_folder_are_both_read(tmp_path: Path) -> None:
    write(tmp_path / "mail" / "old" / "1.eml", mail("eml"))
    write(tmp_path / "mail" / "old" / "Sent.mbox", mbox("mbox"))
    assert take_in(tmp_path / "mail").subjects == {"old": ["eml"], "old/Sent": ["mbox"]}


def test_a_zip_of_mboxes_is_read_as_takeout_hands_it_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        labelled = takeout(mbox("sent", "again"), "Sent")
        archive.writestr("Takeout/Mail/All mail.mbox", labelled)
        archive.writestr("Takeout/Mail/Notes.mbox", mbox("note"))
        archive.writestr("Takeout/archive_browser.html", b"<html>")
    taken = take_in(tmp_path / "takeout.zip")
    assert taken.subjects == {"Sent": ["sent", "again"], "Takeout/Mail/Notes": ["note"]}
    assert taken.notes == ["1 file that is no mail was passed over: archive_browser.html."]


def test_two_members_of_one_name_are_two_messages(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("A/1.eml", mail("first"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("A/1.eml", mail("second"))
    assert take_in(tmp_path / "a.zip").subjects == {"A": ["first", "second"]}


# What is mail in another form, and what is none


def test_mail_in_another_form_is_named_and_what_is_none_is_counted(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    for name, octets in {
        "1.eml": mail("one"), "2.msg": b"\xd0\xcf\x11\xe0", "3": mail("no ending"), "a.pst": b"!BDN", "notes.txt": b"From: here\n\nto there",
        "x.json": b"{}", "empty": b"",
    }.items():  # fmt: skip
        write(root / name, octets)
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["one"]}
    assert [reason.partition(":")[0] for reason in taken.messages] == ["2.msg", "3", "a.pst"]
    assert taken.notes == ["3 files that are no mail were passed over: empty, notes.txt, x.json."]


def test_what_lies_beside_the_messages_of_a_maildir_is_named_or_counted(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    for name in ("subscriptions", "dovecot-uidlist", ".dovecot.sieve", "courierimapuiddb", "maildirsize", "tmp/9.a"):
        write(root / name, b"")
    write(root / "cur" / "deep" / "2.a:2,", mail("deep"))
    write(root / "old.mbox", mbox("old"))
    write(root / "sieve" / "rules", b"keep;")
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in ."]}
    assert taken.messages == ["deep: it is a folder among the messages"]
    assert taken.folders == {"old.mbox": "it is an mbox: import it by itself"}
    assert "1 file that is no mail was passed over: rules." in taken.notes


@pytest.mark.parametrize("name", ["dovecot-keywords", "subscriptions"])
@pytest.mark.parametrize(
    "make", [lambda file: os.truncate(file, 40 * 2**30), lambda file: (file.unlink(), file.mkdir())]
)
def test_what_a_server_keeps_beside_the_messages_and_can_not_be_read_is_told_and_the_messages_are_read(
    make: Callable[[Path], object], name: str, tmp_path: Path
) -> None:
    root = maildir(tmp_path / "mail", "", ".Sent")
    write(root / name, b"")
    make(root / name)
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in "], "Sent": ["in .Sent"]}
    [note] = taken.notes
    assert f"this can't be read: {name} (" in note


def test_keywords_whose_numbers_can_not_be_are_passed_over(tmp_path: Path) -> None:
    root = maildir(tmp_path / "mail", "")
    numbers = ["9" * 5000, "26", "-1", "²", "٣"]
    write(root / "dovecot-keywords", "".join(f"{number} wrong\n" for number in numbers).encode() + b"25 right\n")
    write(root / "cur" / "2.a:2,abcz", mail("two"))
    assert take_in(root).subjects == {"INBOX": ["in ", "two"]}
    with Mailbox.open(tmp_path / "mail.mailbox", read_only=True) as box:
        flags = [row.flags for folder in box.folders.all() for row in box.messages.list(folder.id)]
    assert flags == [{"\\Seen"}, {"right"}]


@pytest.mark.parametrize("kind", ["mbox", "eml"])
def test_a_maildir_that_is_given_as_another_kind_is_refused_with_its_own(kind: str, tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent")
    with pytest.raises(BasculeError, match="is a Maildir") as refused:
        open_files(kind, root)
    assert (refused.value.status, f"maildir:{root}" in refused.value.advice) == (ExitStatus.USAGE, True)


def test_what_is_given_as_a_maildir_and_holds_none_is_no_empty_mailbox(tmp_path: Path) -> None:
    write(tmp_path / "home" / "notes", b"milk, bread")
    (tmp_path / "Maildir" / "cur").mkdir(parents=True)
    with QuirkServer() as new:
        words = (new.url, "--quiet", "--dry-run", "--state", tmp_path / "state")
        refused = bascule(tmp_path, "copy", f"maildir:{tmp_path / 'home'}", *words, status=2)
        assert "holds no Maildir" in refused.stderr
        bascule(tmp_path, "copy", f"maildir:{tmp_path / 'Maildir'}", *words)


def test_a_maildir_in_a_zip_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("C/cur/1.a:2,S", mail("one"))
        archive.writestr("C/1.eml", mail("two"))
    taken = take_in(tmp_path / "a.zip")
    assert (list(taken.subjects.values()), len(taken.folders)) == ([["two"]], 1)
    assert "unpack the zip" in next(iter(taken.folders.values()))


# Links


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Old")
    (root / ".Archive").symlink_to(".Old")
    (root / "cur" / "2.b:2,").symlink_to("../.Old/cur/1.a:2,S")
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in .", "in .Old"], "Archive": ["in .Old"], "Old": ["in .Old"]}
    assert not taken.folders


def test_a_link_that_leads_out_of_a_maildir_is_not_followed_and_is_named(tmp_path: Path) -> None:
    root, disk = maildir(tmp_path / "Maildir", "."), maildir(tmp_path / "disk2", "Archive")
    write(tmp_path / "secret", b"root:SECRETHASH\n")
    (root / ".Archive").symlink_to(disk / "Archive")
    (root / ".Gone").symlink_to(tmp_path / "disk3" / "Gone")
    (root / "cur" / "7.x:2,S").symlink_to(tmp_path / "secret")
    (root / "cur" / "8.x:2,").symlink_to("/proc/self/environ")
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in ."]}
    assert taken.folders["Archive"] == f"it is a link that leads out of the folder, to {disk / 'Archive'}"
    assert taken.folders["Gone"] == "it is a link that leads nowhere: No such file or directory"
    assert [reason.partition(",")[0] for reason in taken.messages] == [
        f"{name}: it is a link that leads out of the folder" for name in ("7.x", "8.x")
    ]


def test_links_out_of_a_folder_of_eml_files_are_named(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    write(root / "1.eml", mail("one"))
    write(tmp_path / "other" / "2.eml", mail("two"))
    (root / "Old").symlink_to(tmp_path / "other")
    (root / "2.eml").symlink_to(tmp_path / "other" / "2.eml")
    taken = take_in(root)
    assert (taken.subjects, list(taken.folders), len(taken.messages)) == ({"INBOX": ["one"]}, ["Old"], 1)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    for one, other in (("a", "b"), ("b", "a")):
        write(root / one / "1.eml", mail(one))
        (root / one / "up").symlink_to("..")
        (root / one / "across").symlink_to(f"../{other}")
    taken = take_in(root)
    assert taken.subjects == {"a": ["a"], "a/across": ["b"], "b": ["b"], "b/across": ["a"]}
    assert {"a/up", "b/up", "a/across/up", "a/across/across"} <= set(taken.folders)


def test_a_file_that_becomes_a_link_after_it_was_found_is_not_read(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent")
    elsewhere = maildir(tmp_path / "elsewhere", ".", ".Sent")
    write(elsewhere / ".Sent" / "cur" / "1.a:2,S", b"SECRET")

    async def exchange() -> list[object]:
        source = open_files("maildir", root)
        reader, listed = await source.reader(), await source.folders()
        (root / "cur" / "1.a:2,S").unlink()
        (root / "cur" / "1.a:2,S").symlink_to(elsewhere / ".Sent" / "cur" / "1.a:2,S")
        (root / ".Sent").rename(tmp_path / "moved")
        (root / ".Sent").symlink_to(elsewhere / ".Sent")
        got: list[object] = []
        for folder in listed:
            await reader.open(folder, None)
            got += [one async for group in reader.read([1]) for one in group]
        return got

    assert [type(one).__name__ for one in asyncio.run(exchange())] == ["Unreadable", "Unreadable"]


def test_what_lies_too_deep_to_be_looked_into_is_named(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    write(root / "1.eml", mail("one"))
    here = os.open(root, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["one"]}
    assert list(taken.folders.values()) == ["it lies more than 200 folders deep"]


def _deep_in_a_zip(place: Path, levels: str) -> None:
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("1.eml", mail("one"))
        for number in range(50):
            archive.writestr(f"{levels}{number}/x.eml", mail("deep"))


def _deep_by_its_labels(place: Path, levels: str) -> None:
    deep = [takeout(mbox("deep"), f"{levels}{n}") for n in range(50)]
    place.write_bytes(b"".join([takeout(mbox("one"), "Inbox"), *deep]))


def _deep_in_a_manifest(place: Path, levels: str) -> None:
    rows = []
    for number in range(51):
        octets, folder = mail("one"), [*levels.split("/")[:-1], str(number)] if number else ["INBOX"]
        write(place / f"{number}.eml", octets)
        rows.append({
            "file": f"{number}.eml", "start": 0, "end": 0, "folder": folder, "uid": 1, "octets": len(octets), "date": 0,
            "sha256": hashlib.sha256(octets).hexdigest(), "flags": [], "zone": 0, "labels": None,
        })  # fmt: skip
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("make", [_deep_in_a_zip, _deep_by_its_labels, _deep_in_a_manifest])
def test_folders_that_a_file_names_too_deep_are_named_once_and_cost_no_time(
    make: Callable[[Path, str], None], tmp_path: Path
) -> None:
    make(tmp_path / "mail", "a/" * 15_000)
    began = time.monotonic()
    taken = take_in(tmp_path / "mail")
    assert time.monotonic() - began < 10
    assert taken.subjects == {"INBOX": ["one"]}
    assert list(taken.folders.values()) == ["it lies more than 200 folders deep"]


# What is damaged


def _edited(file: Path, edit: Callable[[bytearray], None]) -> None:
    octets = bytearray(file.read_bytes())
    edit(octets)
    file.write_bytes(octets)


def _zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"A/{number}.eml", mail(str(number)) + b"text\r\n" * 50)


def _damage_deflate(octets: bytearray) -> None:
    at = octets.find(b"A/1.eml") + 10
    octets[at : at + 17] = b"\xff" * 17


def _damage_checksum(octets: bytearray) -> None:
    at = octets.find(b"PK\x01\x02", octets.find(b"PK\x01\x02") + 1)
    octets[at + 16] ^= 0xFF


def _set_no_date(octets: bytearray) -> None:
    for signature, offset in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        at = -1
        while (at := octets.find(signature, at + 1)) >= 0:
            octets[at + offset : at + offset + 4] = bytes(4)


def _set_method(octets: bytearray) -> None:
    struct.pack_into("<H", octets, octets.find(b"PK\x01\x02", octets.find(b"PK\x01\x02") + 1) + 10, 99)


@pytest.mark.parametrize(
    ("edit", "good"),
    [(_damage_deflate, ["0", "2"]), (_damage_checksum, ["0", "2"]), (_set_method, ["0", "2"]), (_set_no_date, ["0", "1", "2"])],
)  # fmt: skip
def test_one_member_that_is_damaged_is_named_and_the_others_are_read(
    edit: Callable[[bytearray], None], good: list[str], tmp_path: Path
) -> None:
    _zip(tmp_path / "a.zip")
    _edited(tmp_path / "a.zip", edit)
    taken = take_in(tmp_path / "a.zip")
    assert taken.subjects == {"A": good}
    assert len(taken.messages) == 3 - len(good)


def _damage_directory(octets: bytearray) -> None:
    at = octets.find(b"PK\x01\x02")
    octets[at : at + 4] = b"XXXX"


def _encrypt(octets: bytearray) -> None:
    struct.pack_into("<H", octets, octets.find(b"PK\x01\x02") + 8, 1)


@pytest.mark.parametrize(
    ("edit", "says"), [(_damage_directory, "It is damaged, or was not fetched to its end"), (_encrypt, "has a password. Give a zip without one.")]
)  # fmt: skip
def test_a_zip_that_is_no_use_says_why(edit: Callable[[bytearray], None], says: str, tmp_path: Path) -> None:
    _zip(tmp_path / "a.zip")
    _edited(tmp_path / "a.zip", edit)
    assert says in " ".join(bascule(tmp_path, "import", tmp_path / "a.zip", tmp_path / "m", status=2).stderr.split())


@pytest.mark.parametrize("name", [".", "./.", ""])
def test_a_member_whose_name_is_that_of_no_file_is_named_and_the_others_are_read(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mail.zip", "w") as archive:
        archive.writestr("A/1.eml", mail("one"))
        with archive.open(name, "w") as member:  # `writestr` takes no empty name
            member.write(mail("nowhere"))
    taken = take_in(tmp_path / "mail.zip")
    assert taken.subjects == {"A": ["one"]}
    assert taken.messages == [f"{name or '(no name)'}: its name is that of no file"]


def test_an_ending_may_be_a_whole_name(tmp_path: Path) -> None:
    write(tmp_path / "mail" / ".eml", mail("one"))
    write(tmp_path / "mail" / ".msg", b"\xd0\xcf\x11\xe0")
    taken = take_in(tmp_path / "mail")
    assert taken.subjects == {"INBOX": ["one"]}
    assert [why.partition(", which")[0] for why in taken.messages] == [".msg: it is a message in Outlook's own form"]


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "Do what is said of each"),
        ("fr", "Suivre l’indication donnée pour chacun"),
    ],
)
def test_who_imports_files_is_not_only_sent_to_whoever_runs_a_server(language: str, says: str, tmp_path: Path) -> None:
    write(tmp_path / "mail" / "1.eml", mail("one"))
    write(tmp_path / "mail" / "2.msg", b"\xd0\xcf\x11\xe0")
    done = bascule(tmp_path, "import", tmp_path / "mail", tmp_path / "m", "--language", language, status=1)
    assert says in done.stdout


def test_names_that_are_no_utf8_are_told_and_not_stumbled_over(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    os.symlink(b"/proc/self/mem", os.fsencode(root) + b"/cur/\xff2:2,S")
    os.symlink(b"/nowhere/\xff", os.fsencode(root) + b"/.caf\xe9")
    report = report_of(bascule(tmp_path, "import", root, tmp_path / "m", "--json", status=1))
    assert [(f["folder"], f["found"], bool(f["error"])) for f in report["folders"]] == [
        ("INBOX", 2, False),
        ("café", 0, True),
    ]


def test_a_fifo_is_named_and_not_waited_for(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    for name in ("cur/5", "subscriptions", "dovecot-keywords", "pipe"):
        os.mkfifo(root / name)
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in ."]}
    assert (taken.messages, taken.folders) == (["5: it is no regular file"], {"pipe": "it is no regular file"})


# Later nights


def test_a_folder_that_a_later_night_can_not_look_into_is_named_by_copy_and_by_verify(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent")
    with QuirkServer() as new:
        words = (f"maildir:{root}", new.url, "--state", tmp_path / "state", "--insecure")
        bascule(tmp_path, "copy", *words)
        (root / ".Sent").rename(tmp_path / "disk2")
        (root / ".Sent").symlink_to(tmp_path / "disk2")
        assert "leads out of the folder" in bascule(tmp_path, "copy", *words, status=1).stdout
        assert "leads out of the folder" in bascule(tmp_path, "verify", *words, status=1).stdout
        (root / ".Sent").unlink()
        (tmp_path / "disk2").rename(root / ".Sent")
        bascule(tmp_path, "copy", *words)
        bascule(tmp_path, "verify", *words)
        assert {name: len(folder.messages) for name, folder in new.store.folders.items()} == {b"INBOX": 1, b"Sent": 1}
