"""The queue's own process: one for each installation. Forked by `bascule.platform.supervisor`; see `bascule.platform.child`."""

import asyncio
import contextlib
import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO
from zoneinfo import ZoneInfo

import structlog

from bascule.platform.accounts.opening import open_accounts
from bascule.platform.arrivals import Arrivals
from bascule.platform.child import Orders
from bascule.platform.clock import Clock
from bascule.platform.mailboxes import LOOKED_AT_SECONDS, Mailboxes
from bascule.platform.settings import FOLDERS, Settings, read_settings
from bascule.platform.smtp.outward import Outward
from bascule.platform.smtp.queue import limits
from bascule.platform.smtp.queue.attempt import Attempts, Silence
from bascule.platform.smtp.queue.conclusion import Conclusions, Patience
from bascule.platform.smtp.queue.routes import Routes
from bascule.platform.smtp.queue.runner import Runner
from bascule.platform.smtp.queue.sending import Sender, Smarthost
from bascule.platform.smtp.queue.store import QUEUE, QueueStore
from bascule.platform.trace import Trace
from bascule.platform.wakeups import RELEASE, Wakeups


async def serve(orders: Orders, until: asyncio.Event, say_serving: Callable[[], None]) -> None:
    """Work until ``until`` is set. No other `bascule serve` has this data folder (`bascule.platform.data_lock`), but the queue's process of one that was
    killed may be at its last attempts: it is waited for."""
    settings = read_settings(orders.settings)
    with (settings.data / "run" / "queue.lock").open("w") as lock:
        if await _taken(lock, until):
            await _deliver(settings, orders, until, say_serving)


async def _taken(lock: IO[str], until: asyncio.Event) -> bool:
    """False: it was to end before."""
    is_told = False
    while not until.is_set():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not is_told:
                structlog.get_logger().warning(
                    "queue-already-running", advice="one that was left over ends within moments"
                )
                is_told = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(until.wait(), limits.ASKED_AGAIN_SECONDS)
    return False


async def _deliver(settings: Settings, orders: Orders, until: asyncio.Event, say_serving: Callable[[], None]) -> None:
    log = structlog.get_logger()
    wake = asyncio.Event()
    accounts = open_accounts(orders.accounts, orders.settings)
    first_folders = {name: FOLDERS[name] for name in settings.first_folders}
    mailboxes = Mailboxes(settings.data / "mailboxes", first_folders=first_folders)

    def woken(name: str) -> None:
        if name == QUEUE:
            wake.set()
        elif name.startswith(RELEASE):
            mailboxes.release(name.removeprefix(RELEASE))

    wakeups = Wakeups(settings.data / "run", woken, log.warning)
    clock = Clock(settings.rehearsal_clock)
    store = QueueStore(settings.data, clock=clock)
    trace = Trace(settings.data / "trace.sqlite", log=log.warning)
    smarthost = (
        Smarthost(settings.smarthost_user, settings.smarthost_password_file)
        if settings.smarthost_user and settings.smarthost_password_file
        else None
    )
    patience = Patience(settings.first_retry_seconds, settings.warn_after_seconds, settings.give_up_after_seconds)
    zone, postmaster = ZoneInfo(settings.zone), settings.postmaster
    with ThreadPoolExecutor(limits.THREADS) as workers:
        attempts = Attempts(
            accounts, Arrivals(mailboxes, wakeups.send, log.warning, clock), Routes(settings.smarthost, settings.nameservers, settings.mx_port, Outward(settings.inner_networks)),
            Sender(settings.hostname, log.warning, smarthost), workers, clock, postmaster,
            Silence(min(limits.REST_SECONDS, settings.first_retry_seconds)), store.begin,
        )  # fmt: skip
        conclusions = Conclusions(store, accounts, trace, settings.hostname, zone, patience, clock, postmaster)
        conclusions.note_cut_off(log.warning)
        log.info("queue-serving")
        say_serving()
        closing = asyncio.create_task(_close_idle(mailboxes, workers))
        await Runner(store, attempts, conclusions, workers, log.warning, clock).run(wake, until)
        closing.cancel()
    conclusions.note_cut_off(log.warning)
    wakeups.close()
    trace.close()
    store.close()
    mailboxes.close()
    accounts.close()


async def _close_idle(mailboxes: Mailboxes, workers: ThreadPoolExecutor) -> None:
    """Until it is cancelled."""
    while True:
        await asyncio.sleep(LOOKED_AT_SECONDS)
        await asyncio.get_running_loop().run_in_executor(workers, mailboxes.close_idle)
