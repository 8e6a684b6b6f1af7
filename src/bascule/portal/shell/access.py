"""Who may see a page: named checks beside the phase table."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

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
    def checking(view: _View) -> _View:
        @wraps(view)
        @members_only
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if getattr(request.user, "role", None) not in allowed:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    return checking
