"""The mailbox that every quirk is tried on: three folders, forty messages of the kinds that quirks show on."""

from datetime import timedelta, timezone
from functools import cache

from support import messages
from support.quirks.store import ARRIVAL, Folder, Store

EIGHT_BIT = b"Subject: R\xe9union\r\nFrom: a@example.org\r\nMessage-ID: <eight@example.org>\r\n\r\ntext\r\n"
VICTIM = b"Message-ID: <7@example.org>"
"""In the header of one ordinary message in INBOX, at which quirks of one message show. Its UID is 7."""
KEYWORDS = (b"$Forwarded", b"Projet-X")
_plain = cache(messages.plain)


def fill(store: Store) -> None:
    """INBOX with 20 messages, Archive/2020 with 12, Réunions with 8; two pairs of identical ones, one of 100 kB, one empty."""
    separator = store.separator or b"_"
    inbox = store.folders[b"INBOX"]
    archive = store.create(b"Archive" + separator + b"2020")
    meetings = store.create(b"R&AOk-unions")
    for number in [*range(1, 19), 3]:
        add(store, inbox, number)
    add(store, inbox, 90, _plain(90, 100_000))
    for number in [*range(30, 40), 31]:
        add(store, archive, number)
    add(store, archive, 40, b"")
    for number in range(50, 57):
        add(store, meetings, number)
    add(store, meetings, 57, EIGHT_BIT)


def add(store: Store, folder: Folder, number: int, octets: bytes | None = None) -> None:
    flags = [name for step, name in ((2, b"\\Seen"), (5, b"\\Flagged"), (7, b"\\Answered")) if number % step == 0]
    flags += [name for step, name in zip((4, 3), KEYWORDS, strict=True) if number % step == 1]
    zone = timezone(timedelta(hours=number % 4 - 1))
    date = (ARRIVAL + timedelta(hours=number, seconds=number)).astimezone(zone)
    store.append(folder, _plain(number, 400) if octets is None else octets, flags, date)


def pass_a_day(store: Store) -> None:
    """In INBOX a message comes, another is flagged, a third goes."""
    inbox = store.folders[b"INBOX"]
    inbox.change(inbox.messages[1], inbox.messages[1].flags ^ {b"\\Flagged"})
    add(store, inbox, 99)
    inbox.remove(inbox.messages[4:5])


def is_victim(octets: bytes) -> bool:
    return VICTIM in octets
