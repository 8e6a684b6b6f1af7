"""Large folders, many folders and many connections, on the built-in IMAP server beside Debian's Dovecot.

``python bench/imap_scale.py [--messages 100000] [--folders 10000] [--connections 2000] [--only folder,folders,connections]`` prints, for each
question, the seconds and the processor seconds of both servers (`processor`), and how much longer ours takes for the whole than for a tenth of it: 10 is
linear. ``another``: the longest wait of another session on the same mailbox meanwhile. The client is `imap_client`'s.
"""

import argparse
import random
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import processor
from imap_client import Client, literal, message
from imap_server import Server

from support.dovecot import PrivateDovecot
from support.server import ANNA, PrivateBascule

THREADS = 500
"""Conversations among the messages of the large folder: each answers the one before it in its own."""
QUESTIONS = {
    "SEARCH UNSEEN": b"SEARCH UNSEEN",
    "SEARCH FROM": b'SEARCH FROM "p33@"',
    "SEARCH SUBJECT": b"SEARCH SUBJECT budget",
    "SORT (SUBJECT)": b"SORT (SUBJECT) UTF-8 ALL",
    "SORT (REVERSE ARRIVAL)": b"SORT (REVERSE ARRIVAL) UTF-8 ALL",
    "THREAD REFERENCES": b"THREAD REFERENCES UTF-8 ALL",
    "FETCH 1:* (UID FLAGS)": b"FETCH 1:* (UID FLAGS)",
    "STORE 1:* +FLAGS.SILENT (\\Deleted)": b"STORE 1:* +FLAGS.SILENT (\\Deleted)",
    "EXPUNGE": b"EXPUNGE",
}


def mails(count: int) -> list[bytes]:
    draw = random.Random(20261128)
    made = []
    for number in range(count):
        before = number - THREADS
        head = f"Message-ID: <{number}@example.org>\r\n"
        if before >= 0:
            head += f"In-Reply-To: <{before}@example.org>\r\nReferences: <{before}@example.org>\r\n"
        rest = message(number, draw, 500).split(b"\r\n")
        made.append(head.encode() + b"\r\n".join(line for line in rest if not line.startswith(b"Message-ID:")))
    return made


def fill(client: Client, folder: bytes, messages: list[bytes]) -> None:
    for start in range(0, len(messages), 200):
        client.do(b"APPEND %b" % folder + b"".join(b" " + literal(each) for each in messages[start : start + 200]))


