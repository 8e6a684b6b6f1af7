"""Moves to the built-in platform, from it, and between two of its accounts: equal, message by message."""

import pytest

from bascule.mailbox import check
from bascule.mailbox.live import LiveMailbox
from bascule.platform.sharing import FULL, set_rights
from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.server import ANNA, PrivateBascule

pytestmark = [pytest.mark.needs("dovecot")]
USER = "anna"
BOB = "bob@example.org"


@pytest.fixture
def old(tmp_path):
    with PrivateDovecot(tmp_path / "old") as server:
        reference.append(server.port, USER, "INBOX", messages.many(20), "(\\Seen $Forwarded)")
        reference.append(
            server.port, USER, "Archive/Sub.dot", messages.many(5, 9), "(\\Flagged)", '"01-Feb-2041 10:11:12 +0200"'
        )
        reference.append(server.port, USER, "Trash", [messages.plain(5)] * 2, "(\\Deleted)")
        yield server


def test_there_between_and_back(tmp_path, old) -> None:
    with (
        PrivateBascule(
            tmp_path / "new", accounts=(ANNA, BOB), processes=2, settings={"mailboxes": "first_folders = []"}
        ) as new,
        PrivateDovecot(tmp_path / "back") as back,
    ):
        there = report_of(bascule(tmp_path, "copy", old.url(USER), new.url(), "--json", "--verify", "full"))
        assert there["totals"]["delivered"] == 27
        assert there["verified"] == {"octets": 27}
        bascule(tmp_path, "copy", new.url(), new.url(BOB), "--json", "--verify", "full")
        bascule(tmp_path, "copy", new.url(BOB), back.url(USER), "--json", "--verify", "full")
        assert reference.read_mailbox(back.port, USER) == reference.read_mailbox(old.port, USER)
        again = report_of(bascule(tmp_path, "copy", old.url(USER), new.url(), "--json"))
        assert again["totals"]["delivered"] == 27
        assert reference.read_mailbox(new.imap, ANNA) == reference.read_mailbox(new.imap, BOB)
        places = [new.mailbox(), new.mailbox(BOB)]
    for place in places:
        assert check(place) == []


def test_accents_in_names_and_headers(tmp_path) -> None:
    """UTF8=ACCEPT on both sides: names, and a message whose header is in UTF-8."""
    with PrivateBascule(tmp_path / "both", accounts=(ANNA, BOB)) as server:
        message = "From: Zoé <z@é.example>\r\nSubject: Été\r\n\r\nà\r\n".encode()
        reference.append(server.imap, ANNA, "&AMk-t&AOk-", [message])
        bascule(tmp_path, "copy", server.url(), server.url(BOB), "--verify", "full")
        assert reference.read_mailbox(server.imap, ANNA) == reference.read_mailbox(server.imap, BOB)


def test_what_others_share_is_not_taken_along(tmp_path) -> None:
    """Anna's INBOX is moved as Anna's, not once more with each of those whom she lets read it."""
    with (
        PrivateBascule(tmp_path / "both", accounts=(ANNA, BOB)) as server,
        PrivateDovecot(tmp_path / "back") as back,
    ):
        reference.append(server.imap, ANNA, "INBOX", messages.many(3))
        reference.append(server.imap, BOB, "INBOX", messages.many(2, 7))
        accounts = server.accounts()
        with LiveMailbox.open(server.mailbox(ANNA)) as box:
            for folder in box.folders.all():
                set_rights(accounts, accounts.find(ANNA), box, folder.id, BOB, FULL)
        accounts.close()
        done = report_of(bascule(tmp_path, "copy", server.url(BOB), back.url(USER), "--json"))
        assert done["totals"]["delivered"] == 2
        assert sum(reference.read_mailbox(server.imap, BOB).values()) == 5
        assert sum(reference.read_mailbox(back.port, USER).values()) == 2


def test_a_quota_refuses_what_does_not_fit_and_names_it(tmp_path, old) -> None:
    with PrivateBascule(tmp_path / "new") as new:
        accounts = new.accounts()
        accounts.set_quota(ANNA, 60_000)
        accounts.close()
        report = report_of(bascule(tmp_path, "copy", old.url(USER), new.url(), "--json", status=1))
        assert "refused-quota" in {e["code"] for e in report["exceptions"]}
        totals = report["totals"]
        assert totals["delivered"] + totals["refused"] + totals["unaccounted"] == totals["found"]
