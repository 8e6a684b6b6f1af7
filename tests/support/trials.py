"""Trials of killing: a command is started, killed at a chosen instant, and run again to its end."""

import os
import signal
import subprocess
from pathlib import Path

from support.command import ENTRY, environment


class Victim:
    """A `bascule` process that may be killed from another thread."""

    def __init__(self, tmp: Path, words: list[str], prefix: list[str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*(prefix or []), *ENTRY, *words], env=environment(tmp), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to it and what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self) -> int:
        return self.process.wait(120)
