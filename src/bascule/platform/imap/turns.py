"""Work on the event loop that a few octets of a peer can ask much of: for each account one piece in each turn of the loop, however many connections it has."""

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """In the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def ask(self, account: str, call: Callable[[], None]) -> None:
        """Have ``call`` done: at once, where nothing was done for ``account`` in this turn; otherwise behind what it asked for before."""
        if account in self._waiting:
            self._waiting[account].append(call)
            return
        self._waiting[account] = deque()
        asyncio.get_running_loop().call_soon(self._next, account)
        call()

    def _next(self, account: str) -> None:
        waiting = self._waiting[account]
        if not waiting:
            del self._waiting[account]
            return
        call = waiting.popleft()
        asyncio.get_running_loop().call_soon(self._next, account)
        call()
