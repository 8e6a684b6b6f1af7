"""Long work: how far it is, stopped, gone on with."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bascule.portal.control.asking import LOOKS, record
from bascule.portal.directory.models import Role, this_node
from bascule.portal.directory.provisioning import due
from bascule.portal.jobs import asking
from bascule.portal.jobs.models import Kind, Lane, State, Work
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import member_of, now

ITEMS = 200
"""Shown of what was not done; the list of it can be long."""


@never_cache
@roles(*LOOKS)
@require_safe
def work(request: HttpRequest, number: int) -> HttpResponse:
    """The page; only its moving part where that asks for itself."""
    found = get_object_or_404(Work, pk=number)
    is_part = "HX-Request" in request.headers
    items = found.items.all()[:ITEMS] if found.is_over else []
    shown = {
        "room": "control",
        "work": found,
        "items": items,
        "is_part": is_part,
        "is_elsewhere": found.node not in ("", this_node()),
    }
    return render(request, "control/_work.html" if is_part else "control/work.html", shown)


@roles(Role.OPERATOR)
@require_POST
def stop(request: HttpRequest, number: int) -> HttpResponse:
    found = get_object_or_404(Work, pk=number)
    asking.stop(found)
    record(request, "work-stopped", found.kind)
    return redirect("work", number)


@roles(Role.OPERATOR)
@require_POST
def go_on(request: HttpRequest, number: int) -> HttpResponse:
    found = get_object_or_404(Work, pk=number)
    asking.go_on(found)
    record(request, "work-gone-on", found.kind)
    return redirect("work", number)


@roles(Role.OPERATOR)
@require_POST
def make_ready(request: HttpRequest) -> HttpResponse:
    """The mailboxes that are due, each on its own machine; one such work at a time."""
    going_on = Work.objects.filter(kind=Kind.PROVISION, state__in=(State.WAITING, State.RUNNING)).first()
    if going_on is not None:
        messages.info(request, _("It is going on already."))
        return redirect("work", going_on.pk)
    here = this_node()
    nodes = set(due().values_list("node", flat=True)) or {here}
    made = {
        node: asking.ask(Kind.PROVISION, {}, by=member_of(request).sign_on, at=now(), lane=Lane.DIRECTORY, node=node)
        for node in sorted(nodes)
    }
    return redirect("work", made[here if here in made else min(made)].pk)
