"""The line before each message of an mbox: ``From``, who sent it, and when it arrived.

RFC 4155 App. A has one form, ``From addr Thu Jan  1 10:00:00 2020`` in UTC; programs write others: without seconds, with a zone before the year or behind it, with
``remote from HOST`` behind all (UW-IMAP's c-client lists these in ``unix.h``), with ``a at b`` for the sender (Mailman's archives), or with a date as in RFC 5322
(Dovecot reads it in ``mbox-from.c``).
"""

import re
from datetime import UTC, datetime, timedelta

from bascule.terms.instant import InternalDate

LINE_OCTETS = 998
"""A longer line is none: RFC 5322 §2.1.1; nothing that goes into the line is longer."""

_SENDER = rb'(?:(?:"(?:[^"\\\r\n]|\\.)*"\S*|\S+(?: at \S+)?) )?'
_DAY_NAME = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTH = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_DAY = rb"(?P<day>0?[1-9]|[12]\d|3[01])"
_TIME = rb"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d|60))?"
_YEAR = rb"(?P<year>[1-9]\d{3})"
_ZONE = rb"[+-]\d{4}|(?:gmt|utc)[+-]\d{1,2}(?::?\d\d)?|[a-z]{1,5}(?: dst)?"
_BEHIND = rb"(?: (?P<after>" + _ZONE + rb"))?(?: \([^()\r\n]*\))?(?: remote from \S+)?\Z"
_AS_ASCTIME = re.compile(
    rb"From " + _SENDER + _DAY_NAME + rb" " + _MONTH + rb" " + _DAY + rb" " + _TIME
    + rb"(?: (?P<before>" + _ZONE + rb"))? " + _YEAR + _BEHIND,
    re.I,
)  # fmt: skip
_AS_RFC5322 = re.compile(
    rb"From " + _SENDER + _DAY_NAME + rb", " + _DAY + rb" " + _MONTH + rb" " + _YEAR + rb" " + _TIME + _BEHIND, re.I
)  # fmt: skip

_ZONE_HOURS = {
    b"ut": 0, b"gmt": 0, b"z": 0, b"utc": 0,
    b"est": -5, b"edt": -4, b"cst": -6, b"cdt": -5, b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7,  # RFC 5322 §4.3
    b"wet": 0, b"west": 1, b"cet": 1, b"cest": 2, b"met": 1, b"mest": 2, b"eet": 2, b"eest": 3,
    b"wet dst": 1, b"cet dst": 2, b"met dst": 2, b"eet dst": 3,
}  # fmt: skip
"""What RFC 5322 §4.3 defines, and the zones of Europe that the tz database (``europe``) gives one meaning alone. BST and IST have several, and a military letter
means nothing (RFC 5322 §4.3)."""


def is_dated(line: bytes) -> bool:
    """Whether it says when, in a form that mail programs write: no sentence has it by chance."""
    return _matched(line) is not None


def arrival_of(line: bytes) -> InternalDate | None:
    """When the message arrived, in UTC where the line names no zone. None where it does not say when, or in a zone that is not known, or a day before 1970: Thunderbird
    writes 1965 before each message that it takes over from another program."""
    found = _matched(line)
    if found is None:
        return None
    parts = found.groupdict()
    zones = {_zone(name.lower()) for name in (parts.get("before"), parts["after"]) if name}
    zone = zones.pop() if zones else timedelta()
    if zone is None or zones:
        return None
    month = _MONTHS.index(found["month"].lower()) + 1
    try:
        when = datetime(
            int(found["year"]), month, int(found["day"]), int(found["hour"]), int(found["minute"]), tzinfo=UTC
        )
        seconds = int((when + timedelta(seconds=int(found["second"] or 0)) - zone).timestamp())
    except (ValueError, OverflowError):
        return None
    return InternalDate(seconds) if seconds >= 0 else None


def _matched(line: bytes) -> re.Match[bytes] | None:
    if len(line) > LINE_OCTETS or not line.startswith(b"From "):
        return None
    words = b" ".join(line.split())
    return _AS_ASCTIME.match(words) or _AS_RFC5322.match(words)


def _zone(name: bytes) -> timedelta | None:
    """East of UTC; None where it is not known."""
    if name[:1] in (b"+", b"-"):
        hours, minutes = int(name[1:3]), int(name[3:5])
        east = timedelta(hours=hours, minutes=minutes) * (1 if name.startswith(b"+") else -1)
        return east if hours < 24 and minutes < 60 else None
    known = _ZONE_HOURS.get(name)
    return None if known is None else timedelta(hours=known)
