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
from dataclasses import dataclass

from support.poison import POISON

LEFT_OPEN = 5000
"""Connections of the flood, in all."""
FROM_ADDRESSES = 60
POISON_OCTETS = 1024 * 1024
"""Of the largest mail that is sent again and again: what is larger is a trial of its own."""
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
    mails = [octets for octets in POISON.values() if len(octets) <= POISON_OCTETS]
    while attack.goes_on:
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", attack.smtp, timeout=30) as client,
        ):
            for _ in range(20):
                mail = attack.chance.choice(mails)
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
