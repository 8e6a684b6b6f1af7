"""The portal's own process beside the servers (`bascule.platform.supervisor`): granian serves its pages until the parent tells it to stop."""

import contextlib
import os
import shutil
import signal
import threading
import time
from pathlib import Path

from granian.constants import Interfaces
from granian.server import Server

from bascule.platform.child import Orders, Program, wait_for_end
from bascule.portal.configuration import read_portal_settings

BACKLOG = 1024


def _follow_parent(link: int) -> None:
    wait_for_end(link)
    os.kill(os.getpid(), signal.SIGTERM)
    while True:  # a worker that has only just begun does not hear granian's one signal
        time.sleep(1.0)
        for child in Path("/proc/self/task", str(os.getpid()), "children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGTERM)


def _metrics(folder: Path) -> Path:
    """Where the processes count together; empty at each start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(orders: Orders, link: int) -> None:
    settings = read_portal_settings(orders.settings)
    os.environ["BASCULE_CONFIG"] = str(orders.settings)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics(settings.platform.data / "run" / "metrics"))
    threading.Thread(target=_follow_parent, args=(link,), daemon=True).start()
    platform = settings.platform
    Server(
        "bascule.portal.wsgi:application", settings.listen.host or "0.0.0.0", settings.listen.port,  # noqa: S104 - as the settings say
        interface=Interfaces.WSGI, workers=settings.processes, blocking_threads=settings.threads, backlog=BACKLOG, log_enabled=False,
        ssl_cert=platform.certificate, ssl_key=platform.key,
        respawn_failed_workers=True, workers_kill_timeout=10,
    ).serve()  # fmt: skip


PROGRAM = Program("bascule-portal", run)
