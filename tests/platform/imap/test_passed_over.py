"""A message that can't be given is passed over, the others are told, and the log says why."""

from pathlib import Path

import pytest

from bascule.platform.imap import fetching
from support import messages
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


@in_a_loop
async def _fetch_what_we_fail_at(tmp_path: Path) -> None:
    async with served(tmp_path, ANNA) as server:
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        await client.append(*(messages.plain(number).decode() for number in range(3)))
        await client.ok("SELECT INBOX")
        client.send("t FETCH 1:* (UID ENVELOPE)")
        told = [await client.line()]
        while not told[-1].startswith("t "):
            told.append(await client.line())
        assert [any(f"number {number}" in line for line in told) for number in range(3)] == [True, False, True]
        assert told[-1].startswith("t NO [CORRUPTION]")
        logged = server.log["message-unreadable"]
        assert (logged["account"], logged["uid"]) == (ANNA, 2)
        assert isinstance(logged["exc_info"], RecursionError)


def test_a_message_at_which_we_fail_is_logged_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fetching.describe

    def fails_at_the_second(octets: bytes) -> object:
        if octets == messages.plain(1):
            raise RecursionError("ours")
        return real(octets)

    monkeypatch.setattr(fetching, "describe", fails_at_the_second)
    _fetch_what_we_fail_at(tmp_path)
