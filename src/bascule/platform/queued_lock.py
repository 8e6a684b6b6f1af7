"""A lock that is given to whoever has waited longest.

With the interpreter's own, a thread that gives it back and wants it again a moment later nearly always has it before one that waits has woken up: who
works through a large folder, some thousand messages at a time, would keep it from all others until it is done.
"""

import threading
from collections import deque
from types import TracebackType


class QueuedLock:
    """Use as a context manager. The thread that has it may take it again, and gives it back as often."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner = 0
        self._depth = 0
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    @property
    def waiting(self) -> int:
        """How many threads wait for it."""
        return len(self._waiting)

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take(self, within_seconds: float | None = None) -> bool:
        """Whether it is ours now; otherwise it did not come within that time."""
        me = threading.get_ident()
        if self._owner == me:
            self._depth += 1
            return True
        with self._guard:
            if not self._owner:
                self._owner, self._depth = me, 1
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append((me, gate))
        if gate.acquire(timeout=-1 if within_seconds is None else within_seconds):
            return True  # it is ours when this opens
        with self._guard:
            if (me, gate) not in self._waiting:  # it was given to us in this moment
                return True
            self._waiting.remove((me, gate))
            return False

    def give_back(self) -> None:
        self._depth -= 1
        if self._depth:
            return
        with self._guard:
            if not self._waiting:
                self._owner = 0
                return
            self._owner, gate = self._waiting.popleft()
            self._depth = 1
        gate.release()
