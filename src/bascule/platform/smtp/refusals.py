"""What is refused at MAIL or RCPT, before there is a message, in the trace: “a colleague's mail to me came back” is what a help desk is asked first.

Strangers decide how much that is, and a dictionary of names is long. So a row is written for some of them a minute, and the others are counted
in one row for each network (or account) that they came from. Each process counts by itself.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bascule.platform.admission import network_of
from bascule.platform.smtp import limits
from bascule.platform.trace import Event, Trace
from bascule.terms.size import grouped

if TYPE_CHECKING:
    from bascule.platform.smtp.session import Peer

MINUTE_SECONDS = 60.0


@dataclass(slots=True)
class _Minute:
    """``named``: rows written, by who was refused; ``left_out``: those without a row, with an address of theirs."""

    named: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, tuple[int, str]] = field(default_factory=dict)

    def is_named(self, who: str) -> bool:
        used = self.named.total()
        most = limits.REFUSED_OF_ONE if used < limits.REFUSED_SHARED else limits.REFUSED_OF_ONE_WHEN_MANY
        if used >= limits.REFUSED_NAMED or self.named[who] >= most:
            return False
        self.named[who] += 1
        return True

    def leave_out(self, who: str, address: str) -> None:
        if who not in self.left_out and len(self.left_out) >= limits.REFUSED_COUNTED:
            who = address = ""
        self.left_out[who] = self.left_out.get(who, (0, ""))[0] + 1, address


class Refusals:
    """For any thread; no call waits for a disk. ``clock``: seconds, of any beginning."""

    def __init__(self, trace: Trace, clock: Callable[[], float] = time.monotonic) -> None:
        self._trace = trace
        self._clock = clock
        self._guard = threading.Lock()
        self._until = 0.0
        self._members, self._strangers = _Minute(), _Minute()

    def note(self, peer: "Peer", message: str, sender: str, recipient: str, reply: str) -> None:
        """``message``: its number, "" where it has none yet; ``recipient``: "" where the sender was refused."""
        self.count()
        with self._guard:
            if peer.account is not None:
                is_named = self._noted(self._members, peer.account.login, peer.address)
            else:
                is_named = self._noted(self._strangers, network_of(peer.address), peer.address)
        if is_named:
            self._trace.note(
                Event.REFUSED, message, sender=sender, recipient=recipient, peer=peer.address, detail=reply
            )

    def _noted(self, minute: _Minute, who: str, address: str) -> bool:
        if minute.is_named(who):
            return True
        minute.leave_out(who, address)
        return False

    def count(self, *, at_once: bool = False) -> None:
        """Write how many were left out, once their minute is over, or ``at_once``."""
        with self._guard:
            if self._clock() < self._until and not at_once:
                return
            self._until = self._clock() + MINUTE_SECONDS
            members, strangers = self._members.left_out, self._strangers.left_out
            self._members, self._strangers = _Minute(), _Minute()
        for login, (number, address) in members.items():
            self._write(number, login, address)
        for number, address in strangers.values():
            self._write(number, "", address)

    def _write(self, number: int, login: str, address: str) -> None:
        whence = "" if login or address else ", from several networks"
        detail = f"{grouped(number)} more refused within a minute{whence}: not named one by one"
        self._trace.note(Event.REFUSED, "", sender=login, peer=address, detail=detail)
