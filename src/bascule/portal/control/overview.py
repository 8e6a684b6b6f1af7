"""How far the move is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bascule.portal.control.asking import LOOKS
from bascule.portal.control.figures import figures, others
from bascule.portal.directory.provisioning import due
from bascule.portal.jobs.models import State, Work
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import now
from bascule.terms.phases import phase_at


@never_cache
@roles(*LOOKS)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    told = figures()
    shown = {
        "room": "control",
        "figures": told,
        "phases": {each.wave.pk: phase_at(each.wave.calendar(), now()).value for each in told},
        "members": sum(each.members for each in told),
        "ready": sum(each.ready for each in told),
        "seen": sum(each.seen for each in told),
        "practised": sum(each.practised for each in told),
        "others": others(),
        "due": due().count(),
        "going_on": Work.objects.filter(state__in=(State.WAITING, State.RUNNING)),
    }
    return render(request, "control/overview.html", shown)
