"""What Thunderbird and others ask for by themselves: ``http://autoconfig.DOMAIN/mail/config-v1.1.xml?emailaddress=…``, or the same below ``/.well-known`` of the
domain. Answered for every domain that is served, whoever asks and under whatever host name, so that it tells nothing of any one address."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from bascule.platform.accounts import AccountsUnavailable
from bascule.platform.programs import autoconfig, offers
from bascule.portal.shell.doors import accounts

PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
_HOST = "autoconfig."


def config(request: HttpRequest) -> HttpResponse:
    """404 for a domain that is not served; 503 while that can't be known."""
    domain = _domain(request)
    try:
        is_ours = bool(domain) and accounts().serves(domain)
    except AccountsUnavailable:
        return HttpResponse("the accounts can't be asked now\n", "text/plain", status=503)
    if not is_ours:
        return HttpResponse("this domain is not served here\n", "text/plain", status=404)
    institution = settings.BASCULE
    return HttpResponse(autoconfig(domain, offers(institution.platform), institution.name), "text/xml; charset=utf-8")


def _domain(request: HttpRequest) -> str:
    """Of the address that a program names; otherwise of the host that it asked."""
    address = request.GET.get("emailaddress", "")
    if "@" in address:
        return address.rpartition("@")[2].strip().lower()
    host = str(request.META.get("HTTP_HOST", "")).partition(":")[0].lower()
    return host.removeprefix(_HOST)


PAGES = dict.fromkeys(PATHS, config)
