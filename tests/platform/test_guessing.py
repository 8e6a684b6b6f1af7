"""Guesses at a running server: whoever knows their password comes in meanwhile, from the very same address, by every door."""

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bascule.platform.accounts import limits
from support.command import bascule
from support.server import ANNA, PASSWORD, PrivateBascule

CAMPUS = "127.0.0.2"
PAUL, SENTENCE = "paul@example.org", "four quiet blue chairs"
SECONDS = 15.0
"""For an honest sign-in; generous: without a limit it would wait for every guess before it."""
GUESSERS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateBascule]:
    made = PrivateBascule(tmp_path)
    with contextlib.closing(made.accounts()) as store:
        store.add(PAUL, SENTENCE)
    with made:
        yield made


class Line:
    """A connection from the campus."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60, source_address=(CAMPUS, 0))
        self._file = self._socket.makefile("rwb")
        self.told = self._file.readline()

    def ask(self, line: str, until: bytes = b"") -> bytes:
        """The answer's last line: the first that begins with ``until``."""
        self._file.write(f"{line}\r\n".encode())
        self._file.flush()
        while (answer := self._file.readline()) and not answer.startswith(until):
            pass
        return answer

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def by_imap(server: PrivateBascule, login: str, password: str) -> bytes:
    with contextlib.closing(Line(server.imap)) as line:
        return line.ask(f'a LOGIN "{login}" "{password}"', b"a ")


def by_submission(server: PrivateBascule, login: str, password: str) -> bytes:
    with contextlib.closing(Line(server.ports["submission"])) as line:
        line.ask("EHLO campus.example", b"250 ")
        told = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        return line.ask(f"AUTH PLAIN {told}", b"")


def test_a_campus_where_somebody_guesses_without_pause(server: PrivateBascule) -> None:
    """At names that nobody has, and at a member whose password can be guessed."""
    assert b"OK" in by_imap(server, PAUL, SENTENCE), "he is known there from now on"
    over = threading.Event()
    counted: list[bytes] = []

    def guess(which: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            login = PAUL if which % 2 else f"nobody-{which}-{number}@example.org"
            with contextlib.suppress(OSError):
                counted.append(by_imap(server, login, f"guess-{which}-{number}"))

    guessers = [threading.Thread(target=guess, args=(which,)) for which in range(GUESSERS)]
    for each in guessers:
        each.start()
    try:
        until = time.monotonic() + 120
        while len(counted) < limits.OF_ADDRESS + 20 and time.monotonic() < until:
            for login, password in ((ANNA, PASSWORD), (PAUL, SENTENCE)):
                for door, right in ((by_imap, b"a OK"), (by_submission, b"235")):
                    began = time.monotonic()
                    assert door(server, login, password).startswith(right)
                    assert time.monotonic() - began < SECONDS
    finally:
        over.set()
        for each in guessers:
            each.join()
    assert len(counted) >= limits.OF_ADDRESS, "so many were answered, or this test measures nothing"
    assert b"a OK" in by_imap(server, PAUL, SENTENCE)


def test_who_waits_is_listed_and_let_in_again_at_the_command_line(tmp_path: Path) -> None:
    made = PrivateBascule(tmp_path / "mail", settings={"server": 'zone = "Asia/Tokyo"'})
    words = ("account", "--config", made.config, "lockouts")
    assert bascule(tmp_path, *words).stdout == "Nobody is asked to wait.\n"
    with contextlib.closing(made.accounts()) as store:
        for number in range(12):
            store.attempts.was_wrong("nobody\x1b[2J@example.org", f"guess {number}", "203.0.113.9")
        until = datetime.fromtimestamp(store.attempts.waiting()[0].until_utc, ZoneInfo("Asia/Tokyo"))
    told = bascule(tmp_path, *words).stdout
    assert told.splitlines()[0].endswith("\tWaits until (Asia/Tokyo)")
    assert f"until {until:%Y-%m-%d %H:%M:%S}" in told
    assert "from 203.0.113.9\t12 wrong passwords\tuntil " in told
    assert "\x1b" not in told
    assert "12 wrong passwords forgotten" in bascule(tmp_path, *words, "--lift", "203.0.113.9").stdout
    assert bascule(tmp_path, *words).stdout == "Nobody is asked to wait.\n"
