"""What a quirk server holds: folders of messages, as plain objects that a test may look into and change."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

ARRIVAL = datetime(2020, 2, 1, 10, 0, 0, tzinfo=UTC)
_SYSTEM = {name.lower(): name for name in (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft")}
Key = tuple[bytes, str, frozenset[bytes], int]
"""Folder, SHA-256 of the octets, flags, second of arrival: what makes two messages the same to their owner."""


def flag(name: bytes) -> bytes:
    r"""System flags in the RFC's spelling; keywords as they are."""
    return _SYSTEM.get(name.lower(), name)


@dataclass
class Message:
    """``number``: its place among all that the store ever took, which no client sees. ``shown_at``: for quirks
    that show it later."""

    uid: int
    octets: bytes
    flags: frozenset[bytes] = frozenset()
    date: datetime = ARRIVAL
    modseq: int = 1
    number: int = 0
    shown_at: float = 0.0


@dataclass
class Folder:
    """``attributes`` are those of LIST. ``vanished``: UID and MODSEQ of what was expunged."""

    name: bytes
    uidvalidity: int
    uidnext: int = 1
    attributes: frozenset[bytes] = frozenset()
    subscribed: bool = True
    modseq: int = 1
    messages: list[Message] = field(default_factory=list)
    vanished: list[tuple[int, int]] = field(default_factory=list)

    @property
    def selectable(self) -> bool:
        return not {b"\\noselect", b"\\nonexistent"} & {name.lower() for name in self.attributes}

    def change(self, message: Message, flags: Iterable[bytes]) -> None:
        """New flags, and a new MODSEQ."""
        self.modseq += 1
        message.flags, message.modseq = frozenset(flags), self.modseq

    def remove(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.modseq += 1
            self.messages.remove(message)
            self.vanished.append((message.uid, self.modseq))


class Store:
    """One account. ``lock`` is held by each command; a test need not take it while no client is connected."""

    def __init__(self, separator: bytes | None = b"/") -> None:
        self.separator = separator
        self.lock = threading.RLock()
        self.folders: dict[bytes, Folder] = {}
        self.folds_case = False
        """Whether names that differ in case alone are one folder, as on file systems that think so."""
        self._numbers = count(1)
        self._validities = count(1_600_000_001)
        self.create(b"INBOX")

    def find(self, name: bytes) -> Folder | None:
        """INBOX in any case (RFC 3501 §5.1), others as they are spelt, unless the store folds case."""
        if self.folds_case:
            return next((f for spelt, f in self.folders.items() if spelt.lower() == name.lower()), None)
        return self.folders.get(b"INBOX" if name.upper() == b"INBOX" else name)

    def create(self, name: bytes, *attributes: bytes, subscribed: bool = True) -> Folder:
        folder = Folder(name, next(self._validities), attributes=frozenset(attributes), subscribed=subscribed)
        self.folders[name] = folder
        return folder

    def append(
        self,
        folder: Folder,
        octets: bytes,
        flags: Iterable[bytes] = (),
        date: datetime = ARRIVAL,
        shown_at: float = 0.0,
    ) -> Message:
        folder.modseq += 1
        message = Message(
            folder.uidnext, octets, frozenset(map(flag, flags)), date, folder.modseq, next(self._numbers), shown_at
        )
        folder.uidnext += 1
        folder.messages.append(message)
        return message

    def keys(self) -> Counter[Key]:
        """Every message, as a multiset."""
        return Counter(key(folder, message) for folder in self.folders.values() for message in folder.messages)

    def snapshot(self) -> list[tuple[object, ...]]:
        """Everything that a client could have changed, with UIDs."""
        return [
            (f.name, f.uidvalidity, f.subscribed, f.uidnext, [(m.uid, *key(f, m)) for m in f.messages])
            for f in self.folders.values()
        ]


def key(folder: Folder, message: Message) -> Key:
    digest = hashlib.sha256(message.octets).hexdigest()
    return folder.name, digest, message.flags, int(message.date.timestamp())
