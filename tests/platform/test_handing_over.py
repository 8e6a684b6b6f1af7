"""A mailbox moves to another node, while mail arrives and a session has it open: all of it is there afterwards, once, and nowhere else."""

import threading
import time
from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.mailbox.format import MailboxError
from bascule.mailbox.live import LiveMailbox
from bascule.platform.handing_over import CLOSING_SECONDS
from support import messages, reference
from support.command import bascule
from support.dialogue import Dialogue
from support.inbox import Inbox
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message

BOB = "bob@example.org"


def test_from_one_node_to_another(tmp_path: Path) -> None:
    with (
        PrivateBascule(tmp_path / "one", accounts=(ANNA, BOB), processes=2) as one,
        PrivateBascule(tmp_path / "two", accounts=(BOB,)) as two,
    ):
        session = Dialogue(one.imap)
        session.ok(f"LOGIN {ANNA} {PASSWORD}")
        session.ok("APPEND INBOX" + " (\\Flagged) {}" * 50, *messages.many(50))
        session.ok(f"SETACL INBOX {BOB} lr")
        session.ok("SELECT INBOX")
        accepted, over = deliveries(one)
        said = bascule(tmp_path, "account", "--config", one.config, "hand-over", ANNA, tmp_path / "parcel").stdout
        over.set()
        refused = session.do("NOOP")
        assert (refused.status, refused.code) == ("NO", "UNAVAILABLE")
        assert "is closed here" in said
        words = ("account", "--config", two.config, "take-over", tmp_path / "parcel")
        bascule(tmp_path, *words)
        there = reference.read_mailbox(two.imap, ANNA)
        accepted.join()
        assert sum(there.values()) == 50 + len(accepted.made)
        assert "There is an account" in bascule(tmp_path, *words, status=2).stderr
        bascule(tmp_path, "account", "--config", two.config, "hand-over", ANNA, tmp_path / "back")
        bascule(tmp_path, "account", "--config", one.config, "take-over", tmp_path / "back")
        assert reference.read_mailbox(one.imap, ANNA) == there
        bascule(tmp_path, "account", "--config", one.config, "hand-over", ANNA, tmp_path / "again")
        bascule(tmp_path, "account", "--config", two.config, "take-over", tmp_path / "again")
        bob = Dialogue(two.imap)
        bob.ok(f"LOGIN {BOB} {PASSWORD}")
        bob.ok(f'SELECT "Other Users/{ANNA}/INBOX"')
        bob.close()
        assert check(two.mailbox()) == []


def test_a_mailbox_to_which_a_member_wrote_is_handed_over_too(tmp_path: Path) -> None:
    """What members send each other comes through the queue, whose process has the mailbox open, too."""
    with PrivateBascule(tmp_path / "one", accounts=(ANNA, BOB)) as one:
        with SmtpDialogue(one.ports["submission"]) as submission:
            submission.login(ANNA)
            assert submission.deliver(message("x", ANNA), ANNA, BOB).code == 250
        Inbox(one, BOB).wait(1)
        began = time.monotonic()
        bascule(tmp_path, "account", "--config", one.config, "hand-over", BOB, tmp_path / "parcel")
        assert time.monotonic() - began < CLOSING_SECONDS


class Deliveries(threading.Thread):
    """Mail that comes one after the other; ``made``: what the server said yes to."""

    def __init__(self, server: PrivateBascule, over: threading.Event) -> None:
        super().__init__()
        self.made: list[bytes] = []
        self._server, self._over = server, over

    def run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            with SmtpDialogue(self._server.ports["smtp"]) as dialogue:
                reply = dialogue.deliver(message(subject=f"n{number}"), "else@where.example", ANNA)
            if reply.code == 250:
                self.made.append(b"n%d" % number)
            else:
                assert reply.code == 451, reply


def deliveries(server: PrivateBascule) -> tuple[Deliveries, threading.Event]:
    over = threading.Event()
    thread = Deliveries(server, over)
    thread.start()
    return thread, over


def test_taken_back(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "one") as one:
        reference.append(one.imap, ANNA, "INBOX", messages.many(5))
        words = ("account", "--config", one.config, "hand-over", ANNA)
        assert "was not handed over" in bascule(tmp_path, *words, "--undo", status=2).stderr
        bascule(tmp_path, *words, tmp_path / "parcel")
        listing = ("account", "--config", one.config, "list")
        assert "handed over: closed here" in bascule(tmp_path, *listing).stdout
        refused = bascule(tmp_path, *words, "--undo", status=2).stderr
        assert "would be in use on two nodes" in refused
        assert "give --yes" in refused
        assert "handed over: closed here" in bascule(tmp_path, *listing).stdout
        bascule(tmp_path, *words, "--undo", "--yes")
        assert "handed over" not in bascule(tmp_path, *listing).stdout
        assert sum(reference.read_mailbox(one.imap, ANNA).values()) == 5


def test_a_parcel_that_can_not_be_a_folder_is_refused(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "one") as one:
        reference.append(one.imap, ANNA, "INBOX", messages.many(1))
        (tmp_path / "afile").write_text("x")
        words = ("account", "--config", one.config, "hand-over", ANNA, tmp_path / "afile/below")
        assert "Name a folder that this user may write to" in bascule(tmp_path, *words, status=2).stderr


def test_handed_over_again_it_can_still_be_taken_over(tmp_path: Path) -> None:
    """Whoever does not know whether it was cut off does it again."""
    with PrivateBascule(tmp_path / "one") as one, PrivateBascule(tmp_path / "two", accounts=()) as two:
        reference.append(one.imap, ANNA, "INBOX", messages.many(5))
        for _ in range(2):
            bascule(tmp_path, "account", "--config", one.config, "hand-over", ANNA, tmp_path / "parcel")
        bascule(tmp_path, "account", "--config", two.config, "take-over", tmp_path / "parcel")
        assert sum(reference.read_mailbox(two.imap, ANNA).values()) == 5


def test_a_damaged_parcel_is_not_used(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "one") as one, PrivateBascule(tmp_path / "two", accounts=()) as two:
        reference.append(one.imap, ANNA, "INBOX", messages.many(5))
        bascule(tmp_path, "account", "--config", one.config, "hand-over", ANNA, tmp_path / "parcel")
        bodies = tmp_path / "parcel/mailbox/bodies-0001.sqlite"
        octets = bytearray(bodies.read_bytes())
        octets[-3000:-1000] = bytes(2000)
        bodies.write_bytes(octets)
        words = ("account", "--config", two.config, "take-over")
        assert "is damaged" in bascule(tmp_path, *words, tmp_path / "parcel", status=1).stderr
        assert "is not what" in bascule(tmp_path, *words, tmp_path, status=2).stderr
        accounts = two.accounts()
        assert accounts.find(ANNA) is None
        accounts.close()


def test_a_mailbox_that_left_is_not_opened(tmp_path: Path) -> None:
    with LiveMailbox.create(tmp_path / "a.mailbox", 1) as box:
        box.mailbox.set_meta("live", "handed-over")
    with pytest.raises(MailboxError, match="handed over"):
        LiveMailbox.open(tmp_path / "a.mailbox")
