"""Waiting before another try, and keeping to a speed that the operator set."""

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubling waits. ``tries`` without progress are allowed; `progress` starts the count again."""

    tries: int = 6
    first_seconds: float = 0.5
    most_seconds: float = 60.0
    _failed: int = 0

    def progress(self) -> None:
        self._failed = 0

    async def wait(self) -> bool:
        """Wait before the next try; False when there have been enough."""
        self._failed += 1
        if self._failed > self.tries:
            return False
        await asyncio.sleep(min(self.first_seconds * 2 ** (self._failed - 1), self.most_seconds))
        return True


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
