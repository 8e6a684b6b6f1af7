"""What a person sees at a terminal: two prompts, then a bar, then the report."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from support import messages, reference
from support.command import ENTRY, environment
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")


def answer_and_read(tmp_path: Path, words: list[str], prompt: bytes, answers: list[bytes]) -> str:
    """The command's whole output on a terminal of its own; each answer is typed once its prompt stands there."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in environment(tmp_path).items() if not name.endswith("_PASSWORD")}
    process = subprocess.Popen(
        [*ENTRY, *words], env={**variables, "TERM": "xterm", "COLUMNS": "100"}, stdin=theirs, stdout=theirs,
        stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the other end is closed: Linux says EIO
            break
        if answers and seen.count(prompt) > 2 - len(answers):
            os.write(ours, answers.pop(0) + b"\n")
    process.wait(60)
    os.close(ours)
    return seen.decode()


def test_both_passwords_are_asked_for_before_anything_is_drawn(tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old") as old, PrivateDovecot(tmp_path / "new") as new:
        reference.append(old.port, "anna", "INBOX", messages.many(30))
        words = ["copy", old.url("anna"), new.url("anna"), "--state", str(tmp_path / "state"), "--language", "en"]
        seen = answer_and_read(tmp_path, words, b"Password for", [b"secret", b"secret"])
        assert reference.read_mailbox(new.port, "anna") == reference.read_mailbox(old.port, "anna")
    prompts, bar, report = seen.rfind("Password for"), seen.find("messages/s"), seen.find("Verified: 30")
    assert seen.count("Password for") == 2
    assert 0 < prompts < bar < report, seen
    assert "secret" not in seen
