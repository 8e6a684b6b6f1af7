"""QRESYNC: RFC 7162 §3.2."""

import contextlib
import sqlite3

from bascule.mailbox.format import CATALOGUE


def filled(connect):
    client = connect("INBOX", enable="QRESYNC")
    for _ in range(6):
        client.append("INBOX", b"Subject: x\r\n\r\n")
    status = client.ok("STATUS INBOX (UIDVALIDITY HIGHESTMODSEQ)").parsed[0].items
    return client, status["UIDVALIDITY"], status["HIGHESTMODSEQ"]


def test_expunges_are_told_as_vanished(connect) -> None:
    client, _, _ = filled(connect)
    client.ok("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    reply = client.ok("EXPUNGE")
    assert reply.lines == [b"* VANISHED 2:3"]
    assert reply.code.startswith("HIGHESTMODSEQ ")


def test_a_client_that_comes_back_hears_what_it_missed(connect) -> None:
    client, validity, modseq = filled(connect)
    client.ok("UNSELECT")
    other = connect("INBOX")
    other.ok("STORE 1,4 +FLAGS (\\Seen)")
    other.ok("STORE 2 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    lines = client.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:6))").lines
    assert b"* VANISHED (EARLIER) 2" in lines
    changed = [line.split(b" MODSEQ")[0] for line in lines if b" FETCH " in line]
    assert changed == [b"* 1 FETCH (UID 1 FLAGS (\\Seen)", b"* 3 FETCH (UID 4 FLAGS (\\Seen)"]


def test_another_uidvalidity_means_nothing_is_known(connect) -> None:
    client, validity, modseq = filled(connect)
    reply = client.ok(f"SELECT INBOX (QRESYNC ({validity + 1} {modseq}))")
    assert not reply.has(b"VANISHED")
    assert not reply.has(b"FETCH")


def test_fetch_vanished(connect) -> None:
    client, _, modseq = filled(connect)
    client.ok("STORE 5 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    lines = client.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)").lines
    assert lines == [b"* VANISHED (EARLIER) 5"]
    client.bad(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")


def test_what_came_since_the_last_look_is_not_told_as_gone(connect, mailbox_file) -> None:
    """Where the expunges of that time were forgotten, what has no number is taken for gone."""
    client, _, _ = filled(connect)
    other = connect("INBOX")
    with contextlib.closing(sqlite3.connect(mailbox_file / CATALOGUE)) as catalogue, catalogue:
        catalogue.execute("UPDATE folders SET purged_modseq = 2 WHERE messages > 0")
    other.append("INBOX", b"Subject: new\r\n\r\n")
    lines = client.ok("UID FETCH 1:9 (FLAGS) (CHANGEDSINCE 1 VANISHED)").lines
    assert not any(b"VANISHED" in line for line in lines)
    assert b"* 7 EXISTS" in lines


def test_it_must_be_enabled_first(client) -> None:
    client.bad("SELECT INBOX (QRESYNC (1 1))")
    client.bad("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)")
