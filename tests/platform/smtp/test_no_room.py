"""Where no temporary file can be made, a message is refused for now, and what was delivered already is not called refused."""

import base64
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.accounts import Account, EmbeddedAccounts
from bascule.platform.arrivals import Arrivals
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.octets import Octets
from bascule.platform.smtp import limits
from bascule.platform.smtp.accepting import Accepting, Steps
from bascule.platform.smtp.milter import Milters, Verdict
from bascule.platform.smtp.queue import QueueStore
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.session import Peer, Services, Session
from bascule.platform.smtp.transaction import new_id
from bascule.platform.trace import Trace
from bascule.protocols.milter import Answer
from bascule.terms.body import HELD_OCTETS
from bascule.terms.folder import INBOX
from support.server import ANNA, PASSWORD

BOB = "bob@example.org"


class ThatAddAField(Milters):
    def ask(self, *_: object) -> Verdict:
        return Verdict(changes=[Answer(b"h", name=b"X-Seen", value=b"yes")])


class ThatBreakForBob(Arrivals):
    def delivering(
        self, account: Account, octets: Octets, before: bytes, delivery: str | None = None, *, is_spam: bool = False
    ) -> Steps[None]:
        if account.login == BOB:
            raise ZeroDivisionError
        yield from super().delivering(account, octets, before, delivery, is_spam=is_spam)


class Rig:
    folder: str | None = None
    """Where temporary files are made once the message has come; None: where they always are."""

    def __init__(self, root: Path, milters: Milters, arrivals: type[Arrivals]) -> None:
        self.accounts, self.mailboxes = EmbeddedAccounts(root / "accounts.sqlite"), Mailboxes(root / "mailboxes")
        for login in (ANNA, BOB):
            self.accounts.add(login, PASSWORD, generated=True)
        self.logged: list[str] = []
        log = lambda event, **fields: self.logged.append(event)  # noqa: E731
        self.queue, self.trace = QueueStore(root), Trace(root / "trace.sqlite")
        into = arrivals(self.mailboxes, lambda account: None, log)
        accepting = Accepting(self.accounts, into, self.queue, self.trace, milters, None, time.time, "mail.example.org")
        self.services = Services(self.accounts, into, accepting, time.time, log, new_id, lambda account: 9)

    def send(self, role: Role, text: bytes, *recipients: str) -> list[str]:
        """The first words of the replies to the message."""
        session = Session(self.services, role, Peer("", is_loopback=True))
        plain = base64.b64encode(f"\0{ANNA}\0{PASSWORD}".encode()).decode()
        lines = ["LHLO x" if role is Role.LMTP else "EHLO x", *([f"AUTH PLAIN {plain}"] if role is Role.SUBMISSION else [])]  # fmt: skip
        for line in [*lines, f"MAIL FROM:<{ANNA}>", *(f"RCPT TO:<{each}>" for each in recipients), "DATA"]:
            assert session.take(line.encode())[:1] in b"23", line
        assert session.transaction is not None
        assert session.transaction.incoming is not None
        session.transaction.incoming.write(text)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("tempfile.tempdir", self.folder or tempfile.tempdir)
            return [line[:9] for line in session.finish().decode().splitlines()]

    def messages(self, login: str) -> int:
        account = self.accounts.find(login)
        assert account is not None
        with self.mailboxes.using(account.id) as box:
            inbox = box.folders.find(INBOX)
            assert inbox is not None
            return len(box.reading.rows(inbox.id, 1, 100, limit=100))


@contextlib.contextmanager
def rig_of(root: Path, milters: Milters | None = None, arrivals: type[Arrivals] = Arrivals) -> Iterator[Rig]:
    rig = Rig(root, milters or Milters(), arrivals)
    try:
        yield rig
    finally:
        for each in (rig.trace, rig.queue, rig.mailboxes, rig.accounts):
            each.close()


@pytest.fixture
def no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rig, "folder", str(tmp_path / "nowhere"))


def text_of(octets: int) -> bytes:
    start = f"From: {ANNA}\r\nSubject: x\r\n\r\n".encode()
    return start + b"x" * (octets - len(start) - 2) + b"\r\n"


LARGE = text_of(HELD_OCTETS - 10)
"""With a field before it, it is no longer held in memory."""


@pytest.mark.usefixtures("no_room")
def test_over_lmtp_who_has_the_message_is_told_so_though_there_is_no_room_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first gets it before the reply; for the others it would be queued."""
    monkeypatch.setattr(limits, "AT_ONCE_OCTETS", 1000)
    with rig_of(tmp_path) as rig:
        assert rig.send(Role.LMTP, LARGE, ANNA, BOB) == ["250 2.0.0", "451 4.3.1"]
        assert (rig.messages(ANNA), rig.messages(BOB), rig.queue.all(), rig.logged) == (1, 0, [], [])


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("text", [LARGE, LARGE.replace(b"xxx", b"x\rx", 100)], ids=["queued", "with-line-ends"])
def test_what_a_member_sends_is_refused_for_want_of_room(tmp_path: Path, text: bytes) -> None:
    with rig_of(tmp_path) as rig:
        assert rig.send(Role.SUBMISSION, text, "zoe@far.example") == ["452 4.3.1"]
        assert (rig.queue.all(), rig.logged) == ([], [])


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("role", [Role.INBOUND, Role.LMTP])
def test_what_a_filter_changes_is_refused_for_want_of_room(tmp_path: Path, role: Role) -> None:
    with rig_of(tmp_path, ThatAddAField()) as rig:
        assert rig.send(role, LARGE, ANNA) == ["452 4.3.1"]
        assert (rig.messages(ANNA), rig.logged) == (0, [])


def test_a_bug_of_ours_that_one_recipient_meets_takes_nothing_back_from_the_others(tmp_path: Path) -> None:
    with rig_of(tmp_path, arrivals=ThatBreakForBob) as rig:
        assert rig.send(Role.LMTP, text_of(100), ANNA, BOB) == ["250 2.0.0", "451 4.3.0"]
        assert (rig.messages(ANNA), rig.logged) == (1, ["bug"])
