"""Who another site vouches for: CAS and OpenID Connect. It names a member by their sign-on name; it never makes one."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bascule.portal.directory.models import Member

OUTSIDE = "bascule.portal.sign_on.outside.OutsideBackend"


class OutsideBackend(BaseBackend):
    """Names the way in of a session that another site vouched for."""

    def authenticate(self, request: HttpRequest | None, **_: Any) -> None:
        return None

    def get_user(self, user_id: int) -> Member | None:
        return Member.objects.present(user_id)


def begin_session(request: HttpRequest, member: Member, backend: str, then: str | None = None) -> HttpResponse:
    """After whichever way in; a second factor is asked for first, where the member has one."""
    member.backend = backend
    record_authentication(request, member, "password" if backend != OUTSIDE else "socialaccount")
    return perform_login(request, member, email_verification="none", redirect_url=then or None)


def let_in(request: HttpRequest, sign_on: str, *, then: str | None = None) -> HttpResponse:
    """The session of the member of that sign-on name; or the page that says who is not on the list."""
    member = Member.objects.filter(sign_on=sign_on.strip().lower()).first()
    if member is None or not member.is_active:
        return render(request, "sign_on/not_on_the_list.html", {"sign_on": sign_on}, status=403)
    return begin_session(request, member, OUTSIDE, then)


class NoSignUp(DefaultAccountAdapter):
    """Members come from the institution's list."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class Provider(DefaultSocialAccountAdapter):
    """OpenID Connect: the claim of the settings is the sign-on name."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        data = sociallogin.account.extra_data
        claims = {**data.get("id_token", {}), **data.get("userinfo", {}), **data}
        sign_on = claims.get(settings.BASCULE.oidc_claim)
        if not isinstance(sign_on, str) or not sign_on:
            raise ImmediateHttpResponse(
                render(
                    request,
                    "sign_on/not_on_the_list.html",
                    {"sign_on": "", "claim": settings.BASCULE.oidc_claim},
                    status=403,
                )
            )
        raise ImmediateHttpResponse(let_in(request, sign_on, then=sociallogin.state.get("next")))

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None) -> None:  # fmt: skip
        raise ImmediateHttpResponse(render(request, "sign_on/provider_failed.html", status=502))
