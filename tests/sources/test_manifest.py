"""``manifest.jsonl`` is a file like any other: somebody may have written it, and what it says is looked at before it is believed."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from bascule.sources.files.exported import walk_exported
from bascule.terms import BasculeError
from support.command import bascule, report_of

MESSAGE = b"Subject: x\r\n\r\nx\r\n"
ROW: dict[str, Any] = {
    "file": "1.eml", "start": 0, "end": 0, "folder": ["INBOX"], "uid": 1, "sha256": hashlib.sha256(MESSAGE).hexdigest(),
    "octets": len(MESSAGE), "flags": [], "date": 0, "zone": 0, "labels": None,
}  # fmt: skip


def exported(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    place = tmp_path / "exported"
    place.mkdir()
    (place / "1.eml").write_bytes(MESSAGE)
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.mark.parametrize("name", ["../secret", "/secret", "sub/../../secret", "link", "", "."])
def test_it_names_files_below_its_folder_only(name: str, tmp_path: Path) -> None:
    place = exported(
        tmp_path, ROW, {**ROW, "file": name.replace("/secret", f"{tmp_path}/secret") if name[:1] == "/" else name}
    )
    (tmp_path / "secret").write_bytes(MESSAGE)
    (place / "sub").mkdir()
    (place / "link").symlink_to(tmp_path / "secret")
    report = report_of(bascule(tmp_path, "import", place, tmp_path / "m", "--json", status=1))
    assert report["totals"]["found"] == 2
    assert [
        "outside of the folder" in row["detail"] or "leads out" in row["detail"] for row in report["exceptions"]
    ] == [True]


@pytest.mark.parametrize("name", ["pipe", "sub"])
def test_what_is_no_regular_file_is_named_and_not_waited_for(name: str, tmp_path: Path) -> None:
    place = exported(tmp_path, ROW, {**ROW, "file": name})
    os.mkfifo(place / "pipe")
    (place / "sub").mkdir()
    report = report_of(bascule(tmp_path, "import", place, tmp_path / "m", "--json", status=1))
    assert "it is no regular file" in report["exceptions"][0]["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": 5}, {"start": "a"}, {"start": -1}, {"start": 9, "end": 3}, {"end": None}, {"folder": "ABC"}, {"folder": []}, {"folder": [1]}, {"uid": "z"},
        {"sha256": 5}, {"octets": -5}, {"flags": [1, None]}, {"flags": "xyz"}, {"date": 1e300}, {"date": 2**63}, {"zone": "x"},
        {"zone": True}, {"labels": [5]}, {"labels": "ab"},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_with_a_value_that_can_not_be_is_named(wrong: dict[str, Any], tmp_path: Path) -> None:
    place = exported(tmp_path, ROW, {**ROW, **wrong})
    assert "is damaged at line 2" in " ".join(
        bascule(tmp_path, "import", place, tmp_path / "m", status=2).stderr.split()
    )


@pytest.mark.parametrize(
    "line", ["[1]", "5", "null", "{}", "[" * 100_000, '{"folder": ["A"], "special_use": 5, "subscribed": 1}']
)
def test_a_line_that_is_no_line_of_it_is_named(line: str, tmp_path: Path) -> None:
    place = exported(tmp_path)
    (place / "manifest.jsonl").write_text(line + "\n")
    assert "is damaged at line 1" in " ".join(
        bascule(tmp_path, "import", place, tmp_path / "m", status=2).stderr.split()
    )


def test_a_name_with_a_line_separator_does_not_end_its_line(tmp_path: Path) -> None:
    place = exported(tmp_path)
    (place / "manifest.jsonl").write_text(json.dumps({**ROW, "folder": ["a\u2028b\x85c"]}, ensure_ascii=False) + "\n")
    report = report_of(bascule(tmp_path, "import", place, tmp_path / "m", "--json"))
    assert report["totals"]["found"] == 1


def test_mail_that_it_does_not_name_is_told_and_what_is_no_mail_is_counted(tmp_path: Path) -> None:
    place = exported(tmp_path, ROW)
    for name, octets in (("new.eml", b""), ("old", b"From a@b Sat Feb  1 10:00:00 2020\n"), ("notes", b"text")):
        (place / name).write_bytes(octets)
    done = bascule(tmp_path, "import", place, tmp_path / "m", "--json", status=1)
    [told] = [row["error"] for row in report_of(done)["folders"] if row["error"]]
    assert told == "mail that it does not name lies beside it (2: new.eml, old): import that by itself"
    assert "1 file that is no mail was passed over: notes." in done.stderr


def _lines_without_end(file: IO[bytes]) -> None:
    for _ in range(10):
        file.write(b"\n" * 2**20)


def _a_line_without_end(file: IO[bytes]) -> None:
    for _ in range(10):
        file.write(b" " * 2**20)


@pytest.mark.parametrize(
    ("write", "line"), [(_lines_without_end, 3_000_001), (_a_line_without_end, 1)], ids=["lines", "line"]
)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_one_without_end_is_not_read_to_its_end(
    kind: str, write: Callable[[IO[bytes]], None], line: int, tmp_path: Path
) -> None:
    place = tmp_path / "exported"
    if kind == "zip":
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("1.eml", MESSAGE)
            with archive.open("manifest.jsonl", "w") as file:
                write(file)
    else:
        with (exported(tmp_path) / "manifest.jsonl").open("wb") as file:
            write(file)
    with pytest.raises(BasculeError, match=f"is damaged at line {line}: .* has more than"):
        walk_exported(place)
