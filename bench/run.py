"""`make bench`: `bascule copy` beside its peers, in interleaved pairs, as ratios.

Needs the bench rig (BASCULE_BENCH_RIG) with Dovecot, and whichever of mbsync and dsync are installed; imapsync by IMAPSYNC. What is missing is said by
name, as "not measured". Everything runs on loopback, in a folder of its own.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENTRY = f"{sys.executable} -c 'from bascule.commands import main; main()'"
SOURCE_PORT = 14301


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--corpora", default="small,real")
    parser.add_argument("--fsync", default="never,optimized")
    parser.add_argument("--peers", default="mbsync,dsync,imapsync")
    parser.add_argument("--connections", type=int, default=3)
    parser.add_argument("--work", default="/tmp/bascule-bench")
    chosen = parser.parse_args()
    rig = os.environ.get("BASCULE_BENCH_RIG")
    if not rig or not Path(rig, "bench").exists():
        print("not measured: the bench rig. Set BASCULE_BENCH_RIG to its folder.")
        return 0
    bench = Rig(Path(rig), Path(chosen.work))
    bench.start_source(chosen.corpora.split(","))
    print(f"{platform.node()}: {os.cpu_count()} cores, Python {platform.python_version()}, {platform.platform()}\n")
    print("| corpus | fsync | peer | pairs | ours msg/s | peer msg/s | ratio, median | spread | verified |")
    print("|---|---|---|---|---|---|---|---|---|")
    try:
        for corpus in chosen.corpora.split(","):
            for fsync in chosen.fsync.split(","):
                for peer in chosen.peers.split(","):
                    compare(bench, corpus, fsync, peer, chosen.pairs, chosen.connections)
                ceiling(bench, corpus, fsync, chosen.pairs, chosen.connections)
                full(bench, corpus, fsync, chosen.connections)
    finally:
        bench.stop_source()
    return 0


class Rig:
    """The peers' rig: a private Dovecot as source, a fresh one as target for each run."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work
        self.source = work / "srv" / "src"

    def run(self, *words: str, quiet: bool = True) -> str:
        environment = {
            **os.environ, "BASCULE_SOURCE_PASSWORD": "secret", "BASCULE_TARGET_PASSWORD": "secret",
            "BASCULE_KEY": str(self.work / "signing-key.pem"),
        }  # fmt: skip
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
        out = subprocess.run(
            [str(self.folder / words[0]), *words[1:]], capture_output=True, text=True, env=environment, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return out.stdout

    def start_source(self, corpora: list[str]) -> None:
        log = self.work / "source.log"
        self.work.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as said:  # the server keeps what it inherits open
            subprocess.run(
                [str(self.folder / "dovecot-up"), str(self.source), str(SOURCE_PORT)],
                stdout=said,
                stderr=said,
                check=False,
            )
        for corpus in corpora:
            if not (self.source / "mail" / corpus).exists():
                profile = corpus.rstrip("0123456789k")
                number = ["--n", str(int(corpus[len(profile) : -1]) * 1000)] if corpus.endswith("k") else []
                self.run("make-corpus", profile, str(self.source), corpus, *number)
            manifest = self.work / f"{corpus}.manifest"
            if not manifest.exists():
                subprocess.run(
                    [str(self.folder / "verify"), str(SOURCE_PORT), "0", corpus, "--src-manifest", str(manifest)],
                    stdout=subprocess.DEVNULL, check=False,
                )  # fmt: skip

    def stop_source(self) -> None:
        subprocess.run([str(self.folder / "dovecot-down"), str(self.source)], check=False)

    def measure(self, tools: str, corpus: str, fsync: str, command: str, *, verify: bool) -> list[dict[str, Any]]:
        words = ["bench", "--corpus", corpus, "--tools", tools, "--target-fsync", fsync, "--cmd", command]
        words += ["--work", str(self.work)] + ([] if verify else ["--no-verify"])
        return [json.loads(line) for line in self.run(*words).splitlines() if line.startswith("{")]


def ours(connections: int, *more: str) -> str:
    words = f"--connections {connections} --quiet " + " ".join(more)
    return f"{ENTRY} copy imap://{{user}}@127.0.0.1:{{src}} imap://{{user}}@127.0.0.1:{{dst}} --state {{state}} {words}"


def is_installed(peer: str) -> bool:
    if peer == "imapsync":
        return Path(os.environ.get("IMAPSYNC", "/nonexistent")).exists() or shutil.which("imapsync") is not None
    return shutil.which({"dsync": "doveadm"}.get(peer, peer)) is not None


def compare(bench: Rig, corpus: str, fsync: str, peer: str, pairs: int, connections: int) -> None:
    """A B A B …: each pair gives one ratio, so that a change of the machine's mood meets both."""
    if not is_installed(peer):
        print(f"| {corpus} | {fsync} | {peer} | – | not measured: {peer} is not installed | | | | |")
        return
    rows = []
    for pair in range(pairs):
        rows.append(bench.measure(f"cmd,{peer}", corpus, fsync, ours(connections), verify=pair == 0))
    ratios = [mine["msgs_s"] / theirs["msgs_s"] for mine, theirs in rows]
    mine, theirs = (statistics.median(row[i]["msgs_s"] for row in rows) for i in (0, 1))
    passed = rows[0][0]["verify"]["pass"]
    second = max(row[0]["second"]["wall"] for row in rows)
    memory = max(row[0]["first"]["rss_mb"] for row in rows)
    print(
        f"| {corpus} | {fsync} | {peer} | {pairs} | {mine:.0f} | {theirs:.0f} | {statistics.median(ratios):.2f} | "
        f"{min(ratios):.2f}–{max(ratios):.2f} | {passed}; second run {second:.2f} s, {memory:.0f} MB |",
        flush=True,
    )


def ceiling(bench: Rig, corpus: str, fsync: str, pairs: int, connections: int) -> None:
    """Ours beside the rig's MULTIAPPEND from memory, over as many connections."""
    ratios, reached = [], []
    for _ in range(pairs):
        mine = bench.measure("cmd", corpus, fsync, ours(connections), verify=False)[0]
        said = bench.run(
            "ceiling", "append", "--corpus", corpus, "--conns", str(connections), "--modes", "multi", "--fsync", fsync,
            "--reps", "1", "--work", str(bench.work),
        )  # fmt: skip
        limit = json.loads(said.splitlines()[-1])["msgs_s"]
        reached.append(limit)
        ratios.append(mine["msgs_s"] / limit)
    print(
        f"| {corpus} | {fsync} | ceiling, {connections} connections | {pairs} | | {statistics.median(reached):.0f} | "
        f"{statistics.median(ratios):.2f} | {min(ratios):.2f}–{max(ratios):.2f} | |",
        flush=True,
    )


def full(bench: Rig, corpus: str, fsync: str, connections: int) -> None:
    """What reading every octet back costs."""
    plain = bench.measure("cmd", corpus, fsync, ours(connections), verify=False)[0]["first"]["wall"]
    whole = bench.measure("cmd", corpus, fsync, ours(connections, "--verify full"), verify=False)[0]["first"]["wall"]
    print(
        f"| {corpus} | {fsync} | ours with --verify=full | 1 | | | {plain / whole:.2f} | {plain:.1f} s, {whole:.1f} s | |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
