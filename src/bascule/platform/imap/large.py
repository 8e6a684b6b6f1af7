"""How much of large messages the sessions on one mailbox hold at once. A response is made as its client takes it: who asks for a message of 100 MB over
fifty connections and reads none of them would hold 5 GB of a server that others need."""

import threading
import weakref

from bascule.platform.imap.limits import LARGE_AT_ONCE_OCTETS, LARGE_OCTETS
from bascule.platform.mailboxes import OpenMailbox

_guard = threading.Lock()
_held: "weakref.WeakKeyDictionary[OpenMailbox, int]" = weakref.WeakKeyDictionary()


class Share:
    """What one response holds of them. `release` it, however that response ends."""

    def __init__(self, mailbox: OpenMailbox) -> None:
        self._mailbox = mailbox
        self._octets = 0

    def take(self, octets: int) -> bool:
        """Whether a message of so many octets may be read now. The first always may."""
        if octets < LARGE_OCTETS:
            return True
        with _guard:
            held = _held.get(self._mailbox, 0)
            if held and held + octets > LARGE_AT_ONCE_OCTETS:
                return False
            _held[self._mailbox] = held + octets
            self._octets += octets
        return True

    def release(self) -> None:
        if self._octets:
            with _guard:
                _held[self._mailbox] = _held.get(self._mailbox, 0) - self._octets
            self._octets = 0
