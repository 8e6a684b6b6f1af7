"""`bascule copy` from one real Dovecot to another, read back by imaplib."""

import imaplib
from collections import Counter
from pathlib import Path

import pytest

from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"


@pytest.fixture
def old(tmp_path: Path):
    with PrivateDovecot(tmp_path / "old", format="maildir", separator=".") as server:
        for folder, first in (
            ("INBOX", 0),
            ("Archive.2015", 100),
            ("&AMk-quipe", 200),
            ("(paren)", 300),
            ("per%cent", 400),
        ):
            octets = [messages.plain(first + n, 400 + 900 * n) for n in range(12)]
            reference.append(server.port, USER, folder, octets, "(\\Seen $Forwarded)")
        reference.append(server.port, USER, "Sent", [messages.plain(7)] * 3, "(\\Flagged)")
        with imaplib.IMAP4("127.0.0.1", server.port) as client:
            client.login(USER, "secret")
            client.create("Empty")
            client.subscribe("Archive.2015")
        yield server


@pytest.fixture
def new(tmp_path: Path):
    with PrivateDovecot(tmp_path / "new") as server:
        yield server


def copy(tmp_path: Path, old: PrivateDovecot, new: PrivateDovecot, *more: str, status: int | None = 0):
    state = () if "--state" in more else ("--state", tmp_path / "state")
    return bascule(tmp_path, "copy", old.url(USER), new.url(USER), "--json", *state, *more, status=status)


def test_every_message_arrives_with_its_octets_flags_and_date(tmp_path, old, new):
    report = report_of(copy(tmp_path, old, new))
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)
    assert report["accounted"] is True
    assert report["totals"]["found"] == report["totals"]["delivered"] == 63


def test_empty_folders_and_subscriptions_come_along(tmp_path, old, new):
    copy(tmp_path, old, new)
    with imaplib.IMAP4("127.0.0.1", new.port) as client:
        client.login(USER, "secret")
        assert b"Empty" in b" ".join(client.list()[1])
        assert client.lsub()[1] == [b'(\\HasNoChildren) "/" Archive/2015'] or b"Archive/2015" in b" ".join(
            client.lsub()[1]
        )
        assert b"Empty" not in b" ".join(line for line in client.lsub()[1] if line)


def test_a_second_run_adds_nothing(tmp_path, old, new):
    copy(tmp_path, old, new)
    before = reference.read_mailbox(new.port, USER)
    report = report_of(copy(tmp_path, old, new))
    assert reference.read_mailbox(new.port, USER) == before
    assert report["totals"]["delivered"] == 63


def test_a_second_run_without_its_state_adds_nothing(tmp_path, old, new):
    copy(tmp_path, old, new)
    before = reference.read_mailbox(new.port, USER)
    report = report_of(copy(tmp_path, old, new, "--state", str(tmp_path / "other")))
    assert reference.read_mailbox(new.port, USER) == before
    assert report["totals"]["already_there"] == 63
    assert report["totals"]["delivered"] == 0


def test_copies_are_counted_source_three_target_one_delivers_two(tmp_path, old, new):
    reference.append(new.port, USER, "Sent", [messages.plain(7)], "(\\Flagged)")
    report = report_of(copy(tmp_path, old, new))
    sent = next(f for f in report["folders"] if f["folder"] == "Sent")
    assert (sent["found"], sent["already_there"], sent["delivered"]) == (3, 1, 2)
    assert sum(n for key, n in reference.read_mailbox(new.port, USER).items() if key[0] == "Sent") == 3


def test_what_arrives_later_is_added_and_a_message_deleted_on_the_target_stays_deleted(tmp_path, old, new):
    copy(tmp_path, old, new)
    with imaplib.IMAP4("127.0.0.1", new.port) as client:
        client.login(USER, "secret")
        client.select("Archive/2015")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
    reference.append(old.port, USER, "Archive.2015", [messages.plain(999)])
    copy(tmp_path, old, new)
    found = Counter(key[0] for key in reference.read_mailbox(new.port, USER).elements())
    assert found["Archive/2015"] == 12 - 1 + 1


def test_a_changed_uidvalidity_repeats_nothing(tmp_path, old, new):
    copy(tmp_path, old, new)
    folder = tmp_path / "old" / "mail" / USER / "Maildir" / ".Archive.2015"
    for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index", "dovecot.index.cache"):
        (folder / name).unlink(missing_ok=True)
    uidlist = folder / "dovecot-uidlist"
    assert not uidlist.exists()
    reference.append(old.port, USER, "Archive.2015", [messages.plain(998)])
    copy(tmp_path, old, new)
    assert reference.read_mailbox(new.port, USER) == reference.read_mailbox(old.port, USER)


def test_a_target_prefix_and_another_separator(tmp_path, old):
    with PrivateDovecot(tmp_path / "prefixed", separator=".", prefix="INBOX.") as server:
        copy(tmp_path, old, server)
        names = {key[0] for key in reference.read_mailbox(server.port, USER)}
        assert names == {
            "INBOX",
            "INBOX/Archive/2015",
            "INBOX/&AMk-quipe",
            "INBOX/(paren)",
            "INBOX/per%cent",
            "INBOX/Sent",
        }


