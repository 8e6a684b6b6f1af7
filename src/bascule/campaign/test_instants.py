from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bascule.campaign.instants import months_after, next_working_morning, parse_instant, usual_calendar
from bascule.terms.phases import CalendarError

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2027-04-27 09:00", "2027-04-27T07:00"),
        ("2027-04-27 9h00", "2027-04-27T07:00"),
        ("2027-01-12T09:00", "2027-01-12T08:00"),
        ("2027-10-31T02:30+02:00", "2027-10-31T00:30"),
        ("2027-10-31T02:30+01:00", "2027-10-31T01:30"),
    ],
)
def test_an_hour_is_one_of_the_institution(written: str, utc: str) -> None:
    assert parse_instant(written, PARIS) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2027-03-28 02:30", "There is no 02:30 on 2027-03-28 in Europe/Paris"),
        ("2027-10-31 02:30", "comes twice"),
        ("2027-02-30 09:00", "There is no 2027-02-30"),
        ("tomorrow", "is not a date with an hour"),
        ("2027-04-27", "is not a date with an hour"),
        ("2027-04-27 25:00", "There is no"),
    ],
)
def test_what_does_not_exist_or_comes_twice_is_refused(written: str, why: str) -> None:
    with pytest.raises(CalendarError, match=why):
        parse_instant(written, PARIS)


def test_a_change_of_clocks_between_announcement_and_switch_moves_nothing() -> None:
    """Credentials open in winter time, the switch is in summer time: both at the hour that was written."""
    calendar = usual_calendar(parse_instant("2027-04-06 09:00", PARIS), PARIS)
    assert calendar.switch.astimezone(PARIS).hour == 9
    assert calendar.credentials_open.astimezone(PARIS).strftime("%d %H:%M %Z") == "23 08:00 CET"
    assert (calendar.switch - calendar.credentials_open).total_seconds() == (14 * 24 + 1 - 1) * 3600


def test_what_an_institution_gets_that_names_only_the_switch() -> None:
    calendar = usual_calendar(parse_instant("2027-04-30 09:00", PARIS), PARIS)  # a Friday
    told = [each.astimezone(PARIS).strftime("%Y-%m-%d %H:%M") for each in (calendar.credentials_open, calendar.all_assistance, calendar.archive_closes, calendar.backup_destroyed)]  # fmt: skip
    assert told == ["2027-04-16 08:00", "2027-05-03 08:00", "2027-06-30 09:00", "2028-04-30 09:00"]


def test_months_end_where_they_end() -> None:
    assert months_after(datetime(2027, 12, 31, 9), 2) == datetime(2028, 2, 29, 9)
    assert next_working_morning(datetime(2027, 4, 30, 9)) == datetime(2027, 5, 3, 8)
