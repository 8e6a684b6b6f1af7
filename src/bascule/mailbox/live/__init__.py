"""A live mailbox: people's programs and arriving mail read and change it, from several processes of one machine at once.

In: messages that arrive, and what a person's programs ask to change. Out: what is there, and what changed since. Who calls: the
servers of `bascule.platform`.

What always holds, beyond the invariants of `bascule.mailbox.check`:

1. A message that `LiveMessages.append`, `copy` or `move` returned a UID for is on disk: its body synced first, then the catalogue.
2. A UID is given once. UIDVALIDITY of a folder never changes, and a folder made under an earlier one's name has a greater one.
3. Each change is one short transaction that raises its folder's MODSEQ and writes it to every message that it touched; so what
   changed since MODSEQ m is the rows above m, and nothing else need be remembered (RFC 7162).
4. An expunged message keeps its row and its body, marked with the instant, until it is purged: it can be given back.
5. What a folder holds (messages, unseen, deleted, octets) is counted by the database itself.
"""

from bascule.mailbox.live.folders import LiveFolder, LiveFolders, NameRefused
from bascule.mailbox.live.kept import KeptBody
from bascule.mailbox.live.mailbox import FIRST_FOLDERS, HANDED_OVER, LiveMailbox
from bascule.mailbox.live.messages import Arriving, FolderGone, LiveMessages, Placed, TooManyKeywords
from bascule.mailbox.live.reading import Change, LiveRow, Reading

__all__ = [
    "FIRST_FOLDERS",
    "HANDED_OVER",
    "Arriving",
    "Change",
    "FolderGone",
    "KeptBody",
    "LiveFolder",
    "LiveFolders",
    "LiveMailbox",
    "LiveMessages",
    "LiveRow",
    "NameRefused",
    "Placed",
    "Reading",
    "TooManyKeywords",
]
