"""What people do on the old side between two runs: they move, rename and delete. A move is not a duplicate; a deletion is not repeated."""

import imaplib
from collections import Counter
from pathlib import Path

import pytest

from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.kinds import Place
from support.lesser import Without
from support.person import Person
from support.proxy import Faults, Proxy

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"


@pytest.fixture
def old(tmp_path: Path):
    with PrivateDovecot(tmp_path / "old", format="maildir", separator=".") as server:
        reference.append(server.port, USER, "INBOX", [messages.plain(n) for n in range(6)], "(\\Seen)")
        reference.append(server.port, USER, "Archive", [messages.plain(n) for n in (20, 21, 0)])
        yield server


@pytest.fixture
def new(tmp_path: Path):
    with PrivateDovecot(tmp_path / "new") as server:
        yield server


def on(server: PrivateDovecot, folder: str, *commands: tuple[str, ...]) -> None:
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.login(USER, "secret")
        client.select(folder)
        for command in commands:
            if command[0] == "RENAME":
                status, said = client.rename(*command[1:])
            elif command[0] == "STORE":
                status, said = client.store(*command[1:])
            elif command[0] == "EXPUNGE":
                status, said = client.expunge()
            else:
                status, said = client.xatom(*command)
            assert status == "OK", said


imaplib.Commands["MOVE"] = ("SELECTED",)


def copy(tmp_path: Path, old: PrivateDovecot, url: str, *more: str, status: int = 0):
    state = ("--state", tmp_path / "state")
    return report_of(bascule(tmp_path, "copy", old.url(USER), url, "--json", *state, *more, status=status))


def test_a_message_that_moved_after_it_was_copied_moves_on_the_target(tmp_path, old, new):
    copy(tmp_path, old, new.url(USER))
    on(old, "INBOX", ("MOVE", "2:3", "Archive"))
    on(old, "Archive", ("MOVE", "1", "INBOX"))
    report = copy(tmp_path, old, new.url(USER))
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)
    assert report["accounted"] is True
    copy(tmp_path, old, new.url(USER))
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)


def test_it_moves_with_capture_and_deliver_too(tmp_path, old, new):
    mailbox = tmp_path / "a.mailbox"
    for _ in range(2):
        bascule(tmp_path, "capture", old.url(USER), mailbox, "--quiet")
        bascule(tmp_path, "deliver", mailbox, new.url(USER), "--quiet")
        on(old, "INBOX", ("MOVE", "1", "Archive"))
    bascule(tmp_path, "capture", old.url(USER), mailbox, "--quiet")
    bascule(tmp_path, "deliver", mailbox, new.url(USER), "--quiet")
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)
    assert "is sound" in bascule(tmp_path, "check", mailbox).stdout


def test_what_moved_into_a_folder_that_is_closed_for_a_night_does_not_come_back_once_it_was_removed(tmp_path, old):
    mailbox = tmp_path / "a.mailbox"
    with PrivateDovecot(tmp_path / "new", acl=True) as new:
        bascule(tmp_path, "capture", old.url(USER), mailbox, "--quiet")
        bascule(tmp_path, "deliver", mailbox, new.url(USER), "--quiet")
        with Person(Place("", new.port)) as member:
            member.delete("INBOX", 1)
            member.leave_rights("Archive", "la")
        on(old, "INBOX", ("MOVE", "2", "Archive"))
        bascule(tmp_path, "capture", old.url(USER), mailbox, "--quiet")
        bascule(tmp_path, "deliver", mailbox, new.url(USER), "--quiet", status=1)
        with Person(Place("", new.port)) as member:
            member.leave_rights("Archive", "lrswitea")
        bascule(tmp_path, "deliver", mailbox, new.url(USER), "--quiet")
        assert reference.digest(messages.plain(1)) not in {key[1] for key in reference.read_mailbox(new.port, USER)}


def test_a_renamed_folder_is_not_there_twice(tmp_path, old, new):
    copy(tmp_path, old, new.url(USER))
    on(old, "INBOX", ("RENAME", "Archive", "Done"))
    copy(tmp_path, old, new.url(USER))
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)


def test_a_deletion_is_not_repeated_even_where_an_equal_message_stays(tmp_path, old, new):
    copy(tmp_path, old, new.url(USER))
    before = reference.read_mailbox(new.port, USER)
    on(
        old, "INBOX", ("STORE", "1", "+FLAGS", "\\Deleted"), ("EXPUNGE",)
    )  # its equal is in Archive, and was there before
    copy(tmp_path, old, new.url(USER))
    assert reference.read_mailbox(new.port, USER) == before


def test_what_a_person_has_touched_on_the_new_side_stays(tmp_path, old, new):
    copy(tmp_path, old, new.url(USER))
    on(new, "INBOX", ("STORE", "4", "+FLAGS", "\\Flagged"))
    on(old, "INBOX", ("MOVE", "4:5", "Archive"))
    copy(tmp_path, old, new.url(USER))
    found = Counter(key[0] for key in reference.read_mailbox(new.port, USER).elements())
    assert found == {"INBOX": 5, "Archive": 5}


def test_without_uidplus_the_report_names_the_duplicate(tmp_path, old, new):
    with Proxy(new.port, Faults(lesser=Without("UIDPLUS"))) as proxy:
        url = f"imap://{USER}@127.0.0.1:{proxy.port}"
        copy(tmp_path, old, url)
        on(old, "INBOX", ("MOVE", "4", "Archive"))
        report = copy(tmp_path, old, url, status=1)
    assert [(e["folder"], e["code"]) for e in report["exceptions"]] == [("Archive", "duplicate")]
    assert "its earlier copy is still in INBOX" in report["exceptions"][0]["detail"]
    found = Counter(key[0] for key in reference.read_mailbox(new.port, USER).elements())
    assert found == {"INBOX": 6, "Archive": 4}
