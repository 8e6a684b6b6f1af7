"""Who may read a folder of another person's copies all of it, as often as they like: its owner is served meanwhile, and what can't be copied to its end leaves
nothing behind."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.imap.commands import copy
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.mailboxes import Mailboxes
from bascule.protocols.imap.requests import parse_request
from support.server import PASSWORD

ANNA, BERT = "anna@example.org", "bert@example.org"
SHARED = f'"Other Users/{ANNA}/Class"'
MESSAGES, AT_ONCE = 40, 4
MAIL = b"Subject: %02d\r\n\r\ntext\r\n"


class _People:
    """Anna's session and Bert's, in one process; Anna shares a folder of `MESSAGES` with Bert."""

    def __init__(self, root: Path) -> None:
        self.accounts, self.mailboxes = EmbeddedAccounts(root / "accounts.sqlite"), Mailboxes(root / "mailboxes")
        services = Services(self.accounts, self.mailboxes, lambda account: None, time.time, lambda event, **_: None)
        self.anna, self.bert = (Session(services, Connection("127.0.0.1", True)) for _ in range(2))
        for session, login in ((self.anna, ANNA), (self.bert, BERT)):
            self.accounts.add(login, PASSWORD, generated=True)
            self.ok(session, f"LOGIN {login} {PASSWORD}")
        self.ok(self.anna, "CREATE Class")
        for number in range(MESSAGES):
            self.append(MAIL % number)
        self.ok(self.anna, f"SETACL Class {BERT} lrswite")
        self.ok(self.anna, "SELECT Class")
        self.ok(self.bert, "CREATE Mine")
        self.ok(self.bert, f"SELECT {SHARED}")

    def told(self, session: Session, command: str) -> Iterator[bytes]:
        return session.handle(parse_request([f"a {command}".encode()]))

    def ok(self, session: Session, command: str) -> bytes:
        told = b"".join(self.told(session, command))
        assert b"\r\na OK" in b"\r\n" + told, told
        return told

    def append(self, mail: bytes) -> None:
        assert b"a OK" in b"".join(self.anna.handle(parse_request([b"a APPEND Class ", mail, b""])))

    def messages(self, session: Session, folder: str) -> int:
        return int(self.ok(session, f"STATUS {folder} (MESSAGES)").partition(b"MESSAGES ")[2].partition(b")")[0])

    def close(self) -> None:
        self.mailboxes.close()
        self.accounts.close()


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_People]:
    monkeypatch.setattr(copy, "COPIED_AT_ONCE", AT_ONCE)
    with contextlib.closing(_People(tmp_path)) as made:
        yield made


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_the_owner_has_a_turn_between_some_messages_and_the_next(people: _People, command: str) -> None:
    turns, pieces = 0, []
    for piece in people.told(people.bert, f"{command} 1:* Mine"):
        pieces.append(piece)
        if not piece:
            people.ok(people.anna, "STORE 1 +FLAGS (\\Flagged)")
            turns += 1
    assert turns == MESSAGES // AT_ONCE
    assert b" OK " in pieces[-1]
    assert people.messages(people.bert, "Mine") == MESSAGES
    assert people.messages(people.anna, "Class") == (MESSAGES if command == "COPY" else 0)


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_of_a_client_that_left_nothing_is_copied(people: _People, command: str) -> None:
    told = people.told(people.bert, f"{command} 1:* Mine")
    next(told)
    next(told)
    assert people.messages(people.anna, "Class") == MESSAGES
    told.close()  # type: ignore[attr-defined]
    assert people.messages(people.bert, "Mine") == 0
    assert people.messages(people.anna, "Class") == MESSAGES


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [
        ("the target is deleted", b"[TRYCREATE]"),
        ("the mailbox becomes full", b"[OVERQUOTA]"),
        ("the right to add is taken back", b"[NOPERM]"),
    ],
)
@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_what_can_not_be_copied_to_its_end_leaves_nothing(
    people: _People, command: str, meanwhile: str, code: bytes
) -> None:
    people.ok(people.anna, "CREATE Drop")
    people.ok(people.anna, f"SETACL Drop {BERT} lri")
    people.accounts.set_quota(ANNA, 2 * MESSAGES * len(MAIL % 0))
    target = f'"Other Users/{ANNA}/Drop"'
    told = people.told(people.bert, f"{command} 1:* {target}")
    next(told)
    if meanwhile == "the target is deleted":
        people.ok(people.anna, "DELETE Drop")
    elif meanwhile == "the mailbox becomes full":
        people.append(MAIL % MESSAGES)
    else:
        people.ok(people.anna, f"SETACL Drop {BERT} lr")
    reply = b"".join(told)
    assert b"a NO " + code in reply
    if meanwhile != "the target is deleted":
        assert people.messages(people.anna, "Drop") == 0
    assert people.messages(people.anna, "Class") == MESSAGES + (meanwhile == "the mailbox becomes full")
    assert b"CLOSED" not in people.ok(people.bert, "NOOP"), "the selected folder is still selected"
