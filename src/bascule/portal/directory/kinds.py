"""Words of the directory that are known without Django."""

from enum import StrEnum


class What(StrEnum):
    """What was done with a mailbox's password."""

    REVEALED = "revealed"
    PRINTED = "printed"
    PHONE = "phone"
    PRACTISED = "practised"
    CHANGED = "changed"
    RENEWED = "renewed"


SEEN = frozenset({What.REVEALED, What.PRINTED, What.PHONE, What.CHANGED})
"""After any of these the member knows it."""
