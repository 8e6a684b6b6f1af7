"""Old platforms, read-only: an IMAP server, or files.

A source gives folders, and readers; a reader opens one folder at a time, tells what is in it, and gives its messages. Always
true: nothing on the old side is ever changed (EXAMINE and BODY.PEEK only; files are opened for reading), and every UID that a
survey lists is either given by ``read`` or named as unreadable with the reason. Every source passes the contract suite in
``tests/sources``. Called by capture and copy.
"""

from bascule.sources.contract import (
    Reader,
    Source,
    SourceError,
    SourceFolder,
    SourceMessage,
    SourceState,
    Survey,
    Unreadable,
)

__all__ = ["Reader", "Source", "SourceError", "SourceFolder", "SourceMessage", "SourceState", "Survey", "Unreadable"]
