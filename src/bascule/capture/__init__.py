"""A source into a mailbox: first everything, then deltas.

In: a source. Out: the mailbox as the source was at the last delta. Always true: what the source no longer has stays stored, marked as
vanished, out of every default view; a UID is counted as read only when its message is durable or its refusal is a row; the
source is never changed; a mailbox is one person's, whatever name it is given. Called by the commands ``capture``, ``import`` and, for the delta alone, by ``copy``.
"""

from bascule.capture.delta import FolderDelta, Sorted, is_as_it_was
from bascule.capture.engine import CaptureOptions, capture
from bascule.capture.folders import (
    choose_folders,
    give_up,
    known_paths,
    look_again,
    look_for_arrivals,
    note_views,
    record_folders,
    require_kept,
    sight,
    unchanged_folders,
)
from bascule.capture.owner import remember_owner, require_owner
from bascule.capture.selection import Selection

__all__ = [
    "CaptureOptions",
    "FolderDelta",
    "Selection",
    "Sorted",
    "capture",
    "choose_folders",
    "give_up",
    "is_as_it_was",
    "known_paths",
    "look_again",
    "look_for_arrivals",
    "note_views",
    "record_folders",
    "remember_owner",
    "require_kept",
    "require_owner",
    "sight",
    "unchanged_folders",
]
