"""Every quirk of the catalogue, as source and as target, with `bascule copy` and each peer: what both sides hold after two runs.

``python bench/peers_on_quirks.py --results FILE [--peers mbsync,dsync] [--minutes 10] [--only NAME] [--again OUTCOME]`` runs what FILE
does not have yet, for so many minutes, and says what is left; `bench/peers_tables.py` makes tables of it. One run at a time, each ended by
its own process id when its time is over.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]

from peers import limits, quirk_trial  # noqa: E402
from peers.peer import Peer  # noqa: E402
from peers.results import Results  # noqa: E402
from peers.roster import BY_NAME  # noqa: E402
from peers.telling import TELLING  # noqa: E402
from peers.yardstick import Usual  # noqa: E402

from support.dovecot import PrivateDovecot  # noqa: E402


def usual(results: Results, peer: Peer) -> Usual | None:
    """What the peer did to the plain server; None: that is not known yet."""
    row = results.rows.get(peer.name, {}).get(quirk_trial.PLAIN.name)
    if row is None or "by_number" not in row:
        return None
    return Usual(row["statuses"][-1], {int(number): frozenset(kinds) for number, kinds in row["by_number"].items()})


def measure(
    results: Results,
    peer: Peer,
    cases: list[quirk_trial.Case],
    dovecot: PrivateDovecot | None,
    until: float,
    manner: quirk_trial.Manner,
) -> int:
    """How many cases are left when the time is over."""
    version = peer.version()
    for place, case in enumerate(cases):
        if time.monotonic() > until:
            return len(cases) - place
        known = usual(results, peer) if case is not quirk_trial.PLAIN else None
        found = quirk_trial.outcome(peer, case, known, dovecot, manner)
        results.put(peer.name, case.name, {**found, "version": version, "best": case.best, "seconds": manner.seconds})
        print(f"{peer.name} {case.name or 'plain'}: {found['outcome']}", flush=True)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--peers", default=",".join(BY_NAME))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--again", default="", help="run cases that had this outcome once more")
    parser.add_argument("--seconds", type=float, default=limits.RUN_SECONDS, help="for one run")
    parser.add_argument("--words", default="", help="more options on the peer's own command line")
    chosen = parser.parse_args()
    manner = quirk_trial.Manner(chosen.seconds, tuple(chosen.words.split()))
    results, until = Results(chosen.results), time.monotonic() + 60 * chosen.minutes
    order = sorted(quirk_trial.cases(), key=lambda case: (case is not quirk_trial.PLAIN, case.name not in TELLING))
    for name in chosen.peers.split(","):
        peer = BY_NAME[name]
        if told := peer.missing():
            print(f"not measured: {told}")
            continue
        cases = [
            case
            for case in order
            if not (peer.opens_target and case.place == "target")
            and chosen.only in case.name
            and (not results.has(name, case.name) or results.rows[name][case.name]["outcome"] == chosen.again)
        ]
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bascule-peers-")))
            dovecot = stack.enter_context(PrivateDovecot(folder / "new")) if peer.opens_target else None
            left = measure(results, peer, cases, dovecot, until, manner)
        print(f"{name}: {left} of {len(cases)} left", flush=True)


if __name__ == "__main__":
    main()
