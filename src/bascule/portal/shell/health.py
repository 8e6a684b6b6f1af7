"""For whoever looks after the machine: is it alive, is it ready, what does it count."""

import ipaddress
import os

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bascule.portal.shell.doors import peer_of

REQUESTS = Counter("bascule_portal_requests", "Pages asked for", ["status"], registry=REGISTRY)
SECONDS = Histogram("bascule_portal_seconds", "How long a page took", registry=REGISTRY)


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", "text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """503 while the database can't be asked."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM directory_revision WHERE id = 1")
            cursor.fetchone()
    except DatabaseError:
        return HttpResponse("the database does not answer\n", "text/plain", status=503)
    return HttpResponse("ready\n", "text/plain")


def metrics(request: HttpRequest) -> HttpResponse:
    """Of all processes together; for this machine, and the networks that the operator named."""
    if not _is_monitor(request):
        return HttpResponse(
            "no such page here; [portal] monitors names the networks that read it\n", "text/plain", status=404
        )
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_LATEST)


def _is_monitor(request: HttpRequest) -> bool:
    """A web server in front that the operator did not declare is this machine, and whom it speaks for is anybody."""
    try:
        peer = ipaddress.ip_address(peer_of(request).removeprefix("::ffff:"))
    except ValueError:
        return False
    if str(request.META.get("REMOTE_ADDR")) not in settings.BASCULE.proxies and "HTTP_X_FORWARDED_FOR" in request.META:
        return False
    return peer.is_loopback or any(peer in network for network in settings.BASCULE.monitors)


PAGES = {"/health/alive": alive, "/health/ready": ready, "/metrics": metrics}
