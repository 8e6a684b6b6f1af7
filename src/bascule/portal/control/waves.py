"""A wave's calendar, changed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bascule.portal.control.asking import record
from bascule.portal.control.forms import WaveForm
from bascule.portal.directory.models import Role, Wave
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def wave(request: HttpRequest, name: str) -> HttpResponse:
    found = get_object_or_404(Wave, name=name)
    before = {field: getattr(found, field) for field in WaveForm.Meta.fields}
    form = WaveForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        changed = [
            f"{field}: {before[field].isoformat()} → {getattr(found, field).isoformat()}" for field in form.changed_data
        ]
        record(request, "calendar-changed", found.name, "\n".join(changed))
        accounts().refresh()
        messages.success(request, _("The calendar is changed, for everybody at once."))
        return redirect("control")
    return render(
        request,
        "control/wave.html",
        {"room": "control", "wave": found, "form": form},
        status=422 if form.errors else 200,
    )
