"""Who may sign in, when, and where mail for an address goes.

`Accounts` is what the servers ask, `AccountStore` what administrators do; `EmbeddedAccounts` keeps them in one SQLite file of the installation, where no portal does.
"""

from bascule.platform.accounts.embedded import EmbeddedAccounts
from bascule.platform.accounts.interface import (
    Account,
    Accounts,
    AccountStore,
    AccountsUnavailable,
    SignInRefused,
    Why,
    require_here,
)

__all__ = [
    "Account",
    "AccountStore",
    "Accounts",
    "AccountsUnavailable",
    "EmbeddedAccounts",
    "SignInRefused",
    "Why",
    "require_here",
]
