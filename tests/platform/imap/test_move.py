"""MOVE: RFC 6851."""

import re
import threading
from collections.abc import Callable

import pytest

from support.dialogue import Dialogue
from support.server import PASSWORD, PrivateBascule

ROUNDS = 4
MESSAGES = 300
SESSIONS = 6


def test_messages_are_there_and_no_longer_here(connect) -> None:
    client, other = connect("INBOX"), connect("INBOX")
    for _ in range(3):
        client.append("INBOX", b"Subject: x\r\n\r\n", "\\Flagged")
    other.ok("NOOP")
    reply = client.ok("MOVE 1,3 Trash")
    assert reply.lines[0].startswith(b"* OK [COPYUID ")
    assert reply.lines[1:] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert other.ok("NOOP").lines == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert client.ok("STATUS Trash (MESSAGES)").has(b"MESSAGES 2")
    assert client.no("MOVE 1 nowhere").code == "TRYCREATE"
    assert client.ok("UID MOVE 999 Trash").lines == []
    client.ok("EXAMINE INBOX")
    client.no("MOVE 1 Trash")


def test_within_the_same_folder(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\n")
    reply = client.ok("UID MOVE 1 INBOX")
    assert b"* 1 EXPUNGE" in reply.lines
    assert client.ok("UID SEARCH ALL").lines == [b"* SEARCH 2"]


@pytest.mark.parametrize("to", ["own folders", "another person's folder"])
def test_sessions_that_move_the_same_messages_move_each_once(
    server: PrivateBascule, login: str, connect: Callable[..., Dialogue], to: str
) -> None:
    """They are spread over two processes. Each is told by COPYUID what it moved itself."""
    targets = ["Trash", "Junk"] * (SESSIONS // 2)
    if to == "another person's folder":
        targets = [f'"Other Users/{_office(server, login)}/INBOX"'] * SESSIONS
    filling, sessions = connect("INBOX"), [connect("INBOX") for _ in targets]
    for number in range(ROUNDS):
        filling.ok("APPEND INBOX" + " {}" * MESSAGES, *(b"Subject: %d\r\n\r\n" % n for n in range(MESSAGES)))
        together, told = threading.Barrier(SESSIONS), [0] * SESSIONS

        def move(who: int, together: threading.Barrier = together, told: list[int] = told) -> None:
            sessions[who].ok("NOOP")
            together.wait()
            told[who] = sum(map(_copied, sessions[who].ok(f"UID MOVE 1:* {targets[who]}").lines))

        threads = [threading.Thread(target=move, args=(who,)) for who in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = sum(_messages(filling, target) for target in set(targets))
        assert (sum(told), held) == (MESSAGES, MESSAGES * (number + 1))
        assert _messages(filling, "INBOX") == 0


def _office(server: PrivateBascule, member: str) -> str:
    """Another account, whose INBOX ``member`` has all rights on."""
    name = f"office-of-{member}"
    accounts = server.accounts()
    accounts.add(name, PASSWORD, generated=True)
    accounts.close()
    owner = Dialogue(server.imap)
    owner.ok(f"LOGIN {name} {PASSWORD}")
    owner.ok(f"SETACL INBOX {member} lrswipkxte")
    owner.close()
    return name


def _copied(line: bytes) -> int:
    """How many messages a COPYUID names as moved."""
    found = re.search(rb"\[COPYUID \d+ (\S+) \S+\]", line)
    return sum(1 + int(r[-1]) - int(r[0]) for r in (p.split(b":") for p in found[1].split(b","))) if found else 0


def _messages(session: Dialogue, folder: str) -> int:
    return int(session.ok(f"STATUS {folder} (MESSAGES)").lines[0].rsplit(b" ", 1)[1].rstrip(b")"))
