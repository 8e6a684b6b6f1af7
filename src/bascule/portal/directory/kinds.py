"""Words of the directory that are known without Django."""

from enum import StrEnum


class What(StrEnum):
    """What was done with a mailbox's credentials."""

    REVEALED = "revealed"
    PRINTED = "printed"
    PHONE = "phone"
    """The password was shown on a phone that read the code."""
    PROFILE = "profile"
    """The settings were downloaded; no password is in them."""
    PRACTISED = "practised"
    CHANGED = "changed"
    RENEWED = "renewed"
    PHONE_DONE = "phone-done"
    """The member says that their phone is set up, or that none is to be."""
    COMPUTER_DONE = "pc-done"


SEEN = frozenset({What.REVEALED, What.PRINTED, What.PHONE, What.CHANGED})
"""After any of these the member knows it."""
