"""Who hears that a message is refused before it was sent says the next command at once, however long the answer took to make."""

import asyncio
from pathlib import Path

import pytest

from bascule.platform.imap import connection
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


@in_a_loop
async def _go_on_at_once(tmp_path: Path) -> None:
    async with served(tmp_path, ANNA) as server:
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        for _ in range(50):
            client.send("x APPEND Nowhere {43}")
            assert (await client.line()).startswith("x NO [TRYCREATE]")
            await asyncio.wait_for(client.ok("NOOP"), 20)


def test_the_next_command_is_not_taken_for_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WORK_SECONDS", -1.0)  # each piece of an answer has taken too long
    _go_on_at_once(tmp_path)
