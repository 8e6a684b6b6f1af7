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
            status, data = client.select(b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"', readonly=True)
            if status != "OK" or not int(data[0]):
                continue
            name = raw.decode("latin-1").replace(separator, "/")
            _, replies = client.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")
            for place, reply in enumerate(replies):
                if isinstance(reply, tuple):
                    after = replies[place + 1] if place + 1 < len(replies) else b""
                    meta = reply[0] + (after if isinstance(after, bytes) else b"")
                    found[_key(name, meta, reply[1])] += 1
    return found


def folders(client: imaplib.IMAP4) -> list[tuple[bytes, str]]:
    listed = []
    for line in client.list()[1]:
        if isinstance(line, tuple):
            match, raw = _LIST.match(line[0]), line[1]
        else:
            match = _LIST.match(line)
            raw = match[3] if match else b""
            if raw.startswith(b'"'):
                raw = re.sub(rb"\\(.)", rb"\1", raw[1:-1])
        if match and b"noselect" not in match[1].lower() and b"nonexistent" not in match[1].lower():
            listed.append((raw, (match[2] or b"/").decode().replace("\\\\", "\\")))
    return listed


def _key(folder: str, meta: bytes, octets: bytes) -> Key:
    flags = re.search(rb"FLAGS \(([^)]*)\)", meta)
    date = imaplib.Internaldate2tuple(re.search(rb'INTERNALDATE "[^"]*"', meta)[0])
    names = frozenset(flag.decode().lower() for flag in (flags[1].split() if flags else [])) - {"\\recent"}
    return folder, hashlib.sha256(octets).hexdigest(), names, int(time.mktime(date))


def append(port: int, user: str, folder: str, messages: list[bytes], flags: str = "", date: str | None = None) -> None:
    """Put messages into a folder, which is made where it is not there."""
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(user, "secret")
        client.create(f'"{folder}"')
        for octets in messages:
            status, data = client.append(f'"{folder}"', flags, date or '"01-Feb-2020 10:00:00 +0000"', octets)
            assert status == "OK", data
