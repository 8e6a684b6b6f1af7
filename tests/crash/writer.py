"""What the power-loss trial records: groups of messages into a mailbox, each announced on standard output once it is kept."""

import sys
from pathlib import Path

from bascule.mailbox import Mailbox, NewMessage
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate

GROUPS, GROUP = 12, 9


def body(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number + (b"%d text " % number) * 150


def main() -> None:
    with Mailbox.create(Path(sys.argv[1]), segment_octets=12_000) as mailbox:
        row = mailbox.folders.record(
            FolderPath(("INBOX",)), source_name=b"INBOX", special_use=None, subscribed=True, selectable=True
        )
        mailbox.folders.set_uidvalidity(row.id, 7)
        for group in range(GROUPS):
            uids = range(group * GROUP + 1, (group + 1) * GROUP + 1)
            mailbox.messages.advance(row.id, uids[-1] + 1)
            new = [NewMessage(u, frozenset({"\\Seen"}), InternalDate(u), HeldBody(body(u))) for u in uids]
            mailbox.messages.store(row.id, 7, new)
            sys.stdout.write(f"KEPT {uids[-1]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
