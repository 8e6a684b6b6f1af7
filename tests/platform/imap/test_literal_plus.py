"""LITERAL+: RFC 7888. And literals that wait, as all clients may still send them."""

import pytest

from bascule.mailbox.lock import alone
from bascule.platform.imap.limits import ARGUMENT_OCTETS
from bascule.platform.wakeups import RELEASE, send_to_all


def _append_when_asked(client) -> None:
    client.send(b"x APPEND INBOX {5}\r\n")
    assert client.continuation() == b"go on"
    client.send(b"a: b\n\r\n")
    assert client.end(b"x").status == "OK"


def test_a_literal_that_waits_is_asked_for(client) -> None:
    _append_when_asked(client)


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


def test_where_a_message_is_refused_before_it_comes_the_next_line_is_a_command(connect, mailbox_file) -> None:
    """Also where the refusal has nothing to do with APPEND: here, somebody has the mailbox alone."""
    client = connect()
    send_to_all(mailbox_file.parents[1] / "run", RELEASE + mailbox_file.stem)
    with alone(mailbox_file, wait_seconds=20):
        client.send(b"x APPEND INBOX {1000}\r\n")
        assert client.end(b"x").code == "UNAVAILABLE"
    client.ok("NOOP")
    _append_when_asked(client)


def test_a_message_that_no_command_announces_is_not_waited_for(client) -> None:
    client.send(b"x* APPEND INBOX {1000}\r\n")
    assert client.frame()[0].split()[1] == b"BAD"
    client.ok("NOOP")
    client.send(b"x IDLE\r\n")
    client.continuation()
    client.send(b"y APPEND INBOX {1000}\r\n")
    assert client.end(b"x").status == "BAD"
    client.ok("NOOP")


def test_what_is_in_a_refused_message_is_no_command_though_its_sender_did_not_wait(client) -> None:
    client.send(b"x APPEND Nowhere {43}\r\nSubject: s\r\n\r\ny CREATE Evil\r\n")
    assert client.end(b"x").code == "TRYCREATE"
    client.send(b"z CREATE Bad\r\n\r\n")
    assert client.end(b"x").code == "TRYCREATE"
    assert not client.ok('LIST "" Evil').lines
    assert not client.ok('LIST "" Bad').lines


@pytest.mark.parametrize("border", [b"STARTTLS", b"COMPRESS DEFLATE"])
def test_who_misspells_a_change_of_layer_is_heard_on(connect, border: bytes) -> None:
    client = connect("INBOX")
    client.send(b"x* " + border + b"\r\n")
    assert client.frame()[0].split()[1] == b"BAD"
    client.ok("NOOP")
    client.send(b"x IDLE\r\n")
    client.continuation()
    client.send(b"y " + border + b"\r\n")
    assert client.end(b"x").status == "BAD"
    client.ok("NOOP")
