"""Every folder that the old side counts is found, once, under a path of its own."""

import asyncio
import os
import zipfile
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, check
from bascule.sources import SourceError, SourceFolder
from bascule.sources.files import open_files
from bascule.sources.imap import ImapSource
from bascule.terms.folder import FolderPath
from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.folder_server import FolderServer


def listed_by(server: FolderServer) -> dict[str, SourceFolder]:
    async def ask() -> list[SourceFolder]:
        source = ImapSource("imap://x", server.client)
        try:
            return await source.folders()
        finally:
            await source.close()
            await server.stop()

    folders = asyncio.run(ask())
    found = {folder.path.display(): folder for folder in folders}
    assert len(found) == len(folders)
    return found


def test_inbox_is_there_though_list_leaves_it_out() -> None:
    server = FolderServer({b"Sent": ""})
    assert set(listed_by(server)) == {"INBOX", "Sent"}
    assert not any(line.startswith(b"SELECT") for line in server.asked)


def test_inbox_is_not_there_where_the_server_says_so() -> None:
    assert set(listed_by(FolderServer({b"Sent": ""}, inbox_opens=False))) == {"Sent"}


def test_names_with_control_characters_are_kept_and_shown_harmless() -> None:
    server = FolderServer({b"INBOX": "", b"a\0b": "", b"c&AAo-d": "", b"e\x1b[2Jf": ""})
    found = listed_by(server)
    assert set(found) == {"INBOX", r"a\x00b", r"c\nd", r"e\x1b[2Jf"}
    assert found[r"c\nd"].path == FolderPath(("c\nd",))


def test_a_list_that_is_refused_is_a_sentence() -> None:
    with pytest.raises(SourceError, match="does not list its folders"):
        listed_by(FolderServer(list_answer="NO [SERVERBUG] oh"))


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize("command", ["capture", "copy"])
def test_a_dovecot_whose_folders_lie_below_inbox_loses_none(command: str, tmp_path: Path) -> None:
    """What is called Inbox there was passed over with exit status 0."""
    with (
        PrivateDovecot(tmp_path / "old", prefix="INBOX.", separator=".") as old,
        PrivateDovecot(tmp_path / "new") as new,
    ):
        for folder, number in (("INBOX", 2), ("INBOX.Inbox", 4), ("INBOX.Sent", 1), ("INBOX.a.b", 5)):
            reference.append(old.port, "anna", folder, messages.many(number))
        target = new.url("anna") if command == "copy" else tmp_path / "m.mailbox"
        report = report_of(bascule(tmp_path, command, old.url("anna"), target, "--json"))
        assert report["totals"]["found"] == report["totals"]["delivered"] == 12
        held = {folder["folder"]: folder["found"] for folder in report["folders"] if folder["found"]}
        assert held == {"INBOX": 2, "INBOX/Inbox": 4, "Sent": 1, "a/b": 5}
        if command == "copy":
            assert sum(reference.read_mailbox(new.port, "anna").values()) == 12


MESSAGE = b"From - Thu Jan  2 10:00:00 2020\nSubject: x\n\nbody\n"


def captured(tmp_path: Path, kind: str, place: Path) -> dict[str, int]:
    """Folder → messages, after a capture from files."""
    bascule(tmp_path, "import", place, tmp_path / "m", "--kind", kind)
    assert check(tmp_path / "m") == []
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        return {f.path.display(): len(list(box.messages.list(f.id))) for f in box.folders.all()}


def test_mbox_files_of_one_name_are_two_folders(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    (profile / "A.sbd").mkdir(parents=True)
    for name, number in (("A", 1), ("A.mbox", 2), ("Inbox", 3), ("INBOX", 4), (".mbox", 5), ("A.sbd/x", 6)):
        (profile / name).write_bytes(b"\n".join([MESSAGE] * number))
    assert captured(tmp_path, "mbox", profile) == {
        "A": 1, "A (2)": 2, "INBOX": 4, "INBOX (2)": 3, ".mbox": 5, "A/x": 6,
    }  # fmt: skip


def test_what_labels_place_in_a_folder_lies_there_whichever_file_it_comes_from(tmp_path: Path) -> None:
    """Takeout in two files: the second one's Sent took the place of the first one's, and its messages were lost."""
    takeout = tmp_path / "Takeout"
    takeout.mkdir()
    labelled = b"From 17@xxx " + MESSAGE.partition(b" ")[2].partition(b" ")[2]
    labelled = labelled.replace(b"Subject", b"X-Gmail-Labels: Sent,Opened\nSubject")
    for name in ("All mail-001.mbox", "All mail-002.mbox", "Sent.mbox"):
        (takeout / name).write_bytes(labelled + b"\n" + labelled)
    (takeout / "Notes.mbox").write_bytes(MESSAGE)
    assert captured(tmp_path, "mbox", takeout) == {"Sent": 6, "Notes": 1}


def test_maildirs_of_one_name_are_two_folders(tmp_path: Path) -> None:
    root = tmp_path / "Maildir"
    for number, folder in enumerate((".", ".A.B", "A/.B", "A", ".INBOX", ".R&D", ".R&-D", "..A"), 1):
        (root / folder / "cur").mkdir(parents=True)
        for n in range(number):
            (root / folder / "cur" / f"{n}.a:2,").write_bytes(messages.plain(n))
    latin = os.fsencode(root) + b"/.caf\xe9/cur"
    os.makedirs(latin)
    found = captured(tmp_path, "maildir", root)
    assert sum(found.values()) == 36
    assert {found[name] for name in ("INBOX", "INBOX (2)")} == {1, 5}
    assert (found["R&D"], found["R&D (2)"]) == (7, 6)
    assert found["café"] == 0
    assert len(found) == 9


def test_directories_of_one_name_in_a_zip_are_two_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for number, folder in enumerate(("", "INBOX/", "Inbox/", "a/")):
            for n in range(number + 1):
                archive.writestr(f"{folder}{n}.eml", messages.plain(n))
    assert captured(tmp_path, "zip", tmp_path / "z.zip") == {"INBOX": 1, "INBOX (2)": 2, "INBOX (3)": 3, "a": 4}


def test_paths_from_files_do_not_depend_on_the_order_in_which_they_are_found(tmp_path: Path) -> None:
    for name in ("Inbox", "INBOX", "iNBOX"):
        (tmp_path / "eml" / name).mkdir(parents=True)
        (tmp_path / "eml" / name / "1.eml").write_bytes(messages.plain(1))
    source = open_files("eml", tmp_path / "eml")
    found = asyncio.run(source.folders())
    assert {f.path.display() for f in found} == {"INBOX", "INBOX (2)", "INBOX (3)"}
    assert sum(bool(f.told_apart) for f in found) == 2
