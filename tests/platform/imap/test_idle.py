"""IDLE: RFC 2177, RFC 9051 §6.3.13. News arrives while nothing is asked, also from the other server process."""

import time


def test_news_while_idle(connect) -> None:
    waiting = connect("INBOX")
    others = [connect("INBOX") for _ in range(4)]  # over both processes
    tag = waiting.begin("IDLE")
    assert waiting.continuation() == b"idling"
    for number, other in enumerate(others, 1):
        started = time.monotonic()
        other.append("INBOX", b"Subject: x\r\n\r\n")
        assert waiting.untagged() == b"* %d EXISTS" % number
        assert waiting.untagged().endswith(b" RECENT")
        assert time.monotonic() - started < 5
    others[0].ok("STORE 1 +FLAGS (\\Deleted)")
    assert b"\\Deleted" in waiting.untagged()
    others[0].ok("EXPUNGE")
    assert waiting.untagged() == b"* 1 EXPUNGE"
    waiting.send(b"DONE\r\n")
    assert waiting.end(tag).status == "OK"
    waiting.ok("NOOP")


def test_anything_but_done_ends_it(client) -> None:
    tag = client.begin("IDLE")
    client.continuation()
    client.send(b"NOOP\r\n")
    assert client.end(tag).status == "BAD"
    client.ok("NOOP")


def test_news_from_before_is_told_at_its_beginning(connect) -> None:
    one, other = connect("INBOX"), connect("INBOX")
    other.append("INBOX", b"Subject: x\r\n\r\n")
    tag = one.begin("IDLE")
    assert one.untagged() == b"* 1 EXISTS"
    one.untagged()
    one.continuation()
    one.send(b"DONE\r\n")
    one.end(tag)
