"""Whose the files are that a run leaves: their owner's alone, whatever the umask; and nothing of anybody's is written over."""

import imaplib
import os
import smtplib
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import messages, store
from support.command import ENTRY, environment
from support.portal_server import PortalServer
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.refusing import RefusesOneCannot
from support.reached import reached_by_everybody

GENEROUS = 0o000


def bascule(tmp_path: Path, *words: object, status: int = 0) -> None:
    """With a umask that takes nothing away from anybody."""
    done = subprocess.run(
        [*ENTRY, *map(str, words)], env=environment(tmp_path), umask=GENEROUS, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == status, f"{words}: {done.stdout}\n{done.stderr}"


@contextmanager
def running_generously(root: Path) -> Iterator[PortalServer]:
    """An installation whose commands and servers are all started with such a umask."""
    before = os.umask(GENEROUS)
    try:
        made = PortalServer(root, {"main": "2020-04-28 09:00"}, ["anna;Anna;anna@example.org;main;member"])
        (root / "data/accounts.sqlite").unlink()  # which a test's own process made
        made.start()
    finally:
        os.umask(before)
    try:
        yield made
    finally:
        made.stop()


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


def test_a_running_installation_is_its_owners_alone(tmp_path: Path) -> None:
    root = tmp_path / "installation"
    with running_generously(root) as server:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as smtp:
            smtp.sendmail("paul@example.net", ["anna@example.org"], b"Subject: hello\r\n\r\nhello\r\n")
        with imaplib.IMAP4("127.0.0.1", server.imap) as imap:
            imap.login("anna@example.org", server.mail_password("anna@example.org"))
            imap.select()
        urllib.request.urlopen(server.url_of("/"), timeout=20).read()
        data = root / "data"
        deadline = time.monotonic() + 20
        while not (data / "trace.sqlite").exists():  # written beside the answers
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {path.name for path in data.iterdir()} >= {
            "portal.sqlite",
            "accounts-notes.sqlite",
            "queue.sqlite",
            "trace.sqlite",
        }
        assert [*data.glob("mailboxes/*.mailbox/*.sqlite")]
        assert [path for path in open_to_others(data) if Path(path) != data] == []


def test_what_everybody_can_read_is_said_and_the_data_closed_at_the_next_start(tmp_path: Path) -> None:
    root = tmp_path / "installation"
    root.mkdir()
    secret = root / "ldap-password"
    secret.write_text("secret")
    server = PortalServer(
        root, {}, [], more=f'[ldap]\nuri = "ldap://127.0.0.1:1"\nbase = "dc=x"\npassword_file = "{secret}"\n'
    )
    server.run("campaign", "init", "2027-04-27 09:00")
    for path in (root, root / "data", root / "data/portal.sqlite", secret):
        path.chmod(0o755 if path.is_dir() else 0o644)
    words = ("doctor", "--config", root / "bascule.toml")
    with reached_by_everybody(root):
        told = bascule_says(tmp_path, *words)
    assert f"! Installation: Everybody on this machine can read files in {root / 'data'}: " in told
    assert "portal.sqlite" in told
    assert f"! Installation: Everybody on this machine can read {secret}. Do: chmod o= {secret}" in told
    with reached_by_everybody(root):
        with server:
            assert "Everybody on this machine had a way into" in server.log()
            assert f"can read {secret}" in server.log()
        assert stat.S_IMODE((root / "data").stat().st_mode) == 0o750
        secret.chmod(0o640)
        assert "nobody else on this machine can read it" in bascule_says(tmp_path, *words)


def bascule_says(tmp_path: Path, *words: object) -> str:
    return subprocess.run([*ENTRY, *map(str, words)], env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=120).stdout  # fmt: skip
