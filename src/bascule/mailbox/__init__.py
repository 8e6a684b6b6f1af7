"""A mailbox is a folder of SQLite files: `docs/formats/mailbox.md` is its format, version 1.

``catalogue.sqlite`` says what there is (folders, messages, headers, ledger), ``bodies-0001.sqlite`` … hold the octets, ``search.sqlite``
and ``texts.sqlite`` can be rebuilt from both. Always true: a message that the catalogue names has its body (bodies are written first, each group is
synced before the catalogue names it); a body is never changed; `check` states every invariant by number. Called by capture,
deliver, export and the pages; each writing engine holds the mailbox's lock.
"""

from bascule.mailbox.check import check
from bascule.mailbox.format import FORMAT_VERSION, MailboxError
from bascule.mailbox.mailbox import Mailbox
from bascule.mailbox.rows import FolderRow, MessageRow, NewMessage

__all__ = ["FORMAT_VERSION", "FolderRow", "Mailbox", "MailboxError", "MessageRow", "NewMessage", "check"]
