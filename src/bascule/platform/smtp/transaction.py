"""One message on its way in: whom it is from and for, and the octets so far. RFC 5321 §3.3"""

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bascule.platform.accounts import Account
from bascule.platform.smtp.limits import HELD_OCTETS, HOPS
from bascule.platform.spool import Room, Spool, SpoolFile
from bascule.terms.body import Body, HeldBody

if TYPE_CHECKING:
    from bascule.platform.smtp.accepting import Outcome

_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_DELIVERED_TO = re.compile(rb"^delivered-to[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def new_id() -> str:
    """A message's number: in the order of time, and never given twice."""
    return f"{time.time_ns() // 1000:x}-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """``account``: whose mailbox it is; None for one elsewhere."""

    address: str
    account: Account | None = None


class Incoming:
    """A message as it comes: held while it is small and there is ``room``, then in a file without a name. Too much, or no room there, is noted and the
    rest thrown away."""

    def __init__(self, limit_octets: int, room: Room) -> None:
        self._limit = limit_octets
        self._room = room
        self._held: list[bytes] = []
        self._held_octets = 0
        self._file: Spool | None = None
        self.octets = 0
        self.failure: OSError | None = None

    @property
    def is_too_large(self) -> bool:
        return self.octets > self._limit

    def write(self, piece: bytes) -> None:
        self.octets += len(piece)
        if self.is_too_large or self.failure is not None:
            self.close()
            return
        if self._file is None and self.octets <= HELD_OCTETS and self._room.held.take(len(piece)):
            self._held.append(piece)
            self._held_octets += len(piece)
            return
        if self._file is None:
            self._file = SpoolFile(self._room).open()
            self._spool(b"".join(self._held))
            self._let_go()
        self._spool(piece)

    def _spool(self, octets: bytes) -> None:
        assert self._file is not None
        self._file.reserve(len(octets))
        self._file.write(octets)
        self.failure = self._file.failure

    def _let_go(self) -> None:
        self._held.clear()
        self._room.held.change(-self._held_octets)
        self._held_octets = 0

    def body(self) -> Body:
        """Whoever asks for it reads a large one whole, to measure it: in a thread."""
        return self._file if self._file is not None else HeldBody(b"".join(self._held))

    def close(self) -> None:
        self._let_go()
        if self._file is not None:
            self._file.close()


@dataclass(slots=True)
class Transaction:
    """``id`` stands in the Received field, in the trace and in replies. ``repeated``: RCPT for one of ``recipients`` again. ``outcomes``: of the first of
    ``recipients``, as soon as each is known."""

    id: str
    sender: str
    is_utf8: bool = False
    announced_octets: int = 0
    recipients: list[Recipient] = field(default_factory=list)
    repeated: int = 0
    incoming: Incoming | None = None
    outcomes: "list[Outcome]" = field(default_factory=list)


def is_looping(header: bytes, recipients: list[Recipient]) -> bool:
    """Whether the message went round: too many hops, or it was delivered to one of these already."""
    if len(_RECEIVED.findall(header)) > HOPS:
        return True
    before = {found.strip().lower() for found in _DELIVERED_TO.findall(header)}
    return any(each.address.lower().encode() in before for each in recipients)
