"""CONDSTORE: RFC 7162 §3.1."""

import re

import pytest


def modseq(line: bytes) -> int:
    found = re.search(rb"MODSEQ \((\d+)\)", line)
    assert found, line
    return int(found[1])


def test_each_change_has_a_greater_modseq(client) -> None:
    for _ in range(3):
        client.append("INBOX", b"Subject: x\r\n\r\n")
    enabled, *lines = client.ok("FETCH 1:3 (MODSEQ)").lines
    first = [modseq(line) for line in lines]
    assert enabled.startswith(b"* OK [HIGHESTMODSEQ %d]" % max(first))
    assert first == sorted(set(first))
    changed = modseq(client.ok("STORE 2 +FLAGS (\\Seen)").line(b"2 FETCH"))
    assert changed > max(first)
    assert client.ok("STATUS INBOX (HIGHESTMODSEQ)").parsed[0].items["HIGHESTMODSEQ"] == changed
    since = client.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {max(first)})").lines
    assert [line.split()[1] for line in since] == [b"2"]
    assert modseq(since[0]) == changed


@pytest.mark.parametrize("items", ["BODY[]", "(FLAGS BODY[])", "(BODY[TEXT] FLAGS)", "(FLAGS BODY[] MODSEQ)"])
def test_a_fetch_that_marks_as_seen_tells_the_modseq_of_that_once(connect, items: str) -> None:
    client = connect("INBOX (CONDSTORE)")
    client.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    client.ok("NOOP")
    before = client.ok("STATUS INBOX (HIGHESTMODSEQ)").parsed[0].items["HIGHESTMODSEQ"]
    told = b"".join(client.ok(f"FETCH 1 {items}").lines)
    assert modseq(told) > before
    assert (told.count(b"MODSEQ ("), told.count(b"FLAGS (")) == (1, 1)
    assert b"\\Seen" in told


def test_store_unchanged_since(connect) -> None:
    one, other = connect("INBOX (CONDSTORE)"), connect("INBOX")
    for _ in range(3):
        one.append("INBOX", b"Subject: x\r\n\r\n")
    known = one.ok("STATUS INBOX (HIGHESTMODSEQ)").parsed[0].items["HIGHESTMODSEQ"]
    other.ok("NOOP")
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    reply = one.ok(f"STORE 1:3 (UNCHANGEDSINCE {known}) +FLAGS.SILENT (\\Seen)")
    assert reply.code == "MODIFIED 2"
    assert other.ok("SEARCH UNSEEN").lines[0] == b"* SEARCH 2"


def test_search_by_modseq(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\n")
    client.append("INBOX", b"Subject: x\r\n\r\n")
    client.ok("ENABLE CONDSTORE")
    low, high = (modseq(line) for line in client.ok("FETCH 1:2 (MODSEQ)").lines)
    assert client.ok(f"SEARCH MODSEQ {low + 1}").lines == [b"* SEARCH 2 (MODSEQ %d)" % high]
    assert client.ok(f'SEARCH MODSEQ "/flags/\\\\draft" all {high + 1}').lines == [b"* SEARCH"]


def test_select_tells_the_highest(client) -> None:
    assert client.ok("SELECT INBOX").has(b"[HIGHESTMODSEQ ")
