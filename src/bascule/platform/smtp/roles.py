"""What a listening socket is for. RFC 5321 (inbound), RFC 6409 (submission), RFC 2033 (LMTP)"""

from enum import Enum


class Role(Enum):
    INBOUND = "smtp"
    """From anyone, for our accounts."""
    SUBMISSION = "submission"
    """From our accounts, for anyone."""
    LMTP = "lmtp"
    """From a mail server in front of ours, which we believe, for our accounts."""

    @property
    def greeting_command(self) -> tuple[str, ...]:
        return ("LHLO",) if self is Role.LMTP else ("EHLO", "HELO")
