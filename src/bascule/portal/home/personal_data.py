"""What is kept about people, why and how long (GDPR, articles 13 and 30); and a member's own extract (article 15)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bascule.portal.directory.models import Note, View
from bascule.portal.shell.access import members_only
from bascule.portal.shell.doors import member_of


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "home/personal_data.html")


@never_cache
@members_only
@require_safe
def extract(request: HttpRequest) -> HttpResponse:
    """As JSON, in words; no password is in it."""
    member = member_of(request)
    told: dict[str, object] = {
        "sign_on": member.sign_on,
        "name": member.name,
        "office": member.office,
        "site": member.site,
        "language": member.language,
        "role": member.role,
        "state": member.state,
        "on_the_list_since": member.created_at,
        "last_sign_on": member.last_login,
    }
    about = [member.sign_on]
    if member.mailbox is not None:
        box = member.mailbox
        about.append(box.login)
        told["mailbox"] = {
            "address": box.login,
            "other_addresses": [each.address for each in box.addresses.all() if each.address != box.login],
            "wave": str(box.wave),
            "switch": box.wave.switch,
            "password_made": box.password_at,
            "password_chosen": bool(box.password) and not box.shown,
            "old_mailbox": box.old_url,
            "locked": box.is_locked,
            "looked_at": [
                {"at": view.at, "what": view.what, "by": view.by.sign_on}
                for view in box.views.select_related("by").order_by("at", "id")
            ],
        }
    told["looks_after"] = [box.login for box in member.looks_after.all()]
    told["done_about"] = [
        {"at": note.at, "what": note.what, "by": note.by} for note in Note.objects.filter(about__in=about)
    ]
    told["views_by"] = View.objects.filter(by=member).count()
    response = JsonResponse(told, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = 'attachment; filename="personal-data.json"'
    return response
