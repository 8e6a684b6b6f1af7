"""The portal's own process beside the servers (`bascule.platform.supervisor`): granian serves its pages until the parent tells it to stop."""

import contextlib
import http.client
import os
import shutil
import signal
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

from bascule.platform.child import Link, Orders, Program
from bascule.portal import limits
from bascule.portal.configuration import PortalSettings, read_portal_settings

BACKLOG = 1024
ASKED_AGAIN_SECONDS = 0.05
"""Before it is looked again whether pages are served."""
ANSWER_SECONDS = 10.0
"""For the first of them."""


def _follow_parent(link: Link) -> None:
    link.wait_for_end()
    os.kill(os.getpid(), signal.SIGTERM)
    while True:  # a worker that has only just begun does not hear granian's one signal
        time.sleep(1.0)
        for child in Path("/proc/self/task", str(os.getpid()), "children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGTERM)


def _say_when_it_serves(settings: PortalSettings, link: Link) -> None:
    """A worker answers: that somebody listens says nothing yet."""
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):  # not yet
            if _answers(settings):
                link.say_serving()
                return
        time.sleep(ASKED_AGAIN_SECONDS)


def _answers(settings: PortalSettings) -> bool:
    """Whatever it answers. Raises OSError, HTTPException."""
    host = settings.listen.host
    address = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where all addresses are served, this one is
    asking: http.client.HTTPConnection
    if settings.platform.certificate is None:
        asking = http.client.HTTPConnection(address, settings.listen.port, timeout=ANSWER_SECONDS)
    else:
        us = ssl.create_default_context()  # to ourselves: whoever the certificate is for
        us.check_hostname, us.verify_mode = False, ssl.CERT_NONE
        asking = http.client.HTTPSConnection(address, settings.listen.port, timeout=ANSWER_SECONDS, context=us)
    with contextlib.closing(asking):
        asking.request("GET", "/health/alive", headers={"Host": urlsplit(settings.url).netloc})
        return asking.getresponse().status > 0


def _metrics(folder: Path) -> Path:
    """Where the processes count together; empty at each start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(orders: Orders, link: Link) -> None:
    settings = read_portal_settings(orders.settings)
    os.environ["BASCULE_CONFIG"] = str(orders.settings)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics(settings.platform.data / "run" / "metrics"))
    threading.Thread(target=_follow_parent, args=(link,), daemon=True).start()
    threading.Thread(target=_say_when_it_serves, args=(settings, link), daemon=True).start()
    platform = settings.platform
    Server(
        "bascule.portal.wsgi:pages", settings.listen.host or "0.0.0.0", settings.listen.port,  # noqa: S104 - as the settings say
        interface=Interfaces.RSGI, workers=settings.processes, backlog=BACKLOG, backpressure=limits.CONNECTIONS, log_enabled=False,
        http=HTTPModes.http1, http1_settings=HTTP1Settings(header_read_timeout=limits.HEADER_SECONDS * 1000), websockets=False,
        ssl_cert=platform.certificate, ssl_key=platform.key,
        respawn_failed_workers=True, workers_kill_timeout=10,
    ).serve()  # fmt: skip


PROGRAM = Program("bascule-portal", run)
