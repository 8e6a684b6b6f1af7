"""Whose mailbox an address is: asked when mail comes, and again when it leaves the queue."""

from bascule.platform.accounts import Account, Accounts

_ROLES = ("postmaster", "abuse")
"""RFC 5321 §4.5.1: mail for postmaster is taken, with or without a domain; RFC 2142 §4: for abuse too."""


def find_account(accounts: Accounts, address: str, postmaster: str | None) -> Account | None:
    """The account that gets mail for ``address``. ``postmaster``: the address that gets what is for a role, and belongs to nobody.

    Raises AccountsUnavailable.
    """
    account = accounts.find(address)
    local, _, domain = address.lower().rpartition("@")
    if account is not None or postmaster is None or (local or domain) not in _ROLES:
        return account
    return accounts.find(postmaster) if not local or accounts.serves(domain) else None


def is_ours(accounts: Accounts, address: str) -> bool:
    """Whether nobody else takes mail for it. Raises AccountsUnavailable."""
    local, _, domain = address.rpartition("@")
    return not local or accounts.serves(domain)
