"""Commands that are sent without waiting for answers (RFC 9051 §5.5), many more than are read ahead."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.dialogue import Dialogue
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


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


@in_a_loop
async def test_behind_a_goodbye_nothing_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path, ANNA) as server, asyncio.timeout(120):
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        server.accounts.set_locked(ANNA, True)
        while server.accounts.may_go_on(server.accounts.find(ANNA)):  # type: ignore[arg-type]
            await asyncio.sleep(0.05)
        client.send(*(f"n{number} NOOP" for number in range(20)))
        assert (await client.line()).startswith("* BYE")
        assert await client._reader.read() == b""
