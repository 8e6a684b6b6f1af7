"""The new platform, as whoever makes mailboxes ready sees it: the built-in one now, any other that can be told of accounts later."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mailbox as it is to be there. ``id`` names it for ever; the rest may change from one time to the next."""

    id: str
    login: str
    name: str
    kind: str
    addresses: tuple[str, ...]
    """All, the login among them."""
    password: str = field(repr=False)
    """As servers compare it (`bascule.platform.accounts.passwords`)."""
    quota_octets: int | None
    is_locked: bool
    owners: frozenset[str]
    """Logins of those who read a functional mailbox and write as it; who is an owner no more is let out."""


class Code(StrEnum):
    """Stable: docs/outcomes.md."""

    READY = "ready"
    REFUSED = "refused-mailbox"
    """The platform can't make or open this one."""
    NO_ROOM = "refused-room"


@dataclass(frozen=True, slots=True)
class Made:
    id: str
    code: Code
    detail: str = ""
    """What the platform said, in its words."""


class NewPlatform(Protocol):
    @property
    def node(self) -> str:
        """The machine whose mailboxes it makes, where each lies on one; empty: any machine makes them all."""

    def make_ready(self, wanted: Sequence[Wanted]) -> Sequence[Made]:
        """Make what is there as wanted; one answer for each, in order. Run again it changes nothing. One that can't be made hinders no other.
        Killed half-way, what was made is whole, and the rest is made the next time. No password is ever chosen here."""
