"""Bascule as a process, hundreds of times over: one process has the program loaded, and forks a child for each run.

A run starts in a few hundredths of a second instead of half of one, and a server in a fifth of the time; it is a process of its own all the same, with
the words, environment, folder, umask and outputs that it is given, which can be killed at any instant and ends as the program itself does.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import resource
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self

import bascule

_NOT_LOADED = ("bascule.portal", "bascule.demo")
"""What a run loads by itself, where it wants it: the rest is there before it begins."""
_LIBRARIES = (
    "cryptography.fernet", "django.contrib.auth.hashers", "django.contrib.auth.password_validation",
    "django.core.management.commands.migrate", "django.db.backends.sqlite3.base", "django.db.models", "django.forms",
    "django.template.loader", "django.urls", "django.views.debug", "django.views.generic", "logging.config", "multiprocessing", "requests",
    "rich.progress", "structlog",
)  # fmt: skip
"""What the portal's commands load first, and can be loaded without settings: more than half of the time that one of them takes to begin."""


@dataclass(frozen=True, slots=True)
class Done:
    """A run that ended: ``status`` is its exit status, or minus the signal that killed it."""

    words: tuple[str, ...]
    status: int
    output: str
    errors: str

    @property
    def report(self) -> dict[str, Any] | None:
        """The JSON report, where one was printed."""
        lines = self.output.splitlines()
        return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


class _Process:
    """One that was asked for, and has begun. ``outputs``: what becomes its standard output and its standard error; they are the caller's to close.
    ``limits``: as of `PrivateBascule`."""

    def __init__(
        self,
        place: Path,
        words: tuple[str, ...],
        variables: dict[str, str],
        outputs: tuple[int, int],
        limits: dict[str, float] | None = None,
    ) -> None:
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect(str(place))
        order = {
            "words": words, "variables": variables, "folder": str(Path.cwd()), "umask": _umask(), "limits": limits or {},
            "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        }  # fmt: skip
        octets = json.dumps(order).encode() + b"\n"
        sent = socket.send_fds(self._link, [octets], outputs)
        self._link.sendall(octets[sent:])
        self._heard = b""
        self.pid = int(self._line())
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended: its id stays its own for as long as it was not waited for."""
        if self._status is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Its exit status, or minus the signal that killed it. Raises TimeoutError."""
        if self._status is None:
            self._link.settimeout(seconds)
            self._status = int(self._line())
            self._link.close()
        return self._status

    def _line(self) -> bytes:
        while b"\n" not in self._heard:
            octets = self._link.recv(100)
            assert octets, "the runner ended"
            self._heard += octets
        line, _, self._heard = self._heard.partition(b"\n")
        return line


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


class Running:
    """A run that was started. ``seconds``: one that takes longer hangs."""

    def __init__(
        self, place: Path, words: tuple[str, ...], out: Path, variables: dict[str, str], seconds: float
    ) -> None:
        self._words, self._out, self._seconds = words, out, seconds
        with out.open("xb") as output, out.with_suffix(".err").open("xb") as errors:
            self._process = _Process(place, words, variables, (output.fileno(), errors.fileno()))
        self._interrupted = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    def interrupt(self) -> None:
        """As Ctrl-C does, once."""
        if not self._interrupted:
            self._interrupted = True
            self._process.send_signal(signal.SIGINT)

    def wait(self) -> Done:
        """Until it has ended. Raises AssertionError, and kills it, when it hangs."""
        try:
            status = self._process.wait(self._seconds)
        except TimeoutError:
            self.kill()
            raise AssertionError(f"bascule {' '.join(self._words)} hangs") from None
        return Done(self._words, status, _taken(self._out), _taken(self._out.with_suffix(".err")))


class Serving:
    """A server that was started. ``stdout``: what it prints. ``pid``: of the parent of all that it starts."""

    def __init__(
        self, place: Path, words: tuple[str, ...], variables: dict[str, str], log: int, limits: dict[str, float]
    ) -> None:
        read, write = os.pipe()
        self.stdout: IO[bytes] = open(read, "rb")  # noqa: SIM115 - as long as the server
        try:
            self._process = _Process(place, words, variables, (write, log), limits)
        finally:
            os.close(write)

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 30) -> int:
        """Raises TimeoutError."""
        status = self._process.wait(timeout)
        self.stdout.close()
        return status


def _taken(file: Path) -> str:
    """What was printed, and its file is gone."""
    text = file.read_text(errors="replace")
    file.unlink()
    return text


