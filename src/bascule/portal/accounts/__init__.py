"""The accounts as the mail servers and the portal's own doors ask for them. No Django: server processes are many, and small.

In: the rows of `bascule.portal.directory`, read by number of change. Out: `bascule.platform.accounts.Accounts`. Always true: within a process every
protocol is answered from one `Snapshot`; so at the same instant they say the same. What follows when the database can't be asked, `PortalAccounts` tells.
"""

from bascule.portal.accounts.accounts import PortalAccounts, open_accounts

__all__ = ["PortalAccounts", "open_accounts"]
