"""The rules of later runs: what is done with a message that an earlier run dealt with, as tables and pure functions.

A run meets three things: what happened on the old side since the last run, what happened on the new side, and what the ledger knows.
`decide` gives for each meeting what is done, what the ledger records, and how it is told. `decide_folder` says the same of folders, and
`judge` of what reading back found. The first of the rules that stand behind every cell: what the member did on the new side wins, and is
no fault of the run; and what may be lost is sent, what may only be doubled is looked for first. ``docs/later-runs.md`` has all of them, and
holds the same tables for people; a test reads them there, cell by cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bascule.terms.outcome import OutcomeCode


class Old(StrEnum):
    """What happened to a message on the old side since the last run."""

    NEW = "new"
    """Seen for the first time, and not the move of one that was known."""
    SAME = "same"
    FLAGGED = "flagged"
    MOVED = "moved"
    """Seen for the first time here, and not there yet when an equal one, which has vanished from another folder, was last seen."""
    DELETED = "deleted"
    """No longer there, and nothing equal appeared."""
    FOLDER_RENAMED = "folder renamed"
    """Its folder is gone, and an equal message is in a folder that was not there: as *moved*."""
    FOLDER_GONE = "folder gone"
    REVALIDATED = "UIDVALIDITY new"
    """Its folder has another UIDVALIDITY, or gives UIDs again, and an equal message is in it: it is that message."""


class New(StrEnum):
    """What happened to its copy on the new side. Of a message that moved on the old side: to its earlier copy."""

    UNTOUCHED = "untouched"
    READ = "read"
    FLAGGED = "flagged"
    MOVED = "moved"
    """Its UID is gone, which is all that can be seen: the same as *deleted*."""
    DELETED = "deleted"
    FOLDER_GONE = "folder gone"
    FOLDER_RENAMED = "folder renamed"
    """The folder is there under another name, with the same MAILBOXID or, where none is told, the same UIDVALIDITY."""
    REVALIDATED = "UIDVALIDITY new"
    NEVER_SEEN = "never seen"
    """The target said OK and told no UID, and nothing that could be it was found."""
    NOT_LOOKED = "not looked at"


class Knows(StrEnum):
    """What the ledger knows of the message (of one that moved: of the earlier one)."""

    NOTHING = "nothing"
    IN_DOUBT = "in doubt"
    DELIVERED = "delivered"
    """The target said OK; it was not read back."""
    READ_BACK = "read back"
    ALREADY_THERE = "already there"
    ALTERED = "altered"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    MISSING = "missing"
    REMOVED = "removed"


class Action(StrEnum):
    SEND = "send"
    """Deliver it; an equal copy on the target that stands for no message yet is that message."""
    LOOK = "look"
    """Look for it on the target, then decide again by what was found."""
    FOLLOW = "follow"
    """Give its copy the flags of the old side."""
    REPLACE = "replace"
    """Deliver it to its new place; once it was read back there, the earlier copy makes way."""
    LEAVE = "leave"


class Told(StrEnum):
    NOTHING = "nothing"
    THEIRS = "theirs"
    """As the member's own doing; the exit status stays 0."""
    FAULT = "fault"
    """By name; the exit status is 1."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``record`` None: the ledger's outcome stays."""

    action: Action
    record: OutcomeCode | None = None
    told: Told = Told.NOTHING


SEND = Decision(Action.SEND)
LOOK = Decision(Action.LOOK)
FOLLOW = Decision(Action.FOLLOW)
REPLACE = Decision(Action.REPLACE)
LEAVE = Decision(Action.LEAVE)
THEIRS = Decision(Action.LEAVE, None, Told.THEIRS)
FAULT = Decision(Action.LEAVE, None, Told.FAULT)
REMOVED = Decision(Action.LEAVE, OutcomeCode.REMOVED, Told.THEIRS)
FOUND = Decision(Action.LEAVE, OutcomeCode.DELIVERED)
FOUND_THEIRS = Decision(Action.LEAVE, OutcomeCode.DELIVERED, Told.THEIRS)
SEND_BESIDE = Decision(Action.SEND, None, Told.THEIRS)
ALTERED = Decision(Action.LEAVE, OutcomeCode.ALTERED, Told.FAULT)
MISSING = Decision(Action.LEAVE, OutcomeCode.MISSING, Told.FAULT)

