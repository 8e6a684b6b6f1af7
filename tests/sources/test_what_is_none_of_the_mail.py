"""What lies among people's mail and looks like mail: what Bascule itself keeps there, and what macOS writes beside files."""

import zipfile
from pathlib import Path

import pytest

from support.command import bascule, report_of
from support.quirks import QuirkServer
from support.quirks.refusing import RefusesOneCannot
from support.quirks.sample import VICTIM

APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(80)


def mail(subject: str) -> bytes:
    return f"From: a@example.org\r\nSubject: {subject}\r\n\r\ntext\r\n".encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "mail"
    place.mkdir()
    (place / "1.eml").write_bytes(mail("one"))
    (place / "2.eml").write_bytes(mail(VICTIM.decode()))
    return place


def found(done: object) -> dict[str, int]:
    return {folder["folder"]: folder["found"] for folder in report_of(done)["folders"]}


# What is Bascule's own


def test_a_mailbox_within_the_folder_is_not_imported_into_itself(place: Path, tmp_path: Path) -> None:
    root = place / "Anna" / "anna.mailbox"
    root.parent.mkdir()
    with QuirkServer(RefusesOneCannot()) as new:
        for _ in range(2):
            taken = bascule(tmp_path, "import", place, root, "--json")
            assert found(taken) == {"INBOX": 2}
            bascule(tmp_path, "deliver", root, new.url, "--insecure", status=1)
    assert len(list(root.rglob("*.eml"))) == 1
    assert "What Bascule itself keeps among these files was passed over: Anna/anna.mailbox." in taken.stderr
    (place / "Anna" / "3.eml").write_bytes(mail("three"))
    (root / "4.eml").write_bytes(mail("four"))
    assert found(bascule(tmp_path, "import", place, root, "--json")) == {"INBOX": 2, "Anna": 1, "Anna/anna.mailbox": 1}


@pytest.mark.parametrize("words", [["--state", "."], ["--state", "state"], ["--state", "../state", "--report", "told"]])
def test_what_copy_keeps_within_the_folder_is_not_copied(words: list[str], place: Path, tmp_path: Path) -> None:
    there = [word if word.startswith("-") else place / word for word in words]
    with QuirkServer(RefusesOneCannot()) as new:
        for _ in range(2):
            taken = bascule(tmp_path, "copy", f"eml:{place}", new.url, *there, "--insecure", "--json", status=1)
            assert found(taken) == {"INBOX": 2}
    assert list((tmp_path).rglob("refused/**/*.eml"))


def test_folders_that_are_only_called_as_bascule_calls_its_own_are_mail(place: Path, tmp_path: Path) -> None:
    for name in ("reports", "refused", "copy.mailbox"):
        (place / name).mkdir()
        (place / name / "5.eml").write_bytes(mail(name))
    (place / "catalogue.sqlite").write_bytes(b"SQLite format 3\0" + bytes(84))
    (place / "certificate.json").write_text("{}")
    told = found(bascule(tmp_path, "import", place, tmp_path / "m", "--json"))
    assert told == {"INBOX": 2, "copy.mailbox": 1, "refused": 1, "reports": 1}


# What macOS writes beside files


def test_what_macos_writes_beside_messages_is_no_mail(place: Path, tmp_path: Path) -> None:
    (place / "._1.eml").write_bytes(APPLE)
    (place / "._2.eml").write_bytes(mail("named oddly"))
    done = bascule(tmp_path, "import", place, tmp_path / "m", "--json")
    assert found(done) == {"INBOX": 3}
    assert "1 file that is no mail was passed over: ._1.eml." in done.stderr


def test_nor_is_it_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as archive:
        archive.writestr("Sent/1.eml", mail("one"))
        archive.writestr("__MACOSX/Sent/._1.eml", APPLE)
        archive.writestr("__MACOSX/._Sent", APPLE)
    assert found(bascule(tmp_path, "import", tmp_path / "mac.zip", tmp_path / "m", "--json")) == {"Sent": 1}


def test_nor_is_it_in_a_maildir(tmp_path: Path) -> None:
    for kind in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / kind).mkdir(parents=True)
    (tmp_path / "Maildir" / "cur" / "1.a:2,S").write_bytes(mail("one"))
    (tmp_path / "Maildir" / "cur" / "._1.a:2,S").write_bytes(APPLE)
    assert found(bascule(tmp_path, "import", tmp_path / "Maildir", tmp_path / "m", "--json")) == {"INBOX": 1}
