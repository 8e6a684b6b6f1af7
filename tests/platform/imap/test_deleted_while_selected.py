"""The selected mailbox is deleted by another program (RFC 2180 §3.4), and perhaps another one has its name at once: what a command did is what its reply
says, whatever became of the selection behind it."""

import sqlite3
from collections.abc import Callable

import pytest

from bascule.platform.imap.view import View
from support import messages
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD

MAIL = b"Subject: one\r\n\r\nhello\r\n"
CLOSED = b"* OK [CLOSED] the mailbox was deleted"


@pytest.fixture
def replaced(connect: Callable[..., object]):
    """A program that has ``Work`` selected, with a message in it; since then another one of that name was made."""
    one, other = connect("INBOX"), connect("INBOX")
    one.ok("CREATE Work")
    one.ok("APPEND Work {}", MAIL)
    other.ok("SELECT Work")
    one.ok("DELETE Work")
    one.ok("CREATE Work")
    return one, other


def test_what_was_appended_to_the_new_one_is_answered_ok(replaced) -> None:
    one, other = replaced
    validity = one.ok("STATUS Work (UIDVALIDITY)").parsed[0].items["UIDVALIDITY"]
    told: list[bytes] = []
    for number in range(1, 4):
        reply = other.ok("APPEND Work {} {}", MAIL, MAIL)
        told += reply.lines
        assert reply.code == f"APPENDUID {validity} {2 * number - 1}:{2 * number}"
    assert told.count(CLOSED) == 1
    assert one.ok("STATUS Work (MESSAGES)").has(b"MESSAGES 6")


@pytest.mark.parametrize("command", ["NOOP", "STATUS INBOX (MESSAGES)", "CREATE Other", "RENAME Work Old"])
def test_a_command_of_another_mailbox_is_carried_out(replaced, command: str) -> None:
    _, other = replaced
    told = [*other.ok(command).lines, *other.ok("NOOP").lines]
    assert told.count(CLOSED) == 1
    other.bad("FETCH 1:* FLAGS")


def test_the_new_one_is_selected_after_it(replaced) -> None:
    _, other = replaced
    other.ok("NOOP")
    other.bad("FETCH 1:* FLAGS")
    other.ok("SELECT Work")
    assert other.ok("FETCH 1:* FLAGS").lines == []


@in_a_loop
async def _append_where_the_news_cannot_be_read(tmp_path, fails: list[bool]) -> None:
    async with served(tmp_path, ANNA) as server:
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        await client.ok("SELECT INBOX")
        fails.append(True)
        await client.append(messages.plain(1).decode())  # OK, or it raises
        fails.clear()
        lines = await client.ok("NOOP")
        assert "* 1 EXISTS" in lines
        assert server.log["mailbox-error"]["account"] == ANNA


def test_what_is_kept_is_answered_ok_though_the_news_cannot_be_read(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails: list[bool] = []
    look = View.look

    def perhaps(view: View) -> None:
        if fails:
            raise sqlite3.OperationalError("disk I/O error")
        look(view)

    monkeypatch.setattr(View, "look", perhaps)
    _append_where_the_news_cannot_be_read(tmp_path, fails)
