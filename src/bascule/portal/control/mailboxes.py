"""Mailboxes of no one person: offices, and accounts of applications, scanners and lists."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from bascule.portal.control.asking import LOOKS, PAGE, record
from bascule.portal.control.closing import of_mailbox
from bascule.portal.control.sure import ask_first, is_sure
from bascule.portal.directory import provisioning
from bascule.portal.directory.models import Mailbox, Note, Role, View
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, keys, member_of, now


def _others() -> QuerySet[Mailbox]:
    return Mailbox.objects.exclude(kind=Mailbox.Kind.PERSONAL).filter(is_gone=False)


@never_cache
@roles(*LOOKS)
@require_safe
def mailboxes(request: HttpRequest) -> HttpResponse:
    page = Paginator(_others().select_related("wave").prefetch_related("owners"), PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "control/mailboxes.html", {"room": "control", "page": page})


def _shown(box: Mailbox) -> dict[str, object]:
    return {
        "room": "control",
        "box": box,
        "owners": box.owners.all(),
        "views": box.views.select_related("by").order_by("-at", "-id")[:20],
        "notes": Note.objects.filter(about=box.login)[:20],
    }


@never_cache
@roles(*LOOKS)
@require_safe
def mailbox(request: HttpRequest, box: str) -> HttpResponse:
    return render(request, "control/mailbox.html", _shown(get_object_or_404(_others(), pk=box)))


@never_cache
@sensitive_variables("password")
@roles(Role.OPERATOR)
@require_POST
def show_password(request: HttpRequest, box: str) -> HttpResponse:
    """Of a service account, for whoever types it into an application. It is recorded."""
    found = get_object_or_404(_others(), pk=box, kind=Mailbox.Kind.SERVICE)
    if not found.shown:
        return redirect("mailbox", box)
    password = keys().open(found.shown)
    View.objects.create(mailbox=found, by=member_of(request), what=View.What.REVEALED, at=now())
    return render(request, "control/mailbox.html", {**_shown(found), "password": password})


@roles(Role.OPERATOR)
@require_POST
def change(request: HttpRequest, box: str) -> HttpResponse:
    """``what``: renew, lock, unlock."""
    found = get_object_or_404(_others(), pk=box)
    what = request.POST.get("what")
    if what not in ("renew", "lock", "unlock"):
        messages.error(request, _("There is no such state."))
        return redirect("mailbox", box)
    if what != "unlock" and not is_sure(request):
        return ask_first(request, of_mailbox(found, what))
    with transaction.atomic():
        if what == "renew":
            provisioning.renew(found, keys(), now())
            View.objects.create(mailbox=found, by=member_of(request), what=View.What.RENEWED, at=now())
            record(request, "password-renewed", found.login)
        else:
            provisioning.lock(found, locked=what == "lock")
            record(request, f"{what}ed", found.login)
    accounts().refresh()
    messages.success(
        request, _("Done. It is open again.") if what == "unlock" else _("Done. Sessions that were open end now.")
    )
    return redirect("mailbox", box)
