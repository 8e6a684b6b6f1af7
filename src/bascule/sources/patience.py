"""How long a server that asks us to come later is waited for: for one message or folder seconds, for the server as a whole minutes."""

from bascule.protocols.imap.refusals import WAIT, meaning_of
from bascule.sources.limits import SUSPECTS
from bascule.wire.backoff import Backoff
from bascule.wire.limits import FIRST_WAIT_SECONDS, ONE_ASKED_SECONDS


class Patience:
    """One of a connection. `wait` before each further try, and tell it what came of it: `given`, or `given_up`.

    Servers say ``[UNAVAILABLE]`` of one message that they can't read, and of all while they are being restarted. It is of the message until
    `SUSPECTS` in a row were refused so to the end; from then on the server as a whole is waited for.
    """

    def __init__(self, server: Backoff) -> None:
        self._server = server
        self._given_up = 0

    def with_one(self) -> Backoff:
        """For one message, window or folder. Where waiting did not help the one before, the next is not waited for as long."""
        seconds = FIRST_WAIT_SECONDS if self._given_up else ONE_ASKED_SECONDS
        return Backoff(self._server.name, self._server.watcher, asked_seconds=seconds)

    def given(self) -> None:
        """Something got through."""
        self._given_up = 0
        self._server.progress()

    def given_up(self) -> None:
        """One message was refused to the end."""
        self._given_up += 1

    async def wait(self, code: str | None, reason: str, one: Backoff) -> bool:
        """Whether the server asked us to come later, and we did; ``one`` is what `with_one` gave."""
        if meaning_of(code, reason) not in WAIT:
            return False
        of_the_server = code in (None, "THROTTLED", "LIMIT") or self._given_up >= SUSPECTS
        return await (self._server if of_the_server else one).wait(reason, asked=True)
