"""Random life on both sides of a move, random runs between, and what must hold after each.

``BASCULE_MODEL=seed/number:operations`` plays one sequence again; a third part names operations to leave out (``7/3:30:2,5,11``), or ``shrink`` to look for those that
can be left out with the same outcome.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model.sequence import Sequence, Sides, Violated
from support import parts
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.runner import Runner
from support.server import PrivateBascule

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("model")]
OPERATIONS = 30
_USERS = itertools.count(1)
SAMPLE, FULL = 8, 2_000
AT_ONCE = 8
"""Sequences of one test: a run of `make soak` shows where it is."""


class Servers:
    """Started when a sequence first wants them; each sequence has mailboxes of its own there."""

    def __init__(self, tmp: Path) -> None:
        self._tmp = tmp
        self._stack = contextlib.ExitStack()
        self._dovecots: dict[str, PrivateDovecot] = {}
        self._bascule: PrivateBascule | None = None
        self._cyrus: PrivateCyrus | None = None

    def dovecot(self, name: str, kind: str) -> PrivateDovecot:
        if name not in self._dovecots:
            self._dovecots[name] = self._stack.enter_context(PrivateDovecot(self._tmp / name, format=kind))
        return self._dovecots[name]

    def bascule(self, user: str) -> int:
        """The built-in platform's port; it has this user from now on."""
        if self._bascule is None:
            self._bascule = self._stack.enter_context(PrivateBascule(self._tmp / "bascule"))
        with contextlib.closing(self._bascule.accounts()) as accounts:
            accounts.add(user, "secret", generated=True)
        return self._bascule.imap

    def cyrus(self, user: str) -> int:
        if self._cyrus is None:
            self._cyrus = self._stack.enter_context(PrivateCyrus([]))
        self._cyrus.add(user)
        return self._cyrus.port

    def close(self) -> None:
        self._stack.close()

    def sides(self, number: int, user: str) -> Sides:
        """Which two servers the sequence of this number is between."""
        old, new, member = self.dovecot("old", "maildir"), self.dovecot("new", "sdbox"), f"{user}@example.org"
        common = Sides(
            "Dovecot to Dovecot", old.port, new.port, (user, user), number % 4 == 3, old_root=old.root / "mail" / user
        )
        match number % 20:
            case 1 | 6 | 11 | 16:
                return replace(common, name="Dovecot to Dovecot without UIDPLUS", uidplus=False)
            case 2 | 12:
                return replace(common, name="Dovecot to Bascule", new_port=self.bascule(member), users=(user, member))
            case 8 | 18:
                port = self.bascule(member)
                return replace(common, name="Bascule to Dovecot", old_port=port, users=(member, user), old_root=None)
            case 14 if parts.is_there("cyrus"):
                return replace(common, name="Dovecot to Cyrus", new_port=self.cyrus(user))
            case 4 | 10:
                port = self.dovecot("small", "sdbox").port
                return replace(common, name="Dovecot to Dovecot with a quota", new_port=port, room=self._room)
            case 5 | 15:
                return replace(common, name="Dovecot to Dovecot (mdbox)", new_port=self.dovecot("mdbox", "mdbox").port)
        return common

    def _room(self, kilobytes: int) -> None:
        """For the whole server, which has one mailbox in use at a time."""
        server = self._dovecots["small"]
        server.stop()
        server.quota_kilobytes = kilobytes
        server.start()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = Servers(tmp_path_factory.mktemp("model"))
    yield started
    started.close()


def numbers() -> list[object]:
    """The first of each test's. Four processes share them, each with servers of its own: a run waits more than it works."""
    every = range(0, FULL if os.environ.get("BASCULE_SOAK") == "1" else SAMPLE, AT_ONCE)
    return [pytest.param(first, marks=pytest.mark.xdist_group(f"{number % 4}")) for number, first in enumerate(every)]


def play(
    servers: Servers, runner: Runner, tmp: Path, seed: str, operations: int = OPERATIONS,
    leave_out: frozenset[int] = frozenset(),
) -> None:  # fmt: skip
    """One sequence, on mailboxes of its own. ``seed``: ends with a number, which chooses the servers. Raises `Violated`."""
    user = f"u{next(_USERS)}"
    sides = servers.sides(int(seed.rpartition("/")[2]), user)
    Sequence(seed, sides, runner, tmp / user).play(operations, leave_out)


@pytest.mark.soak
@pytest.mark.skipif("BASCULE_MODEL" in os.environ, reason="one sequence is played again")
@pytest.mark.parametrize("first", numbers())
def test_nothing_is_lost_doubled_or_taken_from_the_member(first, seed, runner: Runner, servers, tmp_path) -> None:
    failed = []
    for number in range(first, first + AT_ONCE):
        try:
            play(servers, runner, tmp_path, f"{seed}/{number}")
        except Violated as violated:
            failed.append(f"BASCULE_MODEL={seed}/{number}:{OPERATIONS}\n{violated}")
    assert not failed, f"{len(failed)} of {AT_ONCE} sequences\n\n" + "\n\n".join(failed)


@pytest.mark.skipif("BASCULE_MODEL" not in os.environ, reason="no sequence is named")
def test_one_sequence_again(runner: Runner, servers: Servers, tmp_path: Path) -> None:
    seed, _, rest = os.environ["BASCULE_MODEL"].partition(":")
    operations, _, which = rest.partition(":")
    length = int(operations or OPERATIONS)
    left_out = frozenset(int(number) for number in which.split(",") if number.isdecimal())
    if which == "shrink":
        left_out = shrunk(servers, runner, tmp_path, seed, length)
        print("what can be left out:", ",".join(map(str, sorted(left_out))))
    play(servers, runner, tmp_path, seed, length, left_out)


def shrunk(servers: Servers, runner: Runner, tmp: Path, seed: str, operations: int) -> frozenset[int]:
    """Operations without which the sequence still ends with a violation: each is tried once, from the last to the first."""
    left_out: frozenset[int] = frozenset()
    for number in reversed(range(operations)):
        try:
            play(servers, runner, tmp, seed, operations, left_out | {number})
        except Violated:
            left_out |= {number}
    return left_out
