"""One server process: it takes connections from sockets that its parent opened, until its parent tells it to stop.

Forked by `bascule.platform.supervisor`; see `bascule.platform.child`.
"""

import asyncio
import asyncio.sslproto
import contextlib
import gc
import math
import socket
from collections.abc import Callable
from typing import Any

import structlog

from bascule.platform import limits
from bascule.platform.accounts import Accounts
from bascule.platform.accounts.opening import open_accounts
from bascule.platform.admission import Admission
from bascule.platform.arrivals import Arrivals
from bascule.platform.certificate import Certificate
from bascule.platform.child import Orders, raise_file_limit
from bascule.platform.clock import Clock
from bascule.platform.fair_threads import Threads
from bascule.platform.imap import limits as imap_limits
from bascule.platform.imap.connection import ImapConnection, Shared
from bascule.platform.imap.session import Services
from bascule.platform.lateness import Lateness
from bascule.platform.mailboxes import LOOKED_AT_SECONDS, Mailboxes
from bascule.platform.settings import FOLDERS, Settings, read_settings
from bascule.platform.sign_ins import SignIns
from bascule.platform.smtp import limits as smtp_limits
from bascule.platform.smtp.accepting import Accepting
from bascule.platform.smtp.connection import SmtpConnection, SmtpShared
from bascule.platform.smtp.dkim import Signer
from bascule.platform.smtp.milter import Milters
from bascule.platform.smtp.outward import Outward
from bascule.platform.smtp.queue import QUEUE, QueueStore, WakingQueue
from bascule.platform.smtp.refusals import Refusals
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.session import Services as SmtpServices
from bascule.platform.smtp.transaction import new_id
from bascule.platform.trace import FILE as TRACE
from bascule.platform.trace import Trace
from bascule.platform.wakeups import RELEASE, Wakeups
from bascule.terms.errors import BasculeError

BACKLOG = 1024
LOGGED_AGAIN_SECONDS = 60.0
KINDS_OF_ERRORS = 100
"""Of which it is remembered when they were logged."""


class LoopErrors:
    """An event loop's exception handler: what comes again and again (no descriptor left to accept with: each second, for each socket) is logged once a
    minute, with how often it came."""

    def __init__(self, log: Callable[..., object]) -> None:
        self._log = log
        self._kept: dict[str, tuple[float, int]] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        what = f"{context.get('message', '')}: {error!r}"[:500]
        at, times = self._kept.get(what, (-math.inf, 0))
        if loop.time() < at + LOGGED_AGAIN_SECONDS:
            self._kept[what] = at, times + 1
            return
        if len(self._kept) >= KINDS_OF_ERRORS:
            self._kept.clear()
        self._kept[what] = loop.time(), 0
        self._log("loop-error", message=what, not_logged_before=times, exc_info=error)


def certificate_of(settings: Settings) -> Certificate | None:
    """None where there is none. Raises BasculeError."""
    if settings.certificate is None or settings.key is None:
        return None
    return Certificate(settings.certificate, settings.key)


def _renew(certificate: Certificate, log: structlog.stdlib.BoundLogger) -> None:
    try:
        if certificate.renew():
            log.info("certificate-renewed")
    except BasculeError as error:
        log.error("certificate-unreadable", error=error.message)


