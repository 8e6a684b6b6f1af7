"""What a command says does no harm to what it does, wherever it is said to."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from support.command import ENTRY, environment

FOLDER = "Été → 漢字"
MESSAGE = b"From: a@example.org\r\nSubject: one\r\n\r\ntext\r\n"


def take_in(tmp_path: Path, words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Import one message through a shell, with these further words."""
    place = tmp_path / "mail" / FOLDER
    place.mkdir(parents=True)
    (place / "1.eml").write_bytes(MESSAGE)
    command = shlex.join([*ENTRY, "import", str(tmp_path / "mail"), str(tmp_path / "m.mailbox")])
    done = subprocess.run(
        ["sh", "-c", f"{command} {words}"], env=environment(tmp_path) | variables, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    with Mailbox.open(tmp_path / "m.mailbox", read_only=True) as mailbox:
        [folder] = mailbox.folders.all()
        assert [mailbox.messages.body(row).whole() for row in mailbox.messages.list(folder.id)] == [MESSAGE]
    return done


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["", "--quiet"])
def test_a_stream_that_is_closed_stops_nothing(words: str, closed: str, tmp_path: Path) -> None:
    done = take_in(tmp_path, f"--language en {words} {closed}")
    assert (b"kept on disk" in done.stdout) == (closed in ("<&-", "2>&-"))


def test_a_terminal_that_has_not_all_characters_shows_a_question_mark(tmp_path: Path) -> None:
    done = take_in(tmp_path, "--language en --quiet", PYTHONIOENCODING="latin-1")
    assert b" ? ??" in done.stdout
    assert b"kept on disk" in done.stdout


def test_json_for_one_that_has_not_all_characters_has_the_same_values(tmp_path: Path) -> None:
    done = take_in(tmp_path, "--quiet --json", PYTHONIOENCODING="latin-1")
    assert [row["folder"] for row in json.loads(done.stdout)["folders"]] == [FOLDER]
