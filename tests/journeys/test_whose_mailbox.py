"""A mailbox on disk is one person's, and so is what `copy` remembers."""

import os
import time
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from support import messages, reference
from support.certificates import make_certificate
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("d")
    with PrivateDovecot(place / "d", tls=make_certificate(place)) as started:
        time.sleep(
            1 - time.time() % 1
        )  # both made in one second, as an institution's script makes them: one UIDVALIDITY
        for user in ("eve", "fred"):
            reference.append(started.port, user, "INBOX", messages.many(1))
        for user in ("eve", "fred"):
            reference.append(started.port, user, "INBOX", messages.many(5))
        yield started


def capture(tmp_path: Path, url: str, *words: str, status: int = 0):
    return bascule(tmp_path, "capture", url, tmp_path / "one.mailbox", "--insecure", *words, status=status)


def test_a_second_person_is_not_captured_into_it(tmp_path, server) -> None:
    capture(tmp_path, server.url("eve"))
    refused = capture(tmp_path, server.url("fred"), status=2)
    assert f"{tmp_path}/one.mailbox is the mailbox of {server.url('eve')}." in refused.stderr
    assert "The file is of “eve” at 127.0.0.1, the source is “fred” at 127.0.0.1: where these are two" in refused.stderr
    assert "Check SOURCE, or name another file. Only if they are the same person" in refused.stderr
    assert report_of(capture(tmp_path, server.url("eve"), "--json"))["source"] == server.url("eve")


def test_scheme_port_and_names_of_this_machine_make_no_other_person(tmp_path, server) -> None:
    capture(tmp_path, server.url("eve"))
    capture(tmp_path, server.url("eve", tls=True))
    capture(tmp_path, f"imap://EVE@localhost:{server.port}")


def test_a_server_of_another_name_needs_a_word(tmp_path, server) -> None:
    capture(tmp_path, server.url("eve"))
    mailbox = tmp_path / "one.mailbox"
    other = ("capture", "imap://eve@mail.example.org:1", mailbox, "--insecure")
    assert "--same-person" in bascule(tmp_path, *other, status=2).stderr
    assert "one.mailbox is the mailbox" not in bascule(tmp_path, *other, "--same-person", status=3).stderr
    capture(tmp_path, server.url("fred"), "--same-person")
    capture(tmp_path, server.url("fred"))


def test_who_was_not_let_in_is_nobodys_owner(tmp_path, server) -> None:
    wrong = ("capture", server.url("ev"), tmp_path / "one.mailbox")
    bascule(tmp_path, *wrong, status=3, BASCULE_SOURCE_PASSWORD="wrong")
    capture(tmp_path, server.url("eve"))


def files_at(place: Path, *numbers: int) -> Path:
    place.mkdir(parents=True)
    for number in numbers:
        (place / f"{number}.eml").write_bytes(messages.plain(number))
    return place


def bring(tmp_path: Path, files: str | Path, *words: str, status: int = 0):
    return bascule(tmp_path, "import", files, tmp_path / "one.mailbox", *words, status=status)


def test_what_a_second_import_does_not_hold_stays_what_the_first_one_brought(tmp_path) -> None:
    bring(tmp_path, files_at(tmp_path / "pc", 1, 2))
    refused = bring(tmp_path, files_at(tmp_path / "laptop", 3), status=2)
    assert f"one.mailbox was made from eml:{tmp_path}/pc." in refused.stderr
    assert "Name another file, one for each source" in refused.stderr
    assert "put all the files into one folder" in refused.stderr
    (tmp_path / "pc/3.eml").write_bytes(messages.plain(3))
    assert report_of(bring(tmp_path, tmp_path / "pc", "--json"))["totals"]["found"] == 3


def test_one_path_is_one_however_it_is_spelt(tmp_path) -> None:
    bring(tmp_path, files_at(tmp_path / "new", 1))
    (tmp_path / "link").symlink_to("new")
    for spelling in (
        os.path.relpath(tmp_path / "new"),
        f"{tmp_path}//link/../new/",
        tmp_path / "link",
        tmp_path / "new",
    ):
        bring(tmp_path, spelling)


