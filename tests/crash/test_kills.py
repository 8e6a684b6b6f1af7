"""Killed at any instant and run again: the mailbox and the target are as after an undisturbed run.

Instants are drawn over octets on the wire (the proxy counts them) and over file writes (strace counts them).
"""

import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, check
from support import messages, reference, store
from support.command import bascule
from support.dovecot import PrivateDovecot
from support.lesser import Without
from support.proxy import Faults, Proxy
from support.trials import Victim

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.soak]
FOLDERS = {"INBOX": messages.many(250, 3), "Archive/2015": messages.many(60, 4), "Sent": [messages.plain(1)] * 3}
TRIALS = {
    "deliver": (5, 60),
    "no-uidplus": (2, 40),
    "writes": (2, 30),
    "capture": (3, 40),
    "capture-writes": (1, 20),
    "late": (1, 10),
    "copy": (2, 30),
    "copy-writes": (1, 20),
}


def trials(soak: bool, kind: str) -> int:
    return TRIALS[kind][1 if soak else 0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("d")) as started:
        yield started


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("m") / "full.mailbox"
    store.fill(root, FOLDERS)
    return root


def expected(server: PrivateDovecot, full: Path, tmp_path: Path) -> Counter[reference.Key]:
    """What an undisturbed delivery leaves."""
    mailbox = tmp_path / "undisturbed.mailbox"
    shutil.copytree(full, mailbox)
    bascule(tmp_path, "deliver", mailbox, server.url("undisturbed"), "--quiet")
    return reference.read_mailbox(server.port, "undisturbed")


