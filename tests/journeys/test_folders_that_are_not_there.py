"""A folder that is named on the command line and is nowhere is no empty mailbox: it is said, with the names that there are."""

import imaplib

import pytest

from bascule.capture import Selection
from bascule.terms.folder import FolderPath
from support import messages, reference, store
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot

USER = "anna"
FOLDERS = ("Archives", "Archives/2019", "&AMk-tudiants", "[Gmail]/Sent")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory):
    with PrivateDovecot(tmp_path_factory.mktemp("d")) as started:
        for number, name in enumerate(("INBOX", *FOLDERS)):
            reference.append(started.port, USER, name, [messages.plain(number)])
        yield started


def words_of(words: str, old, tmp_path, new: str) -> list:
    target = old.url(new)
    return {
        "copy": ["copy", old.url(USER), target],
        "copy --dry-run": ["copy", old.url(USER), target, "--dry-run"],
        "capture": ["capture", old.url(USER), tmp_path / "c.mailbox"],
        "verify": ["verify", old.url(USER), target],
        "verify of a mailbox": ["verify", tmp_path / "m.mailbox", target],
        "deliver": ["deliver", tmp_path / "m.mailbox", target],
        "export": ["export", tmp_path / "m.mailbox", tmp_path / "out", "--format", "mbox"],
    }[words]


COMMANDS = ("copy", "copy --dry-run", "capture", "verify", "verify of a mailbox", "deliver", "export")


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_no_name_matches_is_a_wrong_command_line(tmp_path, old, command) -> None:
    store.sample(tmp_path / "m.mailbox")
    words = words_of(command, old, tmp_path, "nobody")
    done = bascule(tmp_path, *words, "--folder", "Archiv", status=2)
    assert "No folder matches “Archiv”." in done.stderr
    assert "There are: " in done.stderr
    assert "INBOX" in done.stderr
    done = bascule(tmp_path, *words, "--without-folder", "Archiv", status=2)
    assert "No folder to leave out matches “Archiv”." in done.stderr
    if command not in ("capture", "export"):
        done = bascule(tmp_path, *words, "--rename", "Archiv=Old", status=2)
        assert "No folder to rename is called “Archiv”." in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.needs("dovecot")
def test_one_of_several_that_is_not_there_is_named_and_the_others_are_copied(tmp_path, old) -> None:
    words = ("--folder", "Archives", "--folder", "Archiv", "--without-folder", "Spam*", "--json")
    done = bascule(tmp_path, "copy", old.url(USER), old.url("several"), *words)
    assert "No folder matches “Archiv”." in done.stderr
    assert report_of(done)["totals"]["delivered"] == 1


@pytest.mark.needs("dovecot")
def test_a_folder_that_is_gone_since_an_earlier_run_is_not_misspelt(tmp_path, old) -> None:
    reference.append(old.port, "leaving", "Project", [messages.plain(1)])
    words = ("--folder", "Project", "--rename", "Project=Done")
    bascule(tmp_path, "copy", old.url("leaving"), old.url("left"), *words)
    with imaplib.IMAP4("127.0.0.1", old.port) as client:
        client.login("leaving", "secret")
        client.delete("Project")
    bascule(tmp_path, "copy", old.url("leaving"), old.url("left"), *words)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("Inbox", "INBOX"),
        ("inbox/*", "INBOX/Sub"),
        ("[Gmail]/Sent", "[Gmail]/Sent"),
        ("E\u0301tudiants", "Étudiants"),
        ("Étudiants", "E\u0301tudiants"),
        ("Archives*", "Archives/2019"),
    ],
)
def test_what_a_pattern_matches(pattern, name) -> None:
    assert Selection((pattern,)).takes_folder(FolderPath.split(name, "/"))
    assert not Selection((), (pattern,)).takes_folder(FolderPath.split(name, "/"))
    assert not Selection((pattern,)).takes_folder(FolderPath(("Other",)))
