"""A connection to the target that is opened again when it ends, and the folder that is selected on it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bascule.protocols.imap.commands import LiteralRule
from bascule.protocols.imap.refusals import WAIT, meaning_of
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.printable import printable
from bascule.wire.backoff import Backoff
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import Connections, ImapClient, MailboxState, reconnect
from bascule.wire.limits import ONE_ASKED_SECONDS

T = TypeVar("T")


class TargetError(BasculeError):
    """The target as a whole can't take any more: a sentence for the user. What was delivered is in the ledger."""

    def __init__(self, message: str, advice: str = "", status: ExitStatus = ExitStatus.CONNECT) -> None:
        super().__init__(message, advice, status)


class OverQuota(TargetError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The target has no room left: {reason.rstrip('.')}.",
            "Raise the quota and run the same command again; it goes on where it stopped.",
            ExitStatus.MISSING,
        )


async def ask_target(connections: Connections, question: Callable[[ImapClient], Awaitable[T]]) -> tuple[ImapClient, T]:
    """Put a question to the target, on another connection where one ended: the answer, and the connection, which is the caller's from then on.

    The question may be put more than once. Raises ConnectError, TargetError, and what the question raises.
    """
    client = await connections.one_more()
    backoff = connections.backoff()
    while True:
        try:
            return client, await question(client)
        except ConnectionLost as error:
            await client.connection.close()
            try:
                client = await reconnect(connections, backoff, error)
            except ConnectionLost as last:
                raise TargetError(
                    f"{connections.name} ends the connection again and again: {last}.", "Try again later."
                ) from last


class TargetSession:
    """One connection of those that ``connections`` keeps to the target, opened again when it ends."""

    def __init__(self, connections: Connections, client: ImapClient) -> None:
        self._connections = connections
        self.client = client
        self._backoff = connections.backoff()
        self._literals_wait = False
        self._proved: ImapClient | None = None

    def literals_wait(self) -> None:
        """From the next connection on each literal waits for the target's leave (RFC 9051 §4.3): one that offers LITERAL+ and ends
        the connection at what it does not take can then say no."""
        self._literals_wait = True

    async def select(self, name: bytes) -> MailboxState:
        """Select a folder for delivery, on a new connection where the old one ended, and again where the target can't open it just now.
        Raises CommandRefused, TargetError."""
        place = f"{self._connections.name}, folder {printable(self.client.decode(name))},"
        patience = Backoff(place, self._connections.watcher, asked_seconds=ONE_ASKED_SECONDS)
        while True:
            try:
                await self._prove_literals()
                return await self.client.select(name, read_only=False)
            except ConnectionLost as error:
                await self.renew(error)
            except CommandRefused as error:
                asks_to_wait = meaning_of(error.code, error.reason) in WAIT
                if not asks_to_wait or not await patience.wait(error.reason, asked=True):
                    raise

    async def has_still(self, name: bytes) -> bool:
        """Whether the target lists a folder still of which it said that it does not exist: then it is not gone. Raises TargetError."""
        while True:
            try:
                return await self.client.has_still(name)
            except ConnectionLost as error:
                await self.renew(error)
            except CommandRefused:  # it can't be told to be gone
                return True

    async def _prove_literals(self) -> None:
        """Once on each connection, before a mail's text is sent: nothing is sent behind what may not be read as a literal."""
        if self._proved is self.client or not self.client.literals.allows(1):
            return
        self._proved = self.client
        try:
            is_read = await self.client.takes_unasked_literals()
        except ConnectionLost:
            self._literals_wait = True
            raise
        if not is_read:
            self._literals_wait = True
            self.client.literals = LiteralRule()

    async def renew(self, error: ConnectionLost) -> None:
        """Connect again after waiting. Raises TargetError when the connection ends again and again."""
        await self.client.connection.close()
        try:
            self.client = await reconnect(self._connections, self._backoff, error)
            if self._literals_wait:
                self.client.literals = LiteralRule()
        except ConnectionLost as last:
            raise TargetError(
                f"{self.client.name} ends the connection again and again: {last}.",
                "What was delivered is kept; run the same command again to go on.",
            ) from last

    def progress(self) -> None:
        """Something was delivered: the next end of the connection is the first again."""
        self._backoff.progress()

    async def close(self) -> None:
        await self.client.logout()
