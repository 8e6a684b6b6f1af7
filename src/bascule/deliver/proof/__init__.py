"""The report of a run, and the certificate that proves it was not changed since.

In: the ledger of a mailbox. Out: `Report` (counts by folder, exceptions by name), as text, JSON and a page; and a folder with all
three, the SHA-256 of each message, and a signature. Always true: every count is a count of rows, and a report whose counts do not
add up says so and is not *accounted for*.
"""

from bascule.deliver.proof.certificate import Checked, check_certificate, write_proof
from bascule.deliver.proof.check_words import CheckWords, check_words_of
from bascule.deliver.proof.fingerprint import read_fingerprint
from bascule.deliver.proof.gather import gather_report
from bascule.deliver.proof.lacking import Lack, lack_of, lacks, unread_by_choice
from bascule.deliver.proof.languages import words_of
from bascule.deliver.proof.placing import placed
from bascule.deliver.proof.report import THIS_RUN, FolderCounts, Report, ReportedException
from bascule.deliver.proof.text import as_text
from bascule.deliver.proof.words import Words

__all__ = [
    "THIS_RUN",
    "CheckWords",
    "Checked",
    "FolderCounts",
    "Lack",
    "Report",
    "ReportedException",
    "Words",
    "as_text",
    "check_certificate",
    "check_words_of",
    "gather_report",
    "lack_of",
    "lacks",
    "placed",
    "read_fingerprint",
    "unread_by_choice",
    "words_of",
    "write_proof",
]
