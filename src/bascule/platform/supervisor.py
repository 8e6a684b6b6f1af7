"""The parent of the server processes: opens the sockets, starts the processes, starts again those that die, and stops them all. Where one dies before it
served for the first time, nothing is well: all end, and so does `bascule serve`.

Its own processes it forks: they begin in a few hundredths of a second, share the memory of what is loaded, and one that is started again is of the same
version as the others, also where a new one was installed meanwhile. So whoever runs it has no other thread, and no database open.
"""

import errno
import gc
import io
import json
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bascule.platform import housekeeping, worker
from bascule.platform.accounts.opening import EMBEDDED, function_of
from bascule.platform.child import SERVING, WHY_OCTETS, Link, Orders, Program, begin, carry_out, run_on_loop
from bascule.platform.data_lock import DataLock
from bascule.platform.settings import Settings
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue import process as queue
from bascule.platform.stopping import Stop
from bascule.terms.errors import BasculeError, ExitStatus

STOP_SECONDS = 15.0
"""For the processes to write what is due, before they are killed."""
RESTART_SECONDS = 1.0
"""Before a process that died is started again: one that dies at once must not take the machine."""
LOOKED_SECONDS = 0.2
"""Between two looks at whether all live…"""
LOOKED_AT_FIRST_SECONDS = 0.02
"""…and at whether all serve, until they do."""
AWAITED_SECONDS = 30.0
"""Before those that do not serve yet, and live, are named in the log."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket, and the name of what is served there."""

    service: str
    socket: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)


def listen(settings: Settings) -> list[Listening]:
    """Raises BasculeError where a port can't be had."""
    wanted = {
        "imap": settings.imap_listen, "imaps": settings.imap_listen_tls, "smtp": settings.smtp_listen, "lmtp": settings.lmtp_listen,
        "submission": settings.submission_listen, "submissions": settings.submission_listen_tls,
    }  # fmt: skip
    return [Listening(service, _bind(endpoint)) for service, endpoints in wanted.items() for endpoint in endpoints]


def _bind(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((endpoint.host, endpoint.port))
        bound.listen(worker.BACKLOG)
    except OSError as error:
        bound.close()
        raise BasculeError(
            f"Nothing can listen on {endpoint}: {error.strerror}.", _advice_for(error, endpoint), ExitStatus.USAGE
        ) from error
    return bound


def _advice_for(error: OSError, endpoint: Endpoint) -> str:
    """What an administrator can do about a port that can't be had."""
    if isinstance(error, socket.gaierror):
        return f"Name an address of this machine, or none for all of them: “:{endpoint.port}”."
    if error.errno == errno.EADDRINUSE:
        return f"Stop what uses the port (“ss -ltnp 'sport = :{endpoint.port}'” names it), or name another one in bascule.toml."  # fmt: skip
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"This machine has no such address (“ip address” lists them): name another one in bascule.toml, or none for all of them: “:{endpoint.port}”."  # fmt: skip
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            "Ports below 1024 are for root, and for who has CAP_NET_BIND_SERVICE: give it in the service's unit (AmbientCapabilities="
            "CAP_NET_BIND_SERVICE, docs/runbooks/in-service.md), or name another port in bascule.toml."
        )
    return "Name another address or port in bascule.toml."


def require_free(endpoint: Endpoint) -> None:
    """For what opens its own socket. Raises BasculeError where the port can't be had."""
    _bind(endpoint).close()


SERVER = Program("bascule-server", run_on_loop(worker.serve), listens=True)
SINGLE = (Program("bascule-queue", run_on_loop(queue.serve)), Program("bascule-tidy", run_on_loop(housekeeping.serve)))
"""Of these there is one process each."""


class Child:
    """A process that was forked. ``link``: the parent's end of the pipe that tells it to stop when it is closed."""

    def __init__(self, program: Program, orders: Orders, close_ours: Callable[[], None]) -> None:
        """``close_ours``: what is the parent's alone, or another child's."""
        theirs, ours = os.pipe()
        heard, told = os.pipe()
        os.set_blocking(heard, False)
        self.program = program
        self.link = io.FileIO(ours, "wb")
        self._heard = io.FileIO(heard, "rb")
        self.serves = False
        self.why = ""
        """What it says that it failed of."""

        def run() -> None:
            begin(program.name)
            self.close()
            close_ours()
            carry_out(program, orders, Link(theirs, told))

        self.process = multiprocessing.get_context("fork").Process(target=run)
        self.process.start()
        os.close(theirs)
        os.close(told)

    def hear(self) -> None:
        """What it has said since. Never blocks."""
        octets = self._heard.read(2 * WHY_OCTETS) or b""
        self.serves |= octets.startswith(SERVING)
        _, minus, why = octets.partition(b"-")
        if minus:
            self.why = why.decode("utf-8", "replace")

    def close(self) -> None:
        """The parent's ends of its pipes: it is to end."""
        self.link.close()
        self._heard.close()


