"""Running `bascule` within the test's own process, with a clock on which waiting is short.

Time-outs, pauses between tries and settling times of the program pass `HASTE` times as fast as on the wall, so that what takes half a
minute of patience takes a second or two. Nothing of the program is replaced: its event loop is given another clock.
"""

import asyncio
import contextlib
import io
import os
import selectors
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bascule.commands import main
from support.command import environment

HASTE = 40.0
MOST_SECONDS = 30.0
"""On the wall: a run that takes longer is interrupted as by Ctrl-C, and ends with status 130."""
NOTICED_SECONDS = 0.1
"""On the wall: what came after a longer wait may have lain there before this process was let run again."""


@dataclass(frozen=True)
class Done:
    """As `subprocess.CompletedProcess`: for `support.command.report_of`."""

    returncode: int
    stdout: str
    stderr: str


class _HastySelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # chosen at import
    """``gained``: seconds that the clock is ahead of the wall's."""

    gained = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        found = super().select(timeout / HASTE if timeout and timeout > 0 else timeout)
        waited = time.monotonic() - began
        self.gained += (HASTE - 1) * (min(waited, NOTICED_SECONDS) if found else waited)
        return found


class _HastyLoop(asyncio.SelectorEventLoop):
    """Hasty while it waits, and only then: a busy machine's pause is not taken for a server's silence."""

    def __init__(self) -> None:
        self._hasty = _HastySelector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return time.monotonic() + self._hasty.gained


class _HastyPolicy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _HastyLoop()


@contextlib.contextmanager
def in_a_hurry() -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(_HastyPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)


def bascule_in_a_hurry(tmp: Path, *words: object) -> Done:
    """Run to the end, as `support.command.bascule` does in a process of its own. What it raises is raised: a traceback is a fault."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        in_a_hurry(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name, value in environment(tmp).items():
            patch.setenv(name, value)
        patch.setattr("sys.argv", ["bascule", *map(str, words)])
        guard = threading.Timer(MOST_SECONDS, os.kill, [os.getpid(), signal.SIGINT])
        guard.start()
        umask = os.umask(0)
        os.umask(umask)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            guard.cancel()
            os.umask(umask)  # `main` takes others' rights away for as long as its process lives
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())
