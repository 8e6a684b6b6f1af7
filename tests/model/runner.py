"""Bascule as a process, hundreds of times over: one process has the program loaded, and forks a child for each run.

A run starts in a few hundredths of a second instead of half of one; it is a process of its own all the same, which can be killed at any instant.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.command import environment

_RUN_SECONDS = 60
"""A run of a few dozen messages that takes longer hangs."""


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


class Running:
    """A run that was started."""

    def __init__(self, place: Path, words: tuple[str, ...], out: Path) -> None:
        self._words, self._out = words, out
        self._link = socket.socket(socket.AF_UNIX)
        self._link.settimeout(_RUN_SECONDS)
        self._link.connect(str(place))
        self._link.sendall(json.dumps({"words": words, "out": str(out)}).encode() + b"\n")
        self._answers = self._link.makefile("rb")
        self.pid = int(self._answers.readline())
        self._ended = self._interrupted = False

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def interrupt(self) -> None:
        """As Ctrl-C does, once."""
        if not self._interrupted:
            self._interrupted = True
            self._signal(signal.SIGINT)

    def _signal(self, number: int) -> None:
        if not self._ended:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self) -> Done:
        """Until it has ended. Raises AssertionError, and kills it, when it hangs."""
        try:
            status = int(self._answers.readline())
        except TimeoutError:
            self.kill()
            raise AssertionError(f"bascule {' '.join(self._words)} hangs") from None
        finally:
            self._ended = True
            self._answers.close()
            self._link.close()
        return Done(self._words, status, _read(self._out), _read(self._out.with_suffix(".err")))


def _read(file: Path) -> str:
    """Empty where the run was killed before it began to print."""
    return file.read_text(errors="replace") if file.exists() else ""


class Runner:
    """Use as a context manager. ``tmp`` takes the signing key, and what the runs print."""

    def __init__(self, tmp: Path) -> None:
        self._tmp = tmp
        self._sockets = tempfile.TemporaryDirectory(prefix="bascule-")
        self._place = Path(self._sockets.name) / "runs"
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "model.runner", str(self._place)],
            env={**environment(self._tmp), "PYTHONPATH": ":".join(sys.path)}, stdin=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 20
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
        self._sockets.cleanup()

    def start(self, *words: object) -> Running:
        self._number += 1
        return Running(self._place, tuple(map(str, words)), self._tmp / f"run-{self._number}.out")

    def run(self, *words: object) -> Done:
        """From its start to its end."""
        return self.start(*words).wait()


def _serve(place: Path) -> None:
    """Forks for each connection, until the input is closed."""
    import select

    import bascule.commands.capture_command
    import bascule.commands.copy_command
    import bascule.commands.deliver_command  # noqa: F401 - loaded once, for all children

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting = socket.socket(socket.AF_UNIX)
    waiting.bind(str(place.with_suffix(".early")))
    waiting.listen(20)
    place.with_suffix(".early").rename(place)
    while True:
        ready, _, _ = select.select([waiting, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        link, _ = waiting.accept()
        if os.fork() == 0:
            waiting.close()
            _mind(link)
        link.close()


def _mind(link: socket.socket) -> None:
    """In a child: makes the run's process, tells its id, waits for it, tells its status, and waits until nobody asks for more."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = json.loads(link.makefile("rb").readline())
    pid = os.fork()
    if pid == 0:
        link.close()
        _become(order["words"], Path(order["out"]))
    link.sendall(b"%d\n" % pid)
    # not reaped yet: its id stays its own for as long as somebody may send it a signal
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    link.sendall(b"%d\n" % (ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status))
    link.recv(1)
    os.waitpid(pid, 0)
    os._exit(0)


def _become(words: list[str], out: Path) -> None:
    """In a child of the child: the program itself, with its outputs in files."""
    from bascule.commands.main import main

    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, place in ((1, out), (2, out.with_suffix(".err"))):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.setsid()
    sys.argv = ["bascule", *words]
    try:
        main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - what a traceback would be for a user
        import traceback

        traceback.print_exc()
        status = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
