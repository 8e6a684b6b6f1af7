"""What `bascule serve` refuses before anything starts, and when it says that it is ready."""

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bascule.commands import (
    account_command,
    backup_command,
    doctor_command,
    programs_command,
    queue_command,
    serve_command,
)
from bascule.platform import ownership, supervisor
from bascule.platform.data_lock import DataLock
from bascule.platform.settings import read_settings
from bascule.platform.settings_file import Endpoint
from bascule.terms.errors import BasculeError
from support.certificates import make_certificate
from support.command import ENTRY, bascule
from support.dialogue import Dialogue
from support.reached import reached_by_everybody
from support.server import ANNA, PASSWORD, PrivateBascule, has_ended
from support.unprivileged import as_one_who_may_not_read_everything
from support.waiting import within

SOMEBODY = 12345
"""A user whom no machine has a name for."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else, as only root may")


@pytest.fixture(autouse=True)
def _nothing_is_served_by_the_tests_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_command, "Supervisor", None)


def settings_at(folder: Path, text: str = "") -> Path:
    config = folder / "bascule.toml"
    listening = [
        f'[{each}]\nlisten = ["127.0.0.1:0"]\n' for each in ("imap", "smtp", "submission") if f"[{each}]" not in text
    ]
    config.write_text(f'[server]\ndata = "data"\nhostname = "mail.example.org"\n{"".join(listening)}{text}')
    return config


def begin(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(
            [*ENTRY, "serve", "--config", str(config)], stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip


def refused(command: click.Command, *words: object) -> str:
    """What it says, and nothing else came of it."""
    done: Result = CliRunner().invoke(command, [*map(str, words)])
    assert isinstance(done.exception, BasculeError), done.output
    assert "ready" not in done.output
    return str(done.exception)


def test_a_second_one_for_the_same_data_is_refused_before_it_listens(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s") as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        config = settings_at(tmp_path)
        config.write_text(config.read_text().replace('"data"', f'"{tmp_path / "s/data"}"'))
        done = bascule(tmp_path, "serve", "--config", config, status=2)
        assert f"This installation is already running (pid {server.process})" in done.stderr
        assert done.stdout == ""
        same_ports = bascule(tmp_path, "serve", "--config", server.config, status=2)
        assert "already running" in same_ports.stderr
        client.ok("NOOP")
        assert "queue-already-running" not in server.log()
    DataLock(tmp_path / "s/data").close()  # let go of at the end, too


def test_the_lock_ends_with_its_process_though_its_children_live(tmp_path: Path) -> None:
    server = PrivateBascule(tmp_path / "s", processes=2)
    server.start()
    children = server.workers()
    try:
        for child in children:
            os.kill(child, signal.SIGSTOP)  # none of them can let go of anything
        with pytest.raises(BasculeError, match=f"already running .pid {server.process}."):
            DataLock(tmp_path / "s/data")
        os.kill(server.process, signal.SIGKILL)
        assert within(20, lambda: has_ended(server.process))
        DataLock(tmp_path / "s/data").close()
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        server.stop()


def test_after_a_kill_it_waits_for_the_queue_that_was_left_over_and_is_ready_then(tmp_path: Path) -> None:
    config, log = settings_at(tmp_path), tmp_path / "log"
    run = tmp_path / "data/run"
    run.mkdir(parents=True)
    with (run / "queue.lock").open("w") as left_over:
        fcntl.flock(left_over, fcntl.LOCK_EX)
        process = begin(config, log)
        assert process.stdout is not None
        try:
            assert within(120, lambda: "queue-already-running" in log.read_text() and '"serving"' in log.read_text())
            (endpoint, *_) = json.loads((run / "endpoints.json").read_text())
            Dialogue(endpoint["port"]).close()  # nobody waits for the queue but whoever wants to know that all is well
            said = os.read(process.stdout.fileno(), 10_000)
            assert not select.select([process.stdout], [], [], 0)[0]
            assert b"ready" not in said
            fcntl.flock(left_over, fcntl.LOCK_UN)
            assert os.read(process.stdout.fileno(), 10_000) == b"ready\n"
        finally:
            process.terminate()
            assert process.wait(60) == 0
            process.stdout.close()


def test_where_a_process_dies_before_it_ever_served_all_ends_and_why_is_said(tmp_path: Path) -> None:
    (tmp_path / "dkim.pem").write_text("no key")
    config = settings_at(tmp_path, f'[dkim]\nkey = "{tmp_path / "dkim.pem"}"\n')
    done = bascule(tmp_path, "serve", "--config", config, status=1)
    assert "bascule-server ended before it served (status 1): The DKIM key" in done.stderr
    assert "ready" not in done.stdout
    assert '"event": "process-failed"' in done.stderr
    DataLock(tmp_path / "data").close()


def test_a_portal_whose_pages_do_not_come_is_not_ready(tmp_path: Path) -> None:
    """Its port is open before anybody answers there."""
    config = settings_at(
        tmp_path, f'[portal]\nlisten = "127.0.0.1:{free_port()}"\n[smtp]\nlisten = []\n[submission]\nlisten = []\n'
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import sys\nsys.modules['bascule.portal.wsgi'] = None\n")
    with (tmp_path / "log").open("ab") as said:
        process = subprocess.Popen(
            [*ENTRY, "serve", "--config", str(config)], stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": ":".join([str(broken), *sys.path])},
        )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=120)
    finally:
        process.terminate()
    assert process.returncode == 1, (tmp_path / "log").read_text()
    assert b"ready" not in out
    assert "bascule-portal ended before it served" in (tmp_path / "log").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def touched(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """An installation, of which somebody else has made these files."""

    def make(*names: str) -> Path:
        config = settings_at(tmp_path)
        data = read_settings(config).data
        for name in names:
            path = data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700) if name.endswith("/") else path.touch(0o600)
            os.chown(path, SOMEBODY, SOMEBODY)
        return config

    with as_one_who_may_not_read_everything():
        yield make


@as_root
@pytest.mark.parametrize(
    "names",
    [
        ("queue.sqlite",), ("queue/",), ("accounts.sqlite-wal",), ("mailboxes/x.mailbox/catalogue.sqlite",),
        ("mailboxes/x.mailbox/bodies-0001.sqlite",), ("mailboxes/x.mailbox/",), ("run/serve.lock",), ("keys/portal.json",), ("node",),
    ],
)  # fmt: skip
def test_files_that_somebody_else_made_in_the_data_are_named_before_anything_starts(
    names: tuple[str, ...], touched: Callable[..., Path]
) -> None:
    config = touched(*names)
    os.chown(config, os.geteuid(), os.getegid())
    said = refused(serve_command.command, "--config", config)
    assert str(SOMEBODY) in said
    if names != ("node",):  # which the settings are read with
        assert f"{names[0].rstrip('/')}. It belongs to {SOMEBODY}" in said
        assert f"chown -R {ownership.user_name(os.geteuid())}: {config.parent / 'data'}" in said
        assert not (config.parent / "data/run/endpoints.json").exists()


@as_root
def test_of_many_files_some_are_named(touched: Callable[..., Path]) -> None:
    said = refused(serve_command.command, "--config", touched(*(f"queue/{number}" for number in range(20))))
    assert said.count("queue/") == ownership.NAMED
    assert " …. They belong to" in said


def test_what_is_the_systems_or_full_and_read_only_is_no_fault(tmp_path: Path) -> None:
    config = settings_at(tmp_path)
    data = read_settings(config).data
    box = data / "mailboxes/x.mailbox"
    box.mkdir(parents=True)
    (box / "bodies-0001.sqlite").touch(0o400)
    (data / "lost+found").mkdir(mode=0o000)
    (data / "dkim.pem").touch(0o400)
    with as_one_who_may_not_read_everything():
        ownership.require_access(data)
    (data / "lost+found").chmod(0o700)


@as_root
def test_data_of_another_user_names_who_may_read_them(touched: Callable[..., Path]) -> None:
    config = touched()
    data = config.parent / "data"
    data.mkdir(mode=0o700)
    os.chown(data, SOMEBODY, SOMEBODY)
    with pytest.raises(BasculeError, match=f"{data} belongs to {SOMEBODY}: run the command as that user"):
        read_settings(config)
    os.chown(config, SOMEBODY, SOMEBODY)
    config.chmod(0o600)
    with pytest.raises(BasculeError, match=f"{config} belongs to {SOMEBODY}: run the command as that user"):
        read_settings(config)


def test_who_is_kept_out_by_root_is_told_to_give_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "owner_of", lambda path: (path, 0))
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    assert f"chown -R {SOMEBODY}: {tmp_path}" in ownership.advice_for_one_kept_out(tmp_path)


@as_root
@pytest.mark.parametrize("is_made", [True, False])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (queue_command.command, ("list",)), (account_command.command, ("list",)), (programs_command.command, ("dns", "example.org")),
        (serve_command.command, ()), (backup_command.command, ("elsewhere",)),
    ],
)  # fmt: skip
def test_root_does_nothing_in_somebody_elses_installation(
    tmp_path: Path, command: click.Command, words: tuple[str, ...], is_made: bool
) -> None:
    config = settings_at(tmp_path)
    data = tmp_path / "data"
    if is_made:
        data.mkdir()
    os.chown(data if is_made else tmp_path, SOMEBODY, SOMEBODY)
    said = refused(command, "--config", config, *words)
    assert f"belongs to {SOMEBODY}, and you are root" in said
    assert f"runuser -u {SOMEBODY} -- " in said
    assert (list(data.iterdir()) if is_made else data.exists()) in ([], False)
    os.chown(tmp_path, 0, 0)


@as_root
def test_doctor_says_what_root_can_not_see(tmp_path: Path) -> None:
    config = settings_at(tmp_path)
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", SOMEBODY, SOMEBODY)
    done = CliRunner().invoke(doctor_command.command, ["--config", str(config)], standalone_mode=False)
    assert done.return_value == 1
    assert f"! User: {tmp_path / 'data'} belongs to {SOMEBODY}" in done.output
    os.chown(tmp_path / "data", 0, 0)


@pytest.mark.parametrize(
    ("days", "told"),
    [(-1, "! Certificate: The certificate "), (1, "! Certificate: The certificate "), (13, "! Certificate: "), (90, "  Certificate: ")],
)  # fmt: skip
def test_doctor_looks_at_the_certificate(tmp_path: Path, days: int, told: str) -> None:
    certificate, key = make_certificate(tmp_path, days=days)
    config = settings_at(tmp_path, f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n')
    done = CliRunner().invoke(doctor_command.command, ["--config", str(config)], standalone_mode=False)
    assert told in done.output
    assert ("All is well" in done.output) == (days == 90)


def test_doctor_says_what_is_wrong_with_a_certificate_that_can_not_be_used(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    config = settings_at(tmp_path, f'[tls]\ncertificate = "{certificate}"\nkey = "{tmp_path / "none.pem"}"\n')
    done = CliRunner().invoke(doctor_command.command, ["--config", str(config)], standalone_mode=False)
    assert f"! Certificate: {tmp_path / 'none.pem'} is not there" in done.output
    assert done.return_value == 1
    _, other = make_certificate(tmp_path / "other")
    os.replace(other, tmp_path / "none.pem")
    done = CliRunner().invoke(doctor_command.command, ["--config", str(config)], standalone_mode=False)
    assert "is not the key of the certificate" in done.output


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EADDRINUSE, "Stop what uses the port"),
        (errno.EADDRNOTAVAIL, "This machine has no such address"),
        (errno.EAFNOSUPPORT, "This machine has no such address"),
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
    ],
)
def test_why_nothing_can_listen_decides_what_to_do(monkeypatch: pytest.MonkeyPatch, number: int, told: str) -> None:
    def bind(self: socket.socket, address: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(BasculeError, match=f"Nothing can listen on 192.0.2.1:25: {os.strerror(number)}") as caught:
        supervisor.require_free(Endpoint("192.0.2.1", 25))
    assert told in caught.value.advice
    assert ("Stop what uses" in caught.value.advice) == (number == errno.EADDRINUSE)


def test_an_address_of_another_machine_and_a_name_are_told_as_such() -> None:
    with pytest.raises(BasculeError, match="has no such address"):
        supervisor.require_free(Endpoint("192.0.2.1", 1025))
    with pytest.raises(BasculeError, match="Name an address of this machine"):
        supervisor.require_free(Endpoint("a..b", 1025))


def test_what_is_seldom_meant_is_said_in_a_line_each(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s") as server:
        assert ("Bascule runs as root" in server.log()) == (os.geteuid() == 0)
        assert "Nobody is named in [smtp] postmaster" in server.log()
    with PrivateBascule(tmp_path / "p", settings={"smtp": f'postmaster = "{ANNA}"'}) as server:
        assert "postmaster" not in server.log()


def test_where_everybody_comes_in_only_what_is_wrong_is_said(tmp_path: Path) -> None:
    """A data folder that is another's, reached by everybody, is found out all the same."""
    with reached_by_everybody(tmp_path):
        ownership.require_access(read_settings(settings_at(tmp_path)).data)
