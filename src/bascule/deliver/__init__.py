"""A mailbox into any IMAP server, with a ledger that accounts for each message.

In: messages (from a mailbox on disk, or straight from a source). Out: messages on the target, and an outcome row for each. Always true:
the intent is written before a batch is sent; a message whose answer was not heard is looked for on the target before it is
sent again; what the target held is counted copy by copy; no octet is altered but LF to CRLF, which the outcome records.
Called by the commands ``deliver`` and ``copy``, and by campaigns.
"""

from bascule.deliver.engine import deliver_mailbox
from bascule.deliver.folder_delivery import DeliveryOptions, FolderDelivery
from bascule.deliver.folder_map import FolderMap, MappedFolder
from bascule.deliver.parcel import Parcel
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.session import TargetSession
from bascule.deliver.target_run import DeliverOptions, TargetRun

__all__ = [
    "DeliverOptions",
    "DeliveryOptions",
    "FolderDelivery",
    "FolderMap",
    "MappedFolder",
    "Parcel",
    "TargetRun",
    "TargetSession",
    "VerifyLevel",
    "deliver_mailbox",
]
