"""Whether somebody may sign in: the password, the lock, the member's calendar, and how often it was guessed at. One answer for every protocol.

Whoever keeps the accounts says what is `Known` of one; the judgement is made here, the same for all.
"""

import contextlib
import hashlib
import hmac
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bascule.platform.accounts import limits, words
from bascule.platform.accounts.attempts import Attempts, counted_peer
from bascule.platform.accounts.doors import is_open, refusal
from bascule.platform.accounts.interface import Account, SignInRefused, Why
from bascule.platform.accounts.passwords import hash_of_none, is_generated, is_password
from bascule.terms.phases import MemberCalendar, Side


@dataclass(frozen=True, slots=True)
class Known:
    """``password``: as it is kept (`bascule.platform.accounts.passwords`); empty: none opens the account. ``calendar`` None: it is always open."""

    account: Account
    password: str
    locked: bool
    calendar: MemberCalendar | None


def stamp_of(kept: str) -> str:
    """For `Account.stamp`: another password, another stamp."""
    return hashlib.sha256(kept.encode()).hexdigest()[:16]


class Judge:
    """For any thread. ``side``: the platform that asks."""

    def __init__(self, attempts: Attempts, clock: Callable[[], float], zone: ZoneInfo, side: Side) -> None:
        self._attempts = attempts
        self._clock = clock
        self._zone = zone
        self._side = side
        self._key = os.urandom(32)
        self._nobody = hash_of_none()
        self._right: dict[str, bytes] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._hashing: Counter[str] = Counter()
        """Address → passwords that are looked at just now, where they are counted."""
        self._guard = threading.Lock()

    def judge(self, known: Known | None, login: str, password: str, peer: str) -> Account:
        """Raises SignInRefused. A generated password is looked at before the counts, because guessing at it is hopeless (`limits`); what is wrong
        takes the time of one slow hash, whatever is kept, and whether there is such an account or not."""
        kept = known.password if known else ""
        seal = self._seal_of(login, kept, password)
        is_right = is_generated(kept) and is_password(password, kept)
        if not is_right:
            with self._place(login, peer) as is_free:
                if not is_free:
                    raise SignInRefused(Why.TOO_MANY, words.TOO_MANY)
                is_right = self._is_right(login, password, kept, seal)
        if not is_right or known is None:
            self._attempts.was_wrong(login, password, peer)
            raise SignInRefused(Why.WRONG, words.WRONG)
        self._attempts.know(login, peer)
        if known.locked:
            raise SignInRefused(Why.LOCKED, words.LOCKED)
        if known.calendar is not None and not is_open(known.calendar, self._side, self._clock()):
            raise refusal(known.calendar, self._side, self._zone)
        return known.account

    def may_go_on(self, known: Known | None, account: Account) -> bool:
        """Whether who signed in as ``account`` may send another command: see `bascule.platform.accounts.interface.Accounts`."""
        return (
            known is not None
            and not known.locked
            and known.account.stamp == account.stamp
            and is_open(known.calendar, self._side, self._clock())
        )

    def _seal_of(self, login: str, kept: str, password: str) -> bytes:
        """What a process remembers of a password, under a key of its own; another password, or another hash, is another seal."""
        return hmac.digest(self._key, f"{login}\0{kept}\0{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)

    @contextlib.contextmanager
    def _place(self, login: str, peer: str) -> Iterator[bool]:
        """Whether a password may be looked at now; then one more of that address is, until the block ends."""
        at_once, address = self._attempts.at_once(login, peer), counted_peer(peer)
        if at_once is None or at_once == 0:
            yield at_once is None
            return
        with self._guard:
            is_free = self._hashing[address] < at_once
            self._hashing[address] += is_free
        try:
            yield is_free
        finally:
            with self._guard:
                self._hashing[address] -= is_free
                if not self._hashing[address]:
                    del self._hashing[address]

    def _is_right(self, login: str, password: str, kept: str, seal: bytes) -> bool:
        """Not a generated one. Remembered, so that programs that sign in again and again, rightly or wrongly, cost no hash each time."""
        with self._guard:
            if self._right.get(login) == seal:
                return True
            if seal in self._wrong:
                return False
        right = is_password(password, self._nobody if is_generated(kept) or not kept else kept)
        with self._guard:
            if right:
                self._right[login] = seal
            else:
                self._wrong[seal] = None
                if len(self._wrong) > limits.REMEMBERED:
                    self._wrong.popitem(last=False)
        return right
