"""The portal's worker: does what pages asked for, until it is told to end. A process beside the servers (`bascule serve`), or alone (`bascule worker`)."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections

from bascule.platform.child import Link, Orders, Program
from bascule.platform.stopping import Stop
from bascule.portal.configuration import read_portal_settings
from bascule.portal.start import start

END_SECONDS = 10.0
"""For steps that are going on; then the process ends all the same, and their leases lapse."""
LONGEST_PAUSE_SECONDS = 0.5
"""Between two looks into an SQLite queue; PostgreSQL tells by itself."""


def work(config: Path, threads: int, until: Stop, ready: Callable[[], None] = lambda: None) -> None:
    """``threads``: so many pieces of work at once. Returns once ``until`` is set, and what was going on is given back. Call from the main thread."""
    start(config)
    from bascule.portal.jobs.wakeups import is_away, open_queue, task_of
    from bascule.portal.jobs.working import RECONCILE_SECONDS, Worker
    from bascule.portal.kinds_of_work import KINDS

    log = structlog.get_logger()
    portal = read_portal_settings(config)
    worker = Worker(KINDS, portal.platform.node, until)
    while True:
        try:
            queue = open_queue(portal)
            break
        except Exception as error:  # of two databases' drivers: it is away, and comes back
            log.warning("worker-without-database", error=type(error).__name__, exc_info=not is_away(error))
            if until.wait(RECONCILE_SECONDS):
                return
    wake = task_of(queue, worker.perform)
    consumer = queue.create_consumer(
        workers=threads, periodic=False, initial_delay=0.05, backoff=1.2, max_delay=LONGEST_PAUSE_SECONDS, shutdown_timeout=END_SECONDS
    )  # fmt: skip
    consumer.start()
    for name in (signal.SIGTERM, signal.SIGINT):  # Huey took them for itself
        signal.signal(name, lambda *_: until.set())
    ready()
    while True:
        try:
            worker.reconcile(wake, queue.pending_count)
        except (DatabaseError, InterfaceError) as error:
            log.warning("worker-without-database", error=type(error).__name__)
        except Exception as error:  # the queue's own driver
            log.warning("worker-without-queue", error=type(error).__name__, exc_info=not is_away(error))
        close_old_connections()
        if until.wait(RECONCILE_SECONDS):
            break
    consumer.stop(graceful=True)


def run(orders: Orders, link: Link) -> None:
    """Beside the servers (`bascule.platform.supervisor`)."""
    until = Stop()

    def follow_parent() -> None:
        link.wait_for_end()
        until.set()

    threading.Thread(target=follow_parent, daemon=True).start()
    work(orders.settings, read_portal_settings(orders.settings).workers, until, link.say_serving)


PROGRAM = Program("bascule-worker", run)
