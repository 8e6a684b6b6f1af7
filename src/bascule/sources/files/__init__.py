"""Mail that lies in files: Maildir, mbox, EML folders and zips, Outlook PST. Opened for reading only.

Files have no UIDs. A folder's messages are numbered in a stable order, and UIDVALIDITY is a digest of that order: when the files
change, it changes, and the engine recognises each message by its content, as it does for a server.
"""

from bascule.sources.files.opening import SOURCE_KINDS, detect_kind, open_files

__all__ = ["SOURCE_KINDS", "detect_kind", "open_files"]
