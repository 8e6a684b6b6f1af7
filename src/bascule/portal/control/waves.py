"""Waves: made, named, removed while empty; and a wave's calendar, changed: shown first with what it means, then made so for everybody at once."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bascule.portal.control.asking import record
from bascule.portal.control.closing import of_wave
from bascule.portal.control.forms import NewWaveForm, WaveForm, WaveNameForm
from bascule.portal.control.sure import ask_first, is_sure
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


def turns_at_once(before: MemberCalendar, after: MemberCalendar, instant: datetime) -> bool:
    """Whether mailboxes open or close at this very moment: more than a click is asked for then."""
    return doors_at(before, instant).sign_in_new != doors_at(after, instant).sign_in_new


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """With the usual dates, which its page then shows."""
    form = NewWaveForm(request.POST or None)
    calendar = form.calendar() if form.is_valid() else None
    if calendar is None:
        return render(request, "control/new_wave.html", {"room": "control", "form": form}, status=422 if form.errors else 200)  # fmt: skip
    told = form.cleaned_data
    instants = {field: getattr(calendar, field) for field in WaveForm.Meta.fields}
    with transaction.atomic():
        made = Wave(name=_free_name(told["title"]), title=told["title"], is_pilot=told["is_pilot"], **instants)
        made.save()
        record(
            request, "wave-made", made.name, "\n".join(f"{field}: {at.isoformat()}" for field, at in instants.items())
        )
    accounts().refresh()
    messages.success(request, _("The wave is made. In lists its name is “%(name)s”.") % {"name": made.name})
    return redirect("wave", made.name)


def _free_name(title: str) -> str:
    """As lists and commands name it: short, in small letters."""
    first = slugify(title)[:50] or "wave"
    taken = set(Wave.objects.filter(name__startswith=first).values_list("name", flat=True))
    return next(name for number in range(len(taken) + 1) if (name := f"{first}-{number + 1}" if number else first) not in taken)  # fmt: skip


@roles(Role.OPERATOR)
@require_POST
def rename(request: HttpRequest, name: str) -> HttpResponse:
    """What people call it; the name that lists use stays."""
    found = get_object_or_404(Wave, name=name)
    form = WaveNameForm(request.POST, instance=found)
    if not form.is_valid():
        messages.error(request, _("A wave needs a name."))
        return redirect("wave", name)
    with transaction.atomic():
        form.save()
        record(request, "wave-named", found.name, found.title)
    messages.success(request, _("The wave has its new name."))
    return redirect("wave", name)


@roles(Role.OPERATOR)
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    """While nothing is in it."""
    found = get_object_or_404(Wave, name=name)
    if not is_sure(request) and not found.mailboxes.exists():
        return ask_first(request, of_wave(name, str(found)))
    dates = [f"{field}: {getattr(found, field).isoformat()}" for field in WaveForm.Meta.fields]
    try:
        with transaction.atomic():
            found.delete()
            record(request, "wave-removed", name, "\n".join([found.title, *dates]))
    except ProtectedError:
        messages.error(request, _("There are mailboxes in this wave: move them to another one first."))
        return redirect("wave", name)
    messages.success(request, _("The wave is gone."))
    return redirect("control")


def _saved(form: WaveForm, calendar: MemberCalendar) -> bool:
    """False: somebody else changed the calendar in this very moment, and nothing is written."""
    with transaction.atomic():
        if Wave.objects.select_for_update().get(pk=form.instance.pk).calendar() != calendar:
            return False
        form.save()
    return True


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def wave(request: HttpRequest, name: str) -> HttpResponse:
    found = get_object_or_404(Wave, name=name)
    calendar = found.calendar()
    form = WaveForm(request.POST or None, instance=found)
    shown = {"room": "control", "wave": found, "form": form, "naming": WaveNameForm(instance=found), "is_empty": not found.mailboxes.exists()}  # fmt: skip
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
    seen = " ".join(getattr(calendar, field).isoformat() for field in WaveForm.Meta.fields)
    is_overtaken = request.POST.get("seen", seen) != seen
    count = Mailbox.objects.filter(wave=found, is_gone=False).count()
    asks_count = count > 0 and turns_at_once(calendar, found.calendar(), now())
    is_counted = not asks_count or request.POST.get("count", "").strip() == str(count)
    if "sure" not in request.POST or not is_counted or is_overtaken or not _saved(form, calendar):
        shown |= {
            "moved": moved,
            "seen": seen,
            "is_overtaken": is_overtaken,
            "meaning": what_it_means(calendar, found.calendar(), now(), count),
            "count": count,
            "asks_count": asks_count,
            "is_miscounted": "sure" in request.POST and not is_counted,
        }
        return render(request, "control/wave_sure.html", shown, status=422 if "sure" in request.POST else 200)
    changed = [f"{each.field}: {each.before.isoformat()} → {each.after.isoformat()}" for each in moved]
    record(request, "calendar-changed", found.name, "\n".join(changed))
    accounts().refresh()
    messages.success(request, _("The calendar is changed, for everybody at once."))
    return redirect("control")
