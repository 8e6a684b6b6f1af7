"""When the event loop of a server process is late, it is helped: those who have worked for long wait for those who ask for little.

Threads and loop share one interpreter, and a thread that computes gives it back a while after the loop asks. Where thousands of connections come at once
and members search at the same time, the loop would be behind by seconds, and with it everybody's smallest command.
"""

import asyncio
import sys

from bascule.platform import limits
from bascule.platform.fair_threads import FairThreads


class Lateness:
    """Looks from `begin` on, on the event loop that runs then, as long as this runs. ``members``: the threads that give way."""

    def __init__(self, members: FairThreads) -> None:
        self._members = members
        self._helped_until = 0.0
        self._is_helped = False

    def begin(self) -> None:
        self._look_again(asyncio.get_running_loop())

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + limits.LATENESS_LOOKED_AT_SECONDS
        loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        if now - due > limits.LATE_SECONDS:
            self._helped_until = now + limits.HELPED_SECONDS
        is_late = now < self._helped_until
        if is_late != self._is_helped:
            self._is_helped = is_late
            self._members.of_long = limits.LONG_WORK_THREADS_WHEN_LATE if is_late else limits.LONG_WORK_THREADS
            sys.setswitchinterval(limits.SWITCH_SECONDS_WHEN_LATE if is_late else limits.SWITCH_SECONDS)
        self._look_again(loop)
