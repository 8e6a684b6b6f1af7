"""A run that is killed behind each answer of each server, in turn: whatever it had come to, the next runs end where they would have without it, and what
comes later follows as if nothing had happened. So it does where the next run is killed as well, and life goes on before one comes to its end."""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from model.history import Move
from support.dovecot import PrivateDovecot
from support.lesser import Without
from support.runner import Runner

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("cut-at-each-answer")]

SAMPLE = 2
"""Of the answers of one side; all of them with `make soak`."""
TWO = 300
"""Pairs of answers with `make soak`, of some ten thousand."""
_ANSWER = re.compile(rb"^[^*+ ][^ ]* (?:OK|NO|BAD)\b", re.MULTILINE)
_USERS = itertools.count()
Standing = dict[str, list[tuple[str, list[str]]]]
"""Of each folder what each message is called, and its flags."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run's exit status, what its report names, and what the new side holds then."""

    status: int
    named: list[tuple[str, str]]
    holds: Standing


@dataclass(slots=True)
class Histories:
    """Each with a mailbox of its own."""

    tmp: Path
    runner: Runner
    old: PrivateDovecot
    new: PrivateDovecot
    uidplus: bool

    @contextmanager
    def move(self) -> Iterator[Move]:
        user = f"each{next(_USERS)}"
        with ExitStack() as stack:
            move = Move(self.tmp / user, self.runner, self.old, self.new, user)
            for each in (move.old, move.new, *move.proxies.values()):
                stack.enter_context(each)
            if not self.uidplus:
                move.proxies["new"].faults.lesser = Without("UIDPLUS")
            yield move

    def play(
        self, connections: int, at_night: Callable[[Move], None] | None = None, *, rests: bool = True
    ) -> list[Ended]:
        """The outcome of the runs behind the night. ``at_night``: what comes in it; None: no run that is cut. ``rests``: whether a run comes to its end
        before life goes on."""
        with self.move() as move:
            _begin(move)
            assert _run(move, connections).status == 0
            _days_work(move)
            if at_night is not None:
                at_night(move)
            ended = [_run(move, connections)] if rests else []
            _another_days_work(move)
            return [*ended, _run(move, connections), _run(move, connections)]


def _begin(move: Move) -> None:
    move.fill({"INBOX": "a b c", "F": "d e f g", "G": "h i", "K": "k"})
    move.mark(move.old, "INBOX", "c", "+", "\\Seen")


def _days_work(move: Move) -> None:
    """Of both sides, between the first run and the night."""
    move.mark(move.old, "INBOX", "a", "+", "\\Flagged")
    move.mark(move.old, "INBOX", "c", "-", "\\Seen")
    move.move(move.old, "F", "d", "G")
    move.remove(move.old, "F", "e")
    move.old.rename("K", "L")
    move.fill({"INBOX": "m n", "H": "o p"})
    move.mark(move.new, "INBOX", "b", "+", "\\Seen")
    move.remove(move.new, "F", "f")
    move.move(move.new, "F", "g", "G")


def _another_days_work(move: Move) -> None:
    move.mark(move.old, "INBOX", "a", "-", "\\Flagged")
    move.mark(move.old, "INBOX", "m", "+", "\\Answered")
    move.mark(move.old, "L", "k", "+", "\\Flagged")
    move.move(move.old, "G", "d", "INBOX")
    move.move(move.old, "INBOX", "n", "H")
    move.move(move.old, "H", "o", "F")


def _words(move: Move, connections: int) -> list[object]:
    return move.words("--connections", str(connections))


def _run(move: Move, connections: int) -> Ended:
    done = move.runner.run(*_words(move, connections))
    assert done.report is not None, done.errors
    named = sorted((one["code"], one["folder"]) for one in done.report["exceptions"])
    holds = {
        name: sorted((seen.tag, sorted(seen.flags)) for seen in shelf.messages)
        for name, shelf in move.new.read().items()
    }
    return Ended(done.status, named, holds)