class Another(threading.Thread):
    """A session on the same mailbox that asks for little, again and again; ``longest`` in milliseconds."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._client = Client(server.port)
        self._client.do(b"SELECT INBOX")
        self._over = threading.Event()
        self.longest = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            self._client.do(b"STATUS INBOX (MESSAGES)")
            self.longest = max(self.longest, (time.monotonic() - started) * 1000)
            time.sleep(0.002)

    def end(self) -> float:
        self._over.set()
        self.join(60)
        return self.longest


def asked(server: Server, line: bytes) -> tuple[float, float, float]:
    """(seconds, processor seconds, the longest wait of another in milliseconds)"""
    another = Another(server)
    another.start()
    used, started = processor.seconds(server.process), time.monotonic()
    server.client.do(line)
    took, used = time.monotonic() - started, processor.seconds(server.process) - used
    return took, used, another.end()


def table(
    name: str, servers: list[Server], ask: Callable[[Server], tuple[float, float, float]], tenth: float = 0.0
) -> float:
    """Prints a row; gives our processor seconds. ``tenth``: those of a tenth of it."""
    (theirs, ours) = (ask(server) for server in servers)
    grown = f"{ours[1] / tenth:8.1f}" if tenth else f"{'':8}"
    print(
        f"{name:48} {theirs[0]:9.2f} {ours[0]:9.2f} {theirs[1]:9.2f} {ours[1]:9.2f} {grown} {theirs[2]:9.0f} {ours[2]:9.0f}",
        flush=True,
    )
    return ours[1]


def large_folder(servers: list[Server], count: int) -> None:
    tenths: dict[str, float] = {}
    made = mails(count)
    for folder, messages in ((b"tenth", made[: count // 10]), (b"whole", made)):
        for server in servers:
            server.client.do(b"CREATE " + folder)
            fill(server.client, folder, messages)
            server.client.do(b"SELECT " + folder)
            server.client.do(b"SEARCH TEXT semestre")  # the texts are made
        for name, line in QUESTIONS.items():
            label = f"{len(messages):,} messages: {name}"
            tenths[name] = table(label, servers, lambda server, line=line: asked(server, line), tenths.get(name, 0.0))  # type: ignore[misc]


def many_folders(servers: list[Server], count: int) -> None:
    for server in servers:
        lines = [b"CREATE f%d/n%d" % (number % 100, number) for number in range(count)]
        for start in range(0, count, 100):
            group = lines[start : start + 100]
            server.client.socket.sendall(b"".join(b"c%d %b\r\n" % pair for pair in enumerate(group)))
            server.client.until(b"c%d" % (len(group) - 1))
    for line in (b'LIST "" *', b'LIST "" %', b'LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))', b'LSUB "" *'):
        table(f"{count:,} folders: {line.decode()}", servers, lambda server, line=line: asked(server, line))  # type: ignore[misc]


def many_connections(servers: list[Server], accounts: list[str], count: int) -> None:
    """All in IDLE on their INBOX; then one message comes for each account."""

    def connect(server: Server) -> tuple[float, float, float]:
        used, started = processor.seconds(server.process), time.monotonic()
        for number in range(count):
            waiting[server.name].append(idle(server.port, accounts[number % len(accounts)]))
        return time.monotonic() - started, processor.seconds(server.process) - used, 0.0

    def bring(server: Server) -> tuple[float, float, float]:
        used, started = processor.seconds(server.process), time.monotonic()
        for account in accounts:
            client = Client(server.port, account)
            client.do(b"APPEND INBOX " + literal(b"Subject: x\r\n\r\nx\r\n"))
            client.socket.close()
        for each in waiting[server.name]:
            while b"EXISTS" not in each.recv(65536):
                pass
        return time.monotonic() - started, processor.seconds(server.process) - used, 0.0

    waiting: dict[str, list[socket.socket]] = {server.name: [] for server in servers}
    table(f"{count:,} connections: sign in, SELECT, IDLE", servers, connect)
    table(f"{count:,} connections: a message for each account, told", servers, bring)
    for server in servers:
        for each in waiting[server.name]:
            each.close()


def idle(port: int, account: str) -> socket.socket:
    client = Client(port, account)
    client.do(b"SELECT INBOX")
    client.socket.sendall(b"i IDLE\r\n")
    while not client.socket.recv(1000).endswith(b"\r\n"):
        pass
    return client.socket


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=100_000)
    options.add_argument("--folders", type=int, default=10_000)
    options.add_argument("--connections", type=int, default=2000)
    options.add_argument("--only", default="folder,folders,connections")
    told = options.parse_args()
    only = told.only.split(",")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    accounts = [f"m{number}@example.org" for number in range(max(1, told.connections // 20))]
    clients = told.connections * 4 + 500
    limits = (
        f"default_client_limit = {clients}\nservice imap {{\n  process_limit = {told.connections + 100}\n}}\n"
        + "".join(f"service {name} {{\n  client_limit = {clients}\n}}\n" for name in ("imap-login", "anvil", "auth"))
    )
    with (
        tempfile.TemporaryDirectory(prefix="bascule-scale-") as place,
        PrivateDovecot(Path(place) / "dovecot", fsync="optimized", connections=0, settings=limits) as dovecot,
        PrivateBascule(Path(place) / "bascule", accounts=(ANNA, *accounts), processes=2) as ours,
    ):
        servers = [Server("dovecot", dovecot.port, dovecot.process), Server("bascule", ours.imap, ours.process)]
        print(f"{'':48} {'seconds':>19} {'processor seconds':>19} {'to a':>8} {'another waits, ms':>19}")
        heads = ("Dovecot", "Bascule") * 2
        print(
            f"{'':48} {heads[0]:>9} {heads[1]:>9} {heads[0]:>9} {heads[1]:>9} {'tenth':>8} {heads[0]:>9} {heads[1]:>9}"
        )
        if "folder" in only:
            large_folder(servers, told.messages)
        if "folders" in only:
            many_folders(servers, told.folders)
        if "connections" in only:
            many_connections(servers, accounts, told.connections)


if __name__ == "__main__":
    main()
