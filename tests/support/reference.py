"""An independent reading of a mailbox on a server: the standard library's imaplib, nothing of ours."""

import hashlib
import imaplib
import re
import time
from collections import Counter

imaplib._MAXLINE = 50_000_000  # type: ignore[attr-defined]
Key = tuple[str, str, frozenset[str], int]
_LIST = re.compile(rb'\(([^)]*)\) (?:"((?:\\.|[^"])*)"|NIL) (.*)', re.DOTALL)


def read_mailbox(port: int, user: str, password: str = "secret") -> Counter[Key]:
    """(folder with / between names, SHA-256, flags in small letters, arrival) of every message, as a multiset."""
    found: Counter[Key] = Counter()
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(user, password)
        for raw, separator in folders(client):
            status, data = client.select(quoted(raw), readonly=True)
            if status != "OK" or not int(data[0]):
                continue
            name = raw.decode("latin-1").replace(separator, "/")
            for _, key in messages_of(client, name):
                found[key] += 1
    return found


def messages_of(client: imaplib.IMAP4, folder: str) -> list[tuple[int, Key]]:
    """(UID, key) of every message of the folder that is open; there must be one. ``folder`` is what the key says."""
    _, replies = client.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")
    found = []
    for place, reply in enumerate(replies):
        if isinstance(reply, tuple):
            after = replies[place + 1] if place + 1 < len(replies) else b""
            meta = reply[0] + (after if isinstance(after, bytes) else b"")
            found.append((int(re.search(rb"UID (\d+)", meta)[1]), _key(folder, meta, reply[1])))
    return found


def quoted(name: bytes) -> bytes:
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def folders(client: imaplib.IMAP4) -> list[tuple[bytes, str]]:
    """Those that hold messages."""
    return [
        (name, separator)
        for name, separator, attributes in listed(client)
        if not {"\\noselect", "\\nonexistent"} & attributes
    ]


def listed(client: imaplib.IMAP4, command: str = "LIST") -> list[tuple[bytes, str, frozenset[str]]]:
    """(name as the server writes it, separator, attributes in small letters) of each line of a LIST or LSUB."""
    found = []
    for line in (client.list if command == "LIST" else client.lsub)()[1]:
        if isinstance(line, tuple):
            match, raw = _LIST.match(line[0]), line[1]
        else:
            match = _LIST.match(line or b"")
            raw = match[3] if match else b""
            if raw.startswith(b'"'):
                raw = re.sub(rb"\\(.)", rb"\1", raw[1:-1])
        if match:
            separator = (match[2] or b"/").decode().replace("\\\\", "\\")
            found.append((raw, separator, frozenset(match[1].decode().lower().split())))
    return found


def _key(folder: str, meta: bytes, octets: bytes) -> Key:
    flags = re.search(rb"FLAGS \(([^)]*)\)", meta)
    date = re.search(rb'INTERNALDATE "[^"]*"', meta)
    local = imaplib.Internaldate2tuple(date[0]) if date else None
    names = frozenset(flag.decode().lower() for flag in (flags[1].split() if flags else [])) - {"\\recent"}
    return folder, digest(octets), names, int(time.mktime(local)) if local else 0


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def append(port: int, user: str, folder: str, messages: list[bytes], flags: str = "", date: str | None = None) -> None:
    """Put messages into a folder, which is made where it is not there."""
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(user, "secret")
        client.create(f'"{folder}"')
        for octets in messages:
            status, data = client.append(f'"{folder}"', flags, date or '"01-Feb-2020 10:00:00 +0000"', octets)
            assert status == "OK", data
