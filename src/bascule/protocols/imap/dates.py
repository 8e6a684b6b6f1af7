"""``"17-Jul-1996 02:44:25 -0700"`` (RFC 9051 §9, date-time) to and from an instant."""

import re
from calendar import monthrange, timegm
from datetime import UTC, date, datetime
from functools import lru_cache

from bascule.protocols.imap.errors import LocalError, RemoteError
from bascule.terms.instant import InternalDate

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}
_DATE_TIME = re.compile(rb"([ 0-3]?\d)-([A-Za-z]{3}-\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)")
_DATE = re.compile(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_OCTETS = len("17-Jul-1996 02:44:25 -0700")
_YEARS = range(1, 10000)


@lru_cache(maxsize=4096)
def _month(month_year: bytes) -> tuple[int, int] | None:
    """Seconds at the start of ``Jul-1996``, and its days; None where there is no such month."""
    month, year = _MONTH_NUMBER.get(month_year[:3].lower()), int(month_year[4:])
    if month is None or year not in _YEARS:
        return None
    return timegm((year, month, 1, 0, 0, 0, 0, 0, 0)), monthrange(year, month)[1]


def read_date_time(octets: bytes) -> InternalDate | None:
    """None for what is not a date-time: of no calendar (``31-Feb-2020``), or without a zone, which leaves it open when that was.
    A leap second (``:60``) is the next minute."""
    return _read(octets) if len(octets) <= _OCTETS else None


@lru_cache(maxsize=4096)
def _read(octets: bytes) -> InternalDate | None:
    """What is copied is read from the old side, and soon after from the new one."""
    found = _DATE_TIME.fullmatch(octets)
    month = _month(found[2]) if found else None
    if found is None or month is None:
        return None
    start, days = month
    day, hour, minute, second = int(found[1]), int(found[3]), int(found[4]), int(found[5])
    zone_hours, zone_minutes = int(found[6]), int(found[7])
    if not 1 <= day <= days or hour > 23 or minute > 59 or second > 60 or abs(zone_hours) > 23 or zone_minutes > 59:
        return None
    zone = zone_hours * 60 + (zone_minutes if found[6][0] == 0x2B else -zone_minutes)
    return InternalDate(start + (day - 1) * 86400 + (hour * 60 + minute - zone) * 60 + second, zone)


def parse_date_time(octets: bytes) -> InternalDate:
    """Like `read_date_time`; raises RemoteError for what is not a date-time."""
    date_time = read_date_time(octets)
    if date_time is None:
        raise RemoteError(f"not a date-time: {octets[:40]!r}")
    return date_time


_FIRST, _LAST = timegm((1, 1, 2, 0, 0, 0)), timegm((9999, 12, 30, 23, 59, 59))
"""A date-time has four digits for the year; a day less at both ends, so that every zone stays within."""


def writable_date(instant: InternalDate) -> InternalDate:
    """The nearest date that a date-time can hold: the very same object, for every mail that was ever sent. A zone past ±23:59 becomes UTC,
    at the same instant."""
    if _is_writable(instant):
        return instant
    zone = instant.zone_minutes if -24 * 60 < instant.zone_minutes < 24 * 60 else 0
    return InternalDate(min(max(instant.utc_seconds, _FIRST), _LAST), zone)


def _is_writable(instant: InternalDate) -> bool:
    return _FIRST <= instant.utc_seconds <= _LAST and -24 * 60 < instant.zone_minutes < 24 * 60


def format_date_time(instant: InternalDate) -> bytes:
    """Quoted, as APPEND takes it. Raises LocalError for what `writable_date` would change."""
    if not _is_writable(instant):
        raise LocalError(f"no date-time can hold {instant!r}")
    day, second = divmod(instant.utc_seconds + instant.zone_minutes * 60, 86400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return b'"%b %02d:%02d:%02d %b"' % (_day(day), hour, minute, second, _zone(instant.zone_minutes))


@lru_cache(maxsize=4096)
def _day(number: int) -> bytes:
    """``number``: since 1970."""
    day = datetime.fromtimestamp(number * 86400, UTC)
    return b"%02d-%b-%04d" % (day.day, _MONTHS[day.month - 1].encode(), day.year)


@lru_cache(maxsize=256)
def _zone(minutes: int) -> bytes:
    return b"%b%02d%02d" % (b"-" if minutes < 0 else b"+", *divmod(abs(minutes), 60))


def parse_date(octets: bytes) -> date:
    """``1-Feb-2020`` (RFC 9051 §9, date). Raises RemoteError for what is no date."""
    found = _DATE.fullmatch(octets)
    if found is None or found[2].lower() not in _MONTH_NUMBER:
        raise RemoteError(f"not a date: {octets[:40]!r}")
    try:
        return date(int(found[3]), _MONTH_NUMBER[found[2].lower()], int(found[1]))
    except ValueError as error:
        raise RemoteError(f"no calendar has {octets[:40]!r}") from error
