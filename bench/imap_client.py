"""The client of the measurements of IMAP servers: a socket that writes commands and looks for the tagged reply, so that it takes little of the
processors that it shares with what it measures. And the messages that it brings."""

import random
import socket
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from support.server import ANNA, PASSWORD  # noqa: E402

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

    def __init__(self, port: int, login: str = ANNA) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.recv(65536)
        self.do(b"LOGIN %b %b" % (login.encode(), PASSWORD.encode()))

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
