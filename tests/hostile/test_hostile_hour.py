"""An honest member's day while strangers and another member do their worst: nothing of it is refused, and nothing takes long.

In the tests half a minute; `make soak` takes the hour.
"""

import contextlib
import imaplib
import itertools
import os
import smtplib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.attackers import ROLES
from support.portal import DOMAIN, T
from support.portal_server import PortalServer

pytestmark = pytest.mark.soak
ANNA, BERT, CLEO = (f"{name}@{DOMAIN}" for name in ("anna", "bert", "cleo"))
FRIEND = ("127.0.3.1", 0)
"""Their server is none of the strangers'; Anna shares an address with who guesses at her password."""
SAMPLE_SECONDS, HOUR = 30.0, 3600.0
P95_SECONDS, SAMPLE_P95_SECONDS = 2.0, 30.0
"""In the hour, on a machine of its own; and beside all other tests, where it says only that nobody waits for the attackers to be through."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    root = tmp_path_factory.mktemp("hour")
    members = [f"{login.partition('@')[0]};{login.partition('@')[0].title()};{login};;" for login in (ANNA, BERT, CLEO)]
    made = PortalServer(root, {"main": T.strftime("%Y-%m-%d 09:00")}, members)
    with made:
        made.move_to(T + timedelta(minutes=1))
        yield made


@contextlib.contextmanager
def attacked(server: PortalServer, seed: int, seconds: float) -> Iterator[None]:
    """Each role against the honest member, and two members of the house one of whom gets the poison, too."""
    members = {
        ANNA: ("poison", "guess", "leave_open"),
        BERT: ("poison", "worst", "flood"),
        CLEO: ("worst",),
    }
    roles = [(role, login) for login, roles in members.items() for role in roles]
    assert {role for role, _ in roles} == set(ROLES)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "support.attackers", role, str(seed), str(seconds), str(server.imap), str(server.ports["smtp"]), login, server.mail_password(login)],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        for role, login in roles
    ]  # fmt: skip
    try:
        yield
        assert [each.poll() for each in running if each.poll() is not None] == [], "an attacker gave up"
    finally:
        for each in running:
            each.kill()
            each.wait()


class Honest:
    """What a member does all day, and how long each takes. It raises where they are refused."""

    def __init__(self, server: PortalServer) -> None:
        self._server = server
        self._password = server.mail_password(ANNA)
        self._numbers = itertools.count(1)
        self.seconds: dict[str, list[float]] = {}

    def measured(self, what: str, call: Callable[[], object]) -> None:
        begun = time.monotonic()
        call()
        self.seconds.setdefault(what, []).append(time.monotonic() - begun)

    def day(self) -> None:
        self.measured("page", self._page)
        with imaplib.IMAP4("127.0.0.1", self._server.imap, timeout=60) as client:
            self.measured("sign-in", lambda: client.login(ANNA, self._password))
            count = int(client.select()[1][0] or b"0")
            self.measured("fetch", lambda: self._fetch(client, count))
            self.measured("search", lambda: self._ok(client.search(None, "UNSEEN")))
            self.measured("noop", lambda: self._ok(client.noop()))
            number = next(self._numbers)
            self.measured("delivery", lambda: self._deliver(client, number))

    @staticmethod
    def _ok(answer: tuple[str, object]) -> None:
        assert answer[0] == "OK", answer

    def _page(self) -> None:
        with urllib.request.urlopen(self._server.url_of("/sign-on"), timeout=60) as answer:
            assert answer.status == 200

    def _fetch(self, client: imaplib.IMAP4, count: int) -> None:
        """Of the newest, as a program that was opened."""
        if not count:
            return
        newest = f"{max(1, count - 19)}:{count}"
        self._ok(client.fetch(newest, "(FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"))

    def _deliver(self, client: imaplib.IMAP4, number: int) -> None:
        """Until a program that is told of what came shows it."""
        answer = client.status("INBOX", "(UIDNEXT)")[1][0]
        came = f"{int(answer.split()[-1].rstrip(b')'))}:*"
        with smtplib.SMTP("127.0.0.1", self._server.ports["smtp"], timeout=60, source_address=FRIEND) as sender:
            sender.sendmail("friend@elsewhere.test", [ANNA], b"Subject: honest %d\r\n\r\ntext\r\n" % number)
        deadline = time.monotonic() + 60
        while b"Subject: honest %d\r" % number not in self._subjects(client, came):
            assert time.monotonic() < deadline, "it did not arrive"
            time.sleep(0.05)

    @staticmethod
    def _subjects(client: imaplib.IMAP4, uids: str) -> bytes:
        client.noop()
        told = client.uid("FETCH", uids, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return b"".join(each[1] for each in told if isinstance(each, tuple))


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def test_an_honest_member_is_served_all_through_a_hostile_hour(
    server: PortalServer, seed: int, soak: bool, record_property: Callable[[str, object], None]
) -> None:
    seconds = HOUR if soak else SAMPLE_SECONDS
    honest = Honest(server)
    honest.day()
    honest.seconds.clear()
    ends = time.monotonic() + seconds
    with attacked(server, seed, seconds + 60):
        while time.monotonic() < ends:
            honest.day()
            time.sleep(0.3)
    slow = {what: percentile(taken, 0.95) for what, taken in honest.seconds.items()}
    told = ", ".join(f"{what} {each:.3f} of {len(honest.seconds[what])}" for what, each in slow.items())
    record_property("told", f"honest member, 95th percentiles of {seconds / 60:.1f} minutes, in seconds: {told}")
    assert set(slow) == {"page", "sign-in", "fetch", "search", "noop", "delivery"}
    assert max(slow.values()) < (P95_SECONDS if soak else SAMPLE_P95_SECONDS), slow
    assert Path(server.root / "log").stat().st_size < 5_000_000
