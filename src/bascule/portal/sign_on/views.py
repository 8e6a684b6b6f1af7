"""Sign-on and sign-out. Which ways there are, `bascule.toml` says."""

from django.conf import settings
from django.contrib.auth import authenticate, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from bascule.platform.accounts import AccountsUnavailable, SignInRefused, Why
from bascule.portal.shell.doors import accounts, calendar_of, peer_of
from bascule.portal.shell.middleware import MAILBOX_SESSION
from bascule.portal.sign_on.forms import SignOnForm
from bascule.portal.sign_on.going_on import safe_next
from bascule.portal.sign_on.ldap import DirectoryAway
from bascule.portal.sign_on.mailbox import member_by_mailbox
from bascule.portal.sign_on.outside import begin_session
from bascule.terms.phases import MemberCalendar

_MAILBOX = "bascule.portal.sign_on.mailbox.MailboxBackend"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_on(request: HttpRequest) -> HttpResponse:
    then = safe_next(request)
    if request.user.is_authenticated:
        return redirect(then or "home")
    form = SignOnForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _let_in(request, form, then)
    return _page(request, form, then)


def _page(
    request: HttpRequest, form: SignOnForm, then: str, *, status: int = 200, opens: MemberCalendar | None = None
) -> HttpResponse:
    ways = settings.BASCULE.sign_on
    shown = {
        "form": form,
        "next": then,
        "ways": ways,
        "asks_password": bool({"local", "ldap"} & {*ways}),
        "opens": opens,
    }
    return render(request, "sign_on/sign_on.html", shown, status=status)


def _let_in(request: HttpRequest, form: SignOnForm, then: str) -> HttpResponse:
    username, password, peer = form.cleaned_data["username"].strip(), form.cleaned_data["password"], peer_of(request)
    try:
        member = member_by_mailbox(username.lower(), password, peer)
    except SignInRefused as refused:
        return _refused(request, form, then, username, refused)
    except AccountsUnavailable:
        form.add_error(
            None, _("This can't be checked just now. Nothing is wrong with your password; try again in a minute.")
        )
        return _page(request, form, then, status=503)
    if member is not None:
        assert member.mailbox_id is not None
        account = accounts().find(username)
        request.session[MAILBOX_SESSION] = {"id": member.mailbox_id, "stamp": account.stamp if account else ""}
        return begin_session(request, member, _MAILBOX, then)
    attempts = accounts().attempts
    if attempts.must_wait(username, peer):
        return locked_out(request)
    try:
        member = authenticate(request, username=username, password=password)
    except DirectoryAway:
        form.add_error(
            None,
            _(
                "The institution's directory does not answer. Nothing is wrong with your password; try again in a minute."
            ),
        )
        return _page(request, form, then, status=503)
    if member is not None:
        attempts.know(username, peer)
        return begin_session(request, member, member.backend, then)
    if getattr(request, "not_on_the_list", ""):
        return render(request, "sign_on/not_on_the_list.html", {"sign_on": username}, status=403)
    attempts.was_wrong(username, password, peer)
    form.add_error(None, _("The name or the password is not right. Check both; capitals count in a password."))
    return _page(request, form, then, status=403)


def _refused(request: HttpRequest, form: SignOnForm, then: str, username: str, refused: SignInRefused) -> HttpResponse:
    """Of a mailbox's own password."""
    if refused.why is Why.NOT_YET:
        return _page(request, form, then, status=503, opens=calendar_of(username))
    if refused.why is Why.TOO_MANY:
        return locked_out(request)
    form.add_error(None, _("This mailbox is locked. Ask assistance."))
    return _page(request, form, then, status=403)


def locked_out(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_on/locked_out.html", status=429)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("home")
