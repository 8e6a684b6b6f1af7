"""A run of Bascule in a sequence: complete, cut, beside another, with life going on; with its state kept, lost, or an older one put back."""

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.lesser import Without
from support.proxy import Proxy
from support.runner import Done, Runner, Running

_SETTLE_SECONDS = "0.3"
_QUIET_SECONDS = 0.08
"""How long a server may still work on what a killed client had sent."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to be. ``cut``: by what (``kill``, ``interrupt``), or nothing. ``beside``: a second run at once (``same``: with the same state folder)."""

    verify: str = "delivered"
    connections: int = 3
    cut: str = ""
    beside: str = ""

    def __str__(self) -> str:
        words = [f"--verify {self.verify} --connections {self.connections}"]
        words += [{"kill": "killed", "interrupt": "interrupted"}[self.cut]] if self.cut else []
        words += [f"two at once, {self.beside} state"] if self.beside else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it. ``complete``: it was not cut, and every step of it ended with 0 or 1 and a report."""

    order: Order
    dones: tuple[Done, ...]
    complete: bool

    @property
    def report(self) -> dict[str, Any] | None:
        return self.dones[-1].report

    @property
    def status(self) -> int:
        """The worst of its steps."""
        return max((done.status for done in self.dones), default=0)

    def __str__(self) -> str:
        return f"exit {', '.join(str(done.status) for done in self.dones)}"


class Runs:
    """Of one sequence. ``steps``: capture and deliver instead of copy."""

    def __init__(
        self,
        runner: Runner,
        tmp: Path,
        user: tuple[str, str],
        proxies: tuple[Proxy, Proxy],
        *,
        steps: bool,
        uidplus: bool,
    ) -> None:
        self._runner, self._tmp, self._steps, self._uidplus = runner, tmp, steps, uidplus
        self._proxies = proxies
        self._old, self._new = (f"imap://{who}@127.0.0.1:{proxy.port}" for who, proxy in zip(user, proxies))
        self._state = tmp / "state"
        self._others = 0
        if not uidplus:
            proxies[1].faults.lesser = Without("UIDPLUS")

    def keep(self, number: int) -> None:
        """A copy of the state folder as it is now, under a number; an empty one where a run was killed before it made it."""
        self._state.mkdir(exist_ok=True)
        shutil.copytree(self._state, self._tmp / f"kept-{number}")

    def put_back(self, number: int) -> None:
        self.lose()
        shutil.copytree(self._tmp / f"kept-{number}", self._state)

    def lose(self) -> None:
        shutil.rmtree(self._state, ignore_errors=True)

    def run(self, order: Order, chance: random.Random, meanwhile: Callable[[], None] | None = None) -> Ended:
        """``meanwhile`` is done while the run is at work."""
        if order.beside:
            return self._beside(order)
        dones = []
        for words in self._words(order, self._state):
            start = time.monotonic()
            running = self._runner.start(*words)
            if order.cut and (not self._steps or chance.random() < 0.5 or words[0] == "deliver"):
                self._cut(running, order, chance, start)
            if meanwhile:
                meanwhile()
            dones.append(running.wait())
            self._listen_no_more()
            if dones[-1].status not in (0, 1):
                break
        if order.cut:
            time.sleep(_QUIET_SECONDS)
        complete = len(dones) == (2 if self._steps else 1) and all(
            done.status in (0, 1) and done.report for done in dones
        )
        return Ended(order, tuple(dones), bool(complete))

    def _words(self, order: Order, state: Path) -> list[list[object]]:
        sides = ["--connections", order.connections, "--json", "--quiet"]
        reading = ["--verify", order.verify, "--settle", _SETTLE_SECONDS]
        if not self._steps:
            return [["copy", self._old, self._new, "--state", state, *sides, *reading]]
        mailbox = state / "steps.mailbox"
        state.mkdir(exist_ok=True)
        return [["capture", self._old, mailbox, *sides], ["deliver", mailbox, self._new, *sides, *reading]]

    def _beside(self, order: Order) -> Ended:
        """Both start together. With capture and deliver, both deliver the same."""
        self._others += 1
        other = self._state if order.beside == "same" else self._tmp / f"other-{self._others}"
        ours, theirs = self._words(order, self._state), self._words(order, other)
        for words in [*ours[:-1], *(theirs[:-1] if other != self._state else [])]:
            self._runner.run(*words)
        both = [self._runner.start(*ours[-1]), self._runner.start(*theirs[-1])]
        dones = tuple(each.wait() for each in both)
        return Ended(order, dones, all(done.status in (0, 1) and done.report for done in dones))

    def _cut(self, running: Running, order: Order, chance: random.Random, start: float) -> None:
        """Ends it after some time, or some octets to the new side or from the old one: whatever is drawn."""
        end = running.kill if order.cut == "kill" else running.interrupt
        old, new = self._proxies
        match chance.choice(("time", "up", "up", "down")):
            case "time":
                time.sleep(max(0.0, start + chance.uniform(0.02, 0.3) - time.monotonic()))
                end()
            case "up":
                limit = new.up + int(chance.uniform(100, 300) * 2 ** chance.uniform(0, 7))
                new.faults.on_up = lambda up: end() if up >= limit else None
            case "down":
                limit = int(chance.uniform(300, 600) * 2 ** chance.uniform(0, 6)) + old.down

                def listen(octets: bytes) -> bytes:
                    if old.down >= limit:
                        end()
                    return octets

                old.faults.rewrite_down = listen

    def _listen_no_more(self) -> None:
        old, new = self._proxies
        new.faults.on_up, old.faults.rewrite_down = None, None
