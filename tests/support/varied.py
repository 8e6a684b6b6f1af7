"""A mailbox of about 150 messages and a dozen folders with all that makes mailboxes differ; filled in by imaplib on any server.

A server takes what it can: a name that it refuses is tried without what it may not like, and a message that it refuses is not there.
"""

import imaplib
import socket
from dataclasses import dataclass

from imapclient import imap_utf7

from support import messages, reference, standing

_FLAGS = (
    "",
    "(\\Seen)",
    "(\\Seen \\Answered)",
    "(\\Flagged)",
    "(\\Seen $Forwarded)",
    "(NonJunk)",
    "(\\Seen Project-7 $Label1)",
    "(\\Draft)",
)
_DATE = '"01-Feb-2020 10:%02d:00 +0100"'
_ODD_DATES = (
    '" 1-Jan-1970 00:00:01 +0000"',
    '"17-Jul-1996 02:44:25 -0700"',
    '"31-Dec-1999 23:59:59 -1200"',
    '"29-Feb-2016 12:00:00 +1400"',
    '"19-Jan-2038 03:14:08 +0000"',
    '"01-Feb-2041 10:11:12 +0200"',
)
_ODD = (
    b"",
    b"\r\n",
    b"Subject: no body\r\n",
    b"Subject: nul\r\n\r\nx\0y\r\n",
    b"Subject: bare\r\n\r\none\rtwo\r\n",
    "Subject: Réunion à huit bits\r\nFrom: Zoé <z@example.org>\r\n\r\ntext\r\n".encode(),
    "Subject: Réunion en latin-1\r\n\r\nà bientôt\r\n".encode("latin-1"),
    b"From here: no header\r\n\r\nFrom the start\r\n>From there\r\n.\r\n..\r\n",
    b"Subject: looks like a command\r\n\r\n{5}\r\nA1 LOGOUT\r\n)\r\n",
    b"Subject: long line\r\n\r\n" + b"x" * 20_000 + b"\r\n",
    messages.plain(900, 300_000, "three hundred thousand octets"),
)


@dataclass(frozen=True, slots=True)
class _Box:
    """``names``: what to try, the first that the server takes; ``/`` stands for its separator, ``∕`` for a slash within a name."""

    names: tuple[str, ...]
    first: int = 0
    count: int = 0
    subscribed: bool = False


_BOXES = (
    _Box(("INBOX",), 0, 32, True),
    _Box(("INBOX/Clients", "Clients"), 100, 10),
    _Box(("Archive",), 200, 8),
    _Box(("Archive/2015/Été à Nîmes",), 300, 22, True),
    _Box(("R&D",), 400, 10, True),
    _Box(('v1.2 a∕b "50%"* (x) {3}', 'v1 "50%"* (x) {3}', "v1 50 (x)"), 500, 9),
    _Box(("日本語/メール",), 600, 9),
    _Box(("Sent",), 700, 14),
    _Box(("Trash",), 800, 6),
    _Box(("Empty",), 0, 0, True),
)
_RAW = (b"R&D",)
"""A name that is no modified UTF-7 (RFC 3501 §5.1.3), beside the one that says the same: some servers take it."""


def fill(port: int, user: str, *, raw: tuple[bytes, ...] = _RAW) -> None:
    """``raw``: more folders, by the name on the wire, where the server takes them; five messages each."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=60) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(user, "secret")
        prefix, separator = standing.prefix_of(client)
        for box in _BOXES:
            name = _make(client, [_on_the_wire(name, prefix, separator) for name in box.names])
            if name and box.subscribed:
                client.subscribe(reference.quoted(name))
            for place, number in enumerate(range(box.first, box.first + box.count)):
                octets = messages.plain(number, (200, 700, 3000)[number % 3])
                append(client, name, octets, _FLAGS[number % len(_FLAGS)], _DATE % place)
        name = _make(client, [_on_the_wire("Odd", prefix, separator)])
        for place, octets in enumerate(_ODD):
            append(client, name, octets, _FLAGS[place % 4], _DATE % place)
        for place, date in enumerate(_ODD_DATES):
            append(client, name, messages.plain(950 + place, 200), "", date)
        name = _make(client, [_on_the_wire("Copies", prefix, separator)])
        for flags, date in [("(\\Seen)", _DATE % 1)] * 3 + [("", _DATE % 1), ("(\\Seen)", _DATE % 2)]:
            append(client, name, messages.plain(7), flags, date)
        for place, name in enumerate(raw):
            if _make(client, [name]):
                for number in range(5):
                    append(client, name, messages.plain(1000 + 10 * place + number, 200), "(\\Seen)", _DATE % number)


def _on_the_wire(name: str, prefix: bytes, separator: str) -> bytes:
    if name == "INBOX":
        return b"INBOX"
    below = name.startswith("INBOX/") and prefix.upper().startswith(b"INBOX")
    own = name.removeprefix("INBOX/") if below else name
    return prefix + bytes(imap_utf7.encode(own.replace("/", separator).replace("∕", "/")))


def _make(client: imaplib.IMAP4, names: list[bytes]) -> bytes:
    """The first of the names that the server takes, or nothing."""
    for name in names:
        try:
            if name == b"INBOX" or client.create(reference.quoted(name))[0] == "OK":
                return name
        except imaplib.IMAP4.error:
            continue
    return b""


def append(client: imaplib.IMAP4, folder: bytes, octets: bytes, flags: str = "", date: str | None = None) -> bool:
    """As it is: imaplib's own append() changes a bare CR. Whether the server took it."""
    client.literal = octets  # type: ignore[attr-defined]
    words = (reference.quoted(folder), *([flags] if flags else []), date or _DATE % 0)
    try:
        status, _ = client._simple_command("APPEND", *words)  # type: ignore[attr-defined]
    except imaplib.IMAP4.error:
        return False
    return bool(status == "OK")
