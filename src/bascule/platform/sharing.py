"""Sharing a folder: the mailbox keeps who may do what, the accounts keep who must look there.

The note in the accounts is made before the right is given and taken back after the right is gone; so a crash in between costs a mailbox that
is opened in vain, never one that is shared and not found. Two may meet, of which one gives a right and the other takes the last one: so the note is made
again behind the right, and whoever took one back looks again.
"""

from bascule.mailbox.live import LiveMailbox
from bascule.platform.accounts import Account, Accounts
from bascule.protocols.imap.rights import ANYONE, Rights

READ: Rights = frozenset("lrs")
CONTRIBUTE: Rights = frozenset("lrswipt")
FULL: Rights = frozenset("lrswipkxte")
KINDS = {"read": READ, "contribute": CONTRIBUTE, "full": FULL, "manage": FULL | {"a"}}
"""What people choose among: to read; to sort, answer and add as well; to delete and make folders as well; to share it further as well."""


class NobodyOfThatName(Exception):
    """No account has that address."""


def identifier_of(accounts: Accounts, name: str) -> str:
    """`ANYONE`, or the login of whoever has the address ``name``. Raises NobodyOfThatName."""
    if name.lower() == ANYONE:
        return ANYONE
    account = accounts.find(name)
    if account is None:
        raise NobodyOfThatName(name)
    return account.login


def set_rights(
    accounts: Accounts, owner: Account, box: LiveMailbox, folder: int, identifier: str, rights: Rights
) -> None:
    """Give ``identifier`` just these rights on a folder of ``owner``'s mailbox; none: it is shared no more. Raises sqlite3.Error."""
    if rights:
        accounts.share(owner, identifier)
    box.sharing.grant(folder, identifier, rights)
    if not rights and identifier not in box.sharing.identifiers():
        accounts.unshare(owner, identifier)
    if rights or identifier in box.sharing.identifiers():
        accounts.share(owner, identifier)
