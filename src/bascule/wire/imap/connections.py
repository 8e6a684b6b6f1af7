"""How many connections a server takes: the first that is needed, further ones where there is room, and those that end opened again."""

import asyncio
from collections.abc import Awaitable, Callable

from bascule.terms.watch import SILENT, Watcher
from bascule.wire.backoff import Backoff
from bascule.wire.errors import ConnectError, ConnectionLost, NoPlace, NotNow, SignInError, Unreachable
from bascule.wire.imap.client import ImapClient
from bascule.wire.limits import FIRST_CONNECTION_SECONDS

Connect = Callable[[], Awaitable[ImapClient]]


class Connections:
    """To one server as one user, over one run. ``connect`` opens one and signs in; ``name`` is the server's for the notes.

    Whoever needs a connection asks for `one_more`: the work begins with the first, whose failure is the user's to hear of, and a further
    worker is not there where the server has no place for it. A worker whose connection ends calls this object as it would ``connect``
    (`reconnect`), after waiting with a `backoff`, which ends early when a place becomes free.
    """

    def __init__(self, connect: Connect, name: str, watcher: Watcher = SILENT) -> None:
        self._connect = connect
        self.name = name
        self.watcher = watcher
        self.open = 0
        """How many there are now, or are being opened."""
        self._freed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._was_in = False
        self._refusal: ConnectError | None = None

    async def __call__(self) -> ImapClient:
        """A connection now or not at all. Raises what ``connect`` raises."""
        self.open += 1
        try:
            client = await self._connect()
        except BaseException:
            self._closed()
            raise
        self._was_in = True
        client.connection.when_closed(self._closed)
        return client

    def _closed(self) -> None:
        self.open -= 1
        self._freed.set()

    def backoff(self) -> Backoff:
        """For one worker, between its tries to connect again."""
        return Backoff(self.name, self.watcher, freed=self._freed)

    async def one_more(self) -> ImapClient:
        """A connection beside those that there are. Where there are none it is needed: the server is waited for if it asks us to, and what
        `connect` raises is raised. Where there are some, raises NoPlace for whatever the server says: many refuse a further one as they
        refuse a wrong password, and the password was right a moment ago. That is told once, and not tried again in this run."""
        if self._refusal is None or not self.open:
            try:
                return await self()
            except ConnectError as error:
                if not self.open and not self._may_pass(error):
                    raise
        # Several at once may have been too many where one after the other is not.
        async with self._one_at_a_time:
            if not self.open:
                return await self._only()
            if self._refusal is None:
                try:
                    return await self()
                except ConnectError as error:
                    self._refusal = error
                    self.watcher.note(f"the work goes on with fewer connections to {self.name}: {error.message}")
            raise NoPlace(self._refusal.message, "", self._refusal.message) from self._refusal

    async def _only(self) -> ImapClient:
        """The connection without which nothing is done. Raises ConnectError."""
        backoff = Backoff(self.name, self.watcher, asked_seconds=FIRST_CONNECTION_SECONDS, freed=self._freed)
        while True:
            try:
                return await self()
            except ConnectError as error:
                refused = isinstance(error, SignInError) and not backoff.may_be_refused()
                if refused or not self._may_pass(error):
                    raise
                if not await backoff.wait(error.message, asked=isinstance(error, NotNow)):
                    raise

    def _may_pass(self, error: ConnectError) -> bool:
        """Whether the same may succeed in a moment; of a server that let us in before, anything may."""
        return self._was_in or isinstance(error, NotNow)


async def reconnect(connect: Connect, backoff: Backoff, lost: ConnectionLost) -> ImapClient:
    """A new connection in place of one that ended with ``lost``, after waiting. Raises ConnectionLost when enough was waited without
    progress, and the ConnectError that no waiting mends."""
    while await backoff.wait(str(lost), asked=lost.asks_to_wait):
        try:
            return await connect()
        except ConnectionLost as again:
            lost = again
        except (NotNow, Unreachable) as error:
            lost = ConnectionLost(error.message.rstrip("."), asks_to_wait=isinstance(error, NotNow))
        except SignInError as error:
            # It was let in before: many servers refuse a connection too many so, while the one that ended still counts for them.
            if not backoff.may_be_refused():
                raise
            lost = ConnectionLost(error.message.rstrip("."))
    raise lost
