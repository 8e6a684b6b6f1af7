"""``"17-Jul-1996 02:44:25 -0700"`` (RFC 9051 §9, date-time) to and from an instant."""

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bascule.protocols.imap.errors import RemoteError
from bascule.terms.instant import InternalDate

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}
_DATE_TIME = re.compile(rb"([ 0-3]?\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")


@lru_cache(maxsize=1024)
def parse_date_time(octets: bytes) -> InternalDate:
    """Raises RemoteError for what is not a date-time. A leap second (``:60``) is the next minute."""
    found = _DATE_TIME.fullmatch(octets)
    if found is None:
        raise RemoteError(f"not a date-time: {octets[:40]!r}")
    day, name, year, hour, minute, second, sign, zone_hours, zone_rest = found.groups()
    month = _MONTH_NUMBER.get(name.lower())
    if month is None or not 1 <= int(day) <= 31 or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise RemoteError(f"not a date-time: {octets[:40]!r}")
    zone = (int(zone_hours) * 60 + int(zone_rest)) * (-1 if sign == b"-" else 1)
    local = timegm((int(year), month, int(day), int(hour), int(minute), int(second), 0, 0, 0))
    return InternalDate(local - zone * 60, zone)


def format_date_time(date: InternalDate) -> bytes:
    """Quoted, as APPEND takes it. A zone past ±23:59 is written as UTC; years outside 1–9999 are clamped to them."""
    zone = date.zone_minutes if abs(date.zone_minutes) < 24 * 60 else 0
    try:
        local = datetime.fromtimestamp(date.utc_seconds, UTC) + timedelta(minutes=zone)
    except (OverflowError, ValueError, OSError):
        local = datetime(1, 1, 1, tzinfo=UTC) if date.utc_seconds < 0 else datetime(9999, 12, 31, tzinfo=UTC)
    sign = "-" if zone < 0 else "+"
    return (
        f'"{local.day:02d}-{_MONTHS[local.month - 1]}-{local.year:04d} {local.hour:02d}:{local.minute:02d}:'
        f'{local.second:02d} {sign}{abs(zone) // 60:02d}{abs(zone) % 60:02d}"'
    ).encode()


def format_date(day: datetime) -> bytes:
    """``1-Feb-2020``, as SEARCH SINCE and BEFORE take it."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}".encode()
