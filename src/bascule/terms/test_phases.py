"""The phase table: what the design says, row by row, and at the very instants."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.terms.phases import (
    DOORS,
    Assistance,
    CalendarError,
    Doors,
    MemberCalendar,
    NewMailbox,
    Phase,
    Side,
    doors_at,
    next_boundary,
    phase_at,
)

PARIS = ZoneInfo("Europe/Paris")
T = datetime(2026, 4, 28, 9, tzinfo=PARIS)
CALENDAR = MemberCalendar(
    credentials_open=datetime(2026, 4, 14, 9, tzinfo=PARIS),
    switch=T,
    all_assistance=datetime(2026, 4, 29, 8, tzinfo=PARIS),
    archive_closes=datetime(2026, 6, 30, 18, tzinfo=PARIS),
    backup_destroyed=datetime(2027, 4, 30, 12, tzinfo=PARIS),
)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (CALENDAR.credentials_open - SECOND, Phase.PREPARED),
        (CALENDAR.credentials_open, Phase.ANNOUNCED),
        (T - timedelta(microseconds=1), Phase.ANNOUNCED),
        (T, Phase.SWITCHED),
        (T.astimezone(timezone(timedelta(hours=-9))), Phase.SWITCHED),
        (CALENDAR.archive_closes - SECOND, Phase.SWITCHED),
        (CALENDAR.archive_closes, Phase.ARCHIVE_CLOSED),
        (CALENDAR.backup_destroyed, Phase.BACKUP_DESTROYED),
    ],
)
def test_a_boundary_belongs_to_the_phase_that_it_begins(now: datetime, phase: Phase) -> None:
    assert phase_at(CALENDAR, now) is phase


def test_nothing_of_the_new_side_works_a_second_too_early_and_nothing_of_the_old_side_a_second_too_late() -> None:
    before, at = doors_at(CALENDAR, T - SECOND), doors_at(CALENDAR, T)
    assert (before.sign_in_new, before.mail_goes_to, before.new_mailbox) == (False, Side.OLD, NewMailbox.CLOSED)
    assert (before.sign_in_old, before.send_through_old, before.credentials_shown) == (True, True, True)
    assert (at.sign_in_new, at.mail_goes_to, at.new_mailbox) == (True, Side.NEW, NewMailbox.OPEN)
    assert (at.sign_in_old, at.send_through_old, at.read_archive) == (False, False, True)


def test_day_t_is_for_what_is_urgent() -> None:
    asked = [T - SECOND, T, CALENDAR.all_assistance - SECOND, CALENDAR.all_assistance]
    wanted = [Assistance.QUESTIONS, Assistance.URGENT_FIRST, Assistance.URGENT_FIRST, Assistance.ALL]
    assert [doors_at(CALENDAR, now).assistance for now in asked] == wanted


def test_mail_never_goes_where_nobody_may_read() -> None:
    for doors in DOORS.values():
        assert doors.sign_in_old if doors.mail_goes_to is Side.OLD else doors.sign_in_new
        assert doors.sign_in_old != doors.sign_in_new
        assert not (doors.read_archive and doors.sign_in_old)


def test_what_contradicts_itself_is_refused_with_the_reason() -> None:
    values = {name: getattr(CALENDAR, name) for name in CALENDAR.__slots__}
    with pytest.raises(CalendarError, match=r"The switch \(.*\) does not come after the opening of the credentials"):
        MemberCalendar(**{**values, "switch": CALENDAR.credentials_open})
    with pytest.raises(CalendarError, match="has no time zone"):
        MemberCalendar(**{**values, "switch": datetime(2026, 4, 28, 9)})


INSTANTS = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 12, 31), timezones=st.just(UTC))


@given(st.lists(INSTANTS, min_size=5, max_size=5, unique=True), INSTANTS)
def test_answers_change_only_at_boundaries(instants: list[datetime], now: datetime) -> None:
    opens, switch, assistance, closes, destroyed = sorted(instants)
    calendar = MemberCalendar(opens, switch, assistance, closes, destroyed)
    doors, following = doors_at(calendar, now), next_boundary(calendar, now)
    assert isinstance(doors, Doors)
    if following is not None:
        assert doors_at(calendar, following - timedelta(microseconds=1)) == doors
        assert doors_at(calendar, following) != doors
    else:
        assert doors == DOORS[Phase.BACKUP_DESTROYED]
