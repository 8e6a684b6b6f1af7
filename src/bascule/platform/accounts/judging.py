"""Whether somebody may sign in: the password, the lock, the member's calendar, and how often it was tried. One answer for every protocol.

Whoever keeps the accounts says what is `Known` of one; the judgement is made here, the same for all.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bascule.platform.accounts import words
from bascule.platform.accounts.attempts import Attempts
from bascule.platform.accounts.doors import is_open, refusal
from bascule.platform.accounts.interface import Account, SignInRefused, Why
from bascule.platform.accounts.passwords import hash_generated, is_password
from bascule.terms.phases import MemberCalendar, Side

_NOBODY = hash_generated(secrets.token_hex())
"""Compared with where there is no account, or no password, so that a guess takes as long."""


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
    """For any thread. ``database`` has the tables of `attempts`; ``guard`` is held while it is used. ``side``: the platform that asks."""

    def __init__(
        self, database: sqlite3.Connection, guard: threading.Lock, clock: Callable[[], float], zone: ZoneInfo, side: Side
    ) -> None:  # fmt: skip
        self._attempts = Attempts(database)
        self._guard = guard
        self._clock = clock
        self._zone = zone
        self._side = side
        self._key = os.urandom(32)
        self._signed_in: dict[str, bytes] = {}

    def judge(self, known: Known | None, login: str, password: str, peer: str) -> Account:
        """Raises SignInRefused."""
        now = int(self._clock())
        with self._guard:
            if self._attempts.must_wait(login, peer, now):
                raise SignInRefused(Why.TOO_MANY, words.TOO_MANY)
        if not self._is_right(login, password, known.password if known else "") or known is None:
            with self._guard:
                self._attempts.was_wrong(login, peer, now)
            raise SignInRefused(Why.WRONG, words.WRONG)
        if known.locked:
            raise SignInRefused(Why.LOCKED, words.LOCKED)
        if known.calendar is not None and not is_open(known.calendar, self._side, self._clock()):
            raise refusal(known.calendar, self._side, self._zone)
        with self._guard:
            self._attempts.was_right(login, peer, now)
        return known.account

    def may_go_on(self, known: Known | None, account: Account) -> bool:
        """Whether who signed in as ``account`` may send another command: see `bascule.platform.accounts.interface.Accounts`."""
        return (
            known is not None
            and not known.locked
            and known.account.stamp == account.stamp
            and is_open(known.calendar, self._side, self._clock())
        )

    def _is_right(self, login: str, password: str, kept: str) -> bool:
        """Cached under a key of this process; another password, or another hash, is another entry."""
        kept = kept or _NOBODY
        seal = hmac.digest(self._key, f"{login}\0{kept}\0{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        if self._signed_in.get(login) == seal:
            return True
        right = is_password(password, kept)
        if right:
            self._signed_in[login] = seal
        return right
