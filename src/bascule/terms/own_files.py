"""Names of what Bascule itself keeps in folders: whoever reads other people's files comes upon it there, and must know it."""

APPLICATION_ID = 0x42534355  # "BSCU", so that file(1) and SQLite's own tools can tell what it is
CATALOGUE = "catalogue.sqlite"
"""Of a mailbox on disk."""
COPY_MAILBOX = "copy.mailbox"
"""What `copy` remembers, in its state folder."""
REPORTS = "reports"
"""In a mailbox on disk, and beside a COPY_MAILBOX."""
CERTIFICATE = "certificate.json"
"""Of a report."""
REFUSED = "refused"
"""The folder beside a report with the messages that the target refuses."""
