"""A connection to the target that is opened again when it ends, and the folder that is selected on it."""

from collections.abc import Awaitable, Callable

from bascule.terms.errors import BasculeError, ExitStatus
from bascule.wire.backoff import Backoff
from bascule.wire.errors import ConnectionLost
from bascule.wire.imap import ImapClient, MailboxState, reconnect


class TargetError(BasculeError):
    """The target as a whole can't take any more: a sentence for the user. What was delivered is in the ledger."""

    def __init__(self, message: str, advice: str = "", status: ExitStatus = ExitStatus.CONNECT) -> None:
        super().__init__(message, advice, status)


class OverQuota(TargetError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The target has no room left: {reason}",
            "Raise the quota and run the same command again; it goes on where it stopped.",
            ExitStatus.MISSING,
        )


class TargetSession:
    """``connect`` gives a new client that is signed in."""

    def __init__(self, connect: Callable[[], Awaitable[ImapClient]], client: ImapClient) -> None:
        self._connect = connect
        self.client = client
        self._backoff = Backoff()

    async def select(self, name: bytes) -> MailboxState:
        """Select a folder for delivery, on a new connection where the old one ended. Raises CommandRefused, TargetError."""
        while True:
            try:
                return await self.client.select(name, read_only=False)
            except ConnectionLost as error:
                await self.renew(error)

    async def renew(self, error: ConnectionLost) -> None:
        """Connect again after waiting. Raises TargetError when the connection ends again and again."""
        await self.client.connection.close()
        try:
            self.client = await reconnect(self._connect, self._backoff, error)
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
