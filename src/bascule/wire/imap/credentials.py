"""How we sign in. Secrets are read when they are needed, and never printed."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """``secret`` gives the password or the OAuth token at the moment of sign-in (tokens expire).

    ``admin`` signs in with its own name and opens ``user``'s mailbox (SASL authorisation identity, RFC 4616).
    ``mechanism`` is ``auto`` (PLAIN, then LOGIN), ``plain``, ``login``, ``xoauth2`` or ``oauthbearer``. ``side``, ``source`` or ``target``, is how the user
    knows the server: its options begin with it.
    """

    user: str
    secret: Callable[[], str] = field(repr=False)
    admin: str = ""
    mechanism: str = "auto"
    side: str = ""

    @property
    def who(self) -> str:
        """Who signs in, for whom, in words."""
        return f"“{self.admin}” for “{self.user}”" if self.admin else f"“{self.user}”"
