"""What can go wrong between us and a server, as the caller must tell it apart."""

from bascule.terms.errors import BasculeError, ExitStatus


class ConnectError(BasculeError):
    """No connection that is signed in came about: a sentence for the user. Nothing is left open."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice, ExitStatus.CONNECT)


class SignInError(ConnectError):
    """The server is there and does not let us in."""


class Unreachable(ConnectError):
    """Nobody answers, or the connection ends before we are in: at another moment it may not."""


class NotNow(ConnectError):
    """The server is there, and asks us to come later; ``reason`` in its own words."""

    def __init__(self, message: str, advice: str, reason: str) -> None:
        super().__init__(message, advice)
        self.reason = reason


class TooManyConnections(NotNow):
    """It takes no further connection of this user or from this address; with fewer it may go on."""


class NoPlace(TooManyConnections):
    """Told by `Connections.one_more`: the work goes on with the connections that there are."""


class ConnectionLost(Exception):
    """The connection ended or became unusable. A new one may do; what was in flight is in doubt.

    ``asks_to_wait``: the server said that we should come later when it ended it.
    """

    def __init__(self, reason: str, *, asks_to_wait: bool = False) -> None:
        super().__init__(reason)
        self.asks_to_wait = asks_to_wait


class BareLineEnd(ConnectionLost):
    """The server has answered, and its line ends with LF alone: what follows can't be waited for."""


class CommandRefused(Exception):
    """The server answered NO or BAD. The connection goes on."""

    def __init__(self, command: str, status: str, code: str | None, reason: str) -> None:
        super().__init__(f"{command}: {status} {reason}")
        self.command = command
        self.status = status
        self.code = code
        self.reason = reason
