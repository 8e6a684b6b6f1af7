"""A mailbox that comes back as it was at its backup: what programs were told of it since is not known any more, and must stay true.

Since the backup UIDs were given, flags and MODSEQs changed and messages expunged, and programs hold all of that (RFC 9051 §2.3.1.1, RFC 7162 §3.1). So
what the mailbox gives out from now on lies beyond whatever it may have given: no UID and no MODSEQ comes a second time, what is lost is told as vanished, and
what is there is told anew. UIDVALIDITY stays: nobody's program need fetch again what it has.
"""

import sqlite3
from pathlib import Path

from bascule.mailbox.database import unusable
from bascule.mailbox.format import CATALOGUE
from bascule.mailbox.mailbox import Mailbox

UIDS = 10_000_000
"""Passed over in each folder: more than arrive in one between two backups; a folder has room for some 400 such steps."""
MODSEQS = 2**32
"""Passed over in each folder: more changes than one has in a lifetime, of 2**63 (RFC 7162 §7)."""
VALIDITIES = 100_000
"""Passed over in the mailbox: folders made in a burst have UIDVALIDITYs ahead of the clock, one a second each."""
HIGHEST_UID = 2**32 - 1
"""RFC 9051 §9, nz-number."""


def step_past(root: Path, now_utc: int) -> None:
    """Call before the mailbox is used, however often. An archive stays as it is. Raises MailboxError."""
    with Mailbox.open(root) as mailbox:
        if mailbox.meta("live") is None:
            return
        try:
            with mailbox.transaction() as database:
                database.execute(
                    "UPDATE folders SET uidnext = uidnext + min(?1, (?2 - uidnext) / 2), modseq = modseq + ?3, purged_modseq = modseq + ?3",
                    (UIDS, HIGHEST_UID, MODSEQS),
                )
                database.execute("UPDATE messages SET modseq = (SELECT modseq FROM folders WHERE id = folder)")
                last = int(mailbox.meta("uidvalidity") or 0)
                mailbox.set_meta("uidvalidity", str(max(last, now_utc) + VALIDITIES))
        except sqlite3.Error as error:
            raise unusable(root / CATALOGUE, error) from error
