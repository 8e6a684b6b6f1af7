"""How we sign in. Secrets are read when they are needed, and never printed."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """``secret`` gives the password or the OAuth token at the moment of sign-in (tokens expire).

    ``admin`` signs in with its own name and opens ``user``'s mailbox (SASL authorisation identity, RFC 4616).
    ``mechanism`` is ``auto`` (PLAIN, then LOGIN), ``plain``, ``login``, ``xoauth2`` or ``oauthbearer``.
    """

    user: str
    secret: Callable[[], str] = field(repr=False)
    admin: str = ""
    mechanism: str = "auto"
