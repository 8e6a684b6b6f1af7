"""The built-in platform as `bascule.campaign.new_platform` wants one.

Its servers know an account as soon as its row is published, and make a mailbox when it is first used: 150 kB and 11 ms each, which nobody has to wait for on the
eve. Functional mailboxes are made at once: whoever looks after one reads it, writes as it, and finds it below other people's folders.
"""

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from django.conf import settings
from django.db import transaction

from bascule.campaign.new_platform import Code, Made, Wanted
from bascule.mailbox import MailboxError
from bascule.mailbox.live import LiveMailbox
from bascule.platform.accounts import Account, Accounts
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.settings import FOLDERS
from bascule.platform.sharing import FULL, set_rights
from bascule.portal.directory.models import Mailbox, publish
from bascule.portal.shell.doors import accounts


class BuiltIn:
    """Implements `NewPlatform`. On the machine where the mailboxes lie."""

    def __init__(self, accounts: Accounts, mailboxes: Mailboxes, node: str) -> None:
        self.node = node
        self._accounts = accounts
        self._mailboxes = mailboxes

    def make_ready(self, wanted: Sequence[Wanted]) -> Sequence[Made]:
        return [self._make(each) for each in wanted]

    def _make(self, wanted: Wanted) -> Made:
        if wanted.kind != Mailbox.Kind.FUNCTIONAL:
            return Made(wanted.id, Code.READY)
        try:
            _let_send(wanted)
            self._let_read(wanted)
        except (MailboxError, sqlite3.Error, OSError) as error:
            is_full = getattr(error, "errno", 0) == errno.ENOSPC or "disk is full" in str(error)
            return Made(wanted.id, Code.NO_ROOM if is_full else Code.REFUSED, str(error))
        return Made(wanted.id, Code.READY)

    def _let_read(self, wanted: Wanted) -> None:
        owner = Account(wanted.id, wanted.login, wanted.name)
        with self._mailboxes.using(wanted.id) as live:
            due = [
                (folder.id, login, FULL if login in wanted.owners else frozenset[str]())
                for folder in live.folders.all()
                for login in wanted.owners | _readers(live, folder.id)
                if (live.sharing.of(folder.id).get(login) is None) == (login in wanted.owners)
            ]
            for folder, login, rights in due:
                set_rights(self._accounts, owner, live, folder, login, rights)


def _let_send(wanted: Wanted) -> None:
    box = Mailbox.objects.get(pk=wanted.id)
    owners = set(Mailbox.objects.filter(login__in=wanted.owners))
    if set(box.senders.all()) != owners:
        with transaction.atomic():
            box.senders.set(owners)
            publish([box.pk])


def _readers(live: LiveMailbox, folder: int) -> set[str]:
    """Those who have everything there: owners, or former ones. What else was shared, by hand, stays."""
    return {who for who, rights in live.sharing.of(folder).items() if rights == FULL}


@contextmanager
def built_in() -> Iterator[BuiltIn]:
    """Of this installation."""
    platform = settings.BASCULE.platform
    first_folders = {name: FOLDERS[name] for name in platform.first_folders}
    with closing(Mailboxes(platform.data / "mailboxes", first_folders=first_folders)) as mailboxes:
        yield BuiltIn(accounts(), mailboxes, platform.node)
