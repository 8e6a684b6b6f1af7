"""How a process is told by a signal that it is to end."""

import threading
from queue import Empty, SimpleQueue


class Stop(threading.Event):
    """An event that a signal's handler may set. The handler runs in the main thread, in the middle of what that does: where it waits for a `threading.Event`, that event's
    lock may be held by the thread itself, and `set` would wait for it for ever. A SimpleQueue's `put` may be called there (its documentation says so)."""

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._told: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._told.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set, after ``timeout`` seconds at most."""
        if not self._is_set:
            try:
                self._told.get(timeout=timeout)
                self._told.put(None)  # for whoever else waits
            except Empty:
                pass
        return self._is_set
