"""The parent of the server processes: opens the sockets, starts the processes, starts again those that die, and stops them all."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bascule.platform.accounts.opening import EMBEDDED
from bascule.platform.settings import Settings
from bascule.platform.settings_file import Endpoint
from bascule.platform.stopping import Stop
from bascule.platform.worker import BACKLOG, Orders
from bascule.terms.errors import BasculeError, ExitStatus

STOP_SECONDS = 15.0
"""For the processes to write what is due, before they are killed."""
WORKER = "bascule.platform.worker"
SINGLE = ("bascule.platform.smtp.queue.process", "bascule.platform.housekeeping")
"""Of these there is one process each."""
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
        bound.listen(BACKLOG)
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


class Supervisor:
    """`run` returns once everything has stopped: after SIGTERM, SIGINT or `stop`. ``accounts``: see `bascule.platform.accounts.opening`;
    ``beside``: modules of other processes that start and stop with the servers (`bascule.platform.child`)."""

    def __init__(
        self,
        settings: Settings,
        settings_file: Path,
        listening: list[Listening],
        *,
        accounts: str = EMBEDDED,
        beside: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._orders = Orders(
            str(settings_file.absolute()),
            accounts,
            {
                service: [each.socket.fileno() for each in listening if each.service == service]
                for service in dict.fromkeys(each.service for each in listening)
            },
        )
        self._modules = [WORKER] * settings.processes + [*SINGLE, *beside]
        self._processes: list[subprocess.Popen[str]] = []
        self._stopping = Stop()
        self._log = structlog.get_logger()

    def stop(self, *_: object) -> None:
        self._stopping.set()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self.stop)
        self._settings.data.mkdir(parents=True, exist_ok=True)
        self._write_endpoints()
        self._processes = list(map(self._start, self._modules))
        ready()
        while not self._stopping.wait(0.2):
            for place, process in enumerate(self._processes):
                if process.poll() is not None:
                    self._log.warning("process-died", pid=process.pid, status=process.returncode)
                    time.sleep(RESTART_SECONDS)
                    self._processes[place] = self._start(self._modules[place])
        self._end()

    def _start(self, module: str) -> subprocess.Popen[str]:
        fds = [fd for each in self._orders.sockets.values() for fd in each] if module == WORKER else []
        process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, pass_fds=fds, text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which stops them in order
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(self._orders.to_json() + "\n")
        process.stdin.flush()
        return process

    def _end(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
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