def test_a_link_is_what_it_was_wherever_it_leads_today(tmp_path) -> None:
    files_at(tmp_path / "monday", 1)
    (tmp_path / "today").symlink_to("monday")
    bring(tmp_path, tmp_path / "today")
    (tmp_path / "today").unlink()
    (tmp_path / "today").symlink_to(files_at(tmp_path / "tuesday", 1, 2))
    bring(tmp_path, tmp_path / "today")
    bring(tmp_path, tmp_path / "monday", status=2)


def test_files_that_were_moved_need_a_word(tmp_path) -> None:
    bring(tmp_path, files_at(tmp_path / "old", 1))
    (tmp_path / "old").rename(tmp_path / "new")
    assert "add --same-person" in bring(tmp_path, tmp_path / "new", status=2).stderr
    bring(tmp_path, tmp_path / "new", "--same-person")
    bring(tmp_path, tmp_path / "new")


@pytest.mark.parametrize("kept", ["", "eml:{relative}"])
def test_what_an_earlier_version_remembers_of_files_is_enough(tmp_path, kept) -> None:
    files = files_at(tmp_path / "files", 1)
    bring(tmp_path, files)
    with Mailbox.open(tmp_path / "one.mailbox") as mailbox:
        mailbox.set_meta("source", kept.format(relative=os.path.relpath(files)))
    bring(tmp_path, files)
    bring(tmp_path, files_at(tmp_path / "others", 2), status=2)


def test_files_and_a_server_are_not_mixed(tmp_path, server) -> None:
    capture(tmp_path, server.url("eve"))
    refused = bring(tmp_path, files_at(tmp_path / "files", 1), status=2)
    assert "one.mailbox is the mailbox of" in refused.stderr
    assert "Name another file" in refused.stderr
    assert report_of(capture(tmp_path, server.url("eve"), "--json"))["totals"]["found"] == 6
    (tmp_path / "one.mailbox").rename(tmp_path / "other.mailbox")
    bring(tmp_path, tmp_path / "files")
    assert "one.mailbox was made from" in capture(tmp_path, server.url("eve"), status=2).stderr


def test_copies_of_other_files_are_not_remembered_in_one_place(tmp_path, server) -> None:
    state = ("--state", tmp_path / "state")
    pc, laptop = (f"eml:{files_at(tmp_path / name, *n)}" for name, n in (("pc", (1, 2)), ("laptop", (2, 3))))
    bascule(tmp_path, "copy", pc, server.url("gwen"), *state)
    refused = bascule(tmp_path, "copy", laptop, server.url("gwen"), *state, status=2)
    assert f"remembers the copies of {pc}." in refused.stderr
    assert "Name another --state, one for each" in refused.stderr
    bascule(tmp_path, "copy", laptop, server.url("gwen"), "--state", tmp_path / "other")
    bascule(tmp_path, "copy", pc, server.url("gwen"), *state)
    assert reference.read_mailbox(server.port, "gwen").total() == 3


def test_what_copy_remembers_of_one_person_is_not_taken_for_another_whose_messages_have_the_same_uids(
    tmp_path, server
) -> None:
    state = ("--state", tmp_path / "state")
    bascule(tmp_path, "copy", server.url("eve"), server.url("both"), *state)
    refused = bascule(tmp_path, "copy", server.url("fred"), server.url("both"), *state, status=2)
    assert f"remembers the copies of {server.url('eve')}." in refused.stderr
    assert "The state is of “eve” at 127.0.0.1, the source is “fred” at 127.0.0.1" in refused.stderr
    refused = bascule(tmp_path, "verify", server.url("fred"), server.url("both"), *state, status=2)
    assert "remembers the copies of" in refused.stderr
    again = bascule(tmp_path, "copy", server.url("eve", tls=True), server.url("both"), *state, "--json", "--insecure")
    assert report_of(again)["totals"]["delivered"] == 6
    bascule(tmp_path, "copy", server.url("eve").replace("eve", "eve2"), server.url("both"), *state, "--same-person")
