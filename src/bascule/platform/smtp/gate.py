"""How many messages may be with a site's filters at once, so that a filter that hangs leaves threads for what needs no filter.

WELL   `FILTERED_AT_ONCE` at once; the next waits for a place, while none has been in for long
SLOW   the oldest has been in for `FILTERS_SLOW_SECONDS`: nobody waits, who finds no place is refused
HUNG   one was not answered in time: one at once, until it is answered
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from bascule.platform.smtp import limits
from bascule.protocols.milter import MilterError


class Gate:
    """For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Condition()
        self._since: list[float] = []
        self._is_hung = False

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Raises MilterError where there is none. The block raises TimeoutError where the filters hang."""
        began = self._enter()
        try:
            yield
        except TimeoutError:
            self._leave(began, is_hung=True)
            raise
        except BaseException:
            self._leave(began, is_hung=self._is_hung)
            raise
        self._leave(began, is_hung=False)

    def _enter(self) -> float:
        came = self._clock()
        with self._turn:
            while len(self._since) >= (1 if self._is_hung else limits.FILTERED_AT_ONCE):
                longest = self._clock() - min([came, *self._since])
                if self._is_hung or longest >= limits.FILTERS_SLOW_SECONDS:
                    raise MilterError("the filters are slow, and other messages are with them")
                self._turn.wait(limits.FILTERS_SLOW_SECONDS - longest)
            now = self._clock()
            self._since.append(now)
            return now

    def _leave(self, began: float, *, is_hung: bool) -> None:
        with self._turn:
            self._since.remove(began)
            self._is_hung = is_hung
            self._turn.notify_all()
