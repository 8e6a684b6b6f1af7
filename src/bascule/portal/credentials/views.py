import secrets
from urllib.parse import urljoin

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from bascule.platform.accounts import AccountsUnavailable, SignInRefused, Why
from bascule.platform.programs import mobileconfig, offers, sign
from bascule.platform.programs.offers import Use
from bascule.portal.credentials import carrying
from bascule.portal.credentials.forms import ChangeForm, PractiseForm
from bascule.portal.directory import provisioning
from bascule.portal.directory.kinds import What
from bascule.portal.directory.models import Mailbox, Member, View, is_void_for
from bascule.portal.shell.access import members_only
from bascule.portal.shell.doors import accounts, doors_of, keys, member_of, now, peer_of
from bascule.terms.errors import BasculeError

_PHONE = "phone"


def _mailbox_of(request: HttpRequest) -> Mailbox:
    """One's own. Raises Http404 where there is none."""
    mailbox = member_of(request).mailbox
    if mailbox is None or mailbox.is_gone:
        raise Http404
    return mailbox


def require_shown(mailbox: Mailbox) -> None:
    if not doors_of(mailbox).credentials_shown or not mailbox.password:
        raise PermissionDenied


def note(request: HttpRequest, mailbox: Mailbox, by: Member, what: What) -> None:
    """Who has its password in hand there is no stranger: from that address nobody's guesses keep them out."""
    View.objects.create(mailbox=mailbox, by=by, what=what, at=now())
    accounts().attempts.know(mailbox.login, peer_of(request))


def shown_of(mailbox: Mailbox, by: Member | None = None) -> dict[str, object]:
    """What the pages of a mailbox's credentials have in common. ``by``: who looks, before the password is shown to them."""
    doors = doors_of(mailbox)
    offered = offers(settings.BASCULE.platform)
    return {
        "room": "credentials",
        "mailbox": mailbox,
        "calendar": mailbox.wave.calendar(),
        "doors": doors,
        "is_void": by is not None and bool(mailbox.shown) and is_void_for(by, mailbox),
        "is_ready": bool(mailbox.password),
        "is_chosen": bool(mailbox.password) and not mailbox.shown,
        "reading": next((offer for offer in offered if offer.use is Use.READ), None),
        "sending": next((offer for offer in offered if offer.use is Use.SEND), None),
    }


@never_cache
@members_only
@require_safe
def credentials(request: HttpRequest) -> HttpResponse:
    return render(request, "credentials/credentials.html", shown_of(_mailbox_of(request), member_of(request)))


@never_cache
@sensitive_variables("password")
@members_only
@require_POST
def reveal(request: HttpRequest) -> HttpResponse:
    """The password, into the page that asked; or the whole page, where there is no script."""
    mailbox = _mailbox_of(request)
    require_shown(mailbox)
    if not mailbox.shown:
        return redirect("credentials")
    password = keys().open(mailbox.shown)
    note(request, mailbox, member_of(request), View.What.REVEALED)
    page = "credentials/_password.html" if request.headers.get("HX-Request") else "credentials/credentials.html"
    return render(request, page, {**shown_of(mailbox), "password": password})


@never_cache
@sensitive_variables("password")
@members_only
@require_POST
def sheet(request: HttpRequest) -> HttpResponse:
    """A page to print."""
    mailbox = _mailbox_of(request)
    require_shown(mailbox)
    password = keys().open(mailbox.shown) if mailbox.shown else ""
    note(request, mailbox, member_of(request), View.What.PRINTED)
    return render(request, "credentials/sheet.html", {**shown_of(mailbox), "password": password, "printed_at": now()})


@never_cache
@sensitive_post_parameters("password")
@members_only
@require_http_methods(["GET", "HEAD", "POST"])
def practise(request: HttpRequest) -> HttpResponse:
    """Is it typed right? Nothing is opened."""
    mailbox = _mailbox_of(request)
    require_shown(mailbox)
    form = PractiseForm(request.POST or None)
    shown = {**shown_of(mailbox), "form": form, "outcome": ""}
    status = 200
    if request.method == "POST" and form.is_valid():
        shown["outcome"] = _tried(request, mailbox, form.cleaned_data["password"])
        if shown["outcome"] == "right":
            note(request, mailbox, member_of(request), View.What.PRACTISED)
        status = {"right": 200, "too-many": 429, "away": 503}.get(str(shown["outcome"]), 422)
    return render(request, "credentials/practise.html", shown, status=status)


def _tried(request: HttpRequest, mailbox: Mailbox, password: str) -> str:
    try:
        accounts().sign_in(mailbox.login, password, peer_of(request))
    except SignInRefused as refused:
        return {Why.NOT_YET: "right", Why.TOO_MANY: "too-many", Why.LOCKED: "locked"}.get(refused.why, "wrong")
    except AccountsUnavailable:
        return "away"
    return "right"


