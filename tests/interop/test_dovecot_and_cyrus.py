"""Dovecot to Cyrus and back: two servers that disagree on separators, prefixes and octets."""

import hashlib

import pytest

from support import messages, reference, store
from support.command import bascule, report_of
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot

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


def test_what_cyrus_refuses_is_mended_only_when_asked_and_named(tmp_path, old) -> None:
    mailbox = tmp_path / "nasty.mailbox"
    nul, broken, late = b"A: b\r\n\r\nx\0y\r\n", b"A: b\r\nno field here\r\n\r\nx\r\n", messages.plain(77)
    store.fill(mailbox, {"INBOX": [nul, broken, late]})
    with PrivateCyrus([USER], munge8bit=False) as cyrus:
        plain = report_of(bascule(tmp_path, "deliver", mailbox, cyrus.url(USER), "--json", status=1))
        assert [e["code"] for e in plain["exceptions"]] == ["refused-content", "refused-content"]
        assert plain["totals"]["delivered"] == 1
        for _ in range(2):
            words = ("deliver", mailbox, cyrus.url(USER), "--json", "--mend", "--verify", "full")
            mended = report_of(bascule(tmp_path, *words, status=1))
            assert {e["detail"] for e in mended["exceptions"]} == {
                "mended: 1 NUL octet removed",
                "mended: an empty line put before line 2, which is no header field",
            }
            assert mended["totals"]["delivered"] == 3
            assert mended["totals"]["refused"] == 0
        found = {key[1] for key in reference.read_mailbox(cyrus.port, USER)}
        wanted = [nul.replace(b"\0", b""), broken.replace(b"no field", b"\r\nno field"), late]
        assert found == {hashlib.sha256(octets).hexdigest() for octets in wanted}


def test_mended_messages_are_recognised_without_a_ledger(tmp_path, old) -> None:
    reference.append(old.port, USER, "INBOX", [b"A: b\r\nno field here\r\n\r\nx\r\n"])
    with PrivateCyrus([USER], munge8bit=False) as cyrus:
        for state in ("one", "two"):
            words = ("copy", old.url(USER), cyrus.url(USER), "--json", "--mend", "--state", tmp_path / state)
            report = report_of(bascule(tmp_path, *words, status=1))
            assert [e["code"] for e in report["exceptions"]] == ["altered"]
        assert sum(reference.read_mailbox(cyrus.port, USER).values()) == 28


HEADER = b"Subject: x\r\n\r\n"
ENDS = {
    HEADER + b"one\r\n\r": HEADER + b"one\r\n",
    HEADER + b"one\r": HEADER + b"one",
    HEADER + b"one\r\r": HEADER + b"one\r",
    HEADER + b"one\r\r\n": HEADER + b"one\r\n",
    HEADER + b"one\r\n\r\r\n\r": HEADER + b"one\r\n\r\n",
    HEADER + b"a\rb": HEADER + b"a\rb",
    HEADER + b"nul\0\r": HEADER + b"nul\x80",
    HEADER + b"\r": HEADER,
    HEADER: HEADER,
    b"Subject: y\r\n\r": b"Subject: y\r\n",
    b"\r": b"",
}
"""What a message is → what Dovecot 2.3 makes of it. Cyrus 3.6 keeps all of these, but for the one with NUL, which it refuses."""


def test_a_message_that_ends_in_cr_is_known_again_in_what_dovecot_made_of_it(tmp_path) -> None:
    mailbox = tmp_path / "ends.mailbox"
    store.fill(mailbox, {"INBOX": list(ENDS)})
    source = tmp_path / "source"
    with PrivateDovecot(tmp_path / "new") as new:
        report_of(bascule(tmp_path, "deliver", mailbox, new.url(USER), "--json", status=1))
        kept = {key[1] for key in reference.read_mailbox(new.port, USER)}
        assert kept == {hashlib.sha256(octets).hexdigest() for octets in ENDS.values()}
        store.fill(source, {"INBOX": list(ENDS)})
        again = report_of(bascule(tmp_path, "deliver", source, new.url(USER), "--json", status=None))
        assert again["totals"]["already_there"] + again["totals"]["altered"] == len(ENDS)
        assert sum(reference.read_mailbox(new.port, USER).values()) == len(ENDS)
