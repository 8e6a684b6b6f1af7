"""Waiting before another try, and keeping to a speed that the operator set."""

import asyncio
import contextlib
import math
from dataclasses import dataclass, field

from bascule.terms.watch import SILENT, Watcher
from bascule.wire.limits import (
    ASKED_SECONDS,
    FIRST_WAIT_SECONDS,
    LOST_SECONDS,
    MOST_WAIT_SECONDS,
    NOTE_SECONDS,
    SIGN_IN_TRIES,
)


@dataclass(slots=True)
class Backoff:
    """Doubling waits, until something gets through (`progress`), or enough was waited.

    What a server asks for (``asked``) has another limit than what it just does. ``name``: the server, for the notes. ``freed`` is set
    when a connection to it ends: a wait is over then, as there may be a place.
    """

    name: str = "the server"
    watcher: Watcher = field(default=SILENT, repr=False)
    first_seconds: float = FIRST_WAIT_SECONDS
    most_seconds: float = MOST_WAIT_SECONDS
    lost_seconds: float = LOST_SECONDS
    asked_seconds: float = ASKED_SECONDS
    freed: asyncio.Event | None = None
    _waited: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    _tries: int = 0
    _refused: int = 0

    def may_be_refused(self) -> bool:
        """Whether a sign-in that was right before may be tried again after one more refusal: not often, as servers lock accounts."""
        self._refused += 1
        return self._refused <= SIGN_IN_TRIES

    def progress(self) -> None:
        """Something got through: what was waited before does not count any more."""
        if self._tries:
            self._waited, self._tries, self._refused = {True: 0.0, False: 0.0}, 0, 0

    async def wait(self, reason: str = "", *, asked: bool = False) -> bool:
        """Wait before the next try, and tell it where it is worth telling; False when enough was waited for this kind of reason."""
        left = (self.asked_seconds if asked else self.lost_seconds) - self._waited[asked]
        if left <= 0:
            return False
        seconds = min(self.first_seconds * 2**self._tries, self.most_seconds, left)
        self._tries += 1
        self._waited[asked] += seconds
        if self._waited[asked] >= NOTE_SECONDS:
            what = "is not ready" if asked else "can't be worked with"
            told = f": {reason.rstrip('.;')}" if reason else ""
            self.watcher.note(f"{self.name} {what}{told}; trying again in {math.ceil(seconds)} s")
        await self._sleep(seconds)
        return True

    async def _sleep(self, seconds: float) -> None:
        if self.freed is None:
            await asyncio.sleep(seconds)
            return
        self.freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.freed.wait(), seconds)


class Throttle:
    """At most so many messages and octets a second, over all that share it; 0: no limit."""

    def __init__(self, messages_per_second: float = 0, octets_per_second: float = 0) -> None:
        self._messages = messages_per_second
        self._octets = octets_per_second
        self._free_at = 0.0

    async def passed(self, messages: int, octets: int) -> None:
        """Wait until what has passed is within the limits again."""
        if not self._messages and not self._octets:
            return
        now = asyncio.get_running_loop().time()
        takes = max(messages / self._messages if self._messages else 0, octets / self._octets if self._octets else 0)
        self._free_at = max(self._free_at, now) + takes
        await asyncio.sleep(self._free_at - now)