_COLUMNS: Mapping[New, int] = MappingProxyType(
    {
        New.UNTOUCHED: 0,
        New.READ: 1,
        New.FLAGGED: 1,
        New.MOVED: 2,
        New.DELETED: 2,
        New.FOLDER_GONE: 2,
        New.FOLDER_RENAMED: 3,
        New.REVALIDATED: 4,
        New.NEVER_SEEN: 5,
        New.NOT_LOOKED: 6,
    }
)
_Row = tuple[Decision, Decision, Decision, Decision, Decision, Decision, Decision]
_Table = Mapping[Knows, _Row]

#                         untouched  touched       gone     renamed  validity never seen not looked at
_IN_PLACE: _Table = {
    Knows.NOTHING:       (SEND,      SEND,         SEND,    SEND,    SEND,    SEND,      SEND),
    Knows.IN_DOUBT:      (FOUND,     FOUND_THEIRS, SEND,    LOOK,    LOOK,    SEND,      LOOK),
    Knows.DELIVERED:     (LEAVE,     THEIRS,       REMOVED, THEIRS,  LOOK,    MISSING,   LEAVE),
    Knows.READ_BACK:     (LEAVE,     THEIRS,       REMOVED, THEIRS,  LOOK,    REMOVED,   LEAVE),
    Knows.ALREADY_THERE: (LEAVE,     THEIRS,       REMOVED, THEIRS,  LOOK,    REMOVED,   LEAVE),
    Knows.ALTERED:       (FAULT,     FAULT,        REMOVED, FAULT,   LOOK,    FAULT,     FAULT),
    Knows.DUPLICATE:     (FAULT,     FAULT,        REMOVED, FAULT,   LOOK,    FAULT,     FAULT),
    Knows.REFUSED:       (SEND,      SEND,         SEND,    SEND,    SEND,    SEND,      SEND),
    Knows.MISSING:       (FOUND,     FOUND_THEIRS, SEND,    LOOK,    LOOK,    SEND,      SEND),
    Knows.REMOVED:       (FOUND,     FOUND_THEIRS, THEIRS,  THEIRS,  THEIRS,  THEIRS,    THEIRS),
}  # fmt: skip
"""The message is where it was on the old side."""

_FLAGS_CHANGED: _Table = {
    **_IN_PLACE,
    Knows.DELIVERED:     (FOLLOW,    THEIRS,       REMOVED, FOLLOW,  LOOK,    MISSING,   LOOK),
    Knows.READ_BACK:     (FOLLOW,    THEIRS,       REMOVED, FOLLOW,  LOOK,    REMOVED,   LOOK),
    Knows.ALREADY_THERE: (FOLLOW,    THEIRS,       REMOVED, FOLLOW,  LOOK,    REMOVED,   LOOK),
    Knows.ALTERED:       (FOLLOW,    FAULT,        REMOVED, FOLLOW,  LOOK,    FAULT,     LOOK),
    Knows.DUPLICATE:     (FOLLOW,    FAULT,        REMOVED, FOLLOW,  LOOK,    FAULT,     LOOK),
}  # fmt: skip

