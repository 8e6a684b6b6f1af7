"""The built-in IMAP server beside Debian's Dovecot: same client, same messages, same promise (on disk before OK).

``python bench/imap_server.py [--messages 20000] [--many 100000] [--rounds 3] [--fsync optimized] [--only NAME,…]`` prints a table of medians; a ratio above 1 is ours
being faster. ``by processor`` compares the processor time that the servers took instead (`processor`), which other work on the machine changes
little. The client (`imap_client`) is the same for both. Each measurement is interleaved between the two servers.

``--fsync``: Dovecot's ``mail_fsync``. With ``optimized`` it does not sync flags, which Bascule does; with ``always`` it does.

``--only``: what stands before the colon of a row's name. The folders are filled for all of them.
"""

import argparse
import contextlib
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import processor
from imap_client import Client, fill, literal, message

from support.dovecot import PrivateDovecot
from support.server import PrivateBascule

SEQUENCE = 500
"""Messages named by one STORE, as programs cut it."""
FIELDS = b"FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"


@dataclass(slots=True)
class Server:
    name: str
    port: int
    process: int
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.port)


@dataclass(frozen=True, slots=True)
class Figure:
    per_second: float
    processor_seconds: float
    """For each of what is counted."""


Servers = dict[str, Server]
Call = Callable[[Server], float | tuple[float, float]]
"""Does it, and gives how many of what is counted were done; or times a part of it itself, and gives (how many, seconds)."""


def measured(server: Server, call: Call) -> Figure:
    used, started = processor.seconds(server.process), time.monotonic()
    done = call(server)
    took, used = time.monotonic() - started, processor.seconds(server.process) - used
    count, took = done if isinstance(done, tuple) else (done, took)
    return Figure(count / took, used / count)


class Table:
    def __init__(self, servers: Servers, only: set[str], rounds: int) -> None:
        self._servers = servers
        self._only = only
        self._rounds = rounds
        print(f"{'per second':60} {'Dovecot':>12} {'Bascule':>12} {'ratio':>7} {'by processor':>13}")

    def wants(self, kind: str) -> bool:
        return not self._only or kind in self._only

    def row(
        self,
        name: str,
        call: Call,
        rounds: int | None = None,
        before: Callable[[Server], object] = lambda server: None,
    ) -> None:
        """``before``: what is done before each round, and not measured."""
        if not self.wants(name.split(":")[0]):
            return
        figures: dict[str, list[Figure]] = {server: [] for server in self._servers}
        for _ in range(rounds or self._rounds):
            for server in self._servers.values():
                before(server)
                figures[server.name].append(measured(server, call))
        speed = {each: statistics.median(f.per_second for f in found) for each, found in figures.items()}
        used = {each: statistics.median(f.processor_seconds for f in found) for each, found in figures.items()}
        print(
            f"{name:60} {speed['dovecot']:12,.0f} {speed['bascule']:12,.0f} {speed['bascule'] / speed['dovecot']:7.2f}"
            f" {used['dovecot'] / used['bascule']:13.2f}"
        )


def do(command: bytes, count: int) -> Call:
    def call(server: Server) -> float:
        server.client.do(command)
        return count

    return call


def one_by_one(messages: list[bytes]) -> Call:
    def call(server: Server) -> float:
        for each in messages:
            server.client.do(b"APPEND single " + literal(each))
        return len(messages)

    return call


def ahead(messages: list[bytes]) -> Call:
    """Without waiting for each answer."""

    def call(server: Server) -> float:
        for start in range(0, len(messages), 20):
            group = messages[start : start + 20]
            lines = (b"a%d APPEND single " % n + literal(each) + b"\r\n" for n, each in enumerate(group))
            server.client.socket.sendall(b"".join(lines))
            server.client.until(b"a%d" % (len(group) - 1))
        return len(messages)

    return call


def filled(folder: bytes, messages: list[bytes]) -> Call:
    def call(server: Server) -> float:
        fill(server.client, folder, messages)
        return len(messages)

    return call


def opening(folder: bytes) -> Call:
    """How often a second a new session opens it."""

    def call(server: Server) -> tuple[float, float]:
        client = Client(server.port)
        started = time.monotonic()
        client.do(b"SELECT " + folder)
        took = time.monotonic() - started
        client.socket.close()
        return 1, took

    return call


def flagging(count: int, step: int, sign: bytes, silent: bytes = b".SILENT", uid: bytes = b"") -> Call:
    def call(server: Server) -> float:
        for first in range(1, count + 1, step):
            last = min(first + step - 1, count)
            server.client.do(b"%bSTORE %d:%d %bFLAGS%b (\\Flagged)" % (uid, first, last, sign, silent))
        return count

    return call


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--many", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--fsync", default="optimized")
    options.add_argument("--only", default="")
    told = options.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    draw = random.Random(20261124)
    messages = [message(n, draw) for n in range(told.messages)]
    small = [message(n, draw, 500) for n in range(1000)]
    later = [message(n, draw) for n in range(told.messages, told.messages + 5000)]
    with (
        tempfile.TemporaryDirectory(prefix="bascule-bench-") as place,
        PrivateDovecot(Path(place) / "dovecot", fsync=told.fsync) as dovecot,
        PrivateBascule(Path(place) / "bascule", processes=2) as ours,
    ):
        servers = {
            "dovecot": Server("dovecot", dovecot.port, dovecot.process),
            "bascule": Server("bascule", ours.imap, ours.process),
        }
        table = Table(servers, set(told.only.split(",")) - {""}, told.rounds)
        for server in servers.values():
            for folder in (b"big", b"single", b"many", b"later"):
                server.client.do(b"CREATE " + folder)
        measure(table, servers, messages)
        if table.wants("open"):
            for server in servers.values():
                for start in range(0, told.many, len(small)):
                    fill(server.client, b"many", small[: min(len(small), told.many - start)])
            table.row(f"open: SELECT of {told.many:,}", opening(b"many"), 5)
        if table.wants("later"):
            after_a_while(table, servers, later, ours.mailbox())


