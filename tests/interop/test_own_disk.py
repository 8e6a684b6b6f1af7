"""What can't be kept or opened on this machine is told as this machine's, and no server's: the run ends, and the next one goes on."""

import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from support import messages
from support.command import ENTRY, environment, report_of
from support.quirks import QuirkServer, Store

LARGE = 12_000_000


def bascule_within(tmp: Path, limit: int, value: int, words: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """``limit``: of `resource`."""
    return subprocess.run(
        [*ENTRY, *map(str, words)],
        env={**environment(tmp), "TMPDIR": str(tmp)},
        preexec_fn=lambda: resource.setrlimit(limit, (value, value)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def two_messages() -> Store:
    store = Store()
    for number, octets in ((1, 400), (2, LARGE)):
        store.append(store.folders[b"INBOX"], messages.plain(number, octets))
    return store


@pytest.mark.parametrize("command", ["copy", "capture", "verify"])
def test_a_temporary_file_that_can_not_grow_ends_the_run_and_is_no_fault_of_the_message(
    tmp_path: Path, command: str
) -> None:
    with QuirkServer(store=two_messages()) as source, QuirkServer() as target:
        words = {
            "copy": ["copy", source.url, target.url, "--quiet", "--state", tmp_path / "state"],
            "capture": ["capture", source.url, tmp_path / "m.mailbox", "--quiet"],
            "verify": ["verify", source.url, target.url, "--quiet"],
        }[command]
        done = bascule_within(tmp_path, resource.RLIMIT_FSIZE, LARGE // 3, words)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert f"No temporary file can be written in {tmp_path}: File too large." in said
    assert f"Free some space on the file system of {tmp_path}" in said
    assert "old platform" not in said
    assert "Traceback" not in said


def test_the_next_run_brings_it(tmp_path: Path) -> None:
    old = two_messages()
    with QuirkServer(store=old) as source, QuirkServer() as target:
        words = ["copy", source.url, target.url, "--quiet", "--json", "--state", tmp_path / "state"]
        bascule_within(tmp_path, resource.RLIMIT_FSIZE, LARGE // 3, words)
        done = bascule_within(tmp_path, resource.RLIMIT_FSIZE, 10 * LARGE, words)
        assert report_of(done)["exceptions"] == []
        assert target.store.keys() == old.keys()


def test_a_file_of_messages_is_no_fault_of_theirs_either(tmp_path: Path) -> None:
    maildir = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    (maildir / "cur" / "1.x.y:2,S").write_bytes(messages.plain(2, LARGE))
    with QuirkServer() as target:
        words = ["copy", f"maildir:{maildir}", target.url, "--quiet", "--state", tmp_path / "state"]
        done = bascule_within(tmp_path, resource.RLIMIT_FSIZE, LARGE // 3, words)
    assert done.returncode == 1
    assert "No temporary file can be written" in done.stdout + done.stderr


def test_too_few_files_that_may_be_open_are_not_the_server(tmp_path: Path) -> None:
    with QuirkServer(store=two_messages()) as source, QuirkServer() as target:
        words = ["copy", source.url, target.url, "--quiet", "--state", tmp_path / "state"]
        for files in range(9, 16):
            said = bascule_within(tmp_path, resource.RLIMIT_NOFILE, files, words).stderr
            if "can't be reached: Too many open files" in said:
                break
    assert "Too many open files" in said
    assert "ulimit -n" in said
    assert "Check the port" not in said
