"""A history of a move: what people do on both sides, and runs between, some of them cut at an exact place."""

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.letters import letter
from model.person import Person
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.proxy import Proxy
from support.runner import Done, Runner, Running

LARGE = 20_000
"""Octets of the messages that make a run long enough to be cut in the middle."""
APPENDED = b"APPENDUID"
FETCHED = b" FETCH ("


class Move:
    """One mailbox on its way: a person on each side, and runs between, which reach both servers through a proxy of ours."""

    def __init__(
        self, tmp: Path, runner: Runner, old: PrivateDovecot, new: PrivateDovecot | PrivateCyrus, user: str
    ) -> None:
        self.runner, self.user, self.state = runner, user, tmp / "state"
        self.old_root = old.root / "mail" / user
        self.old, self.new = Person(old.port, user), Person(new.port, user)
        self.ports = {"old": old.port, "new": new.port}
        self.proxies = {side: Proxy(port) for side, port in self.ports.items()}

    def words(self, *more: str, state: Path | None = None) -> list[object]:
        return [
            "copy", *(f"imap://{self.user}@127.0.0.1:{self.proxies[side].port}" for side in ("old", "new")),
            "--state", state or self.state, "--json", "--quiet", "--settle", "0.3", *more,
        ]  # fmt: skip

    def run(self, *more: str, status: int = 0, state: Path | None = None) -> dict[str, Any]:
        return said(self.runner.run(*self.words(*more, state=state)), status)

    def cut(
        self, side: str, when: Callable[[bytes], bool], *more: str, heard: bool = True, by: int = signal.SIGKILL
    ) -> None:
        """A run that is ended by a signal once ``when`` holds of what the server of ``side`` has said. ``heard``: whether the run hears the last of it."""
        running: list[Running] = []
        spoken = bytearray()

        def listen(octets: bytes) -> bytes:
            spoken.extend(octets)
            if not when(bytes(spoken)):
                return octets
            running[0].kill() if by == signal.SIGKILL else running[0].interrupt()
            return octets if heard else b""

        faults = self.proxies[side].faults
        running.append(self.runner.start(*self.words(*more)))
        faults.rewrite_down = listen
        try:
            done = running[0].wait()
        finally:
            faults.rewrite_down = None
        assert done.status in (-signal.SIGKILL, 130), f"it was not cut: {done}"

    def meanwhile(self, side: str, mark: bytes, act: Callable[[], None], *more: str, status: int = 0) -> dict[str, Any]:
        """A complete run; once the server of ``side`` says ``mark``, ``act`` is done before anybody hears it."""
        return self.step_by_step(side, [(mark, act)], *more, status=status)

    def step_by_step(
        self, side: str, steps: Sequence[tuple[bytes, Callable[[], None]]], *more: str, status: int = 0
    ) -> dict[str, Any]:
        """The same with several, each of which waits for its mark after the one before."""
        left = deque(steps)
        spoken = bytearray()

        def listen(octets: bytes) -> bytes:
            spoken.extend(octets)
            if left and left[0][0] in spoken:
                spoken.clear()
                left.popleft()[1]()
            return octets

        self.proxies[side].faults.rewrite_down = listen
        try:
            report = self.run(*more, status=status)
        finally:
            self.proxies[side].faults.rewrite_down = None
        assert not left
        return report

    def fill(self, folders: dict[str, str], octets: int = 300) -> None:
        """On the old side: folders, and the names of the messages in them."""
        for folder, tags in folders.items():
            if folder not in self.old.folders():
                self.old.create(folder)
            for tag in tags.split():
                self.old.append(folder, letter(tag, octets=octets))

    def flood(self, folder: str, count: int) -> None:
        """On the old side: a new folder with many small messages, without a protocol between."""
        self.old.create(folder)
        for number in range(count):
            file = self.old_root / f"Maildir/.{folder}/cur/1580551200.M{number}.host:2,"
            file.write_bytes(letter(f"{folder}{number}", octets=70))
            os.utime(file, (1_580_551_200, 1_580_551_200))

    def there(self) -> dict[str, str]:
        """What the new side has, by folder, in order; empty folders are left out."""
        read = {name: " ".join(sorted(m.tag for m in shelf.messages)) for name, shelf in self.new.read().items()}
        return {name: tags for name, tags in read.items() if tags}

    def flags(self, folder: str, tag: str) -> set[str]:
        """Of the one message of this name on the new side."""
        (flags,) = [seen.flags for seen in self.new.read_folder(folder).messages if seen.tag == tag]
        return set(flags)

    def mark(self, who: Person, folder: str, tag: str, change: str, *flags: str) -> None:
        who.store(folder, who.uids(folder, tag), change, flags)

    def move(self, who: Person, folder: str, tag: str, to: str) -> None:
        who.move(folder, who.uids(folder, tag), to)

    def remove(self, who: Person, folder: str, tag: str) -> None:
        who.remove(folder, who.uids(folder, tag))


def said(done: Done, status: int) -> dict[str, Any]:
    """The report of a run that must have ended with ``status``."""
    report = done.report
    assert done.status == status, f"exit status {done.status}: {report and report['exceptions']} {done.errors[-800:]}"
    assert report is not None
    return report


def every(what: dict[str, str]) -> Counter[str]:
    return Counter(tag for tags in what.values() for tag in tags.split())
