from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bascule.portal.directory.models import Member, View, Wave, is_void_for, looked_after_by, seen_by
from bascule.portal.home.next_step import TICKED, Step, progress_of
from bascule.portal.shell.access import members_only
from bascule.portal.shell.doors import doors_of, member_of, now, phase_of
from bascule.terms.phases import Doors, MemberCalendar, Phase, phase_at


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline."""

    instant: datetime
    title: str
    what: str
    state: str
    """past, now (the last that began) or next."""


def _timeline(calendar: MemberCalendar, instant: datetime) -> list[Moment]:
    """What is over is told as such."""
    told = [
        (calendar.credentials_open, _("Credentials"), _("You see your new credentials here, and can try them."), ""),
        (calendar.switch, _("The switch"), _("Your mail arrives in the new mailbox, and only from there you write. The old mail becomes read-only."), ""),
        (calendar.all_assistance, _("Full assistance"), _("Until then assistance takes what is urgent first."), _("Assistance takes every question.")),
        (calendar.archive_closes, _("Archives close"), _("Until then your old mail is read on the web."), _("Your old mail is no longer read on the web.")),
        (calendar.backup_destroyed, _("Backup destroyed"), _("Until then a message can still be restored, exceptionally."), _("Nothing of the old mail can be restored any more.")),
    ]  # fmt: skip
    told.sort(key=lambda moment: moment[0])
    begun = [begins for begins, *_rest in told if begins <= instant]
    return [
        Moment(
            begins,
            title,
            (what_is_over or what) if begins <= instant else what,
            "now" if begun and begins == begun[-1] else "past" if begins <= instant else "next",
        )
        for begins, title, what, what_is_over in told
    ]


@dataclass(frozen=True, slots=True)
class Way:
    """A page of the institution's that leads on."""

    title: str
    url: str
    icon: str


def _ways(doors: Doors | None) -> list[Way]:
    """Of [institution] in bascule.toml, those that are open. ``doors``: of whoever looks, None where they are nobody yet."""
    institution = settings.BASCULE
    told = [
        (_("My new mailbox"), institution.mailbox_url, "inbox", doors is not None and doors.sign_in_new),
        (_("My old mail"), institution.archives_url, "archive", doors is not None and doors.read_archive),
        (_("The guide"), institution.guide_url, "book", True),
        (_("Assistance"), institution.assistance_url, "life-preserver", True),
    ]
    return [Way(title, url, icon) for title, url, icon, is_open in told if url and is_open]


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
        "ways": _ways(None),
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
        "ticked": tuple(TICKED),
        "timeline": _timeline(calendar, instant),
        "seconds_left": _seconds_left(calendar, instant),
        "looked_after": looked_after_by(member),
        "ways": _ways(doors_of(mailbox)),
    }
    return render(request, "home/member.html", shown)


def _seconds_left(calendar: MemberCalendar | None, instant: datetime) -> int | None:
    """To T; None once it has passed."""
    if calendar is None or instant >= calendar.switch:
        return None
    return int((calendar.switch - instant).total_seconds())


@members_only
@require_POST
def tick(request: HttpRequest, step: str) -> HttpResponse:
    """A step that is done elsewhere; or, ``undone``, is not done after all."""
    member = member_of(request)
    mailbox, what = member.mailbox, TICKED.get(Step(step)) if step in tuple(Step) else None
    if mailbox is None or what is None or not doors_of(mailbox).credentials_shown:
        raise Http404
    said = View.objects.filter(mailbox=mailbox, by=member, what=what)
    if "undone" in request.POST:
        said.delete()
    elif not any(view.what == what for view in seen_by(member, mailbox)):
        View.objects.create(mailbox=mailbox, by=member, what=what, at=now())
    return redirect("home")
