"""Runs of one user to one mailbox wait for one another, whatever environment each is started in."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bascule.commands import turn
from bascule.terms.errors import BasculeError, ExitStatus
from support.command import ENTRY
from support.dovecot import PrivateDovecot
from support.kinds import USER, Place
from support.person import Person

_HOLDS = """
import sys
from bascule.commands.turn import turn
with turn(sys.argv[1]):
    print("has it", flush=True)
    sys.stdin.read()
"""
_TAKES_IT_THREE_TIMES = """
import sys, time
from bascule.commands.turn import turn
with open(sys.argv[2], "a", buffering=1) as log:
    for _ in range(3):
        with turn(sys.argv[1]):
            for mark in "[]":
                log.write(mark)
                log.flush()
                time.sleep(0.02)
"""
WAITS = "Another run fills {}; waiting for it to end (Ctrl-C to give up).\n"
_PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
_HOME = {"HOME": "{tmp}/home"}
_WHO = {"USER": "anna", "LOGNAME": "anna"}
_SESSION = {"XDG_RUNTIME_DIR": "{tmp}/session", "XDG_SESSION_ID": "7"}
ENVIRONMENTS = {
    "a session": {**_PATH, **_HOME, **_WHO, **_SESSION, "SHELL": "/bin/bash", "LANG": "C.UTF-8"},
    "a session with folders of its own": {
        **_PATH, **_HOME, **_WHO, **_SESSION, "XDG_STATE_HOME": "{tmp}/other", "TMPDIR": "{tmp}/session"
    },
    "cron": {"PATH": "/usr/bin:/bin", **_HOME, "LOGNAME": "anna", "SHELL": "/bin/sh"},
    "su, which keeps the session's variables": {**_PATH, **_WHO, **_SESSION, "HOME": "{tmp}/other"},
    "sudo -u": {**_PATH, **_HOME, **_WHO, "SUDO_USER": "carl", "SUDO_UID": "1001", "SUDO_COMMAND": "bascule"},
    "a service of systemd": {**_PATH, "LANG": "C.UTF-8", "INVOCATION_ID": "0" * 32, "SYSTEMD_EXEC_PID": "1"},
    "a home that is not there": {**_PATH, "HOME": "/nonexistent"},
    "a home that can't be written": {**_PATH, "HOME": "/proc"},
    "nothing": {},
}  # fmt: skip
"""The whole environment of a process, as each of these makes it for one user. ``{tmp}``: a folder of the test's."""


@pytest.fixture
def target(tmp_path: Path) -> str:
    """A mailbox of this test alone."""
    return f"imaps://{tmp_path.name}-{os.getpid()}@new.example"


