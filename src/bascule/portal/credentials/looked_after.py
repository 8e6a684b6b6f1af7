"""A mailbox of an application, a scanner or a list, for those who look after it: its login and password, to be typed in there."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from bascule.portal.credentials.views import note, require_shown, shown_of
from bascule.portal.directory.kinds import What
from bascule.portal.directory.models import Mailbox
from bascule.portal.shell.access import members_only
from bascule.portal.shell.doors import keys, member_of


def _service(request: HttpRequest, box: str) -> Mailbox:
    """Raises Http404 where it is none of theirs."""
    found = member_of(request).looks_after.filter(pk=box, kind=Mailbox.Kind.SERVICE, is_gone=False).select_related("wave").first()  # fmt: skip
    if found is None:
        raise Http404
    return found


@never_cache
@members_only
@require_safe
def looked_after(request: HttpRequest, box: str) -> HttpResponse:
    return render(request, "credentials/looked_after.html", shown_of(_service(request, box), member_of(request)))


@never_cache
@sensitive_variables("password")
@members_only
@require_POST
def reveal(request: HttpRequest, box: str) -> HttpResponse:
    mailbox = _service(request, box)
    require_shown(mailbox)
    if mailbox.is_locked:
        raise PermissionDenied
    if not mailbox.shown:
        return redirect("looked-after", box)
    password = keys().open(mailbox.shown)
    note(request, mailbox, member_of(request), What.REVEALED)
    return render(request, "credentials/looked_after.html", {**shown_of(mailbox), "password": password})
