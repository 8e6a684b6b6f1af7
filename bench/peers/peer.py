"""What a peer is: how it is called for one mailbox from IMAP to IMAP. One file in this folder for each."""

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peers.limits import OUTPUT_OCTETS

PASSWORD = "secret"


@dataclass(frozen=True, slots=True)
class End:
    """One side of a copy: a server on loopback. ``configuration``: of a Dovecot, for a program that opens its storage itself."""

    port: int
    user: str
    configuration: Path | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A command line, with what it needs besides the caller's environment."""

    words: tuple[str, ...]
    variables: dict[str, str]


class Peer(Protocol):
    """``opens_target``: it writes into the target's own storage and not through IMAP; ``how``: its command line, for people."""

    name: str
    opens_target: bool
    how: str

    def missing(self) -> str:
        """What is not installed, as words; empty where it can be measured."""

    def version(self) -> str: ...

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        """``state``: a folder that is there and stays between the runs of a trial; ``words``: options of its own."""

    def told(self, said: str) -> str:
        """What it printed, a fault or a message a line."""


@dataclass(frozen=True, slots=True)
class Ended:
    """``status``: exit status, minus the signal that killed it, or None: it did not end in time."""

    status: int | None
    said: str


class Running:
    """A peer at work, as a process group of its own. ``out`` takes all that it prints."""

    def __init__(self, call: Call, out: Path, folder: Path) -> None:
        self._out = out
        with out.open("wb") as said:
            self._process = subprocess.Popen(
                call.words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
                env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder), **call.variables},
            )  # fmt: skip

    def kill(self, number: int = signal.SIGKILL) -> None:
        """The whole group; nothing where it has ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def wait(self, seconds: float) -> Ended:
        """Until it ends, or is ended because its time is over."""
        try:
            status: int | None = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            status = None
        return Ended(status, self._out.read_bytes()[-OUTPUT_OCTETS:].decode(errors="replace"))


def run(peer: Peer, call: Call, out: Path, folder: Path, seconds: float) -> Ended:
    """One run from its start to its end."""
    ended = Running(call, out, folder).wait(seconds)
    return Ended(ended.status, peer.told(ended.said))


def lines(command: list[str], choose: Callable[[list[str]], str]) -> str:
    """What a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    return choose((done.stdout + done.stderr).splitlines())
