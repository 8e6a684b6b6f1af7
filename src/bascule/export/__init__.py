"""A mailbox into files that other programs read: mbox, Maildir, EML, zip.

In: a mailbox on disk. Out: files, and ``manifest.jsonl`` beside them, which says what files can't (flags, dates, SHA-256) and is read back by
`bascule import`. Always true: a message's octets are written as they are held (an mbox quotes ``From`` lines, and its manifest gives
the SHA-256 of the message itself); the destination is new or empty, and nothing in it is overwritten.
"""

from bascule.export.engine import FORMATS, export_mailbox

__all__ = ["FORMATS", "export_mailbox"]
