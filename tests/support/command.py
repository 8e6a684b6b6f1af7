"""Running `bascule` as a program, as its users do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ENTRY = [sys.executable, "-c", "from bascule.commands import main; main()"]


def environment(tmp: Path) -> dict[str, str]:
    return {
        **os.environ,
        "BASCULE_SOURCE_PASSWORD": "secret",
        "BASCULE_TARGET_PASSWORD": "secret",
        "BASCULE_KEY": str(tmp / "signing-key.pem"),
        "XDG_STATE_HOME": str(tmp / "state-home"),
    }


def bascule(tmp: Path, *words: object, status: int | None = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; fails when the exit status is not ``status`` (None: any)."""
    done = subprocess.run(
        [*ENTRY, *map(str, words)], capture_output=True, text=True, timeout=300, check=False,
        env={**environment(tmp), **variables}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert status is None or done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
