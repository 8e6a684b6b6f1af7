"""One sequence: a mailbox on each side, a number of operations drawn from a seed, and the oracle asked after each run.

Operation n draws from a chance of its own, so that a sequence goes the same way when some are left out: that is how a failure is made small.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from model import life
from model.oracle import Oracle
from model.person import Person
from model.runs import Order, Runs
from model.world import World
from support.proxy import Proxy
from support.runner import Runner


@dataclass(frozen=True, slots=True)
class Sides:
    """Where both mailboxes are. ``steps``: by capture and deliver. ``uidplus``: whether the target has it. ``old_root``: the home of a Maildir of which folders can be
    closed for a night. ``room``: gives the target a quota of so many kilobytes (0: none), where it can."""

    name: str
    old_port: int
    new_port: int
    users: tuple[str, str]
    steps: bool = False
    uidplus: bool = True
    old_root: Path | None = None
    room: Callable[[int], None] | None = None


class Violated(AssertionError):
    """The sequence as it went, and what must not have been."""


class Sequence:
    def __init__(self, seed: str, sides: Sides, runner: Runner, tmp: Path) -> None:
        self.seed, self.sides, self._runner, self._tmp = seed, sides, runner, tmp

    def play(self, operations: int, leave_out: frozenset[int] = frozenset()) -> None:
        """Raises `Violated` at the first run after which something does not hold."""
        with ExitStack() as stack:
            self._open(stack)
            life.begin(self.world, random.Random(f"{self.seed}/begin"))
            for number in range(operations):
                if number not in leave_out:
                    self._operate(number, random.Random(f"{self.seed}/{number}"))
            last = random.Random(f"{self.seed}/last")
            self._room(0)
            for _ in range(2):  # nothing is left to do for the second
                self._run(Order(), last)

    def _open(self, stack: ExitStack) -> None:
        sides, tmp = self.sides, self._tmp
        proxies = tuple(stack.enter_context(Proxy(port)) for port in (sides.old_port, sides.new_port))
        stack.callback(lambda: shutil.rmtree(tmp, ignore_errors=True))
        tmp.mkdir(parents=True)
        self.runs = Runs(
            self._runner, tmp, sides.users, (proxies[0], proxies[1]), steps=sides.steps, uidplus=sides.uidplus
        )
        people = [
            stack.enter_context(Person(port, user)) for port, user in zip((sides.old_port, sides.new_port), sides.users)
        ]
        self.world = World(*people)
        self.oracle = Oracle(self.world, uidplus=sides.uidplus, steps=sides.steps)
        self._kept, self._tight = 0, False
        stack.callback(lambda: self.world.new.close())  # another one than at first, where the server was started anew
        stack.callback(lambda: self._room(0))

    def _operate(self, number: int, chance: random.Random) -> None:
        self.world.log.append(f"#{number}")
        if chance.random() < 0.62:
            life.live(self.world, chance)
            return
        self._state(chance)
        kind = chance.choices(
            ("complete", "cut", "life", "beside", "closed", "room"), (50, 24, 9, 4, 5, 8 if self.sides.room else 0)
        )[0]
        order = Order(chance.choice(("delivered", "delivered", "none", "full")), chance.choice((1, 3)))
        match kind:
            case "cut":
                order = Order(order.verify, order.connections, cut=chance.choice(("kill", "kill", "kill", "interrupt")))
            case "beside":
                order = Order(order.verify, order.connections, beside=chance.choice(("same", "another")))
            case "room":
                self._room(0 if self._tight else chance.randint(2, 30))
        closed = kind == "closed" and self.sides.old_root is not None
        self._run(order, chance, meanwhile=kind == "life", closed=closed)

    def _run(self, order: Order, chance: random.Random, *, meanwhile: bool = False, closed: bool = False) -> None:
        world, oracle = self.world, self.oracle
        before = oracle.look()

        def go_on() -> None:
            world.running = True
            for _ in range(chance.randint(1, 4)):
                life.live(world, chance)
            world.running = False

        world.begin_run()
        faulty = closed or self._tight
        with self._closed(chance) if closed else nullcontext():
            ended = self.runs.run(order, chance, go_on if meanwhile else None)
        world.tell(
            f"RUN {order}{', met a fault' if faulty else ''}{', with life going on' if meanwhile else ''}: {ended}"
        )
        found = oracle.after(ended, before, oracle.look(), faulty=faulty, during=meanwhile)
        if found:
            raise Violated(self._told(found))
        if chance.random() < 0.3:
            self._kept += 1
            world.tell(f"the state folder is copied: {self._kept}")
            self.runs.keep(self._kept)
            oracle.keep(self._kept)

    def _state(self, chance: random.Random) -> None:
        """Before a run: the state folder is kept, mostly; or lost, or an older one is put back."""
        draw = chance.random()
        if draw < 0.06:
            self.world.tell("the state folder is lost")
            self.runs.lose()
            self.oracle.lose()
        elif draw < 0.12 and self._kept:
            number = chance.randint(1, self._kept)
            self.world.tell(f"an older state folder is put back: {number}")
            self.runs.put_back(number)
            self.oracle.put_back(number)

    @contextmanager
    def _closed(self, chance: random.Random) -> Iterator[None]:
        """A folder of the old side can't be opened (a Maildir of Dovecot's)."""
        assert self.sides.old_root is not None
        names = [name for name in self.world.old.folders() if name != "INBOX"]
        name = chance.choice(names) if names else ""
        folder = self.sides.old_root / "Maildir" / f".{name.replace('/', '.')}"
        if not name or not folder.exists():
            yield
            return
        self.world.tell(f"old {name} can't be opened tonight")
        self.world.closed.add(name)
        mode = folder.stat().st_mode
        folder.chmod(0)
        try:
            yield
        finally:
            folder.chmod(mode)

    def _room(self, kilobytes: int) -> None:
        if self.sides.room and (kilobytes or self._tight):
            self.world.tell(f"the new side has room for {kilobytes or 'any number of'} KB more")
            self.world.new.close()
            used = sum(len(each.seen.octets) for held in self.oracle.knowledge.new.values() for each in held) // 1024
            self.sides.room(kilobytes and used + kilobytes)
            self._tight = bool(kilobytes)
            self.world.new = Person(self.sides.new_port, self.sides.users[1])

    def _told(self, found: list[str]) -> str:
        story = "\n".join(self.world.log)
        return f"{self.sides.name}, seed {self.seed}\n{story}\n" + "\n".join(f"VIOLATION {each}" for each in found)