class Runner:
    """Use as a context manager.

    ``variables``: the environment of each run. ``hurry``: what the program waits, for a server that asks it to or is away, takes a twentieth of its time.
    """

    def __init__(self, variables: dict[str, str], *, hurry: bool = False) -> None:
        self._variables, self._hurry = variables, hurry
        self._folder = tempfile.TemporaryDirectory(
            prefix="bascule-", dir="/tmp"
        )  # a socket's path is at most 107 octets long
        self._place = Path(self._folder.name) / "runs"
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.runner", str(self._place), *(["hurry"] if self._hurry else [])],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, stdin=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not self._place.exists():
            assert time.monotonic() < deadline, "the runner does not start"
            assert self._process.poll() is None, "the runner ended"
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends when nobody holds its input
        self._process.wait(20)
        self._folder.cleanup()

    def start(self, *words: object, variables: dict[str, str] | None = None, seconds: float = 60) -> Running:
        self._number += 1
        out = Path(self._folder.name) / f"run-{self._number}.out"
        return Running(
            self._place, tuple(map(str, words)), out, self._variables if variables is None else variables, seconds
        )

    def serve(
        self, *words: object, variables: dict[str, str], log: int, limits: dict[str, float] | None = None
    ) -> Serving:
        """``log``: the file that its standard error goes to."""
        return Serving(self._place, tuple(map(str, words)), variables, log, limits or {})

    def run(self, *words: object) -> Done:
        """From its start to its end."""
        return self.start(*words).wait()


def _serve(place: Path, *, hurry: bool) -> None:
    """Forks for each connection, until the input is closed."""
    for module in pkgutil.walk_packages(bascule.__path__, "bascule."):
        if not module.name.startswith(_NOT_LOADED) and "test_" not in module.name:
            importlib.import_module(module.name)
    for library in _LIBRARIES:
        importlib.import_module(library)
    if hurry:
        _hurry()
    gc.collect()
    gc.freeze()  # no child looks through what is never garbage
    waiting = socket.socket(socket.AF_UNIX)
    waiting.bind(str(place.with_suffix(".early")))
    waiting.listen(20)
    place.with_suffix(".early").rename(place)
    _Children(waiting).mind()


class _Children:
    """Those that run, each with the connection that asked for it. A child has ended, and is not reaped, for as long as that is open: its id stays its own
    while somebody may send it a signal."""

    def __init__(self, waiting: socket.socket) -> None:
        self._waiting = waiting
        self._links: set[socket.socket] = set()
        self._events = selectors.DefaultSelector()
        self._events.register(waiting, selectors.EVENT_READ, self._begin)
        self._events.register(sys.stdin, selectors.EVENT_READ, lambda: os._exit(0))

    def mind(self) -> NoReturn:
        while True:
            for key, _ in self._events.select():
                key.data()

    def _begin(self) -> None:
        link, _ = self._waiting.accept()
        asked = _asked(link)
        if asked is None:
            link.close()
            return
        order, outputs = asked
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the program itself begins
        pid = os.fork()
        if pid == 0:
            link.close()
            self._leave()
            _become(order, outputs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for each in outputs:
            os.close(each)
        child = os.pidfd_open(pid)
        self._links.add(link)
        self._tell(link, pid)
        self._events.register(child, selectors.EVENT_READ, partial(self._end, child, pid, link))

    def _leave(self) -> None:
        """In a child: nothing here is its own."""
        for each in self._events.get_map().values():
            if isinstance(each.fileobj, int):
                os.close(each.fileobj)
        self._events.close()
        for link in (self._waiting, *self._links):
            link.close()

    def _end(self, child: int, pid: int, link: socket.socket) -> None:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        self._events.unregister(child)
        os.close(child)
        self._tell(link, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        self._events.register(link, selectors.EVENT_READ, partial(self._reap, pid, link))

    def _reap(self, pid: int, link: socket.socket) -> None:
        """Nobody asks for more."""
        self._events.unregister(link)
        self._links.remove(link)
        link.close()
        os.waitpid(pid, 0)

    def _tell(self, link: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # who asked is gone
            link.sendall(b"%d\n" % number)


def _hurry() -> None:
    from bascule.wire.backoff import Backoff

    sleep = Backoff._sleep

    async def sooner(self: Backoff, seconds: float) -> None:
        await sleep(self, seconds / 20)

    Backoff._sleep = sooner  # type: ignore[method-assign]


def _asked(link: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """What is to be started, and its outputs; None where who asked is gone."""
    octets, outputs, _, _ = socket.recv_fds(link, 65536, 2)
    while not octets.endswith(b"\n"):
        more = link.recv(65536)
        if not more:
            for each in outputs:
                os.close(each)
            return None
        octets += more
    return json.loads(octets), outputs


def _become(order: dict[str, Any], outputs: list[int]) -> NoReturn:
    """In a child: the program itself."""
    from bascule.commands.main import main

    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, open_file in enumerate((nothing, *outputs)):
        os.dup2(open_file, number)
        os.close(open_file)
    # What they were made for may have been of another kind: a file, and not a pipe.
    sys.stdout = os.fdopen(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)
    os.setsid()
    os.environ.clear()
    os.environ.update(order["variables"])
    os.chdir(order["folder"])
    os.umask(order["umask"])
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(order["open_files"]))
    for place, value in order["limits"].items():
        module, _, name = place.rpartition(".")
        assert hasattr(sys.modules[module], name), place
        setattr(sys.modules[module], name, value)
    sys.argv = ["bascule", *order["words"]]
    status = 0
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    except KeyboardInterrupt:  # before there was a program that could say so
        os._exit(130)
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - what a user would see of it
        traceback.print_exc()
        status = 1
    # What the interpreter does at its end, but for giving back a thousand modules one by one, which takes longer than the run.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), hurry="hurry" in sys.argv[2:])
