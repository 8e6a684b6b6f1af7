"""What the servers ask about accounts; whoever keeps them implements `Accounts`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from bascule.mailbox.format import MailboxElsewhere
from bascule.platform.accounts.attempts import Attempts
from bascule.terms.phases import MemberCalendar


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
    the password was changed; sessions that began under an earlier one end. ``is_here``: whether this machine is its mailbox's home; no other opens it."""

    id: str
    login: str
    name: str = ""
    addresses: tuple[str, ...] = ()
    quota_octets: int | None = None
    stamp: str = field(default="", compare=False, repr=False)
    is_here: bool = field(default=True, compare=False)


def require_here(account: Account) -> None:
    """Before its mailbox is opened, or made. Raises MailboxElsewhere."""
    if not account.is_here:
        raise MailboxElsewhere(f"The mailbox of {account.login} is on another node.", "Use it there.")


class AccountsUnavailable(Exception):
    """Nobody can say now: what was asked is to be asked again in a while. Never taken for a “no”."""


class Accounts(Protocol):
    """Calls may block (a hash, a file): the servers make them in threads. Each may raise AccountsUnavailable."""

    @property
    def attempts(self) -> Attempts:
        """Wrong passwords on this machine: who waits, and since when."""

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


@dataclass(frozen=True, slots=True)
class Record:
    """An account with what only administrators see."""

    account: Account
    locked: bool
    calendar: MemberCalendar | None


class AccountStore(Accounts, Protocol):
    """What administrators do to accounts, whoever keeps them. Each method raises BasculeError where there is no such account, or where that is done elsewhere."""

    def add(
        self,
        login: str,
        password: str,
        *,
        name: str = "",
        aliases: tuple[str, ...] = (),
        quota_octets: int | None = None,
        generated: bool = False,
    ) -> Account: ...

    def change(
        self, login: str, *, name: str | None = None, aliases: tuple[str, ...] = (), without_aliases: tuple[str, ...] = ()
    ) -> Account:  # fmt: skip
        """Give it another name, more aliases, fewer; the account as it is then."""

    def all(self) -> list[Record]:
        """By login."""

    def set_password(self, login: str, password: str, *, generated: bool = False) -> None: ...

    def set_locked(self, login: str, locked: bool) -> None:
        """A locked account still takes mail."""

    def set_quota(self, login: str, octets: int | None) -> None: ...

    def let_send(self, owner: Account, member: Account, allowed: bool) -> None:
        """Let ``member`` write as ``owner``, or no more."""

    def senders_as(self, owner: Account) -> list[Account]:
        """Who may write as ``owner``, by login."""

    def exported(self, login: str) -> dict[str, object]:
        """What another node's `take` needs to know of an account; it may hold its password's hash. Nothing is changed."""

    def handed_over(self, told: dict[str, Any]) -> None:
        """The mailbox of the account that `exported` gave is closed here: from now on another node may `take` it."""

    def taken_back(self, account: Account) -> None:
        """It is in use here again: no other node may `take` it any more."""

    def require_takeable(self, told: dict[str, Any]) -> None:
        """Before its mailbox is brought in. Raises BasculeError where it is known that this was taken already, or was not handed over to the end."""

    def take(self, told: dict[str, Any]) -> Account:
        """Add an account as `exported` gave it, or bring it up to date."""
