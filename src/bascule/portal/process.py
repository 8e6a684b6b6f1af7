"""The portal's own process under `bascule.platform.supervisor`: granian serves its pages until the parent tells it to stop."""

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from granian.constants import Interfaces
from granian.server import Server

from bascule.platform.logs import set_up_logs
from bascule.portal.configuration import read_portal_settings

BACKLOG = 1024


def _follow_parent() -> None:
    """Standard input ends with the parent, or when it wants this process to. Read without Python's buffer: its lock would be held in granian's forks."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _metrics(folder: Path) -> Path:
    """Where the processes count together; empty at each start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    config = Path(orders["settings"])
    set_up_logs()
    settings = read_portal_settings(config)
    os.environ["BASCULE_CONFIG"] = str(config)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics(settings.platform.data / "run" / "metrics"))
    threading.Thread(target=_follow_parent, daemon=True).start()
    platform = settings.platform
    Server(
        "bascule.portal.wsgi:application", settings.listen.host or "0.0.0.0", settings.listen.port,  # noqa: S104 - as the settings say
        interface=Interfaces.WSGI, workers=settings.processes, blocking_threads=settings.threads, backlog=BACKLOG, log_enabled=False,
        ssl_cert=platform.certificate, ssl_key=platform.key,
        respawn_failed_workers=True, workers_kill_timeout=10,
    ).serve()  # fmt: skip


if __name__ == "__main__":
    main()
