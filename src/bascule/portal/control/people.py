"""Members: found, looked at, given another password, locked."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bascule.campaign.sheets import sheet
from bascule.portal.control.asking import LOOKS, PAGE, asked, record
from bascule.portal.control.closing import CLOSES, of_closing, of_renewing
from bascule.portal.control.figures import not_yet_seen
from bascule.portal.control.finding import found, in_order
from bascule.portal.control.forms import StateForm
from bascule.portal.control.sign_ins import waiting_of
from bascule.portal.control.sure import ask_first, is_sure
from bascule.portal.directory import provisioning
from bascule.portal.directory.models import Member, MemberState, Note, Role, View, Wave, is_last_operator
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, keys, member_of, now


def _found(request: HttpRequest) -> list[int]:
    """By what the query says: ``q`` (words), ``wave``, ``only=unseen``."""
    among = not_yet_seen() if request.GET.get("only") == "unseen" else Member.objects.all()
    wave = asked(request, "wave")
    return found(among.filter(mailbox__wave__name=wave) if wave else among, asked(request, "q").split())


@never_cache
@roles(*LOOKS)
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    page = Paginator(_found(request), PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    shown = {
        "room": "control",
        "page": page,
        "people": in_order(list(page.object_list)),
        "q": asked(request, "q"),
        "waves": Wave.objects.all(),
        "wave": asked(request, "wave"),
        "only": request.GET.get("only", ""),
        "asked": query.urlencode(),
    }
    return render(request, "control/members.html", shown)


@never_cache
@roles(*LOOKS)
@require_safe
def members_csv(request: HttpRequest) -> HttpResponse:
    """Those of the page, all of them, for a spreadsheet: to write to who has not looked yet, or to their offices."""
    rows: list[tuple[object, ...]] = [(_("Name"), _("Address"), _("Office"), _("Site"), _("Wave"), _("State"))]
    numbers = _found(request)
    for start in range(0, len(numbers), 500):
        for each in in_order(numbers[start : start + 500]):
            box = each.mailbox
            address, wave = (box.login, box.wave.name) if box else ("", "")
            rows.append((each.name, address, each.office, each.site, wave, each.get_state_display()))
    response = HttpResponse("\ufeff" + sheet(rows), "text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="members.csv"'
    return response


@never_cache
@roles(*LOOKS)
@require_safe
def member(request: HttpRequest, number: int) -> HttpResponse:
    person = get_object_or_404(Member.objects.select_related("mailbox__wave"), pk=number)
    views = (
        View.objects.filter(mailbox=person.mailbox).select_related("by").order_by("-at", "-id")[:20]
        if person.mailbox
        else []
    )
    about = [person.sign_on, *([person.mailbox.login] if person.mailbox else [])]
    notes = Note.objects.filter(about__in=about)[:20]
    shown = {"room": "control", "person": person, "views": views, "notes": notes, "waiting": waiting_of(person)}
    return render(request, "control/member.html", shown)


@roles(Role.OPERATOR)
@require_POST
def renew(request: HttpRequest, number: int) -> HttpResponse:
    """Another generated password: the member is told on their page, and finds it there."""
    person = get_object_or_404(Member.objects.select_related("mailbox__wave"), pk=number, mailbox__isnull=False)
    assert person.mailbox is not None
    if not is_sure(request):
        return ask_first(request, of_renewing(person))
    with transaction.atomic():
        provisioning.renew(person.mailbox, keys(), now())
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
    takes_away = wanted in (MemberState.COMPROMISED, MemberState.LEFT)
    if wanted in CLOSES and not is_sure(request) and not (takes_away and is_last_operator(person)):
        return ask_first(request, of_closing(person, wanted, is_self=person == member_of(request)))
    with transaction.atomic():
        is_refused = takes_away and is_last_operator(person)
        if not is_refused:
            _set_state(person, wanted)
            record(request, f"state-{wanted}", person.sign_on)
    if is_refused:
        messages.error(request, _("This is the last operator: nobody could open these pages any more. Make somebody else an operator first."))  # fmt: skip
        return redirect("member", number)
    accounts().refresh()
    messages.success(request, _("Done. Sessions that were open end now.") if wanted in CLOSES else _("Done. The member can sign in again."))  # fmt: skip
    return redirect("member", number)


def _set_state(person: Member, wanted: str) -> None:
    if wanted in tuple(MemberState):
        person.state = wanted
        person.save(update_fields=["state"])
    if person.mailbox is not None:
        provisioning.lock(person.mailbox, locked=wanted in CLOSES)
        if wanted == MemberState.COMPROMISED:
            provisioning.renew(person.mailbox, keys(), now())