def test_a_dry_run_changes_nothing_and_names_the_folders(tmp_path, old, new):
    done = bascule(tmp_path, "copy", old.url(USER), new.url(USER), "--dry-run")
    assert "Archive/2015 → Archive/2015" in done.stdout
    assert "63  messages in 7 folders. Nothing was changed." in done.stdout
    assert not reference.read_mailbox(new.port, USER)
    assert not (tmp_path / "state-home").exists()


def test_folders_dates_and_sizes_are_left_out_by_choice(tmp_path, old, new):
    report = report_of(copy(tmp_path, old, new, "--folder", "Archive/*", "--max-size", "3k"))
    assert [f["folder"] for f in report["folders"]] == ["Archive/2015"]
    only = report["folders"][0]
    assert only["left_out"] > 0
    assert only["found"] == only["delivered"] + only["left_out"] == 12
    assert report["accounted"] is True


def test_the_source_is_not_changed(tmp_path, old, new):
    reference.append(old.port, USER, "INBOX", [messages.plain(555)])
    before = reference.read_mailbox(old.port, USER)
    copy(tmp_path, old, new)
    assert reference.read_mailbox(old.port, USER) == before


def test_a_full_verification_finds_what_was_changed_on_the_target(tmp_path, old, new):
    copy(tmp_path, old, new, "--verify", "full")
    done = bascule(tmp_path, "verify", old.url(USER), new.url(USER), "--quiet")
    assert "63 of 63 messages are equal" in done.stdout
    with imaplib.IMAP4("127.0.0.1", new.port) as client:
        client.login(USER, "secret")
        client.select("Sent")
        client.store("1", "+FLAGS", "\\Seen")
    done = bascule(tmp_path, "verify", old.url(USER), new.url(USER), "--quiet", status=1)
    assert "its flags are \\Flagged \\Seen" in done.stdout
    assert "62 of 63 messages are equal" in done.stdout


def test_an_empty_message_is_refused_by_name_and_saved(tmp_path, old, new):
    empty = tmp_path / "old" / "mail" / USER / "Maildir" / "cur" / "1.M1P1.host:2,S"
    empty.write_bytes(b"")
    done = copy(tmp_path, old, new, status=1)
    report = report_of(done)
    assert [(e["folder"], e["code"]) for e in report["exceptions"]] == [("INBOX", "refused-empty")]
    proof = Path(report["certificate"]).parent
    assert (proof / report["exceptions"][0]["saved_as"]).read_bytes() == b""
    assert report["totals"]["refused"] == 1
    assert report["totals"]["delivered"] == 63


def test_over_quota_stops_cleanly_and_goes_on_when_there_is_room(tmp_path, old):
    with PrivateDovecot(tmp_path / "small", quota_kilobytes=60) as server:
        done = bascule(tmp_path, "copy", old.url(USER), server.url(USER), "--state", tmp_path / "s", "--json", status=1)
        assert "no room left" in report_of(done)["stopped"]
        kept = sum(reference.read_mailbox(server.port, USER).values())
        port = server.port
    with PrivateDovecot(tmp_path / "small", port=port) as server:
        report = report_of(
            bascule(tmp_path, "copy", old.url(USER), server.url(USER), "--state", tmp_path / "s", "--json")
        )
        assert report["accounted"] is True
        assert 0 <= kept < 63
        assert reference.read_mailbox(server.port, USER) == reference.read_mailbox(old.port, USER)


def test_the_certificate_checks_and_a_changed_report_does_not(tmp_path, old, new):
    certificate = Path(report_of(copy(tmp_path, old, new))["certificate"])
    done = bascule(tmp_path, "report", "--check", certificate)
    assert "is unchanged" in done.stdout
    page = certificate.parent / "report.html"
    page.write_text(page.read_text().replace("63", "64"))
    done = bascule(tmp_path, "report", "--check", certificate, status=1)
    assert "report.html was changed" in done.stdout


def test_flags_that_changed_on_the_old_side_follow_unless_the_new_side_changed_them(tmp_path, old, new):
    copy(tmp_path, old, new)
    with imaplib.IMAP4("127.0.0.1", new.port) as client:
        client.login(USER, "secret")
        client.select("INBOX")
        client.store("2", "+FLAGS", "(\\Flagged)")
    with imaplib.IMAP4("127.0.0.1", old.port) as client:
        client.login(USER, "secret")
        client.select("INBOX")
        client.store("1:2", "FLAGS", "(\\Answered)")
        client.store("3", "+FLAGS", "(\\Deleted)")
    report = report_of(copy(tmp_path, old, new))
    assert report["accounted"] is True
    flags = {}
    with imaplib.IMAP4("127.0.0.1", new.port) as client:
        client.login(USER, "secret")
        client.select("INBOX", readonly=True)
        for line in client.fetch("1:3", "(FLAGS)")[1]:
            flags[line[:1]] = set(imaplib.ParseFlags(line)) - {b"\\Recent"}
    assert flags[b"1"] == {b"\\Answered"}
    assert flags[b"2"] == {b"\\Seen", b"$Forwarded", b"\\Flagged"}
    assert flags[b"3"] == {b"\\Seen", b"$Forwarded"}
