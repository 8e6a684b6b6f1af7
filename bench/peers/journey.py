"""A mailbox on its way with any peer: a person on each side, runs between, which reach both servers through a proxy of ours.

The same for Bascule and for its peers; a peer that opens the target's storage itself has no proxy on that side, and is cut by what the
old side says instead.
"""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from model.letters import letter
from model.person import Person
from peers.limits import HISTORY_SECONDS
from peers.peer import Call, End, Ended, Peer, Running
from support.dovecot import PrivateDovecot
from support.proxy import Proxy

APPENDED = b"APPENDUID"
FETCHED = b" FETCH ("
LARGE = 20_000
"""Octets of the messages that make a run long enough to be cut in the middle."""


class Journey:
    """Use as a context manager. ``ends``: how each run ended, in order. ``uncut``: a run that should have been cut was through before."""

    def __init__(
        self, tmp: Path, peer: Peer, old: PrivateDovecot, new: PrivateDovecot, user: str, words: tuple[str, ...]
    ) -> None:
        self.peer, self.tmp, self.user, self.state = peer, tmp, user, tmp / "state"
        self.words = words
        self.old_root = old.root / "mail" / user
        self.old_server, self.new_server = old, new
        self.proxies = {"old": Proxy(old.port), "new": Proxy(new.port)}
        self.ends: list[Ended] = []
        self.uncut = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.state.mkdir()
        for proxy in self.proxies.values():
            self._stack.enter_context(proxy)
        self.old = self._stack.enter_context(Person(self.old_server.port, self.user))
        self.new = self._stack.enter_context(Person(self.new_server.port, self.user))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # -- runs ---------------------------------------------------------------------------------------------------------

    def start(self, state: Path | None = None) -> Running:
        place = state or self.state
        place.mkdir(exist_ok=True)
        return Running(self._call(place), self.tmp / f"{len(list(self.tmp.iterdir()))}.out", place)

    def _call(self, state: Path) -> Call:
        new = End(self.proxies["new"].port, self.user, self.new_server.root / "dovecot.conf")
        return self.peer.call(state, End(self.proxies["old"].port, self.user), new, self.words)

    def run(self, state: Path | None = None) -> Ended:
        return self._note(self.start(state))

    def _note(self, running: Running) -> Ended:
        self.ends.append(running.wait(HISTORY_SECONDS))
        return self.ends[-1]

    def cut(self, side: str, when: Callable[[bytes], bool], *, heard: bool = True, by: int = signal.SIGKILL) -> None:
        """A run that is ended by a signal once ``when`` holds of what the server of ``side`` has said. ``heard``: whether the run hears the last of it."""
        if side == "new" and self.peer.opens_target:
            side, when = "old", _has_said(b"Subject: ", 2)
        running: list[Running] = []
        spoken = bytearray()
        cut: list[bool] = []

        def listen(octets: bytes) -> bytes:
            spoken.extend(octets)
            if not when(bytes(spoken)):
                return octets
            while not running:  # it was started this instant
                pass
            cut.append(True)
            running[0].kill(by)
            return octets if heard else b""

        self._listening(side, listen, lambda: running.append(self.start()), lambda: running[0].wait(HISTORY_SECONDS))
        self.uncut = self.uncut or not cut

    def meanwhile(self, side: str, mark: bytes, act: Callable[[], None]) -> None:
        """A complete run; once the server of ``side`` says ``mark``, ``act`` is done before anybody hears it."""
        acted: list[bool] = []
        spoken = bytearray()

        def listen(octets: bytes) -> bytes:
            spoken.extend(octets)
            if not acted and mark in spoken:
                acted.append(True)
                act()
            return octets

        self._listening(side, listen, self.run)
        if not acted:
            self.uncut = True
            act()

    def _listening(self, side: str, listen: Callable[[bytes], bytes], *steps: Callable[[], object]) -> None:
        self.proxies[side].faults.rewrite_down = listen
        try:
            for step in steps:
                step()
        finally:
            self.proxies[side].faults.rewrite_down = None

    def two_at_once(self, other: Path) -> None:
        self.proxies["new"].faults.delay_seconds = self.proxies["old"].faults.delay_seconds = 0.02
        both = [self.start(), self.start(other)]
        for running in both:
            self._note(running)
        self.proxies["new"].faults.delay_seconds = self.proxies["old"].faults.delay_seconds = 0

    def lose_state(self) -> None:
        shutil.rmtree(self.state)

    # -- what people do -----------------------------------------------------------------------------------------------

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

    def mark(self, who: Person, folder: str, tag: str, change: str, *flags: str) -> None:
        who.store(folder, who.uids(folder, tag), change, flags)

    def move(self, who: Person, folder: str, tag: str, to: str) -> None:
        who.move(folder, who.uids(folder, tag), to)

    def remove(self, who: Person, folder: str, tag: str) -> None:
        who.remove(folder, who.uids(folder, tag))

    def night_with_closed(self, folder: str) -> None:
        """A run to which a folder of the old side can't be opened."""
        closed = self.old_root / "Maildir" / f".{folder}"
        mode = closed.stat().st_mode
        closed.chmod(0)
        try:
            self.run()
        finally:
            closed.chmod(mode)

    def raise_quota(self) -> None:
        """The new server, started with a quota, goes on without one."""
        self.new.close()
        self.new_server.stop()
        self.new_server.quota_kilobytes = 0
        self.new_server.start()
        self.new = self._stack.enter_context(Person(self.new_server.port, self.user))

    def reset_uidvalidity(self, folder: str) -> None:
        for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index", "dovecot.index.cache"):
            (self.old_root / "Maildir" / f".{folder}" / name).unlink(missing_ok=True)

    # -- what is there ------------------------------------------------------------------------------------------------

    def there(self) -> dict[str, list[str]]:
        """What the new side has, by folder; empty folders are left out."""
        read = {name: sorted(m.tag for m in shelf.messages) for name, shelf in self.new.read().items()}
        return {name: tags for name, tags in read.items() if tags}

    def flags(self, folder: str, tag: str) -> set[str]:
        """Of the first message of this name on the new side; empty where there is none."""
        for seen in self.new.read_folder(folder).messages if folder in self.new.folders() else ():
            if seen.tag == tag:
                return set(seen.flags)
        return set()


def _has_said(what: bytes, times: int) -> Callable[[bytes], bool]:
    return lambda said: said.count(what) >= times


def has_appended(times: int = 1) -> Callable[[bytes], bool]:
    return _has_said(APPENDED, times)
