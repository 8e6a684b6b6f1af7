"""One message on its way in: whom it is from and for, and the octets so far. RFC 5321 §3.3"""

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bascule.platform.accounts import Account
from bascule.platform.smtp.limits import HOPS
from bascule.terms.body import HELD_OCTETS, Body, HeldBody, SpooledBody

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
    """A message as it comes: held while it is small, then in a file without a name. Too much, or no room, is noted and the rest thrown away."""

    def __init__(self, limit_octets: int) -> None:
        self._limit = limit_octets
        self._held: list[bytes] = []
        self._file: SpooledBody | None = None
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
        if self._file is None and self.octets <= HELD_OCTETS:
            self._held.append(piece)
            return
        try:
            if self._file is None:
                self._file = SpooledBody()
                for held in self._held:
                    self._file.write(held)
                self._held.clear()
            self._file.write(piece)
        except OSError as error:
            self.failure = error

    def body(self) -> Body:
        return self._file if self._file is not None else HeldBody(b"".join(self._held))

    def close(self) -> None:
        self._held.clear()
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