_MOVED: _Table = {
    Knows.NOTHING:       (SEND,      SEND,         SEND,    SEND,    SEND,    SEND,      SEND),
    Knows.IN_DOUBT:      (REPLACE,   SEND_BESIDE,  SEND,    LOOK,    LOOK,    SEND,      LOOK),
    Knows.DELIVERED:     (REPLACE,   SEND_BESIDE,  REMOVED, REPLACE, LOOK,    SEND,      LOOK),
    Knows.READ_BACK:     (REPLACE,   SEND_BESIDE,  REMOVED, REPLACE, LOOK,    SEND,      LOOK),
    Knows.ALREADY_THERE: (REPLACE,   SEND_BESIDE,  REMOVED, REPLACE, LOOK,    SEND,      LOOK),
    Knows.ALTERED:       (REPLACE,   SEND_BESIDE,  REMOVED, REPLACE, LOOK,    SEND,      LOOK),
    Knows.DUPLICATE:     (REPLACE,   SEND_BESIDE,  REMOVED, REPLACE, LOOK,    SEND,      LOOK),
    Knows.REFUSED:       (SEND,      SEND,         SEND,    SEND,    SEND,    SEND,      SEND),
    Knows.MISSING:       (REPLACE,   SEND_BESIDE,  SEND,    LOOK,    LOOK,    SEND,      SEND),
    Knows.REMOVED:       (REPLACE,   SEND_BESIDE,  REMOVED, REMOVED, REMOVED, REMOVED,   REMOVED),
}  # fmt: skip

