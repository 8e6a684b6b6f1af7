"""Instants as people write them: a date and an hour in the institution's zone. Kept in UTC, so that a daylight-saving change between now and then moves nothing."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bascule.terms.phases import CalendarError, MemberCalendar

_WRITTEN = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{1,2})[:h](\d{2})")
_SATURDAY = 5
MORNING = 8
"""The hour at which days of assistance begin."""


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """“2027-04-27 09:00” in ``zone``, or any ISO instant that carries its own offset; in UTC. Raises CalendarError for what is no date, does not exist (the hour
    that is skipped in spring) or exists twice (the one that is repeated in autumn)."""
    text = text.strip()
    found = _WRITTEN.fullmatch(text)
    if found is None:
        try:
            told = datetime.fromisoformat(text)
        except ValueError:
            told = None
        if told is None or told.tzinfo is None:
            raise CalendarError(f"“{text}” is not a date with an hour.", "Write it as 2027-04-27 09:00.")
        return told.astimezone(UTC)
    try:
        local = datetime(*map(int, found.groups()))  # type: ignore[arg-type]
    except ValueError as error:
        raise CalendarError(f"There is no {text}: {error}.", "Look at the calendar.") from error
    return settle(local, zone)


def settle(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in ``zone`` show ``local`` (naive), in UTC. Raises CalendarError where they never do, or do twice."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise CalendarError(
            f"There is no {local:%H:%M} on {local:%Y-%m-%d} in {zone.key}: clocks go forward over it.",
            "Choose another hour.",
        )
    raise CalendarError(
        f"{local:%H:%M} comes twice on {local:%Y-%m-%d} in {zone.key}: clocks go back.", "Choose another hour, or write its offset: 2027-10-31T02:30+02:00."
    )  # fmt: skip


def months_after(local: datetime, months: int) -> datetime:
    """The same day and hour that many months later, or the month's last day."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def next_working_morning(local: datetime) -> datetime:
    """Of the next day that is not a Saturday or a Sunday. Holidays are not known: a site that has one writes the instant itself."""
    day = local + timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day.replace(hour=MORNING, minute=0, second=0, microsecond=0)


def usual_calendar(switch: datetime, zone: ZoneInfo, *, credentials_open: datetime | None = None) -> MemberCalendar:
    """What an institution gets when it names only T: credentials two weeks before, full assistance from the next working morning, archives for two months, the
    backup for twelve. The hours are those of ``zone``. Raises CalendarError."""
    local = switch.astimezone(zone).replace(tzinfo=None)
    opens = credentials_open or settle((local - timedelta(days=14)).replace(hour=MORNING, minute=0), zone)
    return MemberCalendar(
        opens,
        switch.astimezone(UTC),
        settle(next_working_morning(local), zone),
        settle(months_after(local, 2), zone),
        settle(months_after(local, 12), zone),
    )
