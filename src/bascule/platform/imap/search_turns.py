"""How many look through a mailbox at the same time, in this process: by SEARCH, SORT and THREAD, which hold a folder's rows meanwhile."""

import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bascule.platform.imap.limits import SEARCH_TURN_SECONDS, SEARCHES_AT_ONCE, SEARCHES_THAT_WAIT
from bascule.platform.imap.replies import No
from bascule.platform.mailboxes import OpenMailbox

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

_BUSY = "other searches of this mailbox are still running; ask again when they are done"
GONE = "nobody waits for this"


@dataclass(slots=True)
class _Searches:
    """Of one mailbox. ``waiting``: the first has the next turn."""

    running: int = 0
    waiting: "deque[Turn]" = field(default_factory=deque)


_guard = threading.Lock()
_searches: "weakref.WeakKeyDictionary[OpenMailbox, _Searches]" = weakref.WeakKeyDictionary()


def running() -> int:
    """Of all mailboxes."""
    with _guard:
        return sum(each.running for each in _searches.values())


class Turn:
    """Of one command, in the selected folder's mailbox: `take`, once; `give_back`, whatever came of it."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        with _guard:
            self._searches = _searches.setdefault(session.selected.access.mailbox, _Searches())
        self.is_taken = False

    def take(self) -> Iterator[bytes]:
        """Until no more than `SEARCHES_AT_ONCE` have one. Yields nothing each time that it has to wait for a moment, which needs no thread
        (`Connection.rests`). Raises No where that takes longer than `SEARCH_TURN_SECONDS`, where `SEARCHES_THAT_WAIT` do so already, or where nobody waits for
        it any more."""
        with _guard:
            if self._searches.running >= SEARCHES_AT_ONCE and len(self._searches.waiting) >= SEARCHES_THAT_WAIT:
                raise No(_BUSY, "LIMIT")
            self._searches.waiting.append(self)
        until = time.monotonic() + SEARCH_TURN_SECONDS
        try:
            while not self._is_mine():
                if time.monotonic() > until:
                    raise No(_BUSY, "LIMIT")
                if self._session.connection.is_gone():
                    raise No(GONE, "UNAVAILABLE")
                self._session.connection.rests = True
                yield b""
        finally:
            with _guard:
                self._searches.waiting.remove(self)

    def _is_mine(self) -> bool:
        with _guard:
            if self._searches.waiting[0] is not self or self._searches.running >= SEARCHES_AT_ONCE:
                return False
            self._searches.running += 1
            self.is_taken = True
            return True

    def give_back(self) -> None:
        with _guard:
            self._searches.running -= self.is_taken
            self.is_taken = False
