"""Whose the files are that a run leaves: their owner's alone, whatever the umask; and nothing of anybody's is written over."""

import stat
import subprocess
from pathlib import Path

import pytest

from support import messages, store
from support.command import ENTRY, environment
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.refusing import RefusesOneCannot

GENEROUS = 0o000


def bascule(tmp_path: Path, *words: object, status: int = 0) -> None:
    """With a umask that takes nothing away from anybody."""
    done = subprocess.run(
        [*ENTRY, *map(str, words)], env=environment(tmp_path), umask=GENEROUS, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == status, f"{words}: {done.stdout}\n{done.stderr}"


def open_to_others(root: Path) -> list[str]:
    return [str(path) for path in (root, *root.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077]


@pytest.fixture
def eml(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number, octets in enumerate(messages.many(3)):
        (folder / f"{number}.eml").write_bytes(octets)
    return folder


def test_what_a_copy_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        words = ["copy", source.url, target.url, "--quiet", "--state", tmp_path / "state"]
        bascule(tmp_path, *words, status=1)
        bascule(tmp_path, *words, "--report", tmp_path / "handed over", status=1)
    assert [*(tmp_path / "state").rglob("refused/*/*.eml")]
    assert open_to_others(tmp_path / "state") == []
    assert open_to_others(tmp_path / "handed over") == []


def test_a_mailbox_its_index_and_exports_are_their_owners_alone(tmp_path: Path, eml: Path) -> None:
    mailbox = tmp_path / "m.mailbox"
    bascule(tmp_path, "import", eml, mailbox, "--quiet")
    bascule(tmp_path, "search", mailbox, "nowhere", status=1)
    for kind in ("mbox", "maildir", "eml", "zip"):
        bascule(tmp_path, "export", mailbox, tmp_path / kind, "--format", kind, "--quiet")
        assert open_to_others(tmp_path / kind) == []
    assert (mailbox / "search.sqlite").exists()
    assert open_to_others(mailbox) == []


def test_a_mode_that_somebody_gave_is_kept(tmp_path: Path, eml: Path) -> None:
    mailbox, report = tmp_path / "m.mailbox", tmp_path / "report"
    words = ["import", eml, mailbox, "--quiet"]
    bascule(tmp_path, *words)
    bascule(tmp_path, "report", mailbox, "--report", report)
    given = [mailbox / "catalogue.sqlite", mailbox / "bodies-0001.sqlite", report / "report.html"]
    for file in given:
        file.chmod(0o640)
    (eml / "new.eml").write_bytes(b"Subject: new\r\n\r\nnew\r\n")
    bascule(tmp_path, *words)
    bascule(tmp_path, "report", mailbox, "--report", report)
    assert [stat.S_IMODE(file.stat().st_mode) for file in given] == [0o640] * 3


def test_a_report_is_written_over_no_file_that_a_link_leads_to(tmp_path: Path) -> None:
    theirs, elsewhere, report = tmp_path / "theirs", tmp_path / "elsewhere", tmp_path / "report"
    theirs.write_text("precious")
    elsewhere.mkdir()
    report.mkdir()
    for name in ("report.txt", "report.json", "report.html", "manifest.sha256", "certificate.json"):
        (report / name).symlink_to(theirs)
    (report / "refused").symlink_to(elsewhere)
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        words = ["copy", source.url, target.url, "--quiet", "--state", tmp_path / "state"]
        bascule(tmp_path, *words, "--report", report, status=1)
    assert theirs.read_text() == "precious"
    assert [*elsewhere.iterdir()] == []
    assert not any(path.is_symlink() for path in report.glob("*.*"))
    bascule(tmp_path, "report", "--check", report / "certificate.json")


def test_the_folder_of_a_report_may_be_reached_by_a_link(tmp_path: Path) -> None:
    store.fill(tmp_path / "m.mailbox", {"INBOX": messages.many(1)})
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    bascule(tmp_path, "report", tmp_path / "m.mailbox", "--report", tmp_path / "link")
    assert (tmp_path / "place" / "certificate.json").is_file()
