"""Members: found, looked at, given another password, locked."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bascule.portal.control.asking import LOOKS, PAGE, asked, record
from bascule.portal.control.figures import not_yet_seen
from bascule.portal.control.forms import StateForm
from bascule.portal.directory import provisioning
from bascule.portal.directory.models import Member, MemberState, Note, Role, View, Wave
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, keys, member_of, now


@never_cache
@roles(*LOOKS)
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    found = not_yet_seen() if request.GET.get("only") == "unseen" else Member.objects.all()
    words, wave = asked(request, "q"), asked(request, "wave")
    for word in words.split():
        found = found.filter(Q(name__icontains=word) | Q(sign_on__icontains=word) | Q(mailbox__login__icontains=word) | Q(office__icontains=word))  # fmt: skip
    if wave:
        found = found.filter(mailbox__wave__name=wave)
    page = Paginator(found.select_related("mailbox__wave"), PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    shown = {"room": "control", "page": page, "q": words, "waves": Wave.objects.all(), "wave": wave, "only": request.GET.get("only", ""), "asked": asked.urlencode()}  # fmt: skip
    return render(request, "control/members.html", shown)


@never_cache
@roles(*LOOKS)
@require_safe
def member(request: HttpRequest, number: int) -> HttpResponse:
    person = get_object_or_404(Member.objects.select_related("mailbox__wave"), pk=number)
    views = (
        View.objects.filter(mailbox=person.mailbox).select_related("by").order_by("-at")[:20] if person.mailbox else []
    )
    about = [person.sign_on, *([person.mailbox.login] if person.mailbox else [])]
    notes = Note.objects.filter(about__in=about)[:20]
    return render(request, "control/member.html", {"room": "control", "person": person, "views": views, "notes": notes})


@roles(Role.OPERATOR)
@require_POST
def renew(request: HttpRequest, number: int) -> HttpResponse:
    """Another generated password: the member finds it on their page."""
    person = get_object_or_404(Member, pk=number, mailbox__isnull=False)
    assert person.mailbox is not None
    with transaction.atomic():
        provisioning.renew(person.mailbox, keys(), now())
        View.objects.filter(mailbox=person.mailbox).delete()  # what was seen of the former one is seen no more
        View.objects.create(mailbox=person.mailbox, by=member_of(request), what=View.What.RENEWED, at=now())
        record(request, "password-renewed", person.mailbox.login)
    accounts().refresh()
    messages.success(request, _("A new password is ready on the member's page. The former one is refused from now on."))
    return redirect("member", number)


@roles(Role.OPERATOR)
@require_POST
def state(request: HttpRequest, number: int) -> HttpResponse:
    """Somebody leaves, comes back, or their account is compromised; a mailbox is locked or opened."""
    person = get_object_or_404(Member.objects.select_related("mailbox"), pk=number)
    form = StateForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("There is no such state."))
        return redirect("member", number)
    wanted = form.cleaned_data["state"]
    with transaction.atomic():
        if wanted in tuple(MemberState):
            person.state = wanted
            person.save(update_fields=["state"])
        if person.mailbox is not None and wanted in ("locked", MemberState.COMPROMISED, MemberState.LEFT):
            provisioning.lock(person.mailbox, locked=True)
        elif person.mailbox is not None:
            provisioning.lock(person.mailbox, locked=False)
        if person.mailbox is not None and wanted == MemberState.COMPROMISED:
            provisioning.renew(person.mailbox, keys(), now())
        record(request, f"state-{wanted}", person.sign_on)
    accounts().refresh()
    messages.success(request, _("Done. Sessions that were open end now."))
    return redirect("member", number)
