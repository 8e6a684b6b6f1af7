"""What a client sends right behind the answer to its sign-in is read as a member's, however long the sign-in took."""

import asyncio
from pathlib import Path

import pytest

from bascule.platform.imap import connection
from support.in_process import in_a_loop, served
from support.server import ANNA, PASSWORD


@in_a_loop
async def test_a_large_message_right_behind_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        connection, "WORK_SECONDS", -1.0
    )  # each piece of an answer is sent by itself, as on a machine that is very busy
    async with served(tmp_path, ANNA) as server:
        for number in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.imap)
            await reader.readline()
            writer.write(b"a LOGIN %b %b\r\n" % (ANNA.encode(), PASSWORD.encode()))
            while not (await reader.readline()).startswith(b"a OK"):
                pass
            message = b"Subject: %d\r\n\r\n" % number + b"z" * 20_000
            writer.write(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))
            line = b"* "
            while line.startswith(b"* "):
                line = await asyncio.wait_for(reader.readline(), 30)
            assert line.startswith(b"b OK"), (number, line)
            writer.close()
