"""A mailbox on disk whose capture or import did not read everything knows that: whoever is shown it, is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from bascule.sources import SourceState
from support.command import bascule, report_of
from support.quirks import QuirkServer


def mail(number: int) -> bytes:
    return b"From: a@example.org\r\nSubject: number %d\r\n\r\nbody\r\n" % number


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """An import of five messages of which two were read when the machine was switched off."""
    place, root = tmp_path / "mail", tmp_path / "m.mailbox"
    place.mkdir()
    for number in range(2):
        (place / f"{number}.eml").write_bytes(mail(number))
    bascule(tmp_path, "import", place, root)
    for number in range(2, 5):
        (place / f"{number}.eml").write_bytes(mail(number))
    with Mailbox.open(root) as box:
        [row] = box.folders.all()
        found = SourceState(row.uidvalidity, 6, 5)
        box.database.execute("UPDATE folders SET source_state = ?, complete = 0", (found.to_json(),))
    return root


@pytest.fixture
def with_a_closed_folder(tmp_path: Path) -> Path:
    """An import in which a folder could not be read."""
    place, root = tmp_path / "mail", tmp_path / "m.mailbox"
    (place / "A").mkdir(parents=True)
    (place / "A" / "1.eml").write_bytes(mail(1))
    (place / "B").symlink_to("/etc")
    (place / "A" / "2.eml").write_bytes(b"\x1f\x8b\x08\0")
    bascule(tmp_path, "import", place, root, status=1)
    return root


@pytest.fixture
def new() -> Iterator[QuirkServer]:
    with QuirkServer() as server:
        yield server


def differences(tmp_path: Path, root: Path, new: QuirkServer) -> list[tuple[str, str, str]]:
    done = bascule(tmp_path, "verify", root, new.url, "--json", "--insecure", status=1)
    return [(one["kind"], one["folder"], one["what"]) for one in json.loads(done.stdout)["differences"]]


def test_verify_does_not_call_in_order_what_was_never_read(half: Path, new: QuirkServer, tmp_path: Path) -> None:
    bascule(tmp_path, "deliver", half, new.url, "--insecure", status=1)
    [found] = differences(tmp_path, half, new)
    assert found[:2] == ("to do", "INBOX")
    assert found[2].startswith("3 messages more were found there, and no run has read them yet")
    bascule(tmp_path, "import", tmp_path / "mail", half)
    bascule(tmp_path, "deliver", half, new.url, "--insecure")
    bascule(tmp_path, "verify", half, new.url, "--insecure")


def test_verify_names_what_the_old_side_did_not_give(
    with_a_closed_folder: Path, new: QuirkServer, tmp_path: Path
) -> None:
    bascule(tmp_path, "deliver", with_a_closed_folder, new.url, "--insecure", status=1)
    found = differences(tmp_path, with_a_closed_folder, new)
    assert [(kind, folder) for kind, folder, _ in found] == [("fault", "A"), ("fault", "B")]
    assert "it is compressed (gzip)" in found[0][2]
    assert "leads out of the folder" in found[1][2]


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "3 messages were found in this folder, and no run has read them yet"), ("fr", "aucune exécution ne les a encore lus")],
)  # fmt: skip
def test_what_a_delivery_of_half_a_mailbox_calls_named_is_named(
    language: str, says: str, half: Path, new: QuirkServer, tmp_path: Path
) -> None:
    words = ("--insecure", "--language", language)
    assert says in bascule(tmp_path, "deliver", half, new.url, *words, status=1).stdout
    assert says in bascule(tmp_path, "report", half, "--language", language, status=1).stdout
    assert (
        report_of(bascule(tmp_path, "deliver", half, new.url, "--insecure", "--json", status=1))["totals"]["unread"]
        == 3
    )


def test_nobody_is_asked_who_runs_the_platform_that_files_came_from(
    with_a_closed_folder: Path, new: QuirkServer, tmp_path: Path
) -> None:
    told = bascule(tmp_path, "deliver", with_a_closed_folder, new.url, "--insecure", status=1).stdout
    assert "Do what is said of each" in told
    assert "ask who runs" not in told


@pytest.mark.parametrize("kind", ["mbox", "maildir", "eml", "zip"])
def test_an_export_says_what_it_lacks(kind: str, half: Path, tmp_path: Path) -> None:
    told = bascule(tmp_path, "export", half, tmp_path / "out", "--format", kind, status=1).stdout
    assert "2 messages written to" in told
    assert "INBOX: 3 of its messages are missing." in told
    bascule(tmp_path, "import", tmp_path / "mail", half)
    bascule(tmp_path, "export", half, tmp_path / "whole", "--format", kind)


def test_an_export_names_folders_and_messages_that_were_not_given(with_a_closed_folder: Path, tmp_path: Path) -> None:
    told = bascule(tmp_path, "export", with_a_closed_folder, tmp_path / "out", "--format", "eml", status=1).stdout
    assert "A: 1 of its messages is missing." in told
    assert (
        "B: its source did not let it be read to the end (it is a link that leads out of the folder, to /etc)." in told
    )
    told = bascule(
        tmp_path, "export", with_a_closed_folder, tmp_path / "a", "--format", "eml", "--folder", "A", status=1
    ).stdout
    assert "B:" not in told
