"""Where the files of the tests lie: in memory where there is room, and where it is asked for else."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "in-memory"


def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    left = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    return subprocess.run(
        [SCRIPT, "bash", "-c", command], env=left | variables, capture_output=True, text=True, check=False
    )


def test_a_folder_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    done = run('printf %s "$TMPDIR"; exit 3', TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (3, str(tmp_path), "")


@pytest.mark.parametrize("status", [0, 1])
def test_what_a_good_run_leaves_is_removed_and_a_bad_one_s_can_be_looked_at(status: int) -> None:
    done = run(f'mkdir "${{TMPDIR:-/none}}/left" 2>/dev/null; printf %s "${{TMPDIR:-}}"; exit {status}')
    assert done.returncode == status
    if done.stdout:  # there was room
        folder = Path(done.stdout)
        assert folder.exists() == bool(status)
        if status:
            assert str(folder) in done.stderr
            (folder / "left").rmdir()
            folder.rmdir()
