"""Every history of `peers/histories.py` with `bascule copy` and each peer: what the new side holds in the end.

``python bench/peers_on_histories.py --results FILE [--peers mbsync,dsync] [--minutes 10] [--only WORDS] [--again]`` runs what FILE does not
have yet, for so many minutes, and says what is left; `bench/peers_tables.py` makes tables of it.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]

from peers import history_trial  # noqa: E402
from peers.histories import HISTORIES  # noqa: E402
from peers.peer import Peer  # noqa: E402
from peers.results import Results  # noqa: E402
from peers.roster import BY_NAME  # noqa: E402

from support.dovecot import PrivateDovecot  # noqa: E402


def measure(results: Results, peer: Peer, names: list[str], until: float, words: tuple[str, ...]) -> int:
    """How many histories are left when the time is over."""
    version = peer.version()
    with tempfile.TemporaryDirectory(prefix="bascule-peers-") as folder:
        root = Path(folder)
        with PrivateDovecot(root / "old", format="maildir") as old, PrivateDovecot(root / "new") as new:
            for place, name in enumerate(names):
                if time.monotonic() > until:
                    return len(names) - place
                found = history_trial.outcome(peer, name, old, new, words)
                results.put(peer.name, name, {**found, "version": version})
                print(
                    f"{peer.name} | {name}: {found['outcome']} {found['statuses']} {found['uncut'] or ''}", flush=True
                )
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--peers", default=",".join(BY_NAME))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="histories whose name has this in it")
    parser.add_argument("--again", action="store_true", help="also those that FILE has")
    parser.add_argument("--words", default="", help="more options on the peer's own command line")
    chosen = parser.parse_args()
    words = tuple(chosen.words.split())
    results, until = Results(chosen.results), time.monotonic() + 60 * chosen.minutes
    for name in chosen.peers.split(","):
        peer = BY_NAME[name]
        if told := peer.missing():
            print(f"not measured: {told}")
            continue
        names = [each for each in HISTORIES if chosen.only in each and (chosen.again or not results.has(name, each))]
        left = measure(results, peer, names, until, words)
        print(f"{name}: {left} of {len(names)} left", flush=True)


if __name__ == "__main__":
    main()
