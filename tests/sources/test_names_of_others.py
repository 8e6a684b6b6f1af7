"""Folders as other programs name them: in zips of macOS and Windows, and in what Apple Mail exports."""

import unicodedata
import zipfile
from pathlib import Path

import pytest

from support.command import bascule, report_of

MAIL = b"From: a@example.org\r\nSubject: one\r\n\r\ntext\r\n"
MBOX = b"From a@b Thu Jan  2 10:00:00 2020\nSubject: one\n\ntext\n\n"
UNIX, WINDOWS = 3, 0


def write_zip(file: Path, name: bytes, system: int) -> None:
    """With one message under a name as it stands, of which nothing says in what it is written: `zipfile` always says so."""
    place = zipfile.ZipInfo("x" * len(name))
    place.create_system = system
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(place, MAIL)
    file.write_bytes(file.read_bytes().replace(b"x" * len(name), name))


@pytest.mark.parametrize(
    ("name", "system", "folder"),
    [
        (unicodedata.normalize("NFD", "Éléments envoyés/1.eml").encode(), UNIX, "Éléments envoyés"),
        ("Éléments envoyés/1.eml".encode(), UNIX, "Éléments envoyés"),
        ("Boîte/1.eml".encode("cp437"), WINDOWS, "Boîte"),
        ("Boîte\\Sous\\1.eml".encode("cp437"), WINDOWS, "Boîte/Sous"),
        (b"A\\B/1.eml", UNIX, "A\\B"),
    ],
)
def test_a_zip_s_folders_are_called_as_whoever_packed_it_saw_them(
    name: bytes, system: int, folder: str, tmp_path: Path
) -> None:
    write_zip(tmp_path / "x.zip", name, system)
    report = report_of(bascule(tmp_path, "import", tmp_path / "x.zip", tmp_path / "m", "--json"))
    assert [(each["folder"], each["found"]) for each in report["folders"]] == [(folder, 1)]


def test_what_apple_mail_exports_is_called_as_its_folders(tmp_path: Path) -> None:
    for name in ("Envoyés", "Projets"):
        place = tmp_path / "Export" / f"{name}.mbox"
        place.mkdir(parents=True)
        (place / "mbox").write_bytes(MBOX)
        (place / "table_of_contents").write_bytes(b"\0\0\1\2bplist")
    report = report_of(bascule(tmp_path, "import", tmp_path / "Export", tmp_path / "m", "--json"))
    assert [(each["folder"], each["found"]) for each in report["folders"]] == [("Envoyés", 1), ("Projets", 1)]
    report = report_of(bascule(tmp_path, "import", tmp_path / "Export" / "Projets.mbox", tmp_path / "n", "--json"))
    assert [(each["folder"], each["found"]) for each in report["folders"]] == [("INBOX", 1)]
