"""imaptest, Dovecot's own test of IMAP servers: https://dovecot.github.io/imaptest/"""

import re
import subprocess
from pathlib import Path

import pytest

from support import parts
from support.server import ANNA, PASSWORD, PrivateBascule

pytestmark = [pytest.mark.needs("imaptest")]
CLIENTS = 50
SECONDS = 30


def imaptest(server: PrivateBascule, *words: str) -> str:
    folder = parts.folder("BASCULE_IMAPTEST")
    assert folder is not None
    told = subprocess.run(
        [str(folder / "imaptest"), "host=127.0.0.1", f"port={server.imap}", f"user={ANNA}", f"pass={PASSWORD}", f"mbox={folder}/tests/default.mbox", *words],
        capture_output=True, timeout=240, check=False, cwd=folder,
    )  # fmt: skip
    return (told.stdout + told.stderr).decode("utf-8", "replace")


def test_its_scripts_pass(tmp_path: Path) -> None:
    """Of its 71 groups ten ask nothing here, and it does not count them as skipped: CATENATE (2), ESORT, NOTIFY, CONTEXT=SEARCH (4) and SORT=DISPLAY (2), none
    of which is announced."""
    with PrivateBascule(tmp_path) as server:
        told = imaptest(server, "test=tests")
    failed = re.findall(r"^\*\*\* Test (\S+) command", told, re.MULTILINE)
    assert re.search(r"^7\d test groups: 0 failed, 0 skipped", told, re.MULTILINE), told[-2000:]
    assert failed == [], told
    assert "Error:" not in told


def test_fifty_clients_at_one_mailbox_hear_nothing_that_contradicts(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path, processes=2) as server:
        told = imaptest(server, f"clients={CLIENTS}", f"secs={SECONDS}")
    assert "Totals:" in told
    assert [line for line in told.splitlines() if "error" in line.lower()] == []
