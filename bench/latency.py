"""`bascule copy` beside its peers with 20 ms of round trip in front of both servers.

Needs the bench rig (BASCULE_BENCH_RIG) and its corpus ``small2k``. Each tool runs through the rig's ``--tools cmd`` with both ports behind a
delaying proxy; pairs are interleaved.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from run import ENTRY, Rig, is_installed  # noqa: E402

MBSYNC = """
IMAPAccount {n}
Host 127.0.0.1
Port {p}
User {user}
Pass secret
SSLType None
AuthMechs PLAIN

IMAPStore {n}
Account {n}
"""


def behind(command: str, delay_ms: float) -> str:
    """The command for the rig: through two proxies, whose ports replace {src} and {dst}."""
    return f"{sys.executable} {HERE / 'latency.py'} --through {{src}} {{dst}} {{user}} {{state}} --delay {delay_ms} --command {command}"


def through(source: int, target: int, user: str, state: str, delay_ms: float, command: str) -> int:
    """Run one tool behind the proxies."""
    import subprocess

    from support.proxy import Faults, Proxy

    delay = delay_ms / 2000
    with Proxy(source, Faults(delay_seconds=delay)) as near, Proxy(target, Faults(delay_seconds=delay)) as far:
        if command == "mbsync":
            words = mbsync(near.port, far.port, user, state)
        else:
            words = [
                "sh", "-c", f"{ENTRY} copy imap://{user}@127.0.0.1:{near.port} imap://{user}@127.0.0.1:{far.port}"
                f" --state {state} --quiet {os.environ.get('BASCULE_BENCH_OPTIONS', '')}",
            ]  # fmt: skip
        return subprocess.run(words, check=False).returncode


def mbsync(source: int, target: int, user: str, state: str) -> list[str]:
    place = Path(state)
    (place / "sync").mkdir(exist_ok=True)
    stores = "".join(MBSYNC.format(n=n, p=p, user=user) for n, p in (("src", source), ("dst", target)))
    (place / "mbsyncrc").write_text(
        f"{stores}\nChannel all\nFar :src:\nNear :dst:\nPatterns *\nCreate Near\nSync Pull\nCopyArrivalDate yes\n"
        f"SyncState {place}/sync/\n"
    )
    return ["mbsync", "-c", str(place / "mbsyncrc"), "-a"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--through", nargs=4, metavar=("SRC", "DST", "USER", "STATE"))
    parser.add_argument("--command", default="bascule")
    parser.add_argument("--delay", type=float, default=20.0, help="milliseconds of round trip")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--corpus", default="small2k")
    parser.add_argument("--work", default="/tmp/bascule-bench")
    chosen = parser.parse_args()
    if chosen.through:
        source, target, user, state = chosen.through
        return through(int(source), int(target), user, state, chosen.delay, chosen.command)
    rig = os.environ.get("BASCULE_BENCH_RIG")
    if not rig:
        print("not measured: the bench rig. Set BASCULE_BENCH_RIG to its folder.")
        return 0
    bench = Rig(Path(rig), Path(chosen.work))
    bench.start_source([chosen.corpus])
    try:
        for fsync in ("never", "optimized"):
            compare(bench, chosen.corpus, fsync, chosen.delay, chosen.pairs)
    finally:
        bench.stop_source()
    return 0


def compare(bench: Rig, corpus: str, fsync: str, delay: float, pairs: int) -> None:
    for peer in ("mbsync", "imapsync"):
        if not is_installed(peer) or peer == "imapsync":
            print(f"{corpus}, {fsync}, {delay:.0f} ms: not measured: {peer}")
            continue
        ratios, ours, theirs = [], [], []
        for _ in range(pairs):
            mine = bench.measure("cmd", corpus, fsync, behind("bascule", delay), verify=False)[0]["first"]["wall"]
            other = bench.measure("cmd", corpus, fsync, behind(peer, delay), verify=False)[0]["first"]["wall"]
            ours.append(mine)
            theirs.append(other)
            ratios.append(other / mine)
        print(
            f"{corpus}, {fsync}, {delay:.0f} ms: ours {statistics.median(ours):.2f} s, {peer} {statistics.median(theirs):.2f} s,"
            f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
