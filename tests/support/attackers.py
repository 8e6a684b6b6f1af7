"""Who else is connected in a hostile hour, each a program of its own: ``python -m support.attackers ROLE SEED SECONDS IMAP SMTP NAME PASSWORD``.

Errors are what they are after: a role goes on until its time is over, whatever the server answers.
"""

import contextlib
import imaplib
import random
import resource
import smtplib
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

LEFT_OPEN = 5000
"""Connections of the flood, in all."""
FROM_ADDRESSES = 60
Poison = Callable[[int], bytes]
"""A mail of about so many octets."""


def _html(piece: bytes) -> Poison:
    return lambda size: b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + piece * (size // len(piece))


def _in_header(name: bytes, piece: bytes) -> Poison:
    return lambda size: name + b": " + b"\r\n ".join([piece * 60] * (size // (len(piece) * 60) + 1)) + b"\r\n\r\ntext"


def _nested(size: int) -> bytes:
    levels = range(min(size // 60, 5000))
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (each, each) for each in levels)


def _messages_within(size: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * (size // 32) + b"Subject: within\r\n\r\n"


def _dashes(size: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n--bb\r\n-- \r\n" * (size // 20)


POISON: dict[str, Poison] = {
    "comments": _html(b"<!--"),
    "scripts": _html(b"<script>"),
    "styles": _html(b"<style>/*"),
    "entities": _html(b"&#x41"),
    "deep tags": _html(b"<div>"),
    "attributes": lambda size: b"Content-Type: text/html\r\n\r\n<a " + b'x="' * (size // 3),
    "encoded words": _in_header(b"Subject", b"=?"),
    "empty encoded words": _in_header(b"Subject", b"=?utf-8?q??="),
    "addresses": _in_header(b"From", b"a <b@c>, "),
    "groups": _in_header(b"To", b"a:b,;"),
    "brackets": _in_header(b"Cc", b"("),
    "references": _in_header(b"References", b"<a@b> "),
    "parameters": _in_header(b"Content-Type", b"text/plain; a*1*=b; "),
    "received": lambda size: b"Received: from a by b; now\r\n" * (size // 29) + b"\r\ntext",
    "nested": _nested,
    "messages within messages": _messages_within,
    "dashes": _dashes,
    "one line": lambda size: b"Subject: x\r\n\r\n" + b"y" * 990 * (size // 990),
    "soft breaks": lambda size: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * (size // 3),
    "no base64": lambda size: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"====!!!!\r\n" * (size // 10),
    "no characters": lambda size: b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AAA\xff-" * (size // 6),
}
WORST = [
    'LIST "" "%a*%a*%a*%a*%a*z"',
    'LSUB "" "*%*%*%*%x"',
    "UID SEARCH " + "OR " * 40 + "TEXT a " * 41,
    "UID SEARCH TEXT the BODY x NOT SUBJECT y",
    "UID SEARCH HEADER Received from",
    "UID SORT (SUBJECT FROM REVERSE DATE) UTF-8 ALL",
    "UID THREAD REFERENCES UTF-8 ALL",
    "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
    "UID FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW)",
    "UID FETCH 1:* (BODY.PEEK[] BODY.PEEK[1.1.1.1.1.1.MIME] BINARY.SIZE[1])",
    "UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Received References X)])",
    "UID STORE 1:* +FLAGS (\\Flagged $k1 $k2)",
    "UID STORE 1:* -FLAGS (\\Flagged $k1 $k2)",
]


@dataclass(frozen=True, slots=True)
class Attack:
    chance: random.Random
    until: float
    imap: int
    smtp: int
    name: str
    password: str

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until


def poison(attack: Attack) -> None:
    """Mails that cost who reads them: to the member, over one connection after the other."""
    while attack.goes_on:
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", attack.smtp, timeout=30) as client,
        ):
            for _ in range(20):
                mail = attack.chance.choice(list(POISON.values()))(attack.chance.choice([2_000, 50_000, 400_000]))
                client.sendmail("stranger@elsewhere.test", [attack.name], mail)
                if not attack.goes_on:
                    return
                time.sleep(attack.chance.random())


def flood(attack: Attack) -> None:
    """Thousands of connections, opened and left, some in the middle of a command."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, LEFT_OPEN + 100), most))
    said = [b"", b"", b"a NOOP\r\n", b"a LOGIN {3}\r\n", b"a AUTHENTICATE PLAIN\r\n", b"EHLO x\r\nMAIL FROM:<>\r\n", b"HELP\r\n" * 1000, b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n"]  # fmt: skip
    held: list[socket.socket] = []
    while attack.goes_on:
        with contextlib.suppress(OSError):
            held.append(socket.create_connection(("127.0.0.1", attack.chance.choice((attack.imap, attack.smtp))), 10))
            held[-1].settimeout(1)
            held[-1].sendall(attack.chance.choice(said))
        while len(held) >= min(most - 50, LEFT_OPEN):
            held.pop(attack.chance.randrange(len(held))).close()
        time.sleep(0.002)


def worst(attack: Attack) -> None:
    """A member of the house, with the worst commands, one after the other."""
    while attack.goes_on:
        with (
            contextlib.suppress(OSError, imaplib.IMAP4.error),
            imaplib.IMAP4("127.0.0.1", attack.imap, timeout=60) as client,
        ):
            client._MAXLINE = 10**8  # type: ignore[attr-defined]
            client.login(attack.name, attack.password)
            client.select()
            while attack.goes_on:
                name, _, rest = attack.chance.choice(WORST).partition(" ")
                with contextlib.suppress(imaplib.IMAP4.error):
                    client._simple_command(name, *rest.split(" "))  # type: ignore[attr-defined]


def guess(attack: Attack) -> None:
    """The member's password, guessed at from many addresses, and from their own."""
    while attack.goes_on:
        host = attack.chance.choice([f"127.0.1.{each + 1}" for each in range(FROM_ADDRESSES)] + ["127.0.0.1"] * 20)
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", attack.imap), 10, (host, 0)) as client,
        ):
            for _ in range(5):
                name = attack.chance.choice(
                    (attack.name, attack.name.upper(), f"nobody{attack.chance.randrange(10**6)}@x.test")
                )
                client.sendall(f"a LOGIN {name} wrong{attack.chance.randrange(10**6)}\r\n".encode())
                client.settimeout(10)
                client.recv(4096)
        time.sleep(0.05)


ROLES = {each.__name__: each for each in (poison, flood, worst, guess)}


if __name__ == "__main__":
    role, seed, seconds, imap, smtp, name, password = sys.argv[1:]
    ROLES[role](
        Attack(random.Random(f"{role}/{seed}"), time.monotonic() + float(seconds), int(imap), int(smtp), name, password)
    )