@pytest.mark.parametrize("kind", ["deliver", "no-uidplus"])
def test_deliver_killed_over_the_wire_leaves_each_message_once(kind, server, full, tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/{kind}")
    wanted = expected(server, full, tmp_path)
    total = sum(len(octets) for folder in FOLDERS.values() for octets in folder)
    killed = 0
    for trial in range(trials(soak, kind)):
        user, mailbox = f"{kind}{trial}", tmp_path / f"{trial}.mailbox"
        shutil.copytree(full, mailbox)
        instant = chance.randrange(200, total + 30_000)
        faults = Faults(lesser=Without("UIDPLUS") if kind == "no-uidplus" else None)
        with Proxy(server.port, faults) as proxy:
            url = f"imap://{user}@127.0.0.1:{proxy.port}"
            words = ["deliver", str(mailbox), url, "--quiet", "--settle", "0.2"]
            victim = Victim(tmp_path, words)
            faults.on_up = lambda up, at=instant, victim=victim: victim.kill() if up >= at else None
            killed += victim.wait() == -signal.SIGKILL
            faults.on_up = None
            bascule(tmp_path, *words)
        assert reference.read_mailbox(server.port, user) == wanted, f"seed {seed}, trial {trial}, octet {instant}"
        assert check(mailbox) == [], f"seed {seed}, trial {trial}, octet {instant}"
    assert killed >= trials(soak, kind) // 2, "most instants must fall within the run"


@pytest.mark.needs("strace")
def test_deliver_killed_at_a_file_write_leaves_each_message_once(server, full, tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/writes")
    wanted = expected(server, full, tmp_path)
    for trial in range(trials(soak, "writes")):
        user, mailbox = f"w{trial}", tmp_path / f"{trial}.mailbox"
        shutil.copytree(full, mailbox)
        words = ["deliver", str(mailbox), server.url(user), "--quiet", "--settle", "0.2"]
        Victim(tmp_path, words, _kill_at_write(chance.randrange(1, 90))).wait()
        bascule(tmp_path, *words)
        assert reference.read_mailbox(server.port, user) == wanted, f"seed {seed}, trial {trial}"
        assert check(mailbox) == []


def _kill_at_write(number: int) -> list[str]:
    return [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=pwrite64",
        "-e",
        f"inject=pwrite64:signal=KILL:when={number}",
    ]


def test_a_batch_that_commits_late_is_not_there_twice(server, full, tmp_path, seed, soak) -> None:
    """The proxy keeps what the killed client had sent for five seconds, and then hands it to the server."""
    chance = random.Random(f"{seed}/late")
    wanted = expected(server, full, tmp_path)
    for trial in range(trials(soak, "late")):
        user, mailbox = f"late{trial}", tmp_path / f"{trial}.mailbox"
        shutil.copytree(full, mailbox)
        hold = chance.randrange(30_000, 600_000)
        faults = Faults(hold_up_from=hold, late_seconds=5)
        with Proxy(server.port, faults) as proxy:
            words = ["deliver", str(mailbox), f"imap://{user}@127.0.0.1:{proxy.port}", "--quiet"]
            victim = Victim(tmp_path, words)
            faults.on_up = lambda up, at=hold + 500_000, victim=victim: victim.kill() if up >= at else None
            try:
                victim.process.wait(4)  # the client waits for an answer to what the proxy holds back
            except Exception:  # noqa: BLE001 - any instant will do
                victim.kill()
            victim.wait()
            faults.on_up, faults.hold_up_from = None, -1
            bascule(tmp_path, *words)
        assert reference.read_mailbox(server.port, user) == wanted, f"seed {seed}, trial {trial}, octet {hold}"


def contents(root: Path) -> Counter[tuple]:
    with Mailbox.open(root, read_only=True) as mailbox:
        return Counter(
            (f.path, m.sha256, m.flags, m.date.utc_seconds)
            for f in mailbox.folders.all()
            for m in mailbox.messages.list(f.id)
        )


@pytest.fixture(scope="module")
def filled(server: PrivateDovecot, full: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A user whose mailbox on the server is full."""
    tmp = tmp_path_factory.mktemp("f")
    mailbox = tmp / "f.mailbox"
    shutil.copytree(full, mailbox)
    bascule(tmp, "deliver", mailbox, server.url("filled"), "--quiet")
    return "filled"


def test_capture_killed_over_the_wire_goes_on_where_it_stopped(server, full, filled, tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/capture")
    wanted = contents(full)
    total = sum(len(octets) for folder in FOLDERS.values() for octets in folder)
    killed = 0
    for trial in range(trials(soak, "capture")):
        mailbox, faults = tmp_path / f"{trial}.mailbox", Faults()
        instant = chance.randrange(200, total + 30_000)
        with Proxy(server.port, faults) as proxy:
            words = ["capture", f"imap://{filled}@127.0.0.1:{proxy.port}", str(mailbox), "--quiet"]
            victim = Victim(tmp_path, words)
            faults.rewrite_down = _kill_after(instant, victim)
            killed += victim.wait() == -signal.SIGKILL
            faults.rewrite_down = None
            if mailbox.exists() and (mailbox / "catalogue.sqlite").exists():
                assert check(mailbox) == []
            bascule(tmp_path, *words)
        assert contents(mailbox) == wanted, f"seed {seed}, trial {trial}, octet {instant}"
        assert check(mailbox) == []
    assert killed >= trials(soak, "capture") // 2, "most instants must fall within the run"


def _kill_after(octets: int, victim: Victim):
    seen = 0

    def rewrite(data: bytes) -> bytes:
        nonlocal seen
        seen += len(data)
        if seen >= octets:
            victim.kill()
        return data

    return rewrite


@pytest.mark.needs("strace")
def test_capture_killed_at_a_file_write_goes_on_where_it_stopped(server, full, filled, tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/capture-writes")
    wanted = contents(full)
    for trial in range(trials(soak, "capture-writes")):
        mailbox = tmp_path / f"{trial}.mailbox"
        words = ["capture", server.url(filled), str(mailbox), "--quiet"]
        number = chance.randrange(1, 700)
        Victim(tmp_path, words, _kill_at_write(number)).wait()
        bascule(tmp_path, *words)
        assert contents(mailbox) == wanted, f"seed {seed}, trial {trial}, write {number}"
        assert check(mailbox) == []


def test_copy_killed_over_the_wire_leaves_each_message_once(server, full, filled, tmp_path, seed, soak) -> None:
    chance = random.Random(f"{seed}/copy")
    wanted = reference.read_mailbox(server.port, filled)
    total = sum(len(octets) for folder in FOLDERS.values() for octets in folder)
    killed = 0
    for trial in range(trials(soak, "copy")):
        user, faults = f"copy{trial}", Faults()
        instant = chance.randrange(200, total + 30_000)
        with Proxy(server.port, faults) as proxy:
            words = _copy_words(server, filled, f"imap://{user}@127.0.0.1:{proxy.port}", tmp_path / f"{trial}.state")
            victim = Victim(tmp_path, words)
            faults.on_up = lambda up, at=instant, victim=victim: victim.kill() if up >= at else None
            killed += victim.wait() == -signal.SIGKILL
            faults.on_up = None
            bascule(tmp_path, *words)
        assert reference.read_mailbox(server.port, user) == wanted, f"seed {seed}, trial {trial}, octet {instant}"
    assert killed >= trials(soak, "copy") // 2, "most instants must fall within the run"


@pytest.mark.needs("strace")
def test_copy_killed_at_a_file_write_leaves_each_message_once(server, full, filled, tmp_path, seed, soak) -> None:
    """Every second time what it remembered is lost too: the target alone must be enough."""
    chance = random.Random(f"{seed}/copy-writes")
    wanted = reference.read_mailbox(server.port, filled)
    killed = 0
    for trial in range(trials(soak, "copy-writes")):
        user, number = f"cw{trial}", chance.randrange(1, 120)
        words = _copy_words(server, filled, server.url(user), tmp_path / f"{trial}.state")
        killed += Victim(tmp_path, words, _kill_at_write(number)).wait() != 0
        if trial % 2:
            shutil.rmtree(tmp_path / f"{trial}.state", ignore_errors=True)
        bascule(tmp_path, *words)
        assert reference.read_mailbox(server.port, user) == wanted, f"seed {seed}, trial {trial}, write {number}"
    assert killed >= trials(soak, "copy-writes") // 2, "most instants must fall within the run"


def _copy_words(server: PrivateDovecot, source: str, target: str, state: Path) -> list[str]:
    return ["copy", server.url(source), target, "--state", str(state), "--quiet", "--settle", "0.2"]
