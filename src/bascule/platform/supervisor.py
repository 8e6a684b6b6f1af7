"""The parent of the server processes: opens the sockets, starts the processes, starts again those that die, and stops them all.

Its own processes it forks: they begin in a few hundredths of a second, share the memory of what is loaded, and one that is started again is of the same
version as the others, also where a new one was installed meanwhile. So whoever runs it has no other thread, and no database open.
"""

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
from bascule.platform.child import Orders, Program, begin, run_on_loop
from bascule.platform.settings import Settings
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue import process as queue
from bascule.platform.stopping import Stop
from bascule.terms.errors import BasculeError, ExitStatus

STOP_SECONDS = 15.0
"""For the processes to write what is due, before they are killed."""
RESTART_SECONDS = 1.0
"""Before a process that died is started again: one that dies at once must not take the machine."""


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
            f"Nothing can listen on {endpoint}: {error.strerror}.",
            "Stop what uses the port, or name another one in bascule.toml.",
            ExitStatus.USAGE,
        ) from error
    return bound


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
        self.link = io.FileIO(ours, "wb")

        def run() -> None:
            begin(program.name)
            self.link.close()
            close_ours()
            program.run(orders, theirs)

        self.process = multiprocessing.get_context("fork").Process(target=run)
        self.process.start()
        os.close(theirs)


class Supervisor:
    """`run` returns once everything has stopped: after SIGTERM, SIGINT or `stop`. ``accounts``: see `bascule.platform.accounts.opening`;
    ``beside``: other processes, which start and stop with the servers."""

    def __init__(
        self,
        settings: Settings,
        settings_file: Path,
        listening: list[Listening],
        *,
        accounts: str = EMBEDDED,
        beside: Sequence[Program] = (),
    ) -> None:
        self._settings = settings
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
        self._stopping = Stop()
        self._log = structlog.get_logger()

    def stop(self, *_: object) -> None:
        self._stopping.set()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
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
            ready()
            while not self._stopping.wait(0.2):
                self._replace_dead()
        finally:
            self._end()

    def _replace_dead(self) -> None:
        for place, child in enumerate(self._children):
            if not child.process.is_alive():
                self._log.warning("process-died", pid=child.process.pid, status=child.process.exitcode)
                child.link.close()
                time.sleep(RESTART_SECONDS)
                self._children[place] = self._start(self._programs[place])

    def _start(self, program: Program) -> Child:
        def close_ours() -> None:
            for child in self._children:
                child.link.close()
            if not program.listens:
                self._close_sockets()

        return Child(program, self._orders, close_ours)

    def _end(self) -> None:
        for child in self._children:
            child.link.close()
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
