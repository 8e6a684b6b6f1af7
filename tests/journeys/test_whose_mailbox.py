"""A mailbox on disk is one person's, and so is what `copy` remembers."""

import time
from pathlib import Path

import pytest

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
    assert "Name another file" in refused.stderr
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


def test_files_are_brought_into_anybodys_and_change_nobodys(tmp_path, server) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/one.eml").write_bytes(messages.plain(1))
    bring = ("import", tmp_path / "files", tmp_path / "one.mailbox", "--kind", "eml")
    bascule(tmp_path, *bring)
    capture(tmp_path, server.url("eve"))
    bascule(tmp_path, *bring)
    capture(tmp_path, server.url("eve"))
    capture(tmp_path, server.url("fred"), status=2)


def test_what_copy_remembers_of_one_person_is_not_taken_for_another_whose_messages_have_the_same_uids(
    tmp_path, server
) -> None:
    state = ("--state", tmp_path / "state")
    bascule(tmp_path, "copy", server.url("eve"), server.url("both"), *state)
    refused = bascule(tmp_path, "copy", server.url("fred"), server.url("both"), *state, status=2)
    assert f"remembers the copies of {server.url('eve')}." in refused.stderr
    refused = bascule(tmp_path, "verify", server.url("fred"), server.url("both"), *state, status=2)
    assert "remembers the copies of" in refused.stderr
    again = bascule(tmp_path, "copy", server.url("eve", tls=True), server.url("both"), *state, "--json", "--insecure")
    assert report_of(again)["totals"]["delivered"] == 6
    bascule(tmp_path, "copy", server.url("eve").replace("eve", "eve2"), server.url("both"), *state, "--same-person")
