"""LITERAL+: RFC 7888. And literals that wait, as all clients may still send them."""

import pytest

from bascule.platform.imap.limits import ARGUMENT_OCTETS


def test_a_literal_that_waits_is_asked_for(client) -> None:
    client.send(b"x APPEND INBOX {5}\r\n")
    assert client.continuation() == b"go on"
    client.send(b"a: b\n\r\n")
    assert client.end(b"x").status == "OK"


def test_a_literal_that_does_not_wait(client) -> None:
    client.send(b"x APPEND {5+}\r\nINBOX {5+}\r\na: b\n\r\n")
    assert client.end(b"x").status == "OK"


def test_one_that_is_too_large_is_refused_before_it_comes(client) -> None:
    client.send(b"x SELECT {%d}\r\n" % (ARGUMENT_OCTETS + 1))
    assert client.end(b"x").code == "TOOBIG"
    client.ok("NOOP")


def test_one_that_is_too_large_and_does_not_wait_is_read_and_refused(client) -> None:
    size = ARGUMENT_OCTETS + 1
    client.send(b"x SELECT {%d+}\r\n" % size + b"x" * size + b"\r\n")
    assert client.end(b"x").code == "TOOBIG"
    client.ok("NOOP")


@pytest.mark.parametrize("line", [b"x APPEND INBOX {99999999999999999999+}\r\n", b"x APPEND INBOX {5000000000}\r\n"])
def test_absurd_sizes(client, line: bytes) -> None:
    client.send(line)
    assert client.untagged().startswith(b"* BYE")


def test_a_large_message_goes_through_a_file(client) -> None:
    message = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 100_000 + b"y" * 3_000_000
    client.append("INBOX", message)
    assert client.ok("FETCH 1 BODY.PEEK[]").line(b"1 FETCH").endswith(message + b")")
