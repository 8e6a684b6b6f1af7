"""Server processes killed while mail arrives and several clients append, flag, move and expunge: what was acknowledged is there, once."""

import contextlib
import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.mailbox.live import LiveMailbox
from bascule.platform.smtp.queue import QueueStore
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue

FOLDERS = ("INBOX", "Sent", "Trash")
CLIENTS = 4
SENDERS = 2
SENDER = 100
"""The number of the first sender."""
BOB = "bob@example.org"
SUBJECT = re.compile(rb"^Subject: (\S+)", re.MULTILINE)


@dataclass
class Told:
    """What the server acknowledged. A message is its number; ``gone``: its expunge was asked for, so that it may be either way."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    uids: dict[tuple[str, int, int], str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def appended(self, folder: str, validity: int, uid: int, name: str) -> None:
        with self.lock:
            other = self.uids.setdefault((folder, validity, uid), name)
            if other != name:
                self.failures.append(f"UID {uid} of {folder} was given to {other} and to {name}")
            self.kept.add(name)


class Worker(threading.Thread):
    """One client: works until ``stop``; where the connection ends, what it was about is in doubt, and it signs in again."""

    def __init__(self, server: PrivateBascule, told: Told, number: int, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.told, self.number, self.ended = server, told, number, stop
        self.draw = random.Random(seed * 100 + number)
        self.count = 0

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                client = Dialogue(self.server.imap)
                client.ok(f"LOGIN {ANNA} {PASSWORD}")
                while not self.ended.is_set():
                    self.draw.choice((self.append, self.append, self.flag, self.move, self.expunge))(client)
            except (OSError, EOFError):
                time.sleep(0.05)
            except AssertionError as error:
                self.told.failures.append(str(error)[:300])

    def append(self, client: Dialogue) -> None:
        folder = self.draw.choice(FOLDERS)
        names = [f"{self.number}-{self.count + n}" for n in range(self.draw.choice((1, 1, 3)))]
        self.count += len(names)
        bodies = [f"Subject: {name}\r\n\r\n{'x' * self.draw.randrange(3000)}\r\n".encode() for name in names]
        with self.told.lock:
            self.told.doubtful.update(names)
        reply = client.ok(f"APPEND {folder} " + " ".join("{}" for _ in bodies), *bodies)
        _, validity, uids = reply.code.split()
        first = int(uids.partition(":")[0])
        for place, name in enumerate(names):
            self.told.appended(folder, int(validity), first + place, name)
        with self.told.lock:
            self.told.doubtful.difference_update(names)

    def one(self, client: Dialogue) -> tuple[int, str] | None:
        """A message of this client's own: no other client expunges or moves it."""
        client.ok(f"SELECT {self.draw.choice(FOLDERS)}")
        found = client.ok(f"UID SEARCH SUBJECT {self.number}-").lines[0].split()[2:]
        if not found:
            return None
        uid = int(self.draw.choice(found))
        line = client.ok(f"UID FETCH {uid} BODY.PEEK[HEADER.FIELDS (SUBJECT)]").lines[0]
        name = line.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
        return (uid, name) if name.startswith(f"{self.number}-") else None

    def flag(self, client: Dialogue) -> None:
        if chosen := self.one(client):
            client.ok(f"UID STORE {chosen[0]} +FLAGS (\\Flagged)")

    def move(self, client: Dialogue) -> None:
        if chosen := self.one(client):
            client.ok(f"UID MOVE {chosen[0]} {self.draw.choice(FOLDERS)}")

    def expunge(self, client: Dialogue) -> None:
        if self.draw.random() < 0.5 or not (chosen := self.one(client)):
            return
        uid, name = chosen
        with self.told.lock:
            self.told.doubtful.add(name)
            self.told.kept.discard(name)
        client.ok(f"UID STORE {uid} +FLAGS (\\Deleted)")
        client.ok(f"UID EXPUNGE {uid}")
        with self.told.lock:
            self.told.doubtful.discard(name)


