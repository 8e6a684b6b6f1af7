"""A message's arrival date as IMAP keeps it: an instant to the second, and the zone it was written in."""

from dataclasses import dataclass
from datetime import UTC, datetime

LAST_SECOND = 253_402_300_799
"""Of the year 9999, the last one that most programs can write."""


@dataclass(frozen=True, slots=True, order=True)
class InternalDate:
    """RFC 9051 §2.3.3. Two dates are the same arrival when ``utc_seconds`` agree; servers rewrite the zone."""

    utc_seconds: int
    zone_minutes: int = 0

    def to_iso(self) -> str:
        """In UTC, as ``2020-01-31T10:00:00Z``; in seconds where its year has not four digits."""
        try:
            return datetime.fromtimestamp(self.utc_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (OverflowError, ValueError, OSError):
            return f"{self.utc_seconds} seconds after 1970"
