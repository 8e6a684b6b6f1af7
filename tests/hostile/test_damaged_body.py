"""One body that can't be read any more: its message is named, all others are given and found."""

import sqlite3
from pathlib import Path

import pytest

from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule


@pytest.mark.parametrize(
    "damage", ["data = x'00', encoding = 1", "data = x'00', encoding = 0", "data = NULL", "octets = 1, data = x'00', encoding = 0"]
)  # fmt: skip
def test_one_damaged_body_does_not_stand_in_the_way_of_the_others(damage: str, tmp_path: Path) -> None:
    """Compressed, as it is, in parts that are not there, and one that agrees with itself and not with the catalogue."""
    with PrivateBascule(tmp_path) as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        mails = [messages.plain(number) for number in range(5)]
        client.ok("APPEND INBOX" + " {}" * len(mails), *mails)
        with sqlite3.connect(server.mailbox() / "bodies-0001.sqlite") as bodies:
            bodies.execute(f"UPDATE bodies SET {damage} WHERE id = 3")
        client.ok("SELECT INBOX")
        for asked in (
            "ENVELOPE",
            "BODYSTRUCTURE",
            "BODY",
            "BODY.PEEK[]",
            "BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
            "PREVIEW",
            "BINARY.PEEK[1]",
        ):
            reply = client.no(f"FETCH 1:* (UID {asked})")
            assert reply.code == "CORRUPTION", asked
            assert "UID 3" in reply.text
            assert [line.split()[1] for line in reply.lines] == [b"1", b"2", b"4", b"5"], asked
        client.ok("FETCH 1:* (UID FLAGS RFC822.SIZE)")
        assert client.ok("SEARCH BODY nowhere").lines == [b"* SEARCH"]
        assert client.ok('SEARCH HEADER Subject ""').lines == [b"* SEARCH 1 2 4 5"]
        assert client.ok("SORT (FROM) UTF-8 ALL").lines[0].count(b" ") == 6
        client.close()
        assert "message-unreadable" in server.log()
