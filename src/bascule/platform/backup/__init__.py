"""The installation's backup: a folder that anyone can open, brought up to date while the servers run, and what comes back from it.

    BACKUP/backup.json                    whose it is, and when it was last brought up to date
    BACKUP/accounts.sqlite, queue.sqlite, queue/, trace.sqlite, dkim.pem, bascule.toml
    BACKUP/mailboxes/ACCOUNT.mailbox/     a mailbox (docs/formats/mailbox.md), with earlier catalogues in ``catalogues/``
    BACKUP/mailboxes/ACCOUNT.mailbox.INSTANT/  one that was backed up until then, when it had been made anew

What always holds: a body is copied once; a backup that was cut off is whole, as of before or after, mailbox by mailbox; nothing in it is ever
deleted but catalogues beyond the number that is kept, and rows of the trace when their time is over. Who calls: `bascule backup`, `bascule restore`.
"""

from bascule.platform.backup.backing_up import BackedUp, back_up
from bascule.platform.backup.restoring import Restored, RestoredAll, restore_installation, restore_messages

__all__ = ["BackedUp", "Restored", "RestoredAll", "back_up", "restore_installation", "restore_messages"]