_DELETED: _Table = {
    Knows.NOTHING:       (LEAVE,     LEAVE,        LEAVE,   LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.IN_DOUBT:      (FOUND,     FOUND_THEIRS, LEAVE,   LOOK,    LOOK,    LEAVE,     LOOK),
    Knows.DELIVERED:     (LEAVE,     THEIRS,       REMOVED, LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.READ_BACK:     (LEAVE,     THEIRS,       REMOVED, LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.ALREADY_THERE: (LEAVE,     THEIRS,       REMOVED, LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.ALTERED:       (LEAVE,     THEIRS,       REMOVED, LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.DUPLICATE:     (LEAVE,     THEIRS,       REMOVED, LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.REFUSED:       (LEAVE,     LEAVE,        LEAVE,   LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.MISSING:       (FOUND,     FOUND_THEIRS, LEAVE,   LEAVE,   LEAVE,   LEAVE,     LEAVE),
    Knows.REMOVED:       (LEAVE,     LEAVE,        LEAVE,   LEAVE,   LEAVE,   LEAVE,     LEAVE),
}  # fmt: skip
"""A deletion is not repeated on the new side; what was in doubt is looked for, so that it has its row, and never sent."""

_TABLES: Mapping[Old, _Table] = MappingProxyType(
    {
        Old.NEW: _IN_PLACE,
        Old.SAME: _IN_PLACE,
        Old.REVALIDATED: _IN_PLACE,
        Old.FLAGGED: _FLAGS_CHANGED,
        Old.MOVED: _MOVED,
        Old.FOLDER_RENAMED: _MOVED,
        Old.DELETED: _DELETED,
        Old.FOLDER_GONE: _DELETED,
    }
)


def decide(old: Old, new: New, knows: Knows) -> Decision:
    """What becomes of one message in a later run. Total: every meeting has a cell."""
    return _TABLES[old][knows][_COLUMNS[new]]


_KNOWN_BY_CODE: Mapping[OutcomeCode, Knows] = MappingProxyType(
    {
        OutcomeCode.DELIVERED: Knows.DELIVERED,
        OutcomeCode.ALREADY_THERE: Knows.ALREADY_THERE,
        OutcomeCode.ALTERED: Knows.ALTERED,
        OutcomeCode.DUPLICATE: Knows.DUPLICATE,
        OutcomeCode.MISSING: Knows.MISSING,
        OutcomeCode.REMOVED: Knows.REMOVED,
    }
)


def knowledge(code: OutcomeCode | None, *, is_read_back: bool = False, is_in_doubt: bool = False) -> Knows:
    """What a row of the ledger amounts to; ``code`` None: there is none. Every other code is a refusal, to be tried again."""
    if is_in_doubt:
        return Knows.IN_DOUBT
    if code is None:
        return Knows.NOTHING
    if code is OutcomeCode.DELIVERED and is_read_back:
        return Knows.READ_BACK
    return _KNOWN_BY_CODE.get(code, Knows.REFUSED)


def is_settled(code: OutcomeCode) -> bool:
    """Whether a later run that finds the message unchanged does not send it again."""
    return decide(Old.SAME, New.NOT_LOOKED, knowledge(code)).action is not Action.SEND


SETTLED = frozenset(code for code in OutcomeCode if is_settled(code))
"""The codes that later runs do not send again."""


# -- folders ----------------------------------------------------------------------------------------------------------


class OldFolder(StrEnum):
    """What happened to a folder of the old side since the last run."""

    NEW = "new"
    """Never listed before; a folder that was renamed is gone, and new."""
    SAME = "same"
    GONE = "gone"
    REVALIDATED = "UIDVALIDITY new"


class NewFolder(StrEnum):
    """What happened to the folder of the new side that took it."""

    NEVER_MADE = "never made"
    THERE = "there"
    RENAMED = "renamed"
    GONE = "gone"
    REVALIDATED = "UIDVALIDITY new"


class FolderAction(StrEnum):
    USE = "use"
    MAKE = "make"
    USE_RENAMED = "use the renamed one"
    LOOK_IN_FULL = "look in full"
    """All that was known by UID is forgotten: each message is looked for by content, and what is not found was removed."""
    SKIP = "skip"


_FOLDERS: Mapping[NewFolder, tuple[FolderAction, FolderAction]] = MappingProxyType(
    {
        NewFolder.NEVER_MADE: (FolderAction.MAKE, FolderAction.MAKE),
        NewFolder.THERE: (FolderAction.USE, FolderAction.USE),
        NewFolder.RENAMED: (FolderAction.USE_RENAMED, FolderAction.SKIP),
        NewFolder.GONE: (FolderAction.MAKE, FolderAction.SKIP),
        NewFolder.REVALIDATED: (FolderAction.LOOK_IN_FULL, FolderAction.LOOK_IN_FULL),
    }
)


def decide_folder(old: OldFolder, new: NewFolder, *, has_something_to_deliver: bool) -> FolderAction:
    """Which folder of the new side takes what the folder of the old side brings. Total."""
    if old is OldFolder.GONE and not has_something_to_deliver:
        return FolderAction.SKIP
    something, nothing = _FOLDERS[new]
    return something if has_something_to_deliver else nothing


# -- reading back -----------------------------------------------------------------------------------------------------


class Finding(StrEnum):
    """What reading back found, the gravest first."""

    ABSENT = "absent"
    GONE = "absent, seen before"
    """This run saw it there, with its size and date, and then no longer."""
    OTHER_OCTETS = "other octets"
    OTHER_DATE = "another date"
    OTHER_FLAGS = "other flags"
    FURTHER_FLAGS = "further flags"
    """All that it was given, and others."""
    EQUAL = "equal"


class When(StrEnum):
    """When a copy was read back."""

    AT_ONCE = "at once"
    """Moments after the target's OK: nobody can have touched it yet."""
    AT_THE_END = "at the end"
    """By the run that delivered it, when its folder was through: the member may have seen it by then."""
    LATER = "later"
    """By a later run."""


_AT_ONCE: Mapping[Finding, Decision] = MappingProxyType(
    {
        Finding.ABSENT: MISSING,
        Finding.GONE: REMOVED,
        Finding.OTHER_OCTETS: ALTERED,
        Finding.OTHER_DATE: ALTERED,
        Finding.OTHER_FLAGS: ALTERED,
        Finding.FURTHER_FLAGS: ALTERED,
        Finding.EQUAL: FOUND,
    }
)
_AT_THE_END: Mapping[Finding, Decision] = MappingProxyType({**_AT_ONCE, Finding.FURTHER_FLAGS: FOUND_THEIRS})
_LATER: Mapping[Finding, Decision] = MappingProxyType(
    {**_AT_THE_END, Finding.ABSENT: REMOVED, Finding.OTHER_FLAGS: FOUND_THEIRS}
)
_READ_BACK: Mapping[When, Mapping[Finding, Decision]] = MappingProxyType(
    {When.AT_ONCE: _AT_ONCE, When.AT_THE_END: _AT_THE_END, When.LATER: _LATER}
)


def judge(finding: Finding, when: When) -> Decision:
    """What reading back means: the later it was, the more of it the member may have done, while octets and dates are nobody's to change."""
    return _READ_BACK[when][finding]
