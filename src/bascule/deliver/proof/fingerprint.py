"""What people compare to know whose key signed a report: SHA-256 of the raw public key (RFC 8032 §5.1.5), in groups of four digits."""

import hashlib
import re

from bascule.terms.errors import BasculeError, ExitStatus

_DIGITS = 64


def fingerprint_of(public: bytes) -> str:
    """``3f2a 81bc …``: 16 groups."""
    return _grouped(hashlib.sha256(public).hexdigest())


def read_fingerprint(text: str) -> str:
    """As `fingerprint_of` writes it, from what somebody copied or typed: capitals, colons, other spaces. Raises BasculeError (usage)."""
    digits = re.sub(r"[\s:-]", "", text).lower()
    if not re.fullmatch(f"[0-9a-f]{{{_DIGITS}}}", digits):
        raise BasculeError(
            f"{text} is not the fingerprint of a key.",
            f"Give all {_DIGITS} digits, as report.html and “bascule doctor” show them.",
            ExitStatus.USAGE,
        )
    return _grouped(digits)


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
