"""One quirk, on one side, with one peer: two runs, and a look at both sides after each."""

import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from peers import holding
from peers.limits import RUN_SECONDS
from peers.peer import End, Peer, run
from peers.yardstick import Difference, Held, Look, Outcome, Usual, compare, judge
from support.dovecot import PrivateDovecot
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.catalogue import QUIRKS


@dataclass(frozen=True, slots=True)
class Case:
    """``place``: on which side the quirk is; ``best``: what the catalogue says a client can make of it. No ``quirk``: both sides are plain."""

    quirk: str
    place: str
    best: str

    @property
    def name(self) -> str:
        return f"{self.quirk}-{self.place}"


PLAIN = Case("", "source", "exact")


def cases() -> list[Case]:
    """All of the catalogue, with the plain server first."""
    return [PLAIN] + [
        Case(name, place, allowed.name)
        for name, quirk in QUIRKS.items()
        for place in ("source", "target")
        if (allowed := getattr(quirk, f"as_{place}")) is not None
    ]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a peer is run: ``seconds`` for one run, and ``words``, more options on its command line."""

    seconds: float = RUN_SECONDS
    words: tuple[str, ...] = ()


class Trial:
    """``dovecot``: the target of a peer that opens its target's storage itself; each trial is a new user there."""

    def __init__(
        self,
        peer: Peer,
        old_quirk: Quirk,
        new_quirk: Quirk,
        dovecot: PrivateDovecot | None = None,
        manner: Manner = Manner(),
    ) -> None:
        self.peer, self.old_quirk, self.dovecot, self.seconds = peer, old_quirk, dovecot, manner.seconds
        self.anywhere = old_quirk.anywhere or new_quirk.anywhere
        # how Bascule must be called for the quirk to show; the peers have no such options
        shown_by = (*old_quirk.words, *new_quirk.words) if peer.name == "bascule" else ()
        self.words = (*shown_by, *manner.words)
        self.old, self.new = Store(), Store()
        sample.fill(self.old)
        # a server that makes the folder above as well would leave mbsync with one that the old side lacks, which it calls an error
        self.old.create(b"Archive")
        old_quirk.prepare_other(self.new)
        new_quirk.prepare_other(self.old)
        self.source, self.target = QuirkServer(old_quirk, self.old), QuirkServer(new_quirk, self.new)
        self.user = f"u{uuid.uuid4().hex[:12]}"

    def run(self, times: int = 2) -> list[Look]:
        """Raises AssertionError when the quirk server itself fails."""
        with tempfile.TemporaryDirectory(prefix="bascule-peers-") as folder, self.source, self.target:
            self.at_first = holding.of_store(self.old)
            self.before = holding.of_store(self.new)
            state = Path(folder) / "state"
            state.mkdir()
            return [self._one(state, Path(folder) / f"{number}.out") for number in range(times)]

    def _one(self, state: Path, out: Path) -> Look:
        untouched = self.old.snapshot()
        source = End(self.source.port, self.source.user)
        call = self.peer.call(state, source, self._target(), self.words)
        ended = run(self.peer, call, out, state, self.seconds)
        for server in (self.source, self.target):
            server.hang_up()
        changed = not self.old_quirk.moves_by_itself and self.old.snapshot() != untouched
        differences, extra = self._compared()
        return Look(ended.status, ended.said, differences, extra, changed)

    def _target(self) -> End:
        if self.dovecot:
            return End(self.dovecot.port, self.user, self.dovecot.root / "dovecot.conf")
        return End(self.target.port, self.target.user)

    def _compared(self) -> tuple[tuple[Difference, ...], int]:
        """What came or went by itself while a run was on need not be there, and may be."""
        new = holding.of_server(self.dovecot.port, self.user) if self.dovecot else holding.of_store(self.new)
        old = holding.of_store(self.old)
        if not self.old_quirk.moves_by_itself:
            return compare(old, new, self.before, anywhere=self.anywhere)
        at_first = {message.number for message in self.at_first}
        stayed = [message for message in old if message.number in at_first]
        passing: list[Held] = [*self.before, *(m for m in (*self.at_first, *old) if m not in stayed)]
        return compare(stayed, new, passing, anywhere=self.anywhere)


def outcome(
    peer: Peer, case: Case, usual: Usual | None, dovecot: PrivateDovecot | None, manner: Manner
) -> dict[str, object]:
    """A row for the file of results."""
    quirk = QUIRKS[case.quirk]() if case.quirk else Quirk()
    sides = (quirk, Quirk()) if case.place == "source" else (Quirk(), quirk)
    try:
        looks = Trial(peer, *sides, dovecot if peer.opens_target else None, manner).run()
    except AssertionError as error:
        return {"outcome": "not judged", "detail": f"the quirk server failed: {error}"[:300]}
    return row(looks, judge(looks, usual))


def row(looks: list[Look], found: Outcome) -> dict[str, object]:
    last = looks[-1]
    kinds: dict[str, int] = {}
    for each in last.differences:
        for kind in each.kinds:
            kinds[kind] = kinds.get(kind, 0) + 1
    return {
        "outcome": str(found), "statuses": [look.status for look in looks], "extra": [look.extra for look in looks],
        "differences": kinds, "by_number": {str(d.message.number): sorted(d.kinds) for d in last.differences},
        "said": [look.said[-1500:] for look in looks],
    }  # fmt: skip
