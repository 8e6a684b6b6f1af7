"""What one mailbox in trouble costs the others: the 95th percentile of somebody else's delivery and FETCH while mail keeps coming for it.

``python bench/others.py [--seconds 8]`` prints, for a second mailbox that is sound, over quota, or can't be opened, and for a full disk (root: a small
file system is mounted), the latency of the first; ratios are to the sound one. The aim is 2 at most.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from support.dialogue import Dialogue  # noqa: E402
from support.server import ANNA, PASSWORD, PrivateBascule  # noqa: E402
from support.small_disk import SmallDisk  # noqa: E402
from support.smtp import SmtpDialogue, message  # noqa: E402

BOB = "bob@example.org"
MAIL = message(body="x" * 70 + "\r\n")


def press(port: int, until: threading.Event) -> None:
    """Mail for the second mailbox, one after the other, whatever becomes of it."""
    while not until.is_set():
        with SmtpDialogue(port) as dialogue:
            for _ in range(15):  # refusals end a connection after twenty
                if dialogue.say(f"MAIL FROM:<{ANNA}>").is_positive and dialogue.say(f"RCPT TO:<{BOB}>").is_positive:
                    dialogue.say("DATA")
                    dialogue.send(MAIL + b".\r\n")
                    dialogue.reply()
                else:
                    dialogue.say("RSET")


def measure(server: PrivateBascule, seconds: float, *, delivers: bool = True) -> dict[str, float]:
    """Milliseconds, 95th percentile: a delivery to the first mailbox, and a FETCH of all flags there."""
    until = threading.Event()
    presses = [threading.Thread(target=press, args=(server.ports["smtp"], until)) for _ in range(2)]
    for thread in presses:
        thread.start()
    client = Dialogue(server.imap)
    client.ok(f"LOGIN {ANNA} {PASSWORD}")
    client.ok("SELECT INBOX")
    taken: dict[str, list[float]] = {"delivery": [], "fetch": []}
    with SmtpDialogue(server.ports["smtp"]) as dialogue:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if delivers:
                taken["delivery"].append(_timed(lambda: dialogue.deliver(MAIL, ANNA, ANNA)))
            taken["fetch"].append(_timed(lambda: client.ok("UID FETCH 1:50 (FLAGS)")))
    until.set()
    for thread in presses:
        thread.join()
    client.close()
    return {name: statistics.quantiles(each, n=20)[18] for name, each in taken.items() if each}


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    seconds = parser.parse_args().seconds
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as folder:
        server = PrivateBascule(Path(folder), accounts=(ANNA, BOB), processes=2)
        with server:
            measure(server, 1.0)
            found["sound"] = measure(server, seconds)
            server.accounts().set_quota(BOB, 1)
            found["over quota"] = measure(server, seconds)
            server.accounts().set_quota(BOB, None)
        (server.mailbox(BOB) / "catalogue.sqlite").write_bytes(b"\xff" * 8192)
        for leftover in server.mailbox(BOB).glob("catalogue.sqlite-*"):
            leftover.unlink()
        with server:
            found["can't be opened"] = measure(server, seconds)
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as folder:
        server = PrivateBascule(Path(folder), accounts=(), processes=2)
        with SmallDisk(Path(folder) / "data", 64) as disk:
            for login in (ANNA, BOB):
                server.accounts().add(login, PASSWORD, generated=True)
            with server:
                measure(server, 1.0)
                disk.fill()
                found["full disk"] = measure(server, seconds, delivers=False)
    print("| the other mailbox | delivery, ms | ratio | FETCH, ms | ratio |\n|---|---|---|---|---|")
    for name, told in found.items():
        cells = [
            f"{told[kind]:.1f} | {told[kind] / found['sound'][kind]:.2f}" if kind in told else "refused | –"
            for kind in ("delivery", "fetch")
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