def environment(name: str, tmp_path: Path) -> dict[str, str]:
    for folder in ("home", "other", "session"):
        (tmp_path / folder).mkdir(exist_ok=True)
    found = {variable: value.format(tmp=tmp_path) for variable, value in ENVIRONMENTS[name].items()}
    return found | ({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {})


@contextmanager
def process(variables: dict[str, str], *words: object, user: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """With all that it prints in one stream."""
    with subprocess.Popen(
        [*map(str, words)], env=variables, user=user, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            started.kill()


def heard(run: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert run.stdout is not None
    return run.stdout.readline()


def end(run: subprocess.Popen[str]) -> None:
    assert run.stdin is not None
    run.stdin.close()
    assert run.wait(20) == 0


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_run_in_any_environment_is_waited_for(name: str, tmp_path: Path, target: str) -> None:
    with process(environment(name, tmp_path), sys.executable, "-c", _HOLDS, target) as one:
        assert heard(one) == "has it\n"
        with process(environment("a session", tmp_path), sys.executable, "-c", _HOLDS, target) as other:
            assert heard(other) == WAITS.format(target)
            end(one)
            assert heard(other) == "has it\n"
            end(other)
    assert not [file for file in tmp_path.rglob("*") if not file.is_dir()], "a turn is no file"


@pytest.mark.needs("dovecot")
def test_a_copy_that_cron_starts_waits_for_that_of_a_session(tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old") as old, PrivateDovecot(tmp_path / "new") as new:
        with Person(Place("", old.port)) as them:
            them.add("INBOX", range(5))
        passwords = {"BASCULE_SOURCE_PASSWORD": "secret", "BASCULE_TARGET_PASSWORD": "secret"}
        words = [*ENTRY, "copy", old.url(USER), new.url(USER), "--quiet", "--state"]
        with process(environment("a session", tmp_path), sys.executable, "-c", _HOLDS, new.url(USER)) as one:
            assert heard(one) == "has it\n"
            cron = {**environment("cron", tmp_path), **passwords}
            with process(cron, *words, tmp_path / "state") as other:
                assert heard(other) == WAITS.format(new.url(USER))
                assert not new_messages(new)
                end(one)
                end(other)
        assert new_messages(new) == 5


def new_messages(server: PrivateDovecot) -> int:
    return sum(len(folder.messages) for folder in Place("", server.port).look().values())


def test_many_have_it_one_after_the_other(tmp_path: Path, target: str) -> None:
    log, variables = tmp_path / "log", environment("nothing", tmp_path)
    with ExitStack() as started:
        words = (sys.executable, "-c", _TAKES_IT_THREE_TIMES, target, log)
        for run in [started.enter_context(process(variables, *words)) for _ in range(4)]:
            said, _ = run.communicate(timeout=60)
            assert (run.returncode, said.replace(WAITS.format(target), "")) == (0, "")
    assert log.read_text() == "[]" * 12


def test_one_that_is_killed_leaves_its_turn(tmp_path: Path, target: str) -> None:
    with process(environment("cron", tmp_path), sys.executable, "-c", _HOLDS, target) as one:
        assert heard(one) == "has it\n"
        one.send_signal(signal.SIGSTOP)
        with process(environment("cron", tmp_path), sys.executable, "-c", _HOLDS, target) as other:
            assert heard(other) == WAITS.format(target)
            one.kill()
            assert heard(other) == "has it\n"
            end(other)


def test_one_that_waits_is_stopped_at_once(tmp_path: Path, target: str) -> None:
    with turn.turn(target), process(environment("cron", tmp_path), sys.executable, "-c", _HOLDS, target) as other:
        assert heard(other) == WAITS.format(target)
        other.send_signal(signal.SIGINT)
        assert other.wait(10) != 0


def test_runs_to_other_mailboxes_do_not_wait(target: str) -> None:
    with turn.turn(target), turn.turn(target.replace("imaps", "imap") + ":1143"), turn.turn(target + "2"):
        pass


# -- other users ------------------------------------------------------------------------------------------------------

_NOBODY = 65534
_SQUATS = """
import socket, sys, time
squatter = socket.socket(socket.AF_UNIX)
squatter.bind("\\0" + sys.argv[1])
if sys.argv[2:]:
    squatter.listen(int(sys.argv[2]))
print("has it", flush=True)
time.sleep(60)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")


@contextmanager
def squatter(target: str, *words: object) -> Iterator[None]:
    name = turn._name(target).removeprefix("\0")
    with process({}, "/usr/bin/python3", "-c", _SQUATS, name, *words, user=_NOBODY) as other:
        assert heard(other) == "has it\n"
        yield


@as_root
def test_another_users_process_is_not_waited_for(target: str) -> None:
    """Any user can take any name."""
    with (
        squatter(target, 5),
        pytest.raises(BasculeError, match=r"another user \(UID 65534\)") as raised,
        turn.turn(target),
    ):
        pass
    assert raised.value.status is ExitStatus.CONNECT
    with turn.turn(target):
        pass


@pytest.mark.parametrize("listens", [False, True])
def test_who_does_not_say_whose_it_is_is_not_waited_for_either(
    listens: bool, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens; or the queue is full, so that nobody gets through."""
    monkeypatch.setattr(turn, "UNTOLD_SECONDS", 0.5)
    with socket.socket(socket.AF_UNIX) as held, socket.socket(socket.AF_UNIX) as queued:
        held.bind(turn._name(target))
        if listens:
            held.listen(0)
            queued.connect(turn._name(target))
        begun = time.monotonic()
        with pytest.raises(BasculeError, match="does not say whose it is"), turn.turn(target):
            pass
        assert 0.4 < time.monotonic() - begun < 5


@as_root
def test_two_users_have_turns_of_their_own(tmp_path: Path, target: str) -> None:
    theirs = turn._name(target).replace(f"/{os.geteuid()}/", f"/{_NOBODY}/")
    with process({}, "/usr/bin/python3", "-c", _SQUATS, theirs.removeprefix("\0"), 5, user=_NOBODY) as other:
        assert heard(other) == "has it\n"
        with turn.turn(target):
            pass
