"""Mail that arrives together is written together, and one message that can't be written takes no other with it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bascule.mailbox.lock import in_use
from bascule.platform.accounts import Account, EmbeddedAccounts
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.mailboxes import LEFT, Mailboxes, OpenMailbox
from bascule.platform.octets import FileOctets
from bascule.terms.body import HELD_OCTETS, HeldBody
from bascule.terms.folder import INBOX
from support.server import ANNA, PASSWORD


class OnADiskThatFails:
    """It can be read once; while it is written to the mailbox, the disk gives an error."""

    def __init__(self) -> None:
        self.octets = HELD_OCTETS + 2
        self._reads = 0

    def chunks(self) -> Iterator[bytes]:
        self._reads += 1
        yield b"x" * HELD_OCTETS
        if self._reads > 1:
            raise OSError(5, "Input/output error")
        yield b"\r\n"


def test_one_message_that_can_not_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    anna = accounts.add(ANNA, PASSWORD, generated=True)
    mailboxes = Mailboxes(tmp_path / "mailboxes")
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: None)
    bodies = [HeldBody(b"1"), HeldBody(b"2"), OnADiskThatFails(), HeldBody(b"3")]
    refused: list[int] = []

    def deliver(number: int) -> None:
        try:
            arrivals.deliver(anna, bodies[number], b"")
        except NotDelivered:
            refused.append(number)

    with mailboxes.using(anna.id):  # until it is given back, all of them come together
        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(len(bodies))]
        for thread in threads:
            thread.start()
        while len(arrivals._waiting.get(anna.id, [])) < len(bodies):
            time.sleep(0.001)
    for thread in threads:
        thread.join(30)
    with mailboxes.using(anna.id) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        found = [box.reading.octets(row.body) for row in box.reading.rows(inbox.id, 1, 100, limit=100)]
    assert sorted(found) == [b"1", b"2", b"3"]
    assert refused == [2]
    mailboxes.close()
    accounts.close()


class OneIsKeptOut(Mailboxes):
    """Whoever comes while ``writer`` writes waits until their message is being written, and is then refused: as it is where the mailbox is asked
    back again and again (`Mailboxes.release`), or another thread has its turn for too long."""

    def __init__(self, root: Path, being_written: threading.Event) -> None:
        super().__init__(root)
        self.writer: threading.Thread | None = None
        self._being_written = being_written

    def take(self, account: str) -> OpenMailbox:
        if threading.current_thread() is not self.writer:
            assert self._being_written.wait(30)
            raise in_use(self.place_of(account))
        return super().take(account)


class ReadWhileWritten:
    """It tells when it is read a second time, which is when it is written to the mailbox."""

    def __init__(self, being_written: threading.Event) -> None:
        self.octets = HELD_OCTETS + 1
        self._being_written = being_written
        self._reads = 0

    def chunks(self) -> Iterator[bytes]:
        self._reads += 1
        if self._reads > 1:
            self._being_written.set()
        yield b"x" * self.octets


def test_who_can_not_open_the_mailbox_is_told_what_became_of_the_message_that_another_wrote_for_them(
    tmp_path: Path,
) -> None:
    """With "try again later" the message would have come twice."""
    being_written = threading.Event()
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    anna = accounts.add(ANNA, PASSWORD, generated=True)
    mailboxes = OneIsKeptOut(tmp_path / "mailboxes", being_written)
    logged: list[str] = []
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: logged.append(event))
    refused: list[NotDelivered] = []

    def wait_for(count: int) -> None:
        while len(arrivals._waiting.get(anna.id, [])) < count:
            time.sleep(0.001)

    def write() -> None:
        arrivals.deliver(anna, ReadWhileWritten(being_written), b"")

    def be_kept_out() -> None:
        try:
            arrivals.deliver(anna, HeldBody(b"kept"), b"")
        except NotDelivered as failure:
            refused.append(failure)

    threads = [threading.Thread(target=write), threading.Thread(target=be_kept_out)]
    mailboxes.writer = threading.current_thread()
    with mailboxes.using(anna.id):
        mailboxes.writer = threads[0]
        for count, thread in enumerate(threads, 1):
            thread.start()
            wait_for(count)
    for thread in threads:
        thread.join(30)
    mailboxes.writer = threading.current_thread()
    with mailboxes.using(anna.id) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        found = [box.reading.octets(row.body) for row in box.reading.rows(inbox.id, 1, 100, limit=100)]
    assert b"kept" in found
    assert (refused, logged) == ([], [])
    mailboxes.close()
    accounts.close()


def test_a_large_message_for_many_is_read_where_it_lies_and_written_to_no_file_of_its_own_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No temporary file can be made while it is delivered."""
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    members: list[Account] = [accounts.add(f"m{n}@example.org", PASSWORD, generated=True) for n in range(3)]
    mailboxes = Mailboxes(tmp_path / "mailboxes")
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: None)
    text = b"Subject: x\r\n\r\n" + b"x" * HELD_OCTETS + b"\r\n"
    (tmp_path / "message").write_bytes(text)
    octets = FileOctets(tmp_path / "message")
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
        for member in members:
            arrivals.deliver(member, octets, f"Delivered-To: {member.login}\r\n".encode())
    octets.close()
    for member in members:
        with mailboxes.using(member.id) as box:
            inbox = box.folders.find(INBOX)
            assert inbox is not None
            [row] = box.reading.rows(inbox.id, 1, 100, limit=100)
            assert box.reading.octets(row.body) == f"Delivered-To: {member.login}\r\n".encode() + text
    mailboxes.close()
    accounts.close()


def test_mail_for_an_account_that_was_handed_over_is_not_kept_and_makes_no_second_mailbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its home is elsewhere; and also while the account is still of this machine, where its mailbox makes way for the one that is coming back."""
    monkeypatch.setattr("bascule.platform.mailboxes.IN_USE_SECONDS", 0.05)
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    anna = accounts.add(ANNA, PASSWORD, generated=True)
    mailboxes = Mailboxes(tmp_path / "mailboxes")
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: None)
    elsewhere = replace(anna, is_here=False)
    with pytest.raises(NotDelivered, match="on another server"):
        arrivals.deliver(elsewhere, HeldBody(b"1"), b"")
    with pytest.raises(NotDelivered, match="on another server"):
        arrivals.has_room(elsewhere, 1)
    assert not mailboxes.place_of(anna.id).exists()
    with mailboxes.using(anna.id):
        pass
    mailboxes.close()
    mailboxes.place_of(anna.id).rename(mailboxes.place_of(anna.id).with_suffix(LEFT))
    with pytest.raises(NotDelivered, match="can't be written to now"):
        arrivals.deliver(anna, HeldBody(b"2"), b"")
    assert not mailboxes.place_of(anna.id).exists()
    mailboxes.close()
    accounts.close()