class Answers:
    """Of one side to a run that begins, counted as they come; it is killed at one of them. ``is_heard``: it hears that one."""

    def __init__(self, move: Move, side: str, connections: int, kill_at: int = -1, *, is_heard: bool = True) -> None:
        running = move.runner.start(*_words(move, connections))
        self._faults, self._running = move.proxies[side].faults, running
        self._kill_at, self._is_heard = kill_at, is_heard
        self.count = 0

    def wait(self) -> None:
        self._faults.rewrite_down = self._listen
        try:
            self._running.wait()
        finally:
            self._faults.rewrite_down = None

    def _listen(self, octets: bytes) -> bytes:
        before = self.count
        self.count += len(_ANSWER.findall(octets))
        if before <= self._kill_at < self.count:
            self._running.kill()
            return octets if self._is_heard else b""
        return octets


@pytest.mark.soak
@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize("uidplus", [True, False], ids=["uidplus", "no-uidplus"])
def test_the_next_runs_end_where_they_would_have(
    tmp_path: Path, runner: Runner, old_server: PrivateDovecot, new_server: PrivateDovecot, seed: int, soak: bool,
    uidplus: bool, side: str,
) -> None:  # fmt: skip
    histories = Histories(tmp_path, runner, old_server, new_server, uidplus)
    counted: list[int] = []

    def count(move: Move) -> None:
        answers = Answers(move, side, 1)
        answers.wait()
        counted.append(answers.count)

    expected = histories.play(1)
    assert histories.play(1, count) == expected, "a run that is not cut changes nothing of it"
    chance = random.Random(f"{seed}/{side}/{uidplus}")
    trials = [(number, is_heard) for number in range(counted[0]) for is_heard in (True, False)]
    failed = []
    for number, is_heard in trials if soak else chance.sample(trials, SAMPLE):
        connections = chance.choice((1, 3))
        kill = partial(_kill, [(side, number, is_heard)], connections)
        if (ended := histories.play(connections, kill)) != expected:
            failed.append(f"answer {number}, {'heard' if is_heard else 'not heard'}: {_differences(expected, ended)}")
    assert not failed, f"{len(failed)} of {counted[0]} answers\n" + "\n".join(failed)


def _kill(cuts: Sequence[tuple[str, int, bool]], connections: int, move: Move) -> None:
    """A run for each, one after the other."""
    for side, number, is_heard in cuts:
        Answers(move, side, connections, number, is_heard=is_heard).wait()


@pytest.mark.soak
def test_so_they_do_behind_two_that_were_cut_and_what_happened_since(
    tmp_path: Path, runner: Runner, old_server: PrivateDovecot, new_server: PrivateDovecot, seed: int, soak: bool
) -> None:
    histories = Histories(tmp_path, runner, old_server, new_server, uidplus=True)
    counted: dict[str, int] = {}

    def count(side: str, move: Move) -> None:
        answers = Answers(move, side, 1)
        answers.wait()
        counted[side] = answers.count

    expected = histories.play(1, partial(count, "old"))[-1]
    assert histories.play(1, partial(count, "new"))[-1] == expected
    chance = random.Random(f"{seed}/two")
    failed = []
    for _ in range(TWO if soak else SAMPLE):
        sides = chance.choice(("old", "new")), chance.choice(("new", "old", "new"))
        cuts = [(side, chance.randrange(counted[side]), chance.random() < 0.5) for side in sides]
        connections = chance.choice((1, 3))
        ended = histories.play(connections, partial(_kill, cuts, connections), rests=False)[-1]
        if ended != expected:
            failed.append(f"{cuts}, {connections} connections: {ended} instead of {expected}")
    assert not failed, f"{len(failed)} pairs of cuts\n" + "\n".join(failed)


def _differences(expected: list[Ended], ended: list[Ended]) -> str:
    number = next(number for number, pair in enumerate(zip(expected, ended, strict=True)) if pair[0] != pair[1])
    return f"run {number}: {ended[number]} instead of {expected[number]}"
