"""Running `bascule` as a program, as its users do."""

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from support.runner import Runner

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
    done = runner().start(*words, variables={**environment(tmp), **variables}, seconds=300).wait()
    assert status is None or done.status == status, f"{words}: {done.status}\n{done.output}\n{done.errors}"
    assert "Traceback" not in done.errors, done.errors
    return subprocess.CompletedProcess([*map(str, words)], done.status, done.output, done.errors)


@cache
def runner() -> Runner:
    """One of this process, which ends with it."""
    runner = Runner({})
    runner.__enter__()
    atexit.register(runner.__exit__, None, None, None)
    return runner


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