def measure(table: Table, servers: Servers, messages: list[bytes]) -> None:
    count = len(messages)
    table.row("append: 1,000 one by one", one_by_one(messages[:1000]))
    table.row("append: 1,000 sent ahead", ahead(messages[1000:2000]))
    if table.wants("append"):
        table.row("append: in groups of 50", filled(b"big", messages), 1)
    else:
        for server in servers.values():
            fill(server.client, b"big", messages)
    for server in servers.values():
        server.client.do(b"SELECT big")
    table.row("first: ENVELOPE BODYSTRUCTURE of what just came", do(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)", count), 1)
    table.row("first: header fields of what just came", do(FIELDS, count), 1)
    table.row("describe: ENVELOPE BODYSTRUCTURE", do(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)", count))
    table.row("flags: FETCH 1:* (UID FLAGS)", do(b"FETCH 1:* (UID FLAGS)", count))
    table.row("full: FETCH 1:* BODY.PEEK[]", do(b"FETCH 1:* BODY.PEEK[]", count))
    table.row("headers: FETCH 1:* HEADER.FIELDS (FROM SUBJECT DATE)", do(FIELDS, count))
    table.row("search: TEXT, first time", do(b"SEARCH TEXT semestre", count), 1)
    table.row("search: TEXT", do(b"SEARCH TEXT semestre", count))
    table.row("search: FROM", do(b'SEARCH FROM "p33@"', count))
    storing(table, servers, count)


def storing(table: Table, servers: Servers, count: int) -> None:
    if not table.wants("store"):
        return
    off = flagging(count, count, b"-")
    table.row("store: +FLAGS.SILENT on all", flagging(count, count, b"+"), before=off)
    table.row("store: -FLAGS on all, told", flagging(count, count, b"-", b""), before=flagging(count, count, b"+"))
    table.row(f"store: +FLAGS, {SEQUENCE} at a time, told", flagging(count, SEQUENCE, b"+", b""), before=off)
    for server in servers.values():
        server.client.do(b"ENABLE QRESYNC")
        server.client.do(b"SELECT big")
    table.row("store: +FLAGS.SILENT on all, QRESYNC", flagging(count, count, b"+"), before=off)
    table.row(f"store: UID +FLAGS, {SEQUENCE} at a time, QRESYNC", flagging(count, SEQUENCE, b"+", b"", b"UID "), before=off)  # fmt: skip
    with contextlib.ExitStack() as watching:
        for server in servers.values():
            watching.callback(Watching(server).close)
        table.row("store: +FLAGS.SILENT on all, QRESYNC, one in IDLE", flagging(count, count, b"+"), before=off)
        table.row(f"store: +FLAGS, {SEQUENCE} at a time, QRESYNC, one in IDLE", flagging(count, SEQUENCE, b"+", b""), before=off)  # fmt: skip
    for server in servers.values():
        print(f"another's longest wait during one STORE on all, ms: {server.name} {another_waits(server, count):.0f}")


class Watching:
    """Another session in IDLE on the same folder, which takes all that it is told."""

    def __init__(self, server: Server) -> None:
        self._client = Client(server.port)
        self._client.do(b"SELECT big")
        self._client.socket.sendall(b"i IDLE\r\n")
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while self._client.socket.recv(1 << 18):
                pass

    def close(self) -> None:
        self._client.socket.shutdown(2)
        self._client.socket.close()


def another_waits(server: Server, count: int) -> float:
    """The longest time for a NOOP or an APPEND of another session while all are flagged, in milliseconds: the median of five."""
    other = Client(server.port)
    other.do(b"SELECT single")
    worst = []
    for _ in range(5):
        storing = threading.Thread(target=flagging(count, count, b"+"), args=(server,))
        storing.start()
        waits = [0.0]
        while storing.is_alive():
            for command in (b"NOOP", b"APPEND single " + literal(b"Subject: x\r\n\r\nx\r\n")):
                started = time.monotonic()
                other.do(command)
                waits.append(time.monotonic() - started)
        worst.append(max(waits))
        flagging(count, count, b"-")(server)
    return statistics.median(worst) * 1000


def after_a_while(table: Table, servers: Servers, messages: list[bytes], place: Path) -> None:
    """What is first asked of messages that came some time ago: housekeeping had its time, on both sides."""
    for server in servers.values():
        fill(server.client, b"later", messages)
    deadline = time.monotonic() + 180
    query = "SELECT count(*) FROM bodies b LEFT JOIN descriptions d ON d.body = b.id WHERE d.body IS NULL"
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(f"file:{place}/catalogue.sqlite?mode=ro", uri=True)) as catalogue:
            if not catalogue.execute(query).fetchone()[0]:
                break
        time.sleep(1)
    for server in servers.values():
        server.client.do(b"SELECT later")
    asked = b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"
    table.row("later: ENVELOPE BODYSTRUCTURE a while after arrival", do(asked, len(messages)), 1)


if __name__ == "__main__":
    main()
