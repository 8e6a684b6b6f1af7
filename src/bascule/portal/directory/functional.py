"""Functional mailboxes on the built-in platform: whoever looks after one reads it, writes as it, and finds it below other people's folders."""

from django.db import transaction

from bascule.mailbox.live import LiveMailbox
from bascule.platform.accounts import Account, Accounts
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.sharing import FULL, set_rights
from bascule.portal.directory.models import Mailbox, publish


def let_owners_in(accounts: Accounts, mailboxes: Mailboxes) -> int:
    """Give the owners of each functional mailbox what is theirs, and take it from those who are owners no more; how many changed.
    Run again, it changes nothing. Raises MailboxError, sqlite3.Error."""
    changed = 0
    for box in Mailbox.objects.filter(kind=Mailbox.Kind.FUNCTIONAL, is_gone=False).prefetch_related("owners__mailbox"):
        owners = {owner.mailbox for owner in box.owners.all() if owner.mailbox is not None}
        changed += _let_send(box, owners) | _let_read(accounts, mailboxes, box, {owner.login for owner in owners})
    return changed


def _let_send(box: Mailbox, owners: set[Mailbox]) -> bool:
    if set(box.senders.all()) == owners:
        return False
    with transaction.atomic():
        box.senders.set(owners)
        publish([box.pk])
    return True


def _let_read(accounts: Accounts, mailboxes: Mailboxes, box: Mailbox, logins: set[str]) -> bool:
    owner = Account(box.pk, box.login, box.name)
    with mailboxes.using(box.pk) as live:
        due = [
            (folder.id, login, FULL if login in logins else frozenset[str]())
            for folder in live.folders.all()
            for login in logins | _readers(live, folder.id)
            if (live.sharing.of(folder.id).get(login) is None) == (login in logins)
        ]
        for folder, login, rights in due:
            set_rights(accounts, owner, live, folder, login, rights)
    return bool(due)


def _readers(live: LiveMailbox, folder: int) -> set[str]:
    """Those who have everything there: owners, or former ones. What else was shared, by hand, stays."""
    return {who for who, rights in live.sharing.of(folder).items() if rights == FULL}
