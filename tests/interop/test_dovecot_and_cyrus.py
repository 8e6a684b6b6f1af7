"""Dovecot to Cyrus and back: two servers that disagree on separators, prefixes and octets."""

import pytest

from bascule.demo import PrivateDovecot
from support import messages, reference
from support.command import bascule, report_of
from support.cyrus import PrivateCyrus

pytestmark = [pytest.mark.needs("dovecot", "cyrus")]
USER = "anna"
EIGHT_BIT = "Subject: Réunion\r\nFrom: a@b.c\r\n\r\ntext\r\n".encode("latin-1")


@pytest.fixture
def old(tmp_path):
    with PrivateDovecot(tmp_path / "old") as server:
        reference.append(server.port, USER, "INBOX", messages.many(20), "(\\Seen $Forwarded)")
        reference.append(server.port, USER, "Archive/Sub.dot", messages.many(5, 9))
        reference.append(server.port, USER, "Trash", [messages.plain(5)] * 2, "(\\Deleted)")
        yield server


@pytest.mark.parametrize("internal_names", [False, True], ids=["unix names", "INBOX. names"])
def test_there_and_back_every_message_is_equal(tmp_path, old, internal_names) -> None:
    with (
        PrivateCyrus([USER], munge8bit=False, internal_names=internal_names) as cyrus,
        PrivateDovecot(tmp_path / "new") as new,
    ):
        there = report_of(bascule(tmp_path, "copy", old.url(USER), cyrus.url(USER), "--json", "--verify", "full"))
        assert there["totals"]["delivered"] == 27
        assert there["verified"] == {"octets": 27}
        bascule(tmp_path, "copy", cyrus.url(USER), new.url(USER), "--json", "--verify", "full")
        back, first = reference.read_mailbox(new.port, USER), reference.read_mailbox(old.port, USER)
        if internal_names:  # a dot in a name separates there: the report says so
            renamed = [f for f in there["folders"] if f["renamed"]]
            assert [f["folder"] for f in renamed] == ["Archive/Sub.dot"]
            first = type(first)({(k[0].replace("Sub.dot", "Sub_dot"), *k[1:]): n for k, n in first.items()})
        assert back == first
        report = report_of(bascule(tmp_path, "copy", old.url(USER), cyrus.url(USER), "--json"))
        assert report["totals"]["delivered"] == 27


def test_what_cyrus_munges_is_named_and_what_it_refuses_is_saved(tmp_path, old) -> None:
    reference.append(old.port, USER, "INBOX", [EIGHT_BIT])
    with PrivateCyrus([USER], munge8bit=True) as cyrus:
        report = report_of(bascule(tmp_path, "copy", old.url(USER), cyrus.url(USER), "--json", status=1))
        assert [(e["code"], e["subject"]) for e in report["exceptions"]] == [("altered", "Réunion")] or [
            e["code"] for e in report["exceptions"]
        ] == ["altered"]
        assert "altered by the target" in report["exceptions"][0]["detail"]
        assert report["totals"]["delivered"] == 28
