"""What everybody is told, and what was done."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bascule.portal.control.asking import PAGE, record
from bascule.portal.control.forms import BannerForm
from bascule.portal.directory.models import Banner, Note, Role
from bascule.portal.shell.access import roles
from bascule.portal.shell.context import banner_changed
from bascule.portal.shell.doors import member_of, now


@never_cache
@roles(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def banner(request: HttpRequest) -> HttpResponse:
    present = Banner.objects.filter(is_shown=True).first()
    if request.method == "POST" and "remove" in request.POST:
        Banner.objects.filter(is_shown=True).update(is_shown=False)
        record(request, "banner-removed", "")
        banner_changed()
        return redirect("banner")
    form = BannerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            Banner.objects.filter(is_shown=True).update(is_shown=False)
            made = form.save(commit=False)
            made.set_by, made.set_at = member_of(request), now()
            made.save()
            record(request, "banner-set", "", made.text_en)
        banner_changed()
        messages.success(request, _("Everybody sees it now, at the top of every page."))
        return redirect("banner")
    return render(request, "control/banner.html", {"room": "control", "form": form, "present": present}, status=422 if form.errors else 200)  # fmt: skip


@never_cache
@roles(Role.OPERATOR, Role.AUDITOR)
@require_safe
def notes(request: HttpRequest) -> HttpResponse:
    page = Paginator(Note.objects.all(), PAGE).get_page(request.GET.get("page"))
    return render(request, "control/notes.html", {"room": "control", "page": page})
