"""What can go wrong between us and a server, as the caller must tell it apart."""

from bascule.terms.errors import BasculeError, ExitStatus


class ConnectError(BasculeError):
    """The server can't be reached or TLS can't be agreed: nothing was sent yet."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice, ExitStatus.CONNECT)


class SignInError(ConnectError):
    """The server is there and does not let us in."""


class ConnectionLost(Exception):
    """The connection ended or became unusable. A new one may do; what was in flight is in doubt."""


class CommandRefused(Exception):
    """The server answered NO or BAD. The connection goes on."""

    def __init__(self, command: str, status: str, code: str | None, reason: str) -> None:
        super().__init__(f"{command}: {status} {reason}")
        self.command = command
        self.status = status
        self.code = code
        self.reason = reason
