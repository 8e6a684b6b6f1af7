"""How many may be connected to one process, and who goes where there is no room for another.

Whoever has signed in keeps their place. Of those who have not, the one goes from whom nothing was heard for longest, of the network that has most
of them: a peer that opens thousands of connections and leaves them takes room from itself alone.
"""

import heapq
import ipaddress
import itertools
import threading
from functools import lru_cache
from typing import Protocol


class Guest(Protocol):
    """A connection, from when it was accepted. ``address``: "" where there is none. ``heard``: when octets last came, by the loop's clock.
    ``is_at_work``: something it asked for is being done."""

    address: str
    heard: float
    is_at_work: bool

    def turn_away(self) -> None:
        """Say that there are too many, and close. It is called in the event loop, and does not call back."""


@lru_cache(maxsize=1000)
def network_of(address: str) -> str:
    """With whom a connection is counted: an IPv4 address, or the 64 bits of an IPv6 address within which one customer has all (RFC 4291 §2.5.1)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(int(parsed) >> 64)


class _Network:
    """Its guests. Who was not heard for longest is found without looking at each: those who open thousands of connections would have us do so at each."""

    def __init__(self) -> None:
        self.guests: set[Guest] = set()
        self._heard: list[tuple[float, int, Guest]] = []
        """A heap: when each was heard, as it was when somebody last looked; they may have been heard since, or be gone."""
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self.guests)

    def add(self, guest: Guest) -> None:
        self.guests.add(guest)
        heapq.heappush(self._heard, (guest.heard, next(self._numbers), guest))

    def discard(self, guest: Guest) -> None:
        self.guests.discard(guest)
        if len(self._heard) > 2 * len(self.guests) + 10:
            self._heard = [each for each in self._heard if each[2] in self.guests]
            heapq.heapify(self._heard)

    def least_heard(self) -> Guest | None:
        """Of those for whom nothing is being done."""
        at_work = []
        found = None
        while self._heard and found is None:
            heard, number, guest = self._heard[0]
            if guest not in self.guests:
                heapq.heappop(self._heard)
            elif guest.heard > heard:
                heapq.heapreplace(self._heard, (guest.heard, number, guest))
            elif guest.is_at_work:
                at_work.append(heapq.heappop(self._heard))
            else:
                found = guest
        for each in at_work:
            heapq.heappush(self._heard, each)
        return found


class Admission:
    """``places``: for all; ``strangers``: of these, for who has not signed in; ``of_one_account``: for who signed in as the same. `enter` and `leave` are
    called in the event loop, `recognise` in any thread."""

    def __init__(self, places: int, strangers: int, of_one_account: int) -> None:
        self._places = places
        self._most_strangers = strangers
        self._of_one_account = of_one_account
        self._lock = threading.Lock()
        self._networks: dict[str, _Network] = {}
        self._strangers = 0
        self._known: dict[Guest, str] = {}
        self._accounts: dict[str, int] = {}

    def enter(self, guest: Guest) -> bool:
        """Whether there is room for it, where need be after another was turned away. Who was let in must `leave`."""
        with self._lock:
            is_full = self._strangers >= self._most_strangers or self._strangers + len(self._known) >= self._places
            leaving = self._least_missed() if is_full else None
            if is_full and leaving is None:
                return False
            if leaving is not None:
                self._forget(leaving)
            self._networks.setdefault(network_of(guest.address), _Network()).add(guest)
            self._strangers += 1
        if leaving is not None:
            leaving.turn_away()
        return True

    def _least_missed(self) -> Guest | None:
        if not self._networks:
            return None
        largest = max(self._networks.values(), key=len)
        if (guest := largest.least_heard()) is not None:
            return guest
        others = sorted(self._networks.values(), key=len, reverse=True)
        return next((guest for each in others if (guest := each.least_heard()) is not None), None)

    def recognise(self, guest: Guest, account: str) -> bool:
        """It signed in as ``account``. False where so many have that it may not: it stays a stranger."""
        with self._lock:
            if self._accounts.get(account, 0) >= self._of_one_account:
                return False
            if self._forget(guest):
                self._known[guest] = account
                self._accounts[account] = self._accounts.get(account, 0) + 1
        return True

    def leave(self, guest: Guest) -> None:
        """It is gone. For one that was turned away already, or never let in, nothing happens."""
        with self._lock:
            self._forget(guest)
            account = self._known.pop(guest, None)
            if account is not None:
                self._accounts[account] -= 1
                if not self._accounts[account]:
                    del self._accounts[account]

    def _forget(self, guest: Guest) -> bool:
        """Whether it was one of the strangers."""
        network = network_of(guest.address)
        among = self._networks.get(network)
        if among is None or guest not in among.guests:
            return False
        among.discard(guest)
        if not among:
            del self._networks[network]
        self._strangers -= 1
        return True
