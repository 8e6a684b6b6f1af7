"""A member's calendar around an instant."""

from datetime import UTC, datetime, timedelta

from bascule.terms.phases import MemberCalendar


def calendar_at(switch_utc: float) -> MemberCalendar:
    """Credentials a week before, archive for two months, backup for a year."""
    switch = datetime.fromtimestamp(switch_utc, UTC)
    return MemberCalendar(
        switch - timedelta(days=7),
        switch,
        switch + timedelta(days=1),
        switch + timedelta(days=61),
        switch + timedelta(days=366),
    )