@never_cache
@sensitive_post_parameters("current", "new", "again")
@members_only
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """A password of one's own, from T on."""
    mailbox = _mailbox_of(request)
    if not doors_of(mailbox).sign_in_new:
        raise PermissionDenied
    names = (mailbox.name, mailbox.login, member_of(request).name, settings.BASCULE.name)
    form = ChangeForm(request.POST or None, names=names)
    status = 200
    if request.method == "POST" and form.is_valid():
        outcome = _tried(request, mailbox, form.cleaned_data["current"])
        if outcome == "right" and not provisioning.choose(mailbox, form.cleaned_data["new"], now()):
            outcome = "wrong"
        if outcome == "right":
            accounts().refresh()
            note(request, mailbox, member_of(request), View.What.CHANGED)
            messages.success(
                request, _("Your password is changed. Programs that had the old one ask for the new one now.")
            )
            return redirect("credentials")
        form.add_error("current", {
            "wrong": _("That is not your present mail password."),
            "too-many": _("There were too many wrong passwords. Wait a quarter of an hour."),
            "locked": _("This mailbox is locked. Ask assistance."),
        }.get(outcome, _("This can't be checked just now. Try again in a minute.")))  # fmt: skip
        status = 422
    return render(request, "credentials/change.html", {**shown_of(mailbox), "form": form}, status=status)


@never_cache
@members_only
@require_POST
def carry(request: HttpRequest) -> HttpResponse:
    """A QR code with a link for one's phone."""
    mailbox = _mailbox_of(request)
    require_shown(mailbox)
    token = carrying.begin(mailbox, member_of(request))
    link = urljoin(settings.BASCULE.url, reverse("phone", args=[token]))
    shown = {**shown_of(mailbox), "qr": carrying.picture(link), "minutes": carrying.MINUTES}
    return render(
        request, "credentials/_qr.html" if request.headers.get("HX-Request") else "credentials/qr.html", shown
    )


@never_cache
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest, token: str) -> HttpResponse:
    """On the phone that read the QR code: the settings, and on demand the password. Who only looks at the link, as programs do that show
    a preview of it, does not use it up: a button does."""
    if "begin" in request.POST and _carried(request, token, begins=True):
        return redirect("phone", token)
    carried = _carried(request, token)
    if carried is None:
        if carrying.is_waiting(token):
            return render(request, "credentials/phone_begin.html", {"token": token, "hide_sign_on": True})
        return _over(request)
    mailbox, by = carried
    shown = {**shown_of(mailbox), "token": token, "hide_sign_on": True}
    if request.method == "POST" and mailbox.shown:
        shown["password"] = keys().open(mailbox.shown)
        note(request, mailbox, by, View.What.PHONE)
    return render(request, "credentials/phone.html", shown)


@never_cache
@require_GET
def profile(request: HttpRequest, token: str = "") -> HttpResponse:
    """The settings as an Apple profile; the phone asks for the password."""
    if token:
        carried = _carried(request, token)
        if carried is None:
            return _over(request)
        mailbox, by = carried
    elif isinstance(request.user, Member):
        mailbox, by = _mailbox_of(request), request.user
        require_shown(mailbox)
    else:
        return members_only(profile)(request)
    institution, platform = settings.BASCULE, settings.BASCULE.platform
    try:
        made = mobileconfig(mailbox.login, offers(platform), name=mailbox.name, organization=institution.name)
    except BasculeError as error:
        raise Http404 from error
    if platform.certificate is not None and platform.key is not None:
        made = sign(made, platform.certificate, platform.key)
    note(request, mailbox, by, View.What.PROFILE)
    response = HttpResponse(made, "application/x-apple-aspen-config")
    response["Content-Disposition"] = 'attachment; filename="mail.mobileconfig"'
    return response


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "credentials/phone_over.html", status=410)


def _carried(request: HttpRequest, token: str, *, begins: bool = False) -> tuple[Mailbox, Member] | None:
    """What the link carries, and who made it; None where it is over, or another phone's, or nobody's yet unless one ``begins`` here."""
    secret = request.session.get(_PHONE)
    if not isinstance(secret, str):
        if not begins or not carrying.is_waiting(token):
            return None
        secret = request.session[_PHONE] = secrets.token_urlsafe(24)
    carried = carrying.arrive(token, secret) if begins else carrying.arrived(token, secret)
    if carried is None or not carried.by.is_active or not doors_of(carried.mailbox).credentials_shown:
        return None
    return carried.mailbox, carried.by
