"""A stranger sends mails that are made to hold whoever reads them. Their owner reads them as any others, and nobody else notices."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox.check import check
from support import messages
from support.dialogue import Dialogue
from support.poison import POISON
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue

BOB = "bob@example.org"
HONEST_SECONDS = 10.0
"""For one round of an honest session, on a machine that others keep busy too; with the lock held for as long as a parser takes, minutes."""
SETTLED_MEGABYTES = 150
"""What a server process may hold once nobody reads poison any more."""
ASKED = [
    "SEARCH TEXT deep", 'SEARCH BODY "text"', "SEARCH FROM b.example", "SEARCH SUBJECT é", 'SEARCH HEADER X ""', "SEARCH SENTSINCE 1-Jan-2000",
    "SORT (FROM SUBJECT DATE TO) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL", "FETCH 1:* (PREVIEW)",
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)", "FETCH 1:* (BODY BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)] BODY.PEEK[1.1.1.MIME])",
    "FETCH 1:* (BODY.PEEK[HEADER.FIELDS.NOT (RECEIVED)] BINARY.SIZE[1])", "SEARCH TEXT nowhere-to-be-found",
    f"FETCH 1:* ({' '.join(['BINARY.SIZE[1]', 'BINARY.PEEK[1]<0.1>'] * 30)})", f"FETCH 1:* ({' '.join(['BODY.PEEK[HEADER.FIELDS (X-NO)]'] * 60)})",
]  # fmt: skip


class Honest(threading.Thread):
    """Somebody who signs in, reads and writes, again and again; how long the slowest round took."""

    def __init__(self, port: int, login: str) -> None:
        super().__init__(daemon=True)
        self._port, self._login = port, login
        self._over = threading.Event()
        self.rounds: list[float] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self._over.is_set():
                began = time.monotonic()
                with contextlib.closing(Dialogue(self._port)) as client:
                    client.ok(f"LOGIN {self._login} {PASSWORD}")
                    client.append("Drafts", messages.plain(len(self.rounds)))
                    client.ok("SELECT Drafts")
                    client.ok("FETCH * (FLAGS ENVELOPE BODY[])")
                    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
                    client.ok("EXPUNGE")
                self.rounds.append(time.monotonic() - began)
                time.sleep(0.2)
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.failure = error

    def end(self) -> float:
        self._over.set()
        self.join(60)
        assert self.failure is None
        return max(self.rounds)


@contextlib.contextmanager
def measured(server: PrivateBascule) -> Iterator[None]:
    """Another member, and another session of the one who is attacked."""
    honest = [Honest(server.imap, BOB), Honest(server.imap, ANNA)]
    for each in honest:
        each.start()
    yield
    slowest = [each.end() for each in honest]
    assert max(slowest) < HONEST_SECONDS


def resident_megabytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path_factory.mktemp("poison"), accounts=(ANNA, BOB)) as running:
        yield running


def test_a_strangers_poison_is_taken_indexed_and_shown_while_others_work(server: PrivateBascule) -> None:
    with measured(server):
        for name, octets in POISON.items():
            with contextlib.closing(SmtpDialogue(server.ports["smtp"])) as stranger:
                assert stranger.deliver(octets, "stranger@elsewhere.example", ANNA).is_positive, name
    with measured(server), contextlib.closing(Dialogue(server.imap)) as owner:
        owner.socket.settimeout(120)
        owner.ok(f"LOGIN {ANNA} {PASSWORD}")
        owner.ok("SELECT INBOX")
        for asked in ASKED:
            reply = owner.ok(asked)
            if asked.startswith("FETCH"):
                assert sum(b" FETCH (" in line[:40] for line in reply.lines) == len(POISON), asked
    log = server.log()
    assert "message-unreadable" not in log
    assert '"bug"' not in log
    assert "housekeeping-failed" not in log
    assert "process-died" not in log
    _what_it_took_of_memory_is_given_back(server)
    place = server.mailbox()
    server.stop()
    assert check(place) == []


def _what_it_took_of_memory_is_given_back(server: PrivateBascule) -> None:
    """The clock of the server need not pass an hour for it."""
    deadline = time.monotonic() + 60
    while (held := max(map(resident_megabytes, server.workers()))) > SETTLED_MEGABYTES:
        assert time.monotonic() < deadline, held
        time.sleep(1)
