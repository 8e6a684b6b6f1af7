"""An OK leaves only after the disk was told to keep what it says (seen from outside, by strace)."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule

COMMANDS = [
    ("APPEND INBOX {}", 2),  # the body, then the catalogue
    ("APPEND INBOX {} {} {}", 2),  # one for the group
    ("STORE 1 +FLAGS (\\Flagged)", 1),
    ("COPY 1 Sent", 1),
    ("MOVE 2 Trash", 1),
    ("STORE 1 +FLAGS (\\Deleted)", 1),
    ("EXPUNGE", 1),
    ("CREATE made", 1),
    ("RENAME made other", 1),
    ("DELETE other", 1),
]


@pytest.mark.needs("strace")
def test_each_change_is_synced_before_its_ok(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s") as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("SELECT INBOX")
        client.append("INBOX", messages.plain(0))  # the files are there, and open
        trace = tmp_path / "trace"
        watcher = subprocess.Popen(
            ["strace", "-f", "-q", "-s", "200", "-e", "trace=fsync,fdatasync,sendto", "-o", str(trace), "-p", str(server.workers()[0])],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until and "NOOP" not in (trace.read_text() if trace.exists() else ""):
            client.ok("NOOP")
            time.sleep(0.1)
        numbers = iter(range(1, 100))
        tags = []
        for command, _ in COMMANDS:
            literals = [messages.plain(next(numbers)) for _ in range(command.count("{}"))]
            tags.append(client.begin(command, *literals))
            assert client.end(tags[-1]).status == "OK", command
        watcher.terminate()
        watcher.wait(20)
    synced, found = 0, {}
    for line in trace.read_text().splitlines():
        if re.search(r"\b(fsync|fdatasync)\(.*= 0$|<\.\.\. f(data)?sync resumed>.*= 0$", line):
            synced += 1
        elif answer := re.search(r'sendto\(.*?(?:\\n|")(t\d+) OK', line):
            found[answer[1].encode()] = synced
            synced = 0
    for tag, (command, least) in zip(tags, COMMANDS, strict=True):
        assert found.get(tag, 0) >= least, (command, found)
