"""`bascule serve` and `bascule account` as programs; the settings they read."""

import contextlib
import json
import os
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from bascule.platform.child import OPEN_FILES
from bascule.platform.settings import read_settings
from bascule.platform.settings_file import Endpoint
from bascule.terms.errors import BasculeError
from support.command import bascule
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule, has_ended
from support.waiting import within


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"\[server\] data is missing"),
        ("[server]\ndata = 5", r"\[server\] data is a text"),
        ("[server]\ndata = 'd'\nports = 1", "no setting “ports”"),
        ("[web]\nx = 1", r"no section \[web\]"),
        ("not toml", "is not TOML"),
        ("[server]\ndata = 'd'\nprocesses = 0", "a number from 1 to 256"),
        ("[server]\ndata = 'd'\nzone = 'Mars/Base'", "no time zone “Mars/Base”"),
        ("[server]\ndata = 'd'\n[imap]\nlisten = ['nowhere']", "no address with a port"),
        ("[server]\ndata = 'd'\n[imap]\nlisten = ['1.2.3.4:70000']", "no address with a port"),
        ("[server]\ndata = 'd'\n[queue]\nsmarthost = 'relay.example.org'", r'Write "relay\.example\.org:25"'),
        ("[server]\ndata = 'd'\n[queue]\nsmarthost = ':25'", r'names no server. Write "relay\.example\.org:25"'),
        ("[server]\ndata = 'd'\n[queue]\nnameservers = ['192.0.2.53']", r'Write \["192\.0\.2\.53:53"\]'),
        ("[server]\ndata = 'd'\n[imap]\nappend_limit = 'much'", "is a size"),
        ("[server]\ndata = 'd'\n[imap]\nlisten_tls = [':993']", "needs a certificate"),
        ("[server]\ndata = 'd'\n[tls]\ncertificate = 'c'", "needs both"),
        ("[server]\ndata = 'd'\n[mailboxes]\nfirst_folders = ['Spam']", "a list of folders"),
        ("[server]\ndata = 'd'\n[mailboxes]\nothers = 'a/b'", "the name of a folder"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "bascule.toml").write_text(text)
    with pytest.raises(BasculeError, match=sentence):
        read_settings(tmp_path / "bascule.toml")


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "bascule.toml").write_text(
        '[server]\ndata = "d"\nhostname = "m.example"\nprocesses = 4\n[imap]\nlisten = [":143", "[::1]:143"]\nappend_limit = "50 MiB"\n'
    )
    settings = read_settings(tmp_path / "bascule.toml")
    assert settings.data == tmp_path / "d"
    assert settings.imap_listen == (Endpoint("", 143), Endpoint("::1", 143))
    assert (settings.processes, settings.append_limit) == (4, 50 * 1024 * 1024)


def test_accounts_from_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "bascule.toml"
    config.write_text('[server]\ndata = "data"\n')
    words = ("account", "--config", config)
    assert "no accounts yet" in bascule(tmp_path, *words, "list").stdout
    said = bascule(
        tmp_path, *words, "add", ANNA, "--name", "Anna", "--alias", "a@example.org", "--quota", "2 GB"
    ).stdout
    assert f"{ANNA} is added. Its password: " in said
    assert "is taken" in bascule(tmp_path, *words, "add", ANNA, status=2).stderr
    (tmp_path / "password").write_text("a chosen one\n")
    bascule(tmp_path, *words, "passwd", ANNA, "--password-file", tmp_path / "password")
    bascule(tmp_path, *words, "lock", ANNA)
    bascule(tmp_path, *words, "quota", ANNA, "none")
    rows = json.loads(bascule(tmp_path, *words, "list", "--json").stdout)
    assert rows == [
        {
            "login": ANNA,
            "name": "Anna",
            "addresses": ["a@example.org", ANNA],
            "locked": True,
            "quota": None,
            "here": True,
            "handed_over": False,
        }
    ]
    assert "no account" in bascule(tmp_path, *words, "lock", "nobody@example.org", status=2).stderr


def test_a_process_that_dies_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s", processes=2) as server:
        first = server.workers()
        os.kill(first[0], signal.SIGKILL)
        until = time.monotonic() + 20
        while (len(server.workers()) < 2 or set(server.workers()) == set(first)) and time.monotonic() < until:
            time.sleep(0.1)
        assert set(server.workers()) != set(first)
        for _ in range(10):
            client = Dialogue(server.imap)
            client.ok(f"LOGIN {ANNA} {PASSWORD}")
            client.close()
        assert "process-died" in server.log()


def names_of(processes: list[int]) -> list[str]:
    found = []
    for process in processes:
        with contextlib.suppress(OSError):  # it has just ended
            found.append(Path(f"/proc/{process}/comm").read_text().strip())
    return sorted(found)


def test_processes_end_with_their_parent_also_those_that_were_started_again(tmp_path: Path) -> None:
    """None of them holds the pipe of another, nor a socket that it does not serve."""
    with PrivateBascule(tmp_path / "s", processes=2) as server:
        names = ["bascule-queue", "bascule-server", "bascule-server", "bascule-tidy"]
        assert within(20, lambda: names_of(server.workers()) == names)
        began = server.workers()
        for process in began[:3]:
            os.kill(process, signal.SIGKILL)
        assert within(20, lambda: names_of(server.workers()) == names and not {*began[:3]} & {*server.workers()})
        Dialogue(server.imap).close()
        now = server.workers()
        os.kill(server.process, signal.SIGKILL)
        assert within(20, lambda: all(has_ended(process) for process in now))
        with socket.socket() as free:
            free.bind(("127.0.0.1", server.imap))


def test_server_processes_may_have_more_files_open_than_whoever_started_them(tmp_path: Path) -> None:
    """A login gives 1,024, which two hundred mailboxes and their connections use up."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = PrivateBascule(tmp_path / "s")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))
    try:
        Dialogue(server.imap).close()  # greeted: it is serving
        limits = {resource.prlimit(process, resource.RLIMIT_NOFILE)[0] for process in server.workers()}
    finally:
        server.stop()
    assert limits == {OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)}


def test_it_stops_when_asked_and_says_goodbye(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s") as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        started = time.monotonic()
        server.stop()
        assert client.untagged().startswith(b"* BYE")
        assert time.monotonic() - started < 10
    assert PASSWORD not in server.log()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s") as server:
        config = tmp_path / "bascule.toml"
        config.write_text(f'[server]\ndata = "data"\n[imap]\nlisten = ["127.0.0.1:{server.imap}"]\n')
        assert "Nothing can listen on" in bascule(tmp_path, "serve", "--config", config, status=2).stderr
