"""One night of a move, played again and again with something else behind each answer of a server: its history, its runs, and what they end with."""

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from model.history import Move
from support.dovecot import PrivateDovecot
from support.lesser import Without
from support.runner import Runner

ANSWER = re.compile(rb"^[^*+ ][^ ]* (?:OK|NO|BAD)\b", re.MULTILINE)
"""A tagged one."""
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
class Mailboxes:
    """Each history has its own."""

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


def begin(move: Move) -> None:
    move.fill({"INBOX": "a b c", "F": "d e f g", "G": "h i", "K": "k"})
    move.mark(move.old, "INBOX", "c", "+", "\\Seen")


def days_work(move: Move) -> None:
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


def words(move: Move, connections: int) -> list[object]:
    return move.words("--connections", str(connections))


def run(move: Move, connections: int) -> Ended:
    done = move.runner.run(*words(move, connections))
    assert done.report is not None, done.errors
    named = sorted((one["code"], one["folder"]) for one in done.report["exceptions"])
    holds = {
        name: sorted((seen.tag, sorted(seen.flags)) for seen in shelf.messages)
        for name, shelf in move.new.read().items()
    }
    return Ended(done.status, named, holds)
