"""A wave's calendar, changed: shown first with what it means, then made so for everybody at once."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bascule.portal.control.asking import record
from bascule.portal.control.forms import WaveForm
from bascule.portal.directory.models import Mailbox, Role, Wave
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, now
from bascule.terms.phases import MemberCalendar, doors_at


@dataclass(frozen=True, slots=True)
class Moved:
    """An instant that changes."""

    field: str
    label: str
    before: datetime
    after: datetime


def what_it_means(before: MemberCalendar, after: MemberCalendar, instant: datetime, mailboxes: int) -> list[str]:
    """What changes at this very moment, beside what changes later."""
    was, will = doors_at(before, instant), doors_at(after, instant)
    told = []
    if will.sign_in_new and not was.sign_in_new:
        told.append(ngettext(
            "%(count)d mailbox opens at once, and its mail arrives there.", "%(count)d mailboxes open at once, and their mail arrives there.", mailboxes
        ) % {"count": mailboxes})  # fmt: skip
    if was.sign_in_new and not will.sign_in_new:
        told.append(ngettext(
            "%(count)d open mailbox closes at once: its member is signed out.", "%(count)d open mailboxes close at once: their members are signed out.", mailboxes
        ) % {"count": mailboxes})  # fmt: skip
    if will.credentials_shown and not was.credentials_shown:
        told.append(_("Members see their credentials at once."))
    if was.credentials_shown and not will.credentials_shown:
        told.append(_("Members who could see their credentials no longer can."))
    if was.read_archive and not will.read_archive:
        told.append(_("The archives close at once."))
    return told


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def wave(request: HttpRequest, name: str) -> HttpResponse:
    found = get_object_or_404(Wave, name=name)
    calendar = found.calendar()
    form = WaveForm(request.POST or None, instance=found)
    shown = {"room": "control", "wave": found, "form": form}
    if request.method != "POST" or not form.is_valid():
        return render(request, "control/wave.html", shown, status=422 if form.errors else 200)
    moved = [
        Moved(field, str(form.fields[field].label), getattr(calendar, field), form.cleaned_data[field])
        for field in WaveForm.Meta.fields
        if form.cleaned_data[field] != getattr(calendar, field)
    ]
    if not moved:
        messages.info(request, _("The calendar is as it was."))
        return redirect("control")
    if "sure" not in request.POST:
        count = Mailbox.objects.filter(wave=found, is_gone=False).count()
        meaning = what_it_means(calendar, found.calendar(), now(), count)
        return render(request, "control/wave_sure.html", {**shown, "moved": moved, "meaning": meaning, "count": count})
    form.save()
    changed = [f"{each.field}: {each.before.isoformat()} → {each.after.isoformat()}" for each in moved]
    record(request, "calendar-changed", found.name, "\n".join(changed))
    accounts().refresh()
    messages.success(request, _("The calendar is changed, for everybody at once."))
    return redirect("control")
