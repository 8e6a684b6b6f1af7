from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bascule.portal.control.figures import figures, not_yet_seen, others
from bascule.portal.control.forms import BannerForm, StateForm, WaveForm
from bascule.portal.directory import provisioning
from bascule.portal.directory.models import Banner, Member, MemberState, Note, Role, View, Wave
from bascule.portal.shell.access import roles
from bascule.portal.shell.doors import accounts, keys, member_of, now
from bascule.terms.phases import phase_at

PAGE = 50
_LOOKS = (Role.OPERATOR, Role.AUDITOR, Role.TECHNICIAN)


def _asked(request: HttpRequest, name: str) -> str:
    """Of the query; NUL is in no database's text."""
    return str(request.GET.get(name, "")).replace("\0", "").strip()[:100]


def _record(request: HttpRequest, what: str, about: str, detail: str = "") -> None:
    Note.objects.create(at=now(), by=member_of(request).sign_on, what=what, about=about, detail=detail)


@never_cache
@roles(*_LOOKS)
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
    }
    return render(request, "control/overview.html", shown)


@never_cache
@roles(*_LOOKS)
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    found = not_yet_seen() if request.GET.get("only") == "unseen" else Member.objects.all()
    words, wave = _asked(request, "q"), _asked(request, "wave")
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
@roles(*_LOOKS)
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
        _record(request, "password-renewed", person.mailbox.login)
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
        _record(request, f"state-{wanted}", person.sign_on)
    accounts().refresh()
    messages.success(request, _("Done. Sessions that were open end now."))
    return redirect("member", number)


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
        _record(request, "calendar-changed", found.name, "\n".join(changed))
        accounts().refresh()
        messages.success(request, _("The calendar is changed, for everybody at once."))
        return redirect("control")
    return render(
        request,
        "control/wave.html",
        {"room": "control", "wave": found, "form": form},
        status=422 if form.errors else 200,
    )


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def banner(request: HttpRequest) -> HttpResponse:
    present = Banner.objects.filter(is_shown=True).first()
    if request.method == "POST" and "remove" in request.POST:
        Banner.objects.filter(is_shown=True).update(is_shown=False)
        _record(request, "banner-removed", "")
        return redirect("banner")
    form = BannerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            Banner.objects.filter(is_shown=True).update(is_shown=False)
            made = form.save(commit=False)
            made.set_by, made.set_at = member_of(request), now()
            made.save()
            _record(request, "banner-set", "", made.text_en)
        messages.success(request, _("Everybody sees it now, at the top of every page."))
        return redirect("banner")
    return render(request, "control/banner.html", {"room": "control", "form": form, "present": present}, status=422 if form.errors else 200)  # fmt: skip


@never_cache
@roles(Role.OPERATOR, Role.AUDITOR)
@require_safe
def notes(request: HttpRequest) -> HttpResponse:
    page = Paginator(Note.objects.all(), PAGE).get_page(request.GET.get("page"))
    return render(request, "control/notes.html", {"room": "control", "page": page})
