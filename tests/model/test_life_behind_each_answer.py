"""What somebody does while a run is at work, behind any answer of either server, ends as if it had been done just before the run, or just after it; and so
does what comes of it the next day."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from model.each_answer import ANSWER, Ended, Mailboxes, begin, days_work, run, words
from model.history import Move
from model.letters import letter
from support.dovecot import PrivateDovecot
from support.runner import Runner

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("life-behind-each-answer")]

SAMPLE, ALL = 3, 400
"""Trials in the tests, and with `make soak`: of some four thousand."""
Deed = Callable[[Move], None]
MEANWHILE: dict[str, tuple[str, Deed]] = {
    "one arrives": ("x", lambda move: move.old.append("F", letter("x"))),
    "one arrives in INBOX": ("x", lambda move: move.old.append("INBOX", letter("x"))),
    "one arrives in a new folder": ("x", lambda move: move.fill({"N": "x"})),
    "a new one is deleted": ("n", lambda move: move.remove(move.old, "INBOX", "n")),
    "a new one moves": ("n", lambda move: move.move(move.old, "INBOX", "n", "G")),
    "a new one moves the other way": ("o", lambda move: move.move(move.old, "H", "o", "F")),
    "one moves": ("h", lambda move: move.move(move.old, "G", "h", "INBOX")),
    "one moves back": ("d", lambda move: move.move(move.old, "G", "d", "F")),
    "one is marked": ("i", lambda move: move.mark(move.old, "G", "i", "+", "\\Flagged")),
    "a folder is renamed": ("o", lambda move: move.old.rename("H", "M")),
    "the member reads one": ("a", lambda move: move.mark(move.new, "INBOX", "a", "+", "\\Seen")),
    "the member moves one": ("h", lambda move: move.move(move.new, "G", "h", "INBOX")),
    "the member deletes one": ("i", lambda move: move.remove(move.new, "G", "i")),
}
"""By what it is called: a message, and what happens to it."""


def nothing(move: Move, tag: str) -> None:
    """The message stays where it is."""


def it_is_deleted(move: Move, tag: str) -> None:
    for folder in _where(move, tag):
        move.remove(move.old, folder, tag)


def it_moves_on(move: Move, tag: str) -> None:
    for folder in _where(move, tag):
        move.fill({"W": ""})
        move.move(move.old, folder, tag, "W")


NEXT_DAY = (nothing, it_is_deleted, it_moves_on)


def _where(move: Move, tag: str) -> list[str]:
    """On the old side."""
    return [name for name, shelf in move.old.read().items() if any(seen.tag == tag for seen in shelf.messages)]


def _play(
    mailboxes: Mailboxes, night: Callable[[Move], None], next_day: Callable[[Move, str], None], tag: str
) -> Ended:
    """What the second run of the next night ends with. No run takes the last copy of any message."""
    with mailboxes.move() as move:
        begin(move)
        run(move, 1)
        days_work(move)
        night(move)
        next_day(move, tag)
        held = _tags(move)
        ended = [run(move, 1), run(move, 1)]
        assert held <= _tags(move), f"runs took the last copy of {held - _tags(move)}"
        return ended[-1]


def _tags(move: Move) -> set[str]:
    """On the new side."""
    return {seen.tag for shelf in move.new.read().values() for seen in shelf.messages}


def _without(tag: str, ended: Ended) -> Ended:
    """Of a message that no run saw: it moved, in the run, from a folder that was not read yet to one that had been, and was deleted before the next run."""
    holds = {name: [each for each in messages if each[0] != tag] for name, messages in ended.holds.items()}
    return replace(ended, holds=holds)


def _before(deed: Deed, move: Move) -> None:
    deed(move)
    run(move, 1)


def _after(deed: Deed, move: Move) -> None:
    run(move, 1)
    deed(move)


def _behind(side: str, number: int, deed: Deed, connections: int, move: Move) -> int:
    """The ``deed`` is done when the server of ``side`` has given that answer to a run, before the run hears it; where it gives fewer, after the run. How many it
    gave."""
    faults, count = move.proxies[side].faults, 0

    def listen(octets: bytes) -> bytes:
        nonlocal count
        before, count = count, count + len(ANSWER.findall(octets))
        if before <= number < count:
            deed(move)
        return octets

    running = move.runner.start(*words(move, connections))
    faults.rewrite_down = listen
    try:
        done = running.wait()
    finally:
        faults.rewrite_down = None
    assert done.status in (0, 1), done
    if count <= number:
        deed(move)
    return count


@pytest.mark.soak
def test_it_ends_as_if_it_had_been_done_before_or_after_the_run(
    tmp_path: Path, runner: Runner, old_server: PrivateDovecot, new_server: PrivateDovecot, seed: int, soak: bool
) -> None:
    chance = random.Random(f"{seed}/life")
    mailboxes = Mailboxes(tmp_path, runner, old_server, new_server, uidplus=True)
    expected: dict[tuple[str, Callable[[Move, str], None]], tuple[Ended, Ended]] = {}
    counted: dict[str, int] = {}

    def count(side: str, move: Move) -> None:
        counted[side] = _behind(side, 10**6, lambda move: None, 1, move)

    for side in ("old", "new"):
        _play(mailboxes, partial(count, side), nothing, "a")
    failed = []
    for _ in range(ALL if soak else SAMPLE):
        name, next_day = chance.choice(sorted(MEANWHILE)), chance.choice(NEXT_DAY)
        side = chance.choice(("old", "old", "new"))
        number, connections = chance.randrange(counted[side]), chance.choice((1, 3))
        tag, deed = MEANWHILE[name]
        if (name, next_day) not in expected:
            before, after = (_play(mailboxes, partial(when, deed), next_day, tag) for when in (_before, _after))
            expected[name, next_day] = before, after
        what = f"{name} behind answer {number} of the {side} side, {connections} connections, then {next_day.__name__}"
        try:
            ended = _play(mailboxes, partial(_behind, side, number, deed, connections), next_day, tag)
        except AssertionError as error:
            failed.append(f"{what}: {error}")
            continue
        allowed = [*expected[name, next_day]]
        if next_day is it_is_deleted:
            allowed += [_without(tag, each) for each in allowed]
        if ended not in allowed:
            failed.append(f"{what}: {ended}; before or after: {allowed}")
    assert not failed, f"{len(failed)} trials\n" + "\n".join(failed)
