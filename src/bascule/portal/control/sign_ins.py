"""Who is asked to wait after wrong passwords, on this machine: seen, and let go on."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bascule.platform.accounts.attempts import Waiting, counted_name
from bascule.portal.control.asking import LOOKS, record
from bascule.portal.directory.models import Member, Role, instant
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts

SHOWN = 200
"""Of those who wait, the most guessed at first: during an attack there are thousands."""


@dataclass(frozen=True, slots=True)
class Row:
    waiting: Waiting
    until: datetime
    person: Member | None
    """Whose name it is; None: nobody's, or an office's."""


def rows_of(waiting: list[Waiting]) -> list[Row]:
    names = {each.account for each in waiting if each.account}
    people: dict[str, Member] = {}
    for column in ("sign_on", "mailbox__login"):
        found = Member.objects.filter(**{f"{column}__in": names}).select_related("mailbox")
        people |= {counted_name(each.sign_on if column == "sign_on" else each.mailbox.login): each for each in found}
    return [Row(each, instant(each.until_utc), people.get(each.account)) for each in waiting]


def waiting_of(person: Member) -> list[Row]:
    """Of one member's names."""
    names = {counted_name(person.sign_on), *([counted_name(person.mailbox.login)] if person.mailbox else [])}
    return rows_of([each for each in accounts().attempts.waiting() if each.account in names])


@never_cache
@roles(*LOOKS)
@require_safe
def sign_ins(request: HttpRequest) -> HttpResponse:
    waiting = accounts().attempts.waiting()
    shown = {"room": "control", "rows": rows_of(waiting[:SHOWN]), "more": max(0, len(waiting) - SHOWN)}
    return render(request, "control/sign_ins.html", shown)


@roles(Role.OPERATOR, Role.TECHNICIAN)
@require_POST
def lift(request: HttpRequest) -> HttpResponse:
    """``account`` and ``peer``, as a row has them."""
    account, peer = request.POST.get("account", ""), request.POST.get("peer", "")
    if accounts().attempts.lift(account=account, peer=peer):
        record(request, "wait-lifted", account, peer)
        messages.success(request, _("Done. A right password is taken again at once."))
    number = request.POST.get("member", "")
    return redirect("member", int(number)) if number.isdigit() else redirect("sign-ins")
