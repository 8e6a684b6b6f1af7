"""Mail programs of Debian's, run to their end."""

import os
import subprocess
from pathlib import Path


def run(*words: str, home: Path, seconds: float = 60, status: int = 0) -> str:
    """What it said. Fails where its exit status is another."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=seconds, env={**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"}, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr
