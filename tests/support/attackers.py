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
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from support.poison import POISON

imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")
LEFT_OPEN = 5000
"""Connections of the flood, in all."""
FROM_ADDRESSES = 60
POISON_OCTETS = 1024 * 1024
"""Of the largest mail that is sent again and again: what is larger is a trial of its own."""
CONNECTIONS = 6
"""Of a member who does the worst, at the same time."""
DATA_LEFT_OPEN = 300
"""Messages that strangers begin and do not end, at the same time."""
UNPACKED_OCTETS = 16 * 1024 * 1024
"""Of a bomb: some 16 kB as it is sent."""
LITERALS = 900
"""Of one APPEND."""
KNOWN_UIDS = ",".join(str(number) for number in range(1, 200_000, 2))
"""Of one SELECT: 100,000 messages named one by one."""
WORST = [
    'LIST "" "%a*%a*%a*%a*%a*z"',
    'LSUB "" "*%*%*%*%x"',
    "UID SEARCH " + "OR " * 40 + "TEXT a " * 41,
    "UID SEARCH TEXT the BODY x NOT SUBJECT y",
    "UID SEARCH HEADER Received from",
    "UID SEARCH " + "NOT EMAILID x " * 989 + "NOT EMAILID x",
    "UID SEARCH " + "OR SENTON 1-Jan-2020 KEYWORD x " * 499 + "SUBJECT x",
    "UID SORT (SUBJECT FROM TO CC REVERSE DATE SIZE ARRIVAL) UTF-8 " + "NOT LARGER 99999999 " * 989 + "ALL",
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
    """A member of the house, with the worst commands, over several connections."""
    members = [
        threading.Thread(target=_one_after_the_other, args=(attack, random.Random(f"{attack.chance.random()}")))
        for _ in range(CONNECTIONS)
    ]
    for each in members:
        each.start()
    for each in members:
        each.join()


def _one_after_the_other(attack: Attack, chance: random.Random) -> None:
    commands: list[str | Dialogue] = [*WORST, *DIALOGUES]
    while attack.goes_on:
        with (
            contextlib.suppress(OSError, imaplib.IMAP4.error),
            imaplib.IMAP4("127.0.0.1", attack.imap, timeout=60) as client,
        ):
            client._MAXLINE = 10**8  # type: ignore[attr-defined]
            client.login(attack.name, attack.password)
            _say(client, "ENABLE QRESYNC")
            client.select()
            while attack.goes_on:
                command = chance.choice(commands)
                try:
                    if isinstance(command, str):
                        _say(client, command)
                    else:
                        command(client, chance)
                except imaplib.IMAP4.abort:  # another connection
                    break
                except imaplib.IMAP4.error:
                    pass
                client.untagged_responses.clear()


def _say(client: imaplib.IMAP4, command: str) -> None:
    name, _, rest = command.partition(" ")
    client._simple_command(name, *rest.split(" "))


def copy_of_everything(client: imaplib.IMAP4, chance: random.Random) -> None:
    """In a folder that is deleted again: the disk is not what is tried here."""
    folder = f"Copies{chance.randrange(10**9)}"
    _say(client, f"CREATE {folder}")
    try:
        for _ in range(chance.randrange(1, 4)):
            _say(client, f"UID COPY 1:* {folder}")
    finally:
        _say(client, f"DELETE {folder}")


def many_literals(client: imaplib.IMAP4, chance: random.Random) -> None:
    """MULTIAPPEND (RFC 3502), of messages that all differ; sometimes it ends in the middle."""
    folder = f"Many{chance.randrange(10**9)}"
    _say(client, f"CREATE {folder}")
    try:
        messages = [b"Subject: %d\r\n\r\n%d\r\n" % (number, chance.randrange(10**12)) for number in range(LITERALS)]
        literals = b"".join(b" {%d+}\r\n%b" % (len(message), message) for message in messages)
        if chance.random() < 0.2:
            client.send(b"x APPEND %b%b" % (folder.encode(), literals))
            client.shutdown()
            return
        _say(client, f"APPEND {folder}{literals.decode()}")
    finally:
        with contextlib.suppress(OSError):
            _say(client, f"DELETE {folder}")


def resynchronise(client: imaplib.IMAP4, chance: random.Random) -> None:
    """QRESYNC (RFC 7162 §3.2.5) with as many known UIDs as a line holds."""
    client.select()
    uidvalidity = (client.response("UIDVALIDITY")[1] or [None])[-1] or b"1"
    try:
        _say(client, f"SELECT INBOX (QRESYNC ({uidvalidity.decode()} {chance.randrange(1, 1000)} {KNOWN_UIDS}))")
    finally:
        _say(client, "SELECT INBOX")


def bomb(client: imaplib.IMAP4, chance: random.Random) -> None:
    """COMPRESS (RFC 4978): little that becomes much, a line without an end or commands without one; nothing of the answers is read."""
    _say(client, "COMPRESS DEFLATE")
    deflate = zlib.compressobj(wbits=-15)
    piece = chance.choice(
        [b"x" * 10_000, b"a NOOP\r\n" * 1000, b"a SEARCH ALL\r\n" * 1000, b"a STORE 1 FLAGS {99999999+}\r\n"]
    )
    packed = b"".join(deflate.compress(piece) for _ in range(UNPACKED_OCTETS // len(piece)))
    client.send(packed + deflate.flush(zlib.Z_SYNC_FLUSH))
    time.sleep(chance.random() * 5)
    client.shutdown()


Dialogue = Callable[[imaplib.IMAP4, random.Random], None]
DIALOGUES: list[Dialogue] = [
    copy_of_everything,
    many_literals,
    resynchronise,
    bomb,
]


def leave_open(attack: Attack) -> None:
    """Messages to the member that strangers begin, from many addresses, and that grow, and have no end."""
    held: list[socket.socket] = []
    while attack.goes_on:
        host = f"127.0.2.{attack.chance.randrange(FROM_ADDRESSES) + 1}"
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", attack.smtp), 10, (host, 0))
            client.settimeout(10)
            for line in ("EHLO x.test", "MAIL FROM:<stranger@elsewhere.test>", f"RCPT TO:<{attack.name}>", "DATA"):
                client.recv(4096)
                client.sendall(f"{line}\r\n".encode())
            client.recv(4096)
            client.settimeout(0.1)
            held.append(client)
        for each in attack.chance.sample(held, min(10, len(held))):
            try:
                each.sendall(b"text that goes on and on\r\n" * attack.chance.randrange(200))
            except TimeoutError:
                pass
            except OSError:
                each.close()
                held.remove(each)
        while len(held) >= DATA_LEFT_OPEN:
            held.pop(attack.chance.randrange(len(held))).close()
        time.sleep(0.05)


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


ROLES = {each.__name__: each for each in (poison, flood, worst, leave_open, guess)}


if __name__ == "__main__":
    role, seed, seconds, imap, smtp, name, password = sys.argv[1:]
    ROLES[role](
        Attack(random.Random(f"{role}/{seed}"), time.monotonic() + float(seconds), int(imap), int(smtp), name, password)
    )
