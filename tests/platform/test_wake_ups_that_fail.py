"""What was written is answered so, whatever becomes of telling others of it: a client that heard of a failure would do it again."""

import asyncio
import base64
import contextlib
import socket
from pathlib import Path

import pytest

from bascule.platform.wakeups import Wakeups, send_to_all
from support.descriptors import no_descriptor_left
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


def fail(*_: object) -> None:
    raise OSError(24, "Too many open files")


@in_a_loop
async def test_what_was_written_is_answered_so_though_nobody_can_be_told(tmp_path: Path) -> None:
    async with served(tmp_path, ANNA, notify=fail) as there:
        imap = await Client.connect(there.imap)
        await imap.ok(f"LOGIN {ANNA} {PASSWORD}")
        await imap.append("Subject: appended\r\n\r\nx\r\n")
        await imap.ok("SELECT INBOX")
        await imap.ok("COPY 1 Drafts")
        await imap.ok("STORE 1 +FLAGS (\\Seen)")
        for port, recipient in ((there.smtp, ANNA), (there.submission, "zoe@far.example")):
            smtp = await Client.connect(port)
            await smtp.said("EHLO x")
            if port == there.submission:
                assert (await smtp.said(f"AUTH PLAIN {plain()}")).startswith("235")
            for line in (f"MAIL FROM:<{ANNA}>", f"RCPT TO:<{recipient}>", "DATA"):
                assert (await smtp.said(line))[0] in "23"
            assert (await smtp.said(f"From: {ANNA}\r\nSubject: delivered\r\n\r\nx\r\n.")).startswith("250 2.0.0")
            smtp.close()
        assert '* STATUS "INBOX" (MESSAGES 2)' in await imap.ok("STATUS INBOX (MESSAGES)")
        assert '* STATUS "Drafts" (MESSAGES 1)' in await imap.ok("STATUS Drafts (MESSAGES)")
        assert [each.address for entry in there.queue.all() for each in entry.recipients] == ["zoe@far.example"]
        assert set(there.log) == {"wake-up-failed"}
        imap.close()


def plain() -> str:
    return base64.b64encode(f"\0{ANNA}\0{PASSWORD}".encode()).decode()


@pytest.mark.parametrize("deep", ["run", "a folder of a project/" * 12 + "run"])
def test_with_no_descriptor_left_it_fails_nobody_and_all_hear_of_it_once_there_is_one(
    deep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was there before hears of it at once; who came since, when the others can be looked for again."""
    monkeypatch.setattr("bascule.platform.wakeups.UNSENT_AGAIN_SECONDS", 0.02)
    folder = tmp_path / deep
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    logged: list[str] = []

    async def send() -> None:
        own: asyncio.Queue[str] = asyncio.Queue()
        with contextlib.ExitStack() as stack:
            old, new = (stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) for _ in range(2))
            for each in (old, new):
                each.settimeout(30)
            old.bind("1.wake")
            wakeups = Wakeups(folder, own.put_nowait, lambda event, **fields: logged.append(event))
            stack.callback(wakeups.close)
            wakeups.send("anna")
            assert old.recv(100) == b"anna"
            new.bind("2.wake")
            with no_descriptor_left():
                for _ in range(100):
                    wakeups.send("bob")
                assert await asyncio.to_thread(old.recv, 100) == b"bob"
            async with asyncio.timeout(30):
                heard = await asyncio.to_thread(new.recv, 100)
                assert heard == b"bob"
                assert [await own.get() for _ in range(2)] == ["anna", "bob"]

    asyncio.run(send())
    assert logged == ["wake-up-unsent"]


def test_with_no_descriptor_left_a_command_does_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bascule.platform.wakeups.FULL_SECONDS", 0.1)
    with no_descriptor_left():
        send_to_all(tmp_path, "anna")