class Sender(Worker):
    """Mail that arrives by SMTP, by LMTP and by submission, for two at once. Nothing is sent a second time."""

    def run(self) -> None:
        while not self.ended.is_set():
            kind = self.draw.choice(("smtp", "lmtp", "submission"))
            try:
                hello = "LHLO x" if kind == "lmtp" else "EHLO x"
                with SmtpDialogue(self.server.ports[kind], hello="") as client:
                    greeted = client.say(hello)
                    offers = any(line.startswith("AUTH") for line in greeted.lines)
                    if not greeted.is_positive or offers != (kind == "submission"):
                        raise EOFError("started again meanwhile, and this port is another service's")
                    if kind == "submission":
                        client.login(ANNA)
                    while not self.ended.is_set():
                        self.send(client, kind)
            except (OSError, EOFError, ValueError):
                time.sleep(0.05)
            except AssertionError as error:
                if ": 421 " in str(error):  # its parent is gone, and it says goodbye before it is killed
                    continue
                self.told.failures.append(str(error)[:300])

    def send(self, client: SmtpDialogue, kind: str) -> None:
        name = f"{self.number}-{self.count}"
        self.count += 1
        with self.told.lock:
            self.told.doubtful.add(name)
        text = f"From: {ANNA}\r\nSubject: {name}\r\n\r\n{'y' * self.draw.randrange(3000)}\r\n"
        replies = [client.deliver(text.encode(), ANNA, ANNA, BOB)]
        if kind == "lmtp":
            replies.append(client.reply())
        if all(reply.code == 250 for reply in replies):
            with self.told.lock:
                self.told.kept.add(name)
                self.told.sent.add(name)
                self.told.doubtful.discard(name)


def held(place: Path) -> Counter[str]:
    """Every message by its name, in all folders."""
    names: Counter[str] = Counter()
    with LiveMailbox.open(place) as box:
        for folder in box.folders.all():
            rows = box.reading.rows(folder.id, 1, folder.uidnext, limit=-1)
            there = set(box.reading.uids(folder.id, folder.uidnext, folder.modseq))
            assert folder.messages == len(there)
            for row in rows:
                if row.uid in there:
                    found = SUBJECT.search(box.reading.octets(row.body))
                    assert found is not None
                    names[found[1].decode()] += 1
    return names


@pytest.mark.soak
def test_what_was_acknowledged_is_there_once(tmp_path: Path, seed: int, soak: bool) -> None:
    kills = 200 if soak else 8
    draw = random.Random(seed)
    print(f"seed {seed}, {kills} kills")
    server = PrivateBascule(
        tmp_path / "server",
        accounts=(ANNA, BOB),
        processes=2,
        settings={"queue": 'first_retry = "1 s"', "submission": "recipients_per_day = 1000000"},
    )
    told, stop = Told(), threading.Event()
    server.start()
    workers = [Worker(server, told, number, seed, stop) for number in range(CLIENTS)]
    workers += [Sender(server, told, SENDER + number, seed, stop) for number in range(SENDERS)]
    for worker in workers:
        worker.start()
    for kill in range(kills):
        deadline = time.monotonic() + 60
        while len(told.sent) < kill + 2 and time.monotonic() < deadline:  # a busy machine takes its time to begin
            time.sleep(0.05)
        time.sleep(draw.uniform(0.3, 1.2))
        server.kill()
        if kill % 4 == 3:
            assert check(server.mailbox()) == []
        server.start()
    stop.set()
    for worker in workers:
        worker.join(30)
    with contextlib.closing(QueueStore(server.root / "data")) as queue:
        deadline = time.monotonic() + 60
        while queue.all():
            assert time.monotonic() < deadline, queue.all()
            time.sleep(0.1)
    server.stop()
    assert told.failures == []
    by_bob = held(server.mailbox(BOB))
    assert told.sent - by_bob.keys() == set(), "acknowledged, and not there"
    assert {name for name, count in by_bob.items() if count > 1} == set()
    assert len(told.sent) > kills
    print(f"{len(told.kept)} kept, {len(told.sent)} of them sent")
    assert len(told.kept) > kills
    names = held(server.mailbox())
    assert {name for name, count in names.items() if count > 1} == set()
    assert told.kept - names.keys() - told.doubtful == set(), "acknowledged, and not there"
    assert names.keys() - told.kept - told.doubtful == set(), "expunged with an acknowledgement, and there"
    assert check(server.mailbox()) == []
