"""Whether a member's calendar lets them sign in now: the row of `bascule.terms.phases` that this server's side of the move goes by."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from bascule.platform.accounts import words
from bascule.platform.accounts.interface import SignInRefused, Why
from bascule.terms.phases import MemberCalendar, Side, doors_at


def is_open(calendar: MemberCalendar | None, side: Side, utc: float) -> bool:
    """Without a calendar it always is."""
    if calendar is None:
        return True
    doors = doors_at(calendar, datetime.fromtimestamp(utc, calendar.switch.tzinfo))
    return doors.sign_in_new if side is Side.NEW else doors.sign_in_old


def refusal(calendar: MemberCalendar, side: Side, zone: ZoneInfo) -> SignInRefused:
    """Of a sign-in whose password is right, at an instant at which the door is not open."""
    switch = calendar.switch.astimezone(zone)
    if side is Side.NEW:
        return SignInRefused(Why.NOT_YET, words.not_yet(switch))
    return SignInRefused(Why.MOVED, words.moved(switch))


def to_json(calendar: MemberCalendar) -> str:
    return json.dumps({name: getattr(calendar, name).isoformat() for name in MemberCalendar.__slots__})


def from_json(text: str) -> MemberCalendar:
    """Raises CalendarError."""
    return MemberCalendar(**{name: datetime.fromisoformat(instant) for name, instant in json.loads(text).items()})
