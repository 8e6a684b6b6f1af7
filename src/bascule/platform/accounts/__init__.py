"""Who may sign in, when, and where mail for an address goes.

`Accounts` is what the servers ask; `EmbeddedAccounts` keeps them in one SQLite file of the installation, for as long as no portal does.
"""

from bascule.platform.accounts.embedded import EmbeddedAccounts
from bascule.platform.accounts.interface import Account, Accounts, AccountsUnavailable, SignInRefused, Why

__all__ = ["Account", "Accounts", "AccountsUnavailable", "EmbeddedAccounts", "SignInRefused", "Why"]
