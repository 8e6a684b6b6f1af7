"""The built-in IMAP server beside Debian's Dovecot: same client, same messages, same promise (on disk before OK).

``python bench/imap_server.py [--messages 20000] [--many 100000] [--rounds 3] [--only NAME,…]`` prints a table of medians; a ratio above 1 is ours
being faster. The client is a socket that writes commands and looks for the tagged reply: it is the same for both, and takes little. Each
measurement is interleaved between the two servers.
"""

import argparse
import contextlib
import random
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from support.dovecot import PrivateDovecot  # noqa: E402
from support.server import ANNA, PASSWORD, PrivateBascule  # noqa: E402

GROUP = 50
WORDS = [
    "budget",
    "réunion",
    "conseil",
    "étudiants",
    "semestre",
    "rapport",
    "note",
    "salle",
    "train",
    "mardi",
    "projet",
    "copie",
    "urgent",
    "merci",
    "demain",
    "annexe",
]


class Client:
    """Sends one command and reads up to its tagged reply."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.recv(65536)
        self.do(b"LOGIN %b %b" % (ANNA.encode(), PASSWORD.encode()))

    def do(self, command: bytes, tag: bytes = b"z9") -> int:
        """Octets of the answer. Fails where it is not OK."""
        self.socket.sendall(tag + b" " + command + b"\r\n")
        return self.until(tag)

    def until(self, tag: bytes) -> int:
        size, tail = 0, b"\r\n"
        mark = b"\r\n" + tag + b" "
        while True:
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise EOFError(tail)
            size += len(piece)
            tail = (tail + piece)[-4000:] if len(piece) < 4000 else piece[-4000:]
            place = tail.rfind(mark)
            if place >= 0 and tail.endswith(b"\r\n"):
                assert tail[place + len(mark) :].startswith(b"OK"), tail[place:]
                return size


def message(number: int, draw: random.Random, octets: int = 4000) -> bytes:
    lines = []
    while sum(map(len, lines)) < octets - 400:
        lines.append(" ".join(draw.choices(WORDS, k=11)) + "\r\n")
    head = (
        f"From: Person {number % 97} <p{number % 97}@example.org>\r\nTo: Anna <anna@example.org>, b@example.org\r\n"
        f"Subject: {draw.choice(WORDS)} {number}\r\nDate: Thu, 20 Nov 2025 09:{number % 60:02}:00 +0100\r\n"
        f"Message-ID: <{number}.{draw.random()}@example.org>\r\nMIME-Version: 1.0\r\n"
    )
    if number % 4:
        return (
            head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + "".join(lines)
        ).encode()
    parts = "".join(
        f"--b\r\nContent-Type: {kind}\r\n\r\n{''.join(half)}\r\n"
        for kind, half in (
            ("text/plain; charset=utf-8", lines[::2]),
            ('text/html; charset=utf-8; name="x"', lines[1::2]),
        )
    )
    return (head + 'Content-Type: multipart/alternative; boundary="b"\r\n\r\n' + parts + "--b--\r\n").encode()


def literal(octets: bytes) -> bytes:
    return b"{%d+}\r\n" % len(octets) + octets


def fill(client: Client, folder: bytes, messages: list[bytes]) -> float:
    started = time.monotonic()
    for start in range(0, len(messages), GROUP):
        group = messages[start : start + GROUP]
        client.do(b"APPEND %b" % folder + b"".join(b" (\\Seen) " + literal(each) for each in group))
    return len(messages) / (time.monotonic() - started)


def one_by_one(client: Client, messages: list[bytes]) -> float:
    started = time.monotonic()
    for each in messages:
        client.do(b"APPEND single " + literal(each))
    return len(messages) / (time.monotonic() - started)


def ahead(client: Client, messages: list[bytes]) -> float:
    """Without waiting for each answer."""
    started = time.monotonic()
    for start in range(0, len(messages), 20):
        group = messages[start : start + 20]
        lines = (b"a%d APPEND single " % n + literal(each) + b"\r\n" for n, each in enumerate(group))
        client.socket.sendall(b"".join(lines))
        client.until(b"a%d" % (len(group) - 1))
    return len(messages) / (time.monotonic() - started)


def rate(client: Client, count: int, command: bytes) -> float:
    started = time.monotonic()
    client.do(command)
    return count / (time.monotonic() - started)


def opening(port: int, folder: bytes) -> float:
    """How often a second a new session opens it."""
    client = Client(port)
    started = time.monotonic()
    client.do(b"SELECT " + folder)
    took = time.monotonic() - started
    client.socket.close()
    return 1 / took


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--many", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="")
    told = options.parse_args()
    draw = random.Random(20261124)
    messages = [message(n, draw) for n in range(told.messages)]
    small = [message(n, draw, 500) for n in range(1000)]
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as place:
        root = Path(place)
        with (
            PrivateDovecot(root / "dovecot", fsync="optimized") as dovecot,
            PrivateBascule(root / "bascule", processes=2) as ours,
        ):
            ports = {"dovecot": dovecot.port, "bascule": ours.imap}
            measure(told, ports, messages, small)
            if not told.only:
                after_a_while(
                    ports, [message(n, draw) for n in range(told.messages, told.messages + 5000)], ours.mailbox()
                )


def after_a_while(ports: dict[str, int], messages: list[bytes], place: Path) -> None:
    """What is first asked of messages that came some time ago: housekeeping had its time, on both sides."""
    clients = {name: Client(port) for name, port in ports.items()}
    for client in clients.values():
        client.do(b"CREATE later")
        fill(client, b"later", messages)
    deadline = time.monotonic() + 180
    query = "SELECT count(*) FROM bodies b LEFT JOIN descriptions d ON d.body = b.id WHERE d.body IS NULL"
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(f"file:{place}/catalogue.sqlite?mode=ro", uri=True)) as catalogue:
            if not catalogue.execute(query).fetchone()[0]:
                break
        time.sleep(1)
    rates = {}
    for name, client in clients.items():
        client.do(b"SELECT later")
        rates[name] = rate(client, len(messages), b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")
    ratio = rates["bascule"] / rates["dovecot"]
    print(
        f"{'describe: first time, a while after arrival':44} {rates['dovecot']:12,.0f} {rates['bascule']:12,.0f} {ratio:7.2f}"
    )


def measure(told: argparse.Namespace, ports: dict[str, int], messages: list[bytes], small: list[bytes]) -> None:
    clients = {name: Client(port) for name, port in ports.items()}
    figures: dict[str, dict[str, list[float]]] = {}
    only = set(told.only.split(",")) - {""}

    def row(name: str, call: Callable[[str], float], rounds: int = told.rounds) -> None:
        if only and name.split(":")[0] not in only:
            return
        for _ in range(rounds):
            for server in clients:
                figures.setdefault(name, {}).setdefault(server, []).append(call(server))
        medians = {server: statistics.median(values) for server, values in figures[name].items()}
        print(
            f"{name:44} {medians['dovecot']:12,.0f} {medians['bascule']:12,.0f} {medians['bascule'] / medians['dovecot']:7.2f}",
            flush=True,
        )

    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"{'per second':44} {'Dovecot':>12} {'Bascule':>12} {'ratio':>7}")
    for client in clients.values():
        client.do(b"CREATE big")
        client.do(b"CREATE single")
        client.do(b"CREATE many")
    row("append: 1,000 one by one", lambda s: one_by_one(clients[s], messages[:1000]))
    row("append: 1,000 sent ahead", lambda s: ahead(clients[s], messages[1000:2000]))
    for server, client in clients.items():
        figures.setdefault("fill", {})[server] = [fill(client, b"big", messages)]
    row_fill = {server: values[0] for server, values in figures["fill"].items()}
    print(
        f"{'append: in groups of 50':44} {row_fill['dovecot']:12,.0f} {row_fill['bascule']:12,.0f} {row_fill['bascule'] / row_fill['dovecot']:7.2f}"
    )
    for client in clients.values():
        client.do(b"SELECT big")
    count = len(messages)
    row(
        "describe: ENVELOPE BODYSTRUCTURE, first time",
        lambda s: rate(clients[s], count, b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"),
        1,
    )
    row("describe: ENVELOPE BODYSTRUCTURE", lambda s: rate(clients[s], count, b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"))
    row("flags: FETCH 1:* (UID FLAGS)", lambda s: rate(clients[s], count, b"FETCH 1:* (UID FLAGS)"))
    row("full: FETCH 1:* BODY.PEEK[]", lambda s: rate(clients[s], count, b"FETCH 1:* BODY.PEEK[]"))
    row(
        "headers: FETCH 1:* HEADER.FIELDS",
        lambda s: rate(clients[s], count, b"FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"),
    )
    row("search: TEXT, first time", lambda s: rate(clients[s], count, b"SEARCH TEXT semestre"), 1)
    row("search: TEXT", lambda s: rate(clients[s], count, b"SEARCH TEXT semestre"))
    row("search: FROM", lambda s: rate(clients[s], count, b'SEARCH FROM "p33@"'))
    row(
        "store: +FLAGS.SILENT on all",
        lambda s: (
            rate(clients[s], count, b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
            + 0 * rate(clients[s], 1, b"STORE 1:* -FLAGS.SILENT (\\Flagged)")
        ),
    )
    if not only or "open" in only:
        for client in clients.values():
            for start in range(0, told.many, len(small)):
                fill(client, b"many", small[: min(len(small), told.many - start)])
        row(f"open: SELECT of {told.many:,}", lambda s: opening(ports[s], b"many"), 5)


if __name__ == "__main__":
    main()
