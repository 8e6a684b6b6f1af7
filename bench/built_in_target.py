"""``copy`` into the built-in platform and back to a Dovecot, verified by the rig's own program, which shares no code with us.

``python bench/built_in_target.py [--corpora small,real]``. Needs the bench rig (BASCULE_BENCH_RIG) with Dovecot; what is missing is said by name.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from run import ENTRY, SOURCE_PORT, Rig  # noqa: E402

from support.dovecot import PrivateDovecot  # noqa: E402
from support.server import ANNA, PrivateBascule  # noqa: E402


def copy(source: str, target: str, state: Path) -> float:
    """Seconds."""
    environment = {**os.environ, "BASCULE_SOURCE_PASSWORD": "secret", "BASCULE_TARGET_PASSWORD": "secret"}
    start = time.perf_counter()
    words = [*shlex.split(ENTRY), "copy", source, target, "--state", str(state), "--quiet"]
    subprocess.run(words, env=environment, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def verified(bench: Rig, port: int, corpus: str) -> dict[str, object]:
    manifest = str(bench.work / f"{corpus}.manifest")
    words = [
        str(bench.folder / "verify"),
        str(SOURCE_PORT),
        str(port),
        corpus,
        "--src-manifest",
        manifest,
        "--dst-user",
        ANNA,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    told: dict[str, object] = json.loads(done.stdout.splitlines()[0])
    return told


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpora", default="small,real")
    parser.add_argument("--work", default="/tmp/bascule-bench")
    chosen = parser.parse_args()
    rig = os.environ.get("BASCULE_BENCH_RIG")
    if not rig or not Path(rig, "verify").exists():
        print("not measured: the bench rig. Set BASCULE_BENCH_RIG to its folder.")
        return 0
    bench = Rig(Path(rig), Path(chosen.work))
    corpora = chosen.corpora.split(",")
    bench.start_source(corpora)
    passed = True
    print(
        "| corpus | way | seconds | messages | equal | missing | extra | pass |\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    try:
        for corpus in corpora:
            with tempfile.TemporaryDirectory(prefix="bascule-bench-") as folder:
                root = Path(folder)
                root.chmod(0o755)
                server = PrivateBascule(root / "bascule", processes=2, settings={"mailboxes": "first_folders = []"})
                with server, PrivateDovecot(root / "dovecot") as dovecot:
                    there = copy(f"imap://{corpus}@127.0.0.1:{SOURCE_PORT}", server.url(), root / "there")
                    passed = tell(corpus, "into Bascule", there, verified(bench, server.imap, corpus)) and passed
                    back = copy(server.url(), f"imap://{ANNA}@127.0.0.1:{dovecot.port}", root / "back")
                    passed = tell(corpus, "on to Dovecot", back, verified(bench, dovecot.port, corpus)) and passed
    finally:
        bench.stop_source()
    return 0 if passed else 1


def tell(corpus: str, way: str, seconds: float, told: dict[str, object]) -> bool:
    counts = " | ".join(
        str(told.get(name, 0)) for name in ("msgs_src", "body_ok", "msgs_missing", "msgs_extra", "pass")
    )
    print(f"| {corpus} | {way} | {seconds:.1f} | {counts} |", flush=True)
    return bool(told.get("pass"))


if __name__ == "__main__":
    sys.exit(main())
