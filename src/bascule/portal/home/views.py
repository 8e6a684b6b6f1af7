from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bascule.portal.directory.models import Member, Wave, is_void_for, looked_after_by, seen_by
from bascule.portal.home.next_step import progress_of
from bascule.portal.shell.doors import now, phase_of
from bascule.terms.phases import MemberCalendar, Phase, phase_at


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline."""

    instant: datetime
    title: str
    what: str
    state: str
    """past, now (the last that began) or next."""


def _timeline(calendar: MemberCalendar, instant: datetime) -> list[Moment]:
    told = [
        (calendar.credentials_open, _("Credentials"), _("You see your new credentials here, and can try them.")),
        (calendar.switch, _("The switch"), _("Your mail arrives in the new mailbox, and only from there you write. The old mail becomes read-only.")),
        (calendar.archive_closes, _("Archives close"), _("Until then your old mail is read on the web.")),
        (calendar.backup_destroyed, _("Backup destroyed"), _("Until then a message can still be restored, exceptionally.")),
    ]  # fmt: skip
    begun = [begins for begins, _title, _what in told if begins <= instant]
    return [
        Moment(begins, title, what, "now" if begun and begins == begun[-1] else "past" if begins <= instant else "next")
        for begins, title, what in told
    ]


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, Member):
        return _of_member(request, request.user)
    instant = now()
    waves = [wave for wave in Wave.objects.all() if not wave.is_pilot]
    first = waves[0] if waves else None
    calendar = first.calendar() if first else None
    shown = {
        "room": "home",
        "wave": first,
        "other_waves": waves[1:],
        "phase": phase_at(calendar, instant).value if calendar else "",
        "timeline": _timeline(calendar, instant) if calendar else [],
        "seconds_left": _seconds_left(calendar, instant),
    }
    return render(request, "home/open.html", shown)


def _of_member(request: HttpRequest, member: Member) -> HttpResponse:
    instant = now()
    mailbox = member.mailbox
    if mailbox is None:
        return render(request, "home/without_mailbox.html", {"room": "home"})
    calendar = mailbox.wave.calendar()
    phase = phase_of(mailbox)
    done = {view.what for view in seen_by(member, mailbox)}
    shown = {
        "room": "home",
        "mailbox": mailbox,
        "calendar": calendar,
        "phase": phase.value,
        "is_before": phase in (Phase.PREPARED, Phase.ANNOUNCED),
        "is_void": is_void_for(member, mailbox),
        "progress": progress_of(phase, done),
        "timeline": _timeline(calendar, instant),
        "seconds_left": _seconds_left(calendar, instant),
        "looked_after": looked_after_by(member),
    }
    return render(request, "home/member.html", shown)


def _seconds_left(calendar: MemberCalendar | None, instant: datetime) -> int | None:
    """To T; None once it has passed."""
    if calendar is None or instant >= calendar.switch:
        return None
    return int((calendar.switch - instant).total_seconds())
