"""What stands in a mailbox: its folders with their attributes, and every message with its UID, by the standard library's imaplib."""

import imaplib
import re
import time
from collections import Counter
from dataclasses import dataclass

from imapclient import imap_utf7

from support import reference

_VOLATILE = {"\\marked", "\\unmarked", "\\haschildren", "\\hasnochildren", "\\noinferiors"}
_USES = {"\\all", "\\archive", "\\drafts", "\\flagged", "\\junk", "\\sent", "\\trash", "\\important"}
Key = tuple[str, frozenset[str], int]
"""SHA-256, flags in small letters, arrival."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A folder. ``path``: names below the person's own prefix; ``counted``: what STATUS says; ``messages``: UID and key of each."""

    name: bytes
    path: tuple[str, ...]
    attributes: frozenset[str]
    subscribed: bool
    counted: int
    uidvalidity: int
    messages: tuple[tuple[int, Key], ...]

    @property
    def shown(self) -> str:
        return "/".join(self.path)

    @property
    def selectable(self) -> bool:
        return not {"\\noselect", "\\nonexistent"} & self.attributes

    @property
    def use(self) -> str:
        return next(iter(_USES & self.attributes), "")

    def keys(self) -> Counter[Key]:
        return Counter(key for _, key in self.messages)


def look(port: int, user: str) -> dict[bytes, Standing]:
    """The whole mailbox, read without changing it. A folder that the server does not open has no messages and counts -1."""
    with _signed_in(port, user) as client:
        prefix, _ = prefix_of(client)
        subscribed = {name for name, _, said in reference.listed(client, "LSUB") if "\\noselect" not in said}
        return {
            name: _stand(client, name, path_of(name, prefix, separator), attributes - _VOLATILE, name in subscribed)
            for name, separator, attributes in reference.listed(client)
        }


def _signed_in(port: int, user: str) -> imaplib.IMAP4:
    """A connection of its own. Dovecot counts one that has just ended for a moment longer, and says ``[LIMIT]`` meanwhile."""
    given_up = time.monotonic() + 10
    while True:
        client = imaplib.IMAP4("127.0.0.1", port, timeout=60)
        try:
            client.login(user, "secret")
        except imaplib.IMAP4.error as error:
            client.shutdown()
            if "[LIMIT]" not in str(error) or time.monotonic() > given_up:
                raise
            time.sleep(0.2)
        else:
            return client


def prefix_of(client: imaplib.IMAP4) -> tuple[bytes, str]:
    """What stands before the names of the person's own folders, and the separator (RFC 2342 §5)."""
    try:
        answer = client.namespace()[1][0] or b""
    except imaplib.IMAP4.error:
        answer = b""
    match = re.match(rb'\(\("([^"]*)" "([^"]*)"', answer)
    if match:
        return match[1], match[2].decode()
    return b"", next((separator for _, separator, _ in reference.listed(client)), "/")


def path_of(name: bytes, prefix: bytes, separator: str) -> tuple[str, ...]:
    if name.upper() == b"INBOX":
        return ("INBOX",)
    own = name.removeprefix(prefix)
    try:
        text = imap_utf7.decode(own)
    except (ValueError, IndexError):
        text = own.decode("latin-1")
    return tuple(part for part in text.split(separator) if part) or (text,)


def _stand(
    client: imaplib.IMAP4, name: bytes, path: tuple[str, ...], attributes: frozenset[str], subscribed: bool
) -> Standing:
    counted, uidvalidity, found = -1, 0, []
    if not {"\\noselect", "\\nonexistent"} & attributes:
        status, said = client.status(reference.quoted(name), "(MESSAGES UIDVALIDITY)")
        if status == "OK":
            facts = dict(re.findall(rb"(MESSAGES|UIDVALIDITY) (\d+)", _text(said)))
            counted, uidvalidity = int(facts[b"MESSAGES"]), int(facts[b"UIDVALIDITY"])
        if counted > 0 and client.select(reference.quoted(name), readonly=True)[0] == "OK":
            found = [(uid, key[1:]) for uid, key in reference.messages_of(client, "")]
    return Standing(name, path, attributes, subscribed, counted, uidvalidity, tuple(found))


def _text(said: list[bytes | tuple[bytes, bytes]]) -> bytes:
    return b" ".join(b" ".join(part) if isinstance(part, tuple) else part for part in said)
