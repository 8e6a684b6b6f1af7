"""For whoever looks after the machine: is it alive, is it ready, what does it count."""

import os

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

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
    """Of all processes together."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_LATEST)


PAGES = {"/health/alive": alive, "/health/ready": ready, "/metrics": metrics}
