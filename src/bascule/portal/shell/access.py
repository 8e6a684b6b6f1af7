"""Who may see a page: named checks beside the phase table."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from bascule.portal.directory.models import Member, Role

_View = Callable[..., HttpResponse]


def members_only(view: _View) -> _View:
    """Anybody who signed on; others are asked to."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request.user, Member):
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return checked


def roles(*allowed: Role) -> Callable[[_View], _View]:
    """Those of these roles; with a second factor, where the institution wants one of them."""

    def checking(view: _View) -> _View:
        @wraps(view)
        @members_only
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if getattr(request.user, "role", None) not in allowed:
                raise PermissionDenied
            if settings.BASCULE.second_factor and not is_mfa_enabled(request.user):
                messages.info(request, _("These pages need a second factor. Set it up first; it takes two minutes."))
                return redirect("mfa_activate_totp")
            return view(request, *args, **kwargs)

        return checked

    return checking