class Supervisor:
    """`run` returns once everything has stopped: after SIGTERM, SIGINT or `stop`. ``lock``: of the data folder, which the caller holds meanwhile, and no
    child does; ``accounts``: see `bascule.platform.accounts.opening`; ``beside``: other processes, which start and stop with the servers."""

    def __init__(
        self,
        settings: Settings,
        settings_file: Path,
        listening: list[Listening],
        *,
        lock: DataLock,
        accounts: str = EMBEDDED,
        beside: Sequence[Program] = (),
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._listening = listening
        self._orders = Orders(
            settings_file.absolute(),
            accounts,
            {
                service: [each.socket.fileno() for each in listening if each.service == service]
                for service in dict.fromkeys(each.service for each in listening)
            },
        )
        self._programs = [SERVER] * settings.processes + [*SINGLE, *beside]
        self._children: list[Child] = []
        self._have_served: set[int] = set()
        """Places in the list of children where one served at some time."""
        self._stopping = Stop()
        self._log = structlog.get_logger()

    def stop(self, *_: object) -> None:
        self._stopping.set()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """``ready`` is called once, when all processes serve. Raises BasculeError where one dies before it served for the first time."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self.stop)
        self._settings.data.mkdir(parents=True, exist_ok=True)
        self._write_endpoints()
        function_of(self._orders.accounts)  # what that loads is shared too
        gc.collect()
        gc.freeze()  # no collection in a child writes to what it shares
        try:
            for program in self._programs:
                self._children.append(self._start(program))
            self._watch(ready)
        finally:
            self._end()

    def _watch(self, ready: Callable[[], None]) -> None:
        """Until all are to stop."""
        is_ready, named_at = False, time.monotonic() + AWAITED_SECONDS
        while not self._stopping.wait(LOOKED_SECONDS if is_ready else LOOKED_AT_FIRST_SECONDS):
            self._hear()
            self._replace_dead()
            if not is_ready and len(self._have_served) == len(self._children):
                is_ready = True
                ready()
            elif not is_ready and time.monotonic() > named_at:
                named_at += AWAITED_SECONDS
                late = [c.program.name for place, c in enumerate(self._children) if place not in self._have_served]
                self._log.warning("processes-awaited", programs=late)

    def _hear(self) -> None:
        for place, child in enumerate(self._children):
            if not child.serves:
                child.hear()
                if child.serves:
                    self._have_served.add(place)

    def _replace_dead(self) -> None:
        for place, child in enumerate(self._children):
            if not child.process.is_alive():
                self._hear()  # what it said last
                status = child.process.exitcode
                self._log.warning("process-died", program=child.program.name, pid=child.process.pid, status=status)
                if self._stopping.wait(RESTART_SECONDS):  # systemd may end the children at the same time as us
                    return
                if place not in self._have_served:
                    raise BasculeError(
                        f"{child.program.name} ended before it served (status {status}){f': {child.why}' if child.why else ''}".rstrip(".") + ".",
                        "Nothing is served now. The log above says more; run the same command again when it is mended.",
                    )  # fmt: skip
                child.close()
                self._children[place] = self._start(self._programs[place])

    def _start(self, program: Program) -> Child:
        def close_ours() -> None:
            self._lock.close()
            for child in self._children:
                child.close()
            if not program.listens:
                self._close_sockets()

        return Child(program, self._orders, close_ours)

    def _end(self) -> None:
        for child in self._children:
            child.close()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.process.join(max(0.1, deadline - time.monotonic()))
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in self._listening:
            each.socket.close()

    def _write_endpoints(self) -> None:
        """``run/endpoints.json``: what listens where, for the tests and for `bascule demo`."""
        folder = self._settings.data / "run"
        folder.mkdir(parents=True, exist_ok=True)
        told = [{"service": each.service, "host": each.address[0], "port": each.address[1]} for each in self._listening]
        partial = folder / "endpoints.json.partial"
        partial.write_text(json.dumps(told))
        os.replace(partial, folder / "endpoints.json")
