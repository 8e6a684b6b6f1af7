"""Text search beside Debian's Dovecot with its full-text plug-in (dovecot-fts-xapian): same messages, same words, both indexed beforehand.

``python bench/text_search.py [--messages 20000] [--rounds 5]`` prints how long the index took to make, its size, and searches a second; a ratio above 1
is ours being faster. Both are asked what a webmail asks: the UIDs of messages with a word, in a folder of that size.
"""

import argparse
import contextlib
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]

from imap_client import WORDS, Client, fill, message  # noqa: E402

from bascule.mailbox.format import TEXTS  # noqa: E402
from support.dovecot import PrivateDovecot  # noqa: E402
from support.server import PrivateBascule  # noqa: E402

PLUGIN = """
mail_plugins = $mail_plugins fts fts_xapian
plugin {
  fts = xapian
  fts_xapian = partial=3 full=20
  fts_enforced = yes
}
service indexer-worker {
  vsz_limit = 2G
}
"""
RARE = 50
"""One message in so many has a word of its own kind."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    told = options.parse_args()
    draw = random.Random(20261124)
    messages = []
    for number in range(told.messages):
        extra = f"matricule{number // RARE}x " if number % RARE == 0 else ""
        messages.append(message(number, draw).replace(b"\r\n\r\n", b"\r\n\r\n" + extra.encode(), 1))
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as place:
        root = Path(place)
        with (
            PrivateDovecot(root / "dovecot", settings=PLUGIN) as dovecot,
            PrivateBascule(root / "bascule", processes=2) as ours,
        ):
            measure(
                told, {"dovecot": Client(dovecot.port), "bascule": Client(ours.imap)}, messages, ours.mailbox() / TEXTS
            )
            sizes = {
                "dovecot": _octets(root / "dovecot", "xapian*"),
                "bascule": _octets(ours.mailbox(), f"{TEXTS}*"),
            }
    print(f"{'size of the index, MB':44} {sizes['dovecot'] / 1e6:12,.0f} {sizes['bascule'] / 1e6:12,.0f}")


def measure(told: argparse.Namespace, clients: dict[str, Client], messages: list[bytes], texts: Path) -> None:
    """``texts``: where ours keeps the index, which housekeeping makes; until then each text is looked through."""
    print(f"{'per second':44} {'Dovecot':>12} {'Bascule':>12} {'ratio':>7}", flush=True)
    made = {}
    for name, client in clients.items():
        client.do(b"CREATE big")
        fill(client, b"big", messages)
        client.do(b"SELECT big")
        started = time.monotonic()
        client.do(b"SEARCH TEXT matricule0x")
        made[name] = len(messages) / (time.monotonic() - started)
    _print("messages looked through, or indexed, at the first search", made)
    started = time.monotonic()
    clients["bascule"].do(b"SEARCH TEXT matricule7x")
    print(f"the next one before there is an index: {time.monotonic() - started:.2f} s")
    print(f"the index was made {until_indexed(texts) - started:.0f} s later, by housekeeping")
    questions = {
        "a word of one message": b"SEARCH TEXT matricule7x",
        "a word of nearly every message": b"SEARCH TEXT " + WORDS[4].encode(),
        "two words": b"SEARCH TEXT matricule7x BODY " + WORDS[4].encode(),
        "a word of no message": b"SEARCH BODY ornithorynque",
        "a word, from a sender": b'SEARCH TEXT matricule7x FROM "p33@"',
    }
    for what, question in questions.items():
        rates: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(told.rounds):
            for name, client in clients.items():
                started = time.monotonic()
                for _ in range(10):
                    client.do(question)
                rates[name].append(10 / (time.monotonic() - started))
        _print(what, {name: statistics.median(values) for name, values in rates.items()})


def until_indexed(texts: Path) -> float:
    """The instant, by the monotonic clock."""
    with contextlib.closing(sqlite3.connect(f"{texts.absolute().as_uri()}?mode=ro", uri=True)) as database:
        while True:
            last, done = database.execute(
                "SELECT (SELECT max(body) FROM texts), (SELECT indexed_body FROM progress)"
            ).fetchone()
            if done >= last:
                return time.monotonic()
            time.sleep(0.5)


def _print(what: str, rates: dict[str, float]) -> None:
    ratio = rates["bascule"] / rates["dovecot"]
    print(f"{what:44} {rates['dovecot']:12,.0f} {rates['bascule']:12,.0f} {ratio:7.2f}", flush=True)


def _octets(root: Path, pattern: str) -> int:
    places = root.rglob(pattern)
    return sum(
        file.stat().st_size
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file()
    )


if __name__ == "__main__":
    main()
