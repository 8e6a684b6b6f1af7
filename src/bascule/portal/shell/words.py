"""Dates, spans and counts as people write them, in the reader's language and the institution's zone."""

import functools
from datetime import datetime, timedelta
from math import ceil

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _


def _is_french() -> bool:
    return (get_language() or "fr").startswith("fr")


def day(instant: datetime, now: datetime) -> str:
    """“mardi 25 avril”, “Tuesday 25 April”; with the year where it is not this one."""
    return _day_and_moment(instant, timezone.localtime(now).year, get_language())[0]


def hour(instant: datetime) -> str:
    """“9 h 00”, “9:00”."""
    local = timezone.localtime(instant)
    return f"{local.hour} h {local.minute:02d}" if _is_french() else f"{local.hour}:{local.minute:02d}"


def when(instant: datetime, now: datetime) -> str:
    """“mardi 25 avril à 9 h 00”, “Tuesday 25 April at 9:00”; never broken between the hour and its minutes."""
    return _day_and_moment(instant, timezone.localtime(now).year, get_language())[1]


@functools.lru_cache(1024)
def _day_and_moment(instant: datetime, this_year: int, language: str | None) -> tuple[str, str]:
    """Remembered: pages name the same few instants again and again. ``language``: the one that is active."""
    local = timezone.localtime(instant)
    first = "1er" if _is_french() and local.day == 1 else str(local.day)
    year = "" if local.year == this_year else f" {local.year}"
    said = f"{date_format(local, 'l')} {first} {date_format(local, 'F')}{year}"
    return said, _("%(day)s at %(hour)s") % {"day": said, "hour": hour(instant).replace(" ", "\u202f")}


def zone_of(instant: datetime) -> str:
    """“heure de Paris”: for where it could be doubted."""
    city = str(timezone.get_current_timezone()).rpartition("/")[2].replace("_", " ")
    return _("%(city)s time") % {"city": city}


def span(left: timedelta) -> str:
    """“3 jours”, “5 hours”, “12 minutes”: rounded up, so that nobody comes late."""
    seconds = max(0.0, left.total_seconds())
    if seconds > 36 * 3600:
        count = ceil(seconds / 86400)
        return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}
    if seconds > 90 * 60:
        count = ceil(seconds / 3600)
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    count = ceil(seconds / 60)
    return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}


def number(count: int) -> str:
    """12 408, 12,408."""
    return f"{count:,}".replace(",", "\u202f" if _is_french() else ",")
