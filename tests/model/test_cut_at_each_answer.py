"""A run that is killed behind each answer of each server, in turn: whatever it had come to, the next runs end where they would have without it, and what
comes later follows as if nothing had happened. So it does where the next run is killed as well, and life goes on before one comes to its end."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from model.each_answer import ANSWER, Ended, Mailboxes, begin, days_work, run, words
from model.history import Move
from support.dovecot import PrivateDovecot
from support.runner import Runner

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("cut-at-each-answer")]

SAMPLE = 2
"""Of the answers of one side; all of them with `make soak`."""
TWO = 300
"""Pairs of answers with `make soak`, of some ten thousand."""


class Histories(Mailboxes):
    def play(
        self, connections: int, at_night: Callable[[Move], None] | None = None, *, rests: bool = True
    ) -> list[Ended]:
        """The outcome of the runs behind the night. ``at_night``: what comes in it; None: no run that is cut. ``rests``: whether a run comes to its end
        before life goes on."""
        with self.move() as move:
            begin(move)
            assert run(move, connections).status == 0
            days_work(move)
            if at_night is not None:
                at_night(move)
            ended = [run(move, connections)] if rests else []
            _another_days_work(move)
            return [*ended, run(move, connections), run(move, connections)]


def _another_days_work(move: Move) -> None:
    move.mark(move.old, "INBOX", "a", "-", "\\Flagged")
    move.mark(move.old, "INBOX", "m", "+", "\\Answered")
    move.mark(move.old, "L", "k", "+", "\\Flagged")
    move.move(move.old, "G", "d", "INBOX")
    move.move(move.old, "INBOX", "n", "H")
    move.move(move.old, "H", "o", "F")


class Answers:
    """Of one side to a run that begins, counted as they come; it is killed at one of them. ``is_heard``: it hears that one."""

    def __init__(self, move: Move, side: str, connections: int, kill_at: int = -1, *, is_heard: bool = True) -> None:
        running = move.runner.start(*words(move, connections))
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
        self.count += len(ANSWER.findall(octets))
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
