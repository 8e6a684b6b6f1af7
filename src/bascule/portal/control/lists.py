"""A list of members, brought by an operator: compared first, line by line; then brought in by a worker."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bascule.campaign.difference import Change, surprising_leavers
from bascule.campaign.members_file import decoded, template
from bascule.campaign.sheets import sheet
from bascule.campaign.wrong import ListRefused
from bascule.portal.control.asking import PAGE, record
from bascule.portal.control.forms import LdapForm, ListForm, PersonForm
from bascule.portal.control.words import difference_in_words, error_in_words
from bascule.portal.directory.from_ldap import NAME, list_of
from bascule.portal.directory.importing import present_mailboxes
from bascule.portal.directory.long_work import compared
from bascule.portal.directory.models import MemberList, Role, Wave, this_node
from bascule.portal.jobs.asking import ask
from bascule.portal.jobs.models import Kind, Lane, State, Work
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import keys, member_of, now

KEPT_DAYS = 2
"""For a list that was compared and not brought in: it holds personal data."""
RECENT = 10


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest) -> HttpResponse:
    """A file, or the directory; nothing is changed by it."""
    form = _form(request)
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            name, text = _told(form)
            return redirect(
                "list", _keep(request, name, text, form.cleaned_data["wave"], form.cleaned_data["complete"]).pk
            )
        except ListRefused as refused:
            trouble = in_words(refused)
    shown = {
        "room": "control",
        "form": form,
        "trouble": trouble,
        "waves": Wave.objects.all(),
        "asks_ldap": bool(settings.BASCULE.ldap_uri),
        "person": form if isinstance(form, PersonForm) else PersonForm(),
        "recent": Work.objects.filter(kind=Kind.IMPORT)[:RECENT],
    }
    status = 422 if trouble or (request.method == "POST" and form.errors) else 200
    return render(request, "control/bring.html", shown, status=status)


def _form(request: HttpRequest) -> ListForm | LdapForm | PersonForm:
    if "ldap" in request.POST:
        return LdapForm(request.POST)
    if "person" in request.POST:
        return PersonForm(request.POST)
    return ListForm(request.POST or None, request.FILES or None)


def _told(form: ListForm | LdapForm | PersonForm) -> tuple[str, str]:
    """The list's name, and its text. Raises ListRefused."""
    if isinstance(form, PersonForm):
        return form.cleaned_data["name"], form.as_list()
    if isinstance(form, LdapForm):
        return NAME, list_of(settings.BASCULE)
    file = form.cleaned_data["file"]
    name = str(file.name)[:200]
    return name, decoded(file.read(), name)


def _keep(request: HttpRequest, name: str, text: str, wave: Wave, complete: bool) -> MemberList:
    MemberList.objects.filter(brought_at__lt=now() - timedelta(days=KEPT_DAYS)).update(sealed="")
    return MemberList.objects.create(
        name=name, sealed=keys().seal(text), wave=wave, is_complete=complete, brought_by=member_of(request).sign_on, brought_at=now()
    )  # fmt: skip


def in_words(refused: ListRefused) -> str:
    """In the reader's language."""
    return f"{_(refused.sentence) % refused.values} {_(refused.what_to_do) % refused.values}"


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD"])
def compare(request: HttpRequest, number: int) -> HttpResponse:
    """What would change, and what is wrong with which line."""
    brought = get_object_or_404(MemberList.objects.select_related("wave"), pk=number)
    shown = {"room": "control", "brought": brought}
    if not brought.sealed:
        return render(request, "control/compare_over.html", shown, status=410)
    try:
        found, errors = compared(brought, keys())
    except ListRefused as refused:
        return render(request, "control/compare.html", {**shown, "trouble": in_words(refused)}, status=422)
    due = [each for each in found if each.change is not Change.SAME]
    page = Paginator([*(each for each in due if each.change is Change.LEAVING), *(each for each in due if each.change is not Change.LEAVING)], PAGE).get_page(request.GET.get("page"))  # fmt: skip
    shown |= {
        "counts": {change.value: sum(each.change is change for each in found) for change in Change},
        "errors": [(error.line, error.who, error_in_words(error)) for error in errors[: 4 * PAGE]],
        "wrong": len(errors),
        "due": len(due),
        "page": page,
        "rows": [difference_in_words(each) for each in page],
        "surprising": surprising_leavers(found, present_mailboxes(keys())) if brought.is_complete else 0,
    }
    return render(request, "control/compare.html", shown)


@roles(Role.OPERATOR)
@require_safe
def empty_list(request: HttpRequest) -> HttpResponse:
    """A list of no line, to fill in."""
    return _for_a_spreadsheet(template(get_language() or "fr"), "members.csv")


@never_cache
@roles(Role.OPERATOR)
@require_safe
def wrong_lines(request: HttpRequest, number: int) -> HttpResponse:
    """All of them, for whoever corrects the list."""
    brought = get_object_or_404(MemberList.objects.select_related("wave").exclude(sealed=""), pk=number)
    try:
        _found, errors = compared(brought, keys())
    except ListRefused as refused:
        raise Http404 from refused
    rows: list[tuple[object, ...]] = [(_("Line"), _("Who"), _("What is wrong"))]
    rows += [(error.line, error.who, error_in_words(error)) for error in errors]
    return _for_a_spreadsheet(sheet(rows), "wrong-lines.csv")


def _for_a_spreadsheet(text: str, name: str) -> HttpResponse:
    response = HttpResponse("\ufeff" + text, "text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@roles(Role.OPERATOR)
@require_POST
def bring_in(request: HttpRequest, number: int) -> HttpResponse:
    """What was compared, by a worker; or the list is thrown away."""
    brought = get_object_or_404(MemberList.objects.select_related("wave"), pk=number)
    if "throw-away" in request.POST:
        brought.delete()
        messages.success(request, _("The list is thrown away. Nothing was changed."))
        return redirect("bring-list")
    if not brought.sealed:
        return redirect("list", number)
    found, _errors = compared(brought, keys())
    surprising = surprising_leavers(found, present_mailboxes(keys())) if brought.is_complete else 0
    if surprising and request.POST.get("leaving", "").strip() != str(surprising):
        messages.error(request, _("Nothing was changed. Write how many members leave, to confirm it."))
        return redirect("list", number)
    with transaction.atomic():
        asked = Work.objects.filter(kind=Kind.IMPORT, order__list=number)
        if asked.exclude(state__in=(State.FAILED, State.STOPPED)).exists():
            return redirect("list", number)  # asked twice by a double click
        work = ask(
            Kind.IMPORT,
            {
                "list": number,
                "node": this_node(),
                "leaving": sum(each.change is Change.LEAVING for each in found),
            },
            by=member_of(request).sign_on,
            at=now(),
            lane=Lane.DIRECTORY,
        )
        record(request, "list-brought-in", brought.name)
    return redirect("work", work.pk)
