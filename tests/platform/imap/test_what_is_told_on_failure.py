"""Where something fails in the middle of a command: what was done is told, what was not done is not marked as done."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bascule.mailbox.live import LiveMessages
from bascule.mailbox.live.reading import Reading
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.imap.commands import select
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.mailboxes import Mailboxes
from bascule.protocols.imap.receiver import Frame
from bascule.protocols.imap.requests import parse_request
from support import messages
from support.server import PASSWORD

ANNA, BERT = "anna@example.org", "bert@example.org"
MAIL = b"Subject: x\r\n\r\nx\r\n"


class Sessions:
    """Without sockets."""

    def __init__(self, root: Path) -> None:
        self.root = root / "mailboxes"
        self.accounts, self.mailboxes = EmbeddedAccounts(root / "accounts.sqlite"), Mailboxes(self.root)
        for login in (ANNA, BERT):
            self.accounts.add(login, PASSWORD, generated=True)
        self.services = Services(self.accounts, self.mailboxes, lambda account: None, time.time, lambda *a, **k: None)

    def sign_in(self, login: str) -> Callable[..., list[bytes]]:
        """What a session answers, line by line."""
        session = Session(self.services, Connection("127.0.0.1", True))

        def do(command: str, *literals: bytes) -> list[bytes]:
            frame: Frame = [f"a {command}".encode()]
            for literal in literals:
                frame += [literal, b""]
            return b"".join(session.handle(parse_request(frame))).split(b"\r\n")[:-1]

        assert do(f"LOGIN {login} {PASSWORD}")[-1].startswith(b"a OK")
        return do


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path)
    yield made
    made.mailboxes.close()
    made.accounts.close()


def fails(*arguments: object, **named: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


def test_a_message_that_cannot_be_read_is_not_marked_as_seen(sessions: Sessions) -> None:
    one, other = sessions.sign_in(ANNA), sessions.sign_in(ANNA)
    for number in (1, 2):
        one("APPEND INBOX ", messages.plain(number))
    one("SELECT INBOX")
    other("SELECT INBOX")
    (segment,) = sessions.root.glob("*/bodies-0001.sqlite")
    database = sqlite3.connect(segment)
    database.execute("UPDATE bodies SET data = x'00', encoding = 1 WHERE id = 1")
    database.commit()
    database.close()
    told = one("FETCH 1:2 BODY[]")
    assert told[0].startswith(b"* 2 FETCH (FLAGS (\\Seen \\Recent) BODY[]")
    assert told[-1].startswith(b"a NO [CORRUPTION]")
    seen = {line.split()[1] for line in other("FETCH 1:2 FLAGS") if b"\\Seen" in line}
    assert seen == {b"2"}


def test_a_message_that_is_marked_and_cannot_be_described_is_told_with_its_flags(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = sessions.sign_in(ANNA)
    do("APPEND INBOX ", MAIL)
    do("SELECT INBOX")
    monkeypatch.setattr("bascule.platform.imap.fetching.describe", fails)
    told = do("UID FETCH 1 (ENVELOPE BODY[])")
    assert told[0] == b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))"
    assert told[-1].startswith(b"a NO [CORRUPTION]")


@pytest.mark.parametrize("step", ["_told", "_resynchronise", "missing"])
@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_after_a_select_that_is_refused_nothing_is_selected(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, step: str, command: str
) -> None:
    do = sessions.sign_in(ANNA)
    do("ENABLE QRESYNC")
    do("SELECT INBOX")
    validity = next(line for line in do("STATUS Sent (UIDVALIDITY)") if b"STATUS" in line).split()[-1].strip(b")")
    if step != "missing":
        monkeypatch.setattr(select, step, fails)
    told = do(f"{command} {'nowhere' if step == 'missing' else 'Sent'} (QRESYNC ({validity.decode()} 1))")
    assert told[0].startswith(b"* OK [CLOSED]")
    assert told[-1].startswith(b"a NO")
    assert do("FETCH 1:* FLAGS")[-1].startswith(b"a BAD")


def test_another_mailbox_is_selected_where_the_selected_one_is_no_longer_shared(sessions: Sessions) -> None:
    anna, bert = sessions.sign_in(ANNA), sessions.sign_in(BERT)
    anna(f"SETACL INBOX {BERT} lr")
    assert bert(f'SELECT "Other Users/{ANNA}/INBOX"')[-1].startswith(b"a OK")
    anna(f"DELETEACL INBOX {BERT}")
    assert bert("SELECT INBOX")[-1].startswith(b"a OK")


def test_flags_that_could_not_be_told_are_told_with_the_next_command(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = sessions.sign_in(ANNA), sessions.sign_in(ANNA)
    one("APPEND INBOX ", MAIL)
    one("SELECT INBOX")
    other("SELECT INBOX")
    other("STORE 1 +FLAGS (\\Flagged)")
    with monkeypatch.context() as patched:
        patched.setattr(Reading, "flags", fails)
        assert not any(b"FETCH" in line for line in one("NOOP"))
    assert b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))" in one("NOOP")


def test_flags_that_store_changed_and_could_not_tell_are_told_with_the_next_command(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = sessions.sign_in(ANNA)
    do("APPEND INBOX ", MAIL)
    do("SELECT INBOX")
    with monkeypatch.context() as patched:
        patched.setattr(Reading, "flagsets", fails)
        assert do("STORE 1 +FLAGS (\\Flagged)")[-1].startswith(b"a NO [UNAVAILABLE]")
    assert b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))" in do("NOOP")


@pytest.mark.parametrize("calls_that_fail", [1, 2])
def test_a_move_into_anothers_mailbox_that_cannot_be_completed(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, calls_that_fail: int
) -> None:
    """Each message is in one place, as before (RFC 6851 §3.3); where not even that can be, the reply says so."""
    anna, bert = sessions.sign_in(ANNA), sessions.sign_in(BERT)
    bert(f"SETACL INBOX {ANNA} lrswipkxte")
    for _ in range(2):
        anna("APPEND INBOX ", MAIL)
    anna("SELECT INBOX")
    expunge, calls = LiveMessages.expunge, []

    def perhaps(self: LiveMessages, *arguments: int, **named: bool) -> list[int]:
        calls.append(arguments)
        if len(calls) <= calls_that_fail:
            fails()
        return expunge(self, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(LiveMessages, "expunge", perhaps)
        reply = anna(f'MOVE 1:2 "Other Users/{BERT}/INBOX"')[-1]
    assert reply.startswith(b"a NO")
    assert (b"no second time" in reply) == (calls_that_fail == 2)
    assert b"MESSAGES 2" in anna("STATUS INBOX (MESSAGES)")[0]
    assert (b"MESSAGES 0" in bert("STATUS INBOX (MESSAGES)")[0]) == (calls_that_fail == 1)
