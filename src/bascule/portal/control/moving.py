"""A mailbox, with whoever it is of, moves to another wave: shown first with what it means, then made so."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bascule.portal.control.asking import record
from bascule.portal.control.forms import MoveForm
from bascule.portal.control.waves import what_it_means
from bascule.portal.directory.models import Mailbox, Role, publish
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, now


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, box: str) -> HttpResponse:
    found = get_object_or_404(Mailbox.objects.select_related("wave", "member"), pk=box, is_gone=False)
    form = MoveForm(request.POST or None, initial={"wave": found.wave.name})
    back = ("member", found.member.pk) if hasattr(found, "member") else ("mailbox", found.pk)
    shown = {"room": "control", "box": found, "form": form}
    if request.method != "POST" or not form.is_valid():
        return render(request, "control/move.html", shown, status=422 if form.errors else 200)
    wave = form.cleaned_data["wave"]
    if wave == found.wave:
        messages.info(request, _("It is in that wave already."))
        return redirect(*back)
    if "sure" not in request.POST:
        meaning = what_it_means(found.wave.calendar(), wave.calendar(), now(), 1)
        return render(request, "control/move.html", {**shown, "to": wave, "meaning": meaning})
    before, found.wave = found.wave, wave
    with transaction.atomic():
        found.save(update_fields=["wave"])
        publish([found.pk])
        record(request, "wave-changed", found.login, f"{before.name} → {wave.name}")
    accounts().refresh()
    messages.success(request, _("It switches with its new wave from now on."))
    return redirect(*back)
