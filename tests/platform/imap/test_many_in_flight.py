"""Commands that are sent without waiting for answers (RFC 9051 §5.5), many more than are read ahead."""

import threading
from collections.abc import Callable

import pytest

from support.dialogue import Dialogue


def answers(client: Dialogue, commands: list[bytes]) -> list[str]:
    """The statuses of all, sent in one write while they are read."""
    writing = threading.Thread(target=client.send, args=(b"".join(commands),))
    writing.start()
    told = []
    while len(told) < len(commands):
        frame = client.frame()
        first = frame[0]
        assert isinstance(first, bytes)
        if not first.startswith(b"* "):
            told.append(first.split(b" ")[1].decode())
    writing.join()
    return told


@pytest.mark.parametrize("count", [199, 200, 201, 400, 5000])
def test_each_of_many_commands_in_one_write_is_answered(count: int, client: Dialogue) -> None:
    assert answers(client, [b"n%d NOOP\r\n" % number for number in range(count)]) == ["OK"] * count


def test_commands_that_are_no_imap_among_many_do_not_stop_the_others(client: Dialogue) -> None:
    commands = [b"n%d NOOP\r\n" % number if number % 3 else b"n%d FLY AWAY\r\n" % number for number in range(1001)]
    assert answers(client, commands) == ["OK" if number % 3 else "BAD" for number in range(1001)]


def test_two_thousand_fetches_in_flight_while_another_session_works(
    client: Dialogue, connect: Callable[..., Dialogue]
) -> None:
    """mbsync asks for each message of a folder apart, all at once."""
    for number in range(5):
        client.ok("APPEND INBOX {}", b"Subject: %d\r\n\r\ntext\r\n" % number)
    other = connect("INBOX")
    told: list[str] = []
    commands = [b"f%d UID FETCH %d BODY.PEEK[]\r\n" % (number, number % 5 + 1) for number in range(2000)]
    reading = threading.Thread(target=lambda: told.extend(answers(client, commands)))
    reading.start()
    for _ in range(20):
        other.ok("NOOP")
    reading.join(60)
    assert told == ["OK"] * 2000
