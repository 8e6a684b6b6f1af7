"""A full disk, a mailbox that can't be opened: refused for now, nothing acknowledged that is not kept, the others served."""

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.smtp.queue import QueueStore, limits
from bascule.platform.trace import FILE
from bascule.terms.body import HeldBody
from support.command import ENTRY
from support.dialogue import Dialogue
from support.far_server import FarServer
from support.inbox import Inbox
from support.queue_rig import queue_rig
from support.server import ANNA, PASSWORD, PrivateBascule
from support.small_disk import SmallDisk
from support.smtp import SmtpDialogue, message

BOB = "bob@example.org"
OCTETS = 100_000


def text(name: str) -> bytes:
    return message(name, ANNA, os.urandom(OCTETS // 2).hex() + "\r\n")


@pytest.mark.needs("mount")
def test_a_full_disk(tmp_path: Path) -> None:
    server = PrivateBascule(tmp_path / "server", accounts=(), settings={"queue": 'first_retry = "1 s"'})
    kept: set[str] = set()
    with SmallDisk(tmp_path / "server/data", 40) as disk:
        server.accounts().add(ANNA, PASSWORD, generated=True)
        with server:
            outcomes = {kind: _Outcomes() for kind in ("smtp", "submission", "append")}
            client = Dialogue(server.imap)
            client.ok(f"LOGIN {ANNA} {PASSWORD}")
            with SmtpDialogue(server.ports["smtp"]) as smtp, SmtpDialogue(server.ports["submission"]) as submission:
                submission.login(ANNA)
                _all_three(smtp, submission, client, outcomes, kept, "before", 3)
                disk.fill(but_octets=1_500_000)
                _all_three(smtp, submission, client, outcomes, kept, "full", 20)
                disk.fill()
                _all_three(smtp, submission, client, outcomes, kept, "fuller", 5)
                client.ok("SELECT INBOX")  # what is there is read all the same
                client.ok("UID FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE PREVIEW)")
                disk.empty()
                _all_three(smtp, submission, client, outcomes, kept, "after", 3)
            client.close()
            for each in outcomes.values():
                assert each.refused >= 5
                assert each.last_is_kept
            found = Inbox(server, ANNA).wait(len(kept), seconds=120)  # the queue tries again what met the full disk
        there = [line for mail in found for line in mail.split(b"\r\n") if line.startswith(b"Subject: ")]
        names = [line.removeprefix(b"Subject: ").decode() for line in there]
        assert kept <= set(names), "acknowledged, and not there"
        assert len(names) == len(set(names)), "there twice"
        assert check(server.mailbox()) == []


@pytest.mark.needs("mount")
def test_what_the_disk_could_not_hold_is_told_by_its_cause(tmp_path: Path) -> None:
    """SQLite ends a transaction of itself when the disk is full: to roll it back again is an error that would hide the first."""
    with (
        SmallDisk(tmp_path / "data", 4) as disk,
        contextlib.closing(QueueStore(disk.place)) as queue,
        contextlib.closing(_accounts(disk.place)) as accounts,
    ):
        queue.put("one", ANNA, ["c@d.example"], HeldBody(b"Subject: x\r\n\r\n"))
        disk.fill()
        long = "x" * 100_000  # more than what is left of pages in use
        for write in (
            lambda: queue.postpone("one", "c@d.example", 0.0, long),
            lambda: accounts.add("denis@example.org", PASSWORD, name=long, generated=True),
        ):
            with pytest.raises(sqlite3.OperationalError, match="full"):
                write()
        disk.empty()
        assert queue.retry("one")
        assert accounts.add("denis@example.org", PASSWORD, generated=True).login == "denis@example.org"


@pytest.mark.needs("mount")
@pytest.mark.parametrize("is_in_use", [False, True])
def test_commands_tell_a_full_disk_in_a_sentence_and_what_only_reads_works(tmp_path: Path, is_in_use: bool) -> None:
    """``is_in_use``: as while the servers run. Otherwise there is no log beside a database, nor room for its index."""
    (tmp_path / "bascule.toml").write_text('[server]\ndata = "data"\n', "utf-8")

    def run(status: int, *words: str) -> str:
        done = subprocess.run([*ENTRY, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == status, (words, done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    with SmallDisk(tmp_path / "data", 4) as disk, contextlib.ExitStack() as servers:
        run(0, "account", "add", ANNA)
        queue = servers.enter_context(contextlib.closing(QueueStore(disk.place)))
        queue.put("one", ANNA, ["c@d.example"], HeldBody(b"Subject: x\r\n\r\n"))
        run(0, "queue", "hold", "one")
        trace = sqlite3.connect(disk.place / FILE)
        servers.enter_context(contextlib.closing(trace))
        trace.execute("SELECT * FROM events").fetchone()
        if not is_in_use:
            servers.close()
        disk.fill()
        assert "c@d.example" in run(0, "queue", "list")
        assert "\theld\t" in run(0, "trace")
        told = run(1, "account", "add", "denis@example.org", "--name", "x" * 100_000)
        assert "can't be read or written" in told
        assert "full" in told
        if not is_in_use:
            run(1, "account", "passwd", ANNA)
            run(1, "queue", "release", "one")
        disk.empty()
        run(0, "account", "passwd", ANNA)


@pytest.mark.needs("mount")
def test_with_a_full_disk_nothing_is_sent_that_could_not_be_noted_as_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent again and again."""
    monkeypatch.setattr(limits, "ERROR_SECONDS", 0.1)
    with (
        FarServer(host="127.0.0.9") as far,
        SmallDisk(tmp_path / "data", 4) as disk,
        queue_rig(disk.place, far.port) as rig,
    ):
        rig.put("one", "zoe@[127.0.0.9]")
        disk.fill()
        rig.run(lambda: sum("full" in str(fields) for _, fields in rig.logged) >= 3)
        assert far.messages == []
        disk.empty()
        rig.run(lambda: rig.store.all() == [])
        assert len(far.messages) == 1


def _accounts(data: Path) -> EmbeddedAccounts:
    return EmbeddedAccounts(data / "accounts.sqlite")


class _Outcomes:
    refused = 0
    last_is_kept = False


def _all_three(
    smtp: SmtpDialogue, submission: SmtpDialogue, client: Dialogue, outcomes: dict[str, _Outcomes], kept: set[str], when: str, count: int,
) -> None:  # fmt: skip
    for number in range(count):
        for kind, dialogue in (("smtp", smtp), ("submission", submission)):
            name = f"{when}-{kind}-{number}"
            reply = _deliver(dialogue, text(name))
            assert reply in (250, 451, 452), reply
            _tally(outcomes[kind], kept, name, reply == 250)
        name = f"{when}-append-{number}"
        reply = client.do("APPEND INBOX {}", text(name))
        assert reply.status == "OK" or "UNAVAILABLE" in reply.code, reply
        _tally(outcomes["append"], kept, name, reply.status == "OK")


def _deliver(dialogue: SmtpDialogue, mail: bytes) -> int:
    for line in (f"MAIL FROM:<{ANNA}>", f"RCPT TO:<{ANNA}>", "DATA"):
        reply = dialogue.say(line)
        if not reply.is_positive:
            dialogue.ok("RSET")
            return reply.code
    dialogue.send(mail + b".\r\n")
    return dialogue.reply().code


def _tally(outcomes: _Outcomes, kept: set[str], name: str, is_kept: bool) -> None:
    outcomes.last_is_kept = is_kept
    if is_kept:
        kept.add(name)
    else:
        outcomes.refused += 1


def test_a_mailbox_that_can_not_be_opened(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path, accounts=(ANNA, BOB), settings={"queue": 'first_retry = "1 s"'}) as server:
        inbox = Inbox(server, BOB)
        assert inbox.messages() == []
        server.stop()
        catalogue = server.mailbox(BOB) / "catalogue.sqlite"
        sound = catalogue.read_bytes()
        catalogue.write_bytes(b"\xff" * len(sound))
        server.start()
        with SmtpDialogue(server.ports["smtp"]) as smtp:
            assert (smtp.deliver(message("one"), "a@b.example", ANNA)).code == 250
            assert (smtp.deliver(message("two"), "a@b.example", BOB)).code == 451
            assert (smtp.deliver(message("three"), "a@b.example", ANNA, BOB)).code == 250
        client = Dialogue(server.imap)
        assert "UNAVAILABLE" in client.do(f"LOGIN {BOB} {PASSWORD}").code
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.close()
        assert len(Inbox(server, ANNA).messages()) == 2
        catalogue.write_bytes(sound)
        [found] = inbox.wait(1)
        assert b"Subject: three" in found
