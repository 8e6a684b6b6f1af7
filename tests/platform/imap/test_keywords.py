"""A keyword is told of in FLAGS before a message shows it: programs drop those that they do not know. RFC 9051 §7.3.5"""

import pytest


def place_of(lines: list[bytes], start: bytes) -> int:
    return next(place for place, line in enumerate(lines) if line.startswith(start))


def tells_first(lines: list[bytes]) -> bool:
    told = place_of(lines, b"* FLAGS (")
    return b"$Later" in lines[told] and told < next(place for place, line in enumerate(lines) if b" FETCH (" in line)


@pytest.mark.parametrize(
    "asked", ["NOOP", "FETCH 1 FLAGS", "UID FETCH 1 (FLAGS UID RFC822.SIZE)", "STORE 1 +FLAGS (\\Seen)"]
)
def test_another_session_hears_of_a_new_keyword_first(connect, asked: str) -> None:
    one, other = connect("INBOX"), connect("INBOX")
    one.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    other.ok("NOOP")
    one.ok("STORE 1 +FLAGS ($Later)")
    lines = other.ok(asked).lines
    assert tells_first(lines)
    assert any(line.startswith(b"* OK [PERMANENTFLAGS (") and b"$Later" in line for line in lines)
    assert not other.ok("FETCH 1 FLAGS").has(b"* FLAGS (")


def test_so_does_the_session_that_sets_it(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    assert tells_first(client.ok("STORE 1 +FLAGS ($Later)").lines)
    assert not client.ok("STORE 1 -FLAGS ($Later)").has(b"* FLAGS (")


def test_in_idle_too(connect) -> None:
    one, other = connect("INBOX"), connect("INBOX")
    one.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    other.ok("NOOP")
    tag = other.begin("IDLE")
    other.continuation()
    one.ok("STORE 1 +FLAGS ($Later)")
    lines = [other.untagged(), other.untagged(), other.untagged()]
    assert tells_first(lines)
    other.send(b"DONE\r\n")
    assert other.end(tag).status == "OK"