async def serve(orders: Orders, until: asyncio.Event, say_serving: Callable[[], None]) -> None:
    """Serve until ``until`` is set; then write what is due, and end."""
    log = structlog.get_logger()
    asyncio.get_running_loop().set_exception_handler(LoopErrors(log.error))
    settings = read_settings(orders.settings)
    clock = Clock(settings.rehearsal_clock)
    accounts = open_accounts(orders.accounts, orders.settings)
    first_folders = {name: FOLDERS[name] for name in settings.first_folders}
    mailboxes = Mailboxes(settings.data / "mailboxes", first_folders=first_folders)
    watchers: dict[str, set[ImapConnection]] = {}

    def woken(account: str) -> None:
        if account.startswith(RELEASE):
            mailboxes.release(account.removeprefix(RELEASE))
        for connection in watchers.get(account, ()):
            connection.wake()

    wakeups = Wakeups(settings.data / "run", woken, log.warning)
    sign_ins = SignIns(log.info, accounts)
    services = Services(
        accounts,
        mailboxes,
        wakeups.send,
        clock,
        log.info,
        settings.hostname,
        settings.others,
        settings.append_limit,
        sign_ins=sign_ins,
    )
    certificate = certificate_of(settings)
    asyncio.sslproto.SSLProtocol.max_size = imap_limits.TLS_OCTETS
    queue = QueueStore(settings.data, clock=clock)
    trace = Trace(settings.data / TRACE, log=log.warning)
    refusals = Refusals(trace)
    with Threads() as threads:
        places = raise_file_limit() // 4
        imap_admission = Admission(places, min(places // 2, imap_limits.STRANGERS), imap_limits.OF_ONE_ACCOUNT)
        smtp_admission = Admission(places, min(places // 2, smtp_limits.STRANGERS), smtp_limits.OF_ONE_ACCOUNT)
        imap = Shared(services, threads, certificate, imap_admission, watchers)
        arrivals = Arrivals(mailboxes, wakeups.send, log.warning, clock)
        smtp_services = _smtp_services(settings, accounts, arrivals, queue, trace, refusals, wakeups, clock, sign_ins)
        smtp = SmtpShared(smtp_services, threads, certificate, smtp_admission)
        servers = await _listen(orders, imap, smtp)
        log.info("serving", **{name: len(fds) for name, fds in orders.sockets.items()})
        say_serving()
        gc.freeze()
        Lateness(threads.members).begin()
        while not until.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), LOOKED_AT_SECONDS)
            sign_ins.look()
            if certificate is not None:
                _renew(certificate, log)
            await threads.members.run("", mailboxes.close_idle)
            refusals.count()
        for server in servers:
            server.close()
        await asyncio.gather(
            *(each.end("the server is being stopped; come back in a moment") for each in set(imap.connections)),
            *(each.end() for each in set(smtp.connections)),
        )
    wakeups.close()
    refusals.count(at_once=True)
    trace.close()
    queue.close()
    mailboxes.close()
    accounts.close()


async def _listen(orders: Orders, imap: Shared, smtp: SmtpShared) -> list[asyncio.Server]:
    """Serve on each socket what it is for. Connections begin TLS themselves, so that they are counted before the handshake."""
    made: dict[str, Callable[[], asyncio.BaseProtocol]] = {
        "imap": lambda: ImapConnection(imap),
        "imaps": lambda: ImapConnection(imap, encrypted=True),
        "smtp": lambda: SmtpConnection(smtp, Role.INBOUND),
        "lmtp": lambda: SmtpConnection(smtp, Role.LMTP),
        "submission": lambda: SmtpConnection(smtp, Role.SUBMISSION),
        "submissions": lambda: SmtpConnection(smtp, Role.SUBMISSION, encrypted=True),
    }
    loop = asyncio.get_running_loop()
    servers = []
    for service, descriptors in orders.sockets.items():
        for descriptor in descriptors:
            listening = socket.socket(fileno=descriptor)
            servers.append(await loop.create_server(made[service], sock=listening, backlog=limits.ACCEPTED_AT_ONCE))
            listening.listen(BACKLOG)  # asyncio takes as many at once as it is told may wait
    return servers


def _smtp_services(
    settings: Settings, accounts: Accounts, arrivals: Arrivals, queue: QueueStore, trace: Trace, refusals: Refusals, wakeups: Wakeups,
    clock: Clock, sign_ins: SignIns,
) -> SmtpServices:  # fmt: skip
    log = structlog.get_logger()
    signer = Signer(settings.dkim_key or settings.data / "dkim.pem", settings.dkim_selector)
    milters = Milters(settings.milters, settings.hostname)
    accepting = Accepting(
        accounts,
        arrivals,
        WakingQueue(queue, lambda: wakeups.send(QUEUE), log.warning),
        trace,
        milters,
        signer,
        clock,
        settings.hostname,
    )
    return SmtpServices(
        accounts, arrivals, accepting, clock, log.warning, new_id,
        lambda account: settings.recipients_per_day - queue.submitted_within_a_day(account.id), settings.hostname,
        settings.message_limit, settings.postmaster, settings.certificate is not None, Outward(settings.inner_networks), sign_ins,
        refusals,
    )  # fmt: skip
