"""Workers of the portal, killed and put to sleep while they bring in a list and make mailboxes ready: another goes on, nothing is done twice, and who slept writes nothing."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command import ENTRY, bascule, environment
from support.long_work import LongWork
from support.portal import DOMAIN, configuration
from support.portal_database import make_database
from support.postgresql import database_for

MEMBERS = 4000 if os.environ.get("BASCULE_SOAK") == "1" else 600
"""So many that work on them can be stopped in the middle."""
LONGEST_SECONDS = 120


class Installation:
    def __init__(self, root: Path, database: str | None) -> None:
        self.root = root
        self.config = root / "bascule.toml"
        self.config.write_text(configuration(database=database))
        if database is None:
            make_database(root)
        bascule(root, "campaign", "--config", self.config, "init", "2027-04-27 09:00")
        self.list = root / "list.csv"
        people = (f"m{number};Member {number};m{number}@{DOMAIN}" for number in range(MEMBERS))
        self.list.write_text("\n".join(["sign_on;name;address", *people]), "utf-8")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.work = LongWork(self.config)

    def ask(self, kind: str) -> int:
        return self.work.ask(kind, self.list)

    def worker(self) -> subprocess.Popen[bytes]:
        with (self.root / "log").open("ab") as log:
            started = subprocess.Popen(
                [*ENTRY, "worker", "--config", str(self.config), "--threads", "1"], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
                env=environment(self.root),
            )  # fmt: skip
        self.workers.append(started)
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n", (self.root / "log").read_text()
        return started

    def until_begun(self, number: int, part: float) -> None:
        """Until so much of it is done, of 1."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while (told := self.work.look(number))["state"] != "done":
            if told["total"] and told["done"] >= part * told["total"]:
                return
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def put_to_sleep(self, worker: subprocess.Popen[bytes]) -> None:
        """Where the database is a file, between two transactions: whoever sleeps within one holds up the machine, and nothing can be done about it.
        PostgreSQL ends such a transaction by itself."""
        while True:
            worker.send_signal(signal.SIGSTOP)
            os.waitid(
                os.P_PID, worker.pid, os.WSTOPPED
            )  # until then it works on, and may begin a transaction after we looked
            try:
                with contextlib.closing(sqlite3.connect(self.root / "data/portal.sqlite", timeout=0.0)) as database:
                    database.execute("BEGIN IMMEDIATE")
                    database.execute("ROLLBACK")
                return
            except sqlite3.OperationalError:
                worker.send_signal(signal.SIGCONT)
                time.sleep(0.003)

    def until_done(self, number: int) -> dict[str, Any]:
        told = self.work.until_over(number, LONGEST_SECONDS)
        assert told["state"] == "done", told["trouble"]
        return told

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, database_for(request.param))
    with made.work:
        yield made
        made.end()


@pytest.mark.needs("postgresql")
def test_killed_and_asleep_another_goes_on(installation: Installation) -> None:
    """The first worker dies in the middle; the second falls asleep in the middle and wakes after a third has ended the work."""
    chance = random.Random(int(os.environ.get("BASCULE_SEED", "20261125")))
    number = installation.ask("import-members")
    first = installation.worker()
    installation.until_begun(number, chance.uniform(0.0, 0.5))
    first.kill()
    first.wait()
    second = installation.worker()
    installation.until_done(number)
    assert len(installation.work.boxes()) == MEMBERS

    number = installation.ask("provision")
    installation.until_begun(number, chance.uniform(0.1, 0.5))
    installation.put_to_sleep(second)
    given = {login: shown for login, shown in installation.work.boxes().items() if shown}
    assert given, "it fell asleep in the middle"
    third = installation.worker()
    installation.until_done(number)
    done = installation.work.boxes()
    third.send_signal(signal.SIGINT)
    assert third.wait(30) == 0
    second.send_signal(signal.SIGCONT)
    installation.until_done(installation.ask("import-members"))  # by whom, if not by who slept, once that was over
    assert installation.work.boxes() == done, "who slept changed nothing"
    assert all(done.values()), "everybody has a password"
    assert {login: done[login] for login in given} == given, "and nobody a second one"

    second.send_signal(signal.SIGINT)
    assert second.wait(30) == 0
    assert "Traceback" not in (installation.root / "log").read_text()


@pytest.mark.needs("postgresql")
def test_a_worker_that_is_asked_to_end_gives_its_work_to_the_next(installation: Installation) -> None:
    """At once: nobody waits for a lease to end."""
    number = installation.ask("import-members")
    first = installation.worker()
    installation.until_begun(number, 0.1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    ended = time.monotonic()
    installation.worker()
    told = installation.until_done(number)
    assert len(installation.work.boxes()) == MEMBERS
    assert told["attempts"] <= 1, "what was given back is no attempt"
    assert time.monotonic() - ended < LONGEST_SECONDS
