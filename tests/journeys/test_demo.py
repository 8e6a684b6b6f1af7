"""`bascule demo`, from its beginning to Ctrl-C: what `make demo` shows."""

import contextlib
import imaplib
import json
import os
import re
import shlex
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.demo import MEMBERS, sample_mail
from support.command import ENTRY, bascule
from support.smtp import message

CAMILLE = "camille.roux@univ-exemple.fr"
FEW = ("--messages", "100")
"""Where mail is not the subject."""


@pytest.fixture
def base() -> int:
    """A port base above which nothing listens now; connections that others make take ports of any number."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    for base in range(11000 + worker % 4 * 5000, 30000, 1000):
        with contextlib.ExitStack() as probes:
            try:
                for offset in (25, 125, 143, 225, 243, 587, 687):
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base
    raise AssertionError("no ports are free")


@contextlib.contextmanager
def running(place: Path, base: int, *options: str, end: signal.Signals = signal.SIGINT) -> Iterator[dict]:
    """The demo's endpoints, once it is ready; then Ctrl-C, or ``end``."""
    process = subprocess.Popen(
        [*ENTRY, "demo", "--dir", str(place), "--port-base", str(base), "--messages", "300", *options],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "ready\n":
                break
        else:
            raise AssertionError("".join(said))
        yield {**json.loads((place / "endpoints.json").read_text()), "said": "".join(said)}
    finally:
        process.send_signal(end)
        assert process.wait(30) == (-end if end == signal.SIGKILL else 0)


def imap(endpoints: dict, side: str, login: str = CAMILLE) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", endpoints[side]["imap"])
    member = next(member for member in endpoints["members"] if member["login"] == login)
    client.login(login, member["password" if side == "new" else "old_password"])
    return client


def test_on_the_day(tmp_path: Path, base: int) -> None:
    with running(tmp_path / "demo", base, "--at", "day") as demo:
        client = imap(demo, "new")
        client.select("INBOX")
        _, (uids,) = client.uid("SEARCH", "ALL")
        assert len(uids.split()) > 5
        _, lines = client.list()
        assert any(b"Other Users/scolarite@univ-exemple.fr/INBOX" in line for line in lines)
        with pytest.raises(imaplib.IMAP4.error, match="moved to the new platform"):
            imap(demo, "old")
        with smtplib.SMTP("127.0.0.1", demo["new"]["submission"]) as submission:
            submission.login(CAMILLE, demo["members"][0]["password"])
            submission.sendmail(CAMILLE, ["someone@example.com"], message(sender=CAMILLE, subject="To the world"))
        deadline = time.monotonic() + 20
        while client.uid("SEARCH", "FROM", "mailer-daemon")[1] == [b""] and time.monotonic() < deadline:
            time.sleep(0.2)
            client.noop()
        assert client.uid("SEARCH", "FROM", "mailer-daemon")[1] != [b""], "mail must come back, and never leave"
        assert (tmp_path / "demo/moves/camille.roux/report.html").exists()
        assert (tmp_path / "demo/signing-key.pem").exists(), "a demo's reports are not signed with the user's own key"
        other = bascule(tmp_path, "demo", "--dir", tmp_path / "other", "--port-base", base, status=2)
        assert "in use" in other.stderr
        again = bascule(tmp_path, "demo", "--dir", tmp_path / "demo", "--port-base", base + 300, status=2)
        assert "A demo is running in" in again.stderr
        imap(demo, "new").select("INBOX")


def test_on_the_eve(tmp_path: Path, base: int) -> None:
    with running(tmp_path / "demo", base) as demo:
        assert "at 09:00" in demo["said"]
        for role in ("member", "operator", "technician", "auditor"):
            assert any(
                member.get("role") == role and f"  {member['sign_on']} " in demo["said"] for member in demo["members"]
            )
        with urllib.request.urlopen(demo["portal"], timeout=20) as page:
            assert "Votre messagerie change" in page.read().decode()
        pilot = imap(demo, "new", "jn.dupre@univ-exemple.fr")
        assert int(pilot.select("INBOX")[1][0]) > 5, "the pilots moved a week ago"
        client = imap(demo, "old")
        assert int(client.select("INBOX")[1][0]) > 5
        with pytest.raises(imaplib.IMAP4.error, match=r"opens on .* at 09:00"):
            imap(demo, "new")


def test_its_clock_is_moved_over_the_switch(tmp_path: Path, base: int) -> None:
    with running(tmp_path / "l’été d'Anna", base, *FEW, "--at", "2027-04-27 08:59") as demo:
        with pytest.raises(imaplib.IMAP4.error, match=r"opens on Tuesday 27 April 2027 at 09:00"):
            imap(demo, "new")
        shown = re.search("Move its clock with: (.*)", demo["said"])
        assert shown is not None
        assert shlex.split(shown[1])[1:] == ["clock", "--config", demo["new"]["config"], "2027-04-27 08:59"]
        told = bascule(tmp_path, "clock", "--config", demo["new"]["config"], "2027-04-27 09:00").stdout
        assert "Tuesday 27 April 2027, 09:00" in told
        imap(demo, "new").select("INBOX")
        with pytest.raises(imaplib.IMAP4.error, match="moved to the new platform"):
            imap(demo, "old")


def test_a_folder_that_is_not_the_demos_stays(tmp_path: Path, base: int) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter1").write_text("years of work")
    told = bascule(tmp_path, "demo", "--dir", tmp_path / "thesis", "--port-base", base, status=2)
    assert "is not a demo's folder" in told.stderr
    assert (tmp_path / "thesis/chapter1").exists()


def test_a_date_that_is_none_is_refused_before_anything_is_made(tmp_path: Path, base: int) -> None:
    done = bascule(tmp_path, "demo", "--dir", tmp_path / "demo", "--port-base", base, "--at", "tomorrow", status=None)
    assert done.returncode == 2
    assert "tomorrow" in done.stderr
    assert done.stdout == ""


def test_one_that_stops_at_once_says_where_all_lies_and_not_how_to_sign_on(tmp_path: Path, base: int) -> None:
    done = bascule(tmp_path, "demo", "--dir", tmp_path / "demo", "--port-base", base, *FEW, "--stop")
    assert done.stdout.endswith(f"All is made, and lies in {tmp_path / 'demo'}.\n")
    assert "Sign on to the portal" not in done.stdout


def test_the_same_seed_gives_the_same_octets() -> None:
    one, other = (list(sample_mail(MEMBERS[0], 60, 1_790_000_000)) for _ in range(2))
    assert one == other
    assert {sample.path.parts[0] for sample in one} >= {"INBOX", "Sent", "Enseignement"}
    assert max(sample.date_utc for sample in one) <= 1_790_000_000


def test_a_terminal_that_is_closed_leaves_nothing_running(tmp_path: Path, base: int) -> None:
    with running(tmp_path / "demo", base, *FEW, end=signal.SIGHUP) as demo:
        ports = [demo["new"]["imap"], demo["new"]["web"], demo["old"]["imap"]]
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_what_a_killed_demo_left_running_makes_way_for_the_next(tmp_path: Path, base: int) -> None:
    with running(tmp_path / "demo", base, end=signal.SIGKILL) as demo:
        pass
    assert int(imap(demo, "old").select("INBOX")[1][0]) > 5, "it could not stop its servers"
    with running(tmp_path / "demo", base) as demo:
        assert int(imap(demo, "old").select("INBOX")[1][0]) > 5
