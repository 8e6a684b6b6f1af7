"""What the servers ask about accounts; whoever keeps them implements `Accounts`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Why(Enum):
    """Why a sign-in is refused. Only `WRONG` counts towards a lock-out."""

    WRONG = "wrong"
    """No such account, or not its password: the two are never told apart."""
    NOT_YET = "not-yet"
    """The password is right, and the account opens later."""
    MOVED = "moved"
    """The password is right, and this is the old platform: the member has switched."""
    LOCKED = "locked"
    """By an administrator. Mail is still taken for it."""
    TOO_MANY = "too-many"
    """Too many wrong passwords from there, or for that account; it is open again after a while."""


class SignInRefused(Exception):
    """``text``: a sentence for the person, in plain ASCII English for protocols that have no other."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why
        self.text = text


@dataclass(frozen=True, slots=True)
class Account:
    """``id`` names its mailbox and never changes; ``login`` is the primary address. ``quota_octets`` None: no limit. ``stamp``: another one once
    the password was changed; sessions that began under an earlier one end."""

    id: str
    login: str
    name: str = ""
    addresses: tuple[str, ...] = ()
    quota_octets: int | None = None
    stamp: str = field(default="", compare=False, repr=False)


class AccountsUnavailable(Exception):
    """Nobody can say now: what was asked is to be asked again in a while. Never taken for a “no”."""


class Accounts(Protocol):
    """Calls may block (a hash, a file): the servers make them in threads. Each may raise AccountsUnavailable."""

    def close(self) -> None: ...

    def sign_in(self, login: str, password: str, peer: str) -> Account:
        """``peer``: the address that the attempt comes from. Raises SignInRefused."""

    def may_go_on(self, account: Account) -> bool:
        """Whether somebody signed in as ``account`` may send another command: not after a lock, another password, or once a phase has ended."""

    def find(self, address: str) -> Account | None:
        """The account that ``address`` belongs to: a login, an alias, or either with ``+detail``."""

    def may_send_as(self, account: Account, address: str) -> bool:
        """Whether ``account`` may write as ``address``: its own, an alias, either with ``+detail``, or of an account that lets it."""

    def serves(self, domain: str) -> bool:
        """Whether mail for ``domain`` is ours to take: some account has an address in it."""

    def share(self, owner: Account, identifier: str) -> None:
        """Note that ``owner`` shares some folder with ``identifier`` (an address, or `ANYONE`): what `shared_with` goes by."""

    def unshare(self, owner: Account, identifier: str) -> None:
        """Note that ``owner`` shares nothing with ``identifier`` any more."""

    def shared_with(self, account: Account) -> list[Account]:
        """Who shares something with ``account``, by login. Which folders, their mailboxes say; it may be none: a note is made before
        the right is given, and taken back after it is gone, so that what is shared is never missing here."""
