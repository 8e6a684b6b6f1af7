"""When a server that owes an answer is given up: it is silent, or says nothing that was asked for."""

import fcntl
import struct
import termios
from asyncio import BaseTransport
from collections.abc import Callable

from bascule.wire.limits import FRUIT_OCTETS, WireLimits


class StallWatch:
    """Of one connection. It is told what comes and what the server takes of ours; ``now``: a clock that never goes back."""

    __slots__ = ("_began", "_fruit", "_limits", "_now", "_octet_at", "_received", "_taken")

    def __init__(self, now: Callable[[], float], limits: WireLimits) -> None:
        self._now, self._limits = now, limits
        self._received = self._taken = 0
        self.begin()

    def begin(self) -> None:
        """An answer is due from now on; or what was due before came."""
        self._octet_at = self._began = self._now()
        self._fruit = 0

    def received(self, octets: int) -> None:
        """From the server, inflated where they came compressed, after `answered` and `in_vain` were told of all that they complete."""
        self._octet_at = self._now()
        self._bear(octets)

    def answered(self) -> None:
        """A command has its tagged answer."""
        self._began, self._fruit = self._now(), 0

    def in_vain(self, octets: int) -> None:
        """Of what is received, so many octets are responses that tell nothing of what was asked: ``* OK Still here``, or what nobody knows."""
        self._fruit -= octets

    def taken(self, octets: int) -> None:
        """So many octets of ours arrived at the server, since the connection began."""
        if octets > self._taken:
            self._octet_at = self._now()
            self._bear(octets - self._taken)
            self._taken = octets

    def _bear(self, octets: int) -> None:
        self._fruit += octets
        if self._fruit >= FRUIT_OCTETS:
            self._began, self._fruit = self._now(), 0

    @property
    def silent_seconds(self) -> float:
        return self._now() - self._octet_at

    def reason(self) -> str:
        """Why the connection is given up now, in words; empty where it is not."""
        now, limits = self._now(), self._limits
        if self.silent_seconds > limits.stall_seconds:
            return f"no answer for {limits.stall_seconds:.0f} seconds"
        if now - self._began > limits.fruitless_seconds:
            return f"for {limits.fruitless_seconds / 60:.0f} minutes nothing came but signs that the server is there"
        return ""


def unacknowledged(transport: BaseTransport) -> int:
    """Octets that are in the kernel's hands, and that the other side has not confirmed: on a slow line they are on their way for minutes.
    0 where the system does not tell."""
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return 0
    try:
        found: int = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    except OSError:
        return 0
    return found
