"""Sign-ins in the log: ``sign-in`` and ``sign-in-refused``, with the account, the peer, the service and why; and, where there are too many to tell, how many.

No password stands there, nor what may be one that was typed for a name: a name is told where it is an account's address, or in a domain of ours.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable

from bascule.platform.accounts import Account, Accounts, AccountsUnavailable
from bascule.platform.accounts.limits import NAME_CHARACTERS
from bascule.platform.admission import network_of
from bascule.platform.limits import REFUSED_LINES, REFUSED_LINES_OF_ONE_NETWORK, SIGN_IN_LINES, SIGN_IN_MINUTE_SECONDS

OTHERS = "others"
"""For the networks of refusals beyond `REFUSED_LINES`."""


class SignIns:
    """Of one process; for any thread. ``log``: takes an event's name and its fields. ``clock``: seconds that only grow.

    Who signs in is bounded by account, who is refused by network, and strangers have lines of their own: a guesser takes none from who signs in."""

    def __init__(
        self, log: Callable[..., object], accounts: Accounts | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._accounts = accounts
        self._clock = clock
        self._guard = threading.Lock()
        self._since = clock()
        self._made: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._lines = 0
        self._untold: Counter[str] = Counter()

    def made(self, account: Account, peer: str, service: str) -> None:
        """Somebody signed in."""
        with self._guard:
            self._begin_minute()
            self._made[account.login] += 1
            if self._made[account.login] > SIGN_IN_LINES:
                self._untold[account.login] += 1
                return
        self._log("sign-in", account=account.login, peer=peer, service=service)

    def refused(self, name: str, peer: str, service: str, why: str) -> None:
        """``name``: as it was typed. ``why``: a value of `Why`, or what else stood in the way."""
        network = network_of(peer)
        with self._guard:
            self._begin_minute()
            if self._lines >= REFUSED_LINES:
                self._untold[OTHERS] += 1
                return
            self._refused[network] += 1
            if self._refused[network] > REFUSED_LINES_OF_ONE_NETWORK:
                self._untold[network] += 1
                return
            self._lines += 1
        self._log("sign-in-refused", account=self._tellable(name), peer=peer, service=service, why=why)

    def look(self) -> None:
        """Tell what was counted only, once its minute is over; to be called now and then."""
        with self._guard:
            self._begin_minute()

    def _begin_minute(self) -> None:
        if self._clock() < self._since + SIGN_IN_MINUTE_SECONDS:
            return
        untold, self._untold = self._untold, Counter()
        self._made.clear()
        self._refused.clear()
        self._lines, self._since = 0, self._clock()
        for whose, count in untold.items():
            self._log("sign-ins-not-logged", of=whose, count=count)

    def _tellable(self, name: str) -> str:
        name = name.strip().lower()
        domain = name.rpartition("@")[2]
        try:
            is_ours = self._accounts is not None and len(name) <= NAME_CHARACTERS and self._accounts.serves(domain)
        except AccountsUnavailable:
            is_ours = False
        return name if is_ours and "@" in name else ""
