"""What folders count where many messages change at once: one sum for them all, in place of a trigger's work for each.

Two triggers of the catalogue keep still while a row of ``meta`` says so (`bascule.mailbox.format.IN_BULK`). Those of a mailbox that an older Bascule
made know nothing of it, and are replaced when they are first in the way; an older Bascule counts with either.
"""

import contextlib
import sqlite3
from collections.abc import Iterator

from bascule.mailbox.format import COUNTING, IN_BULK

BULK = 100
"""Messages from which on it is worth while: the row is written, too."""


@contextlib.contextmanager
def in_bulk(database: sqlite3.Connection, messages: int) -> Iterator[bool]:
    """Whether the caller counts what it changes meanwhile. Within its transaction, which ends with the block or is rolled back."""
    if messages < BULK:
        yield False
        return
    for name, trigger in COUNTING.items():
        found = database.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (name,)
        ).fetchone()
        if IN_BULK not in found[0]:
            database.execute(f"DROP TRIGGER {name}")
            database.execute(trigger)
    database.execute("INSERT INTO meta VALUES ('bulk', '1')")
    yield True
    database.execute("DELETE FROM meta WHERE key = 'bulk'")


def count_flagged(database: sqlite3.Connection, folder: int, old: int, new: int, messages: int) -> None:
    """So many messages that are there had flag set ``old`` and have ``new``."""
    database.execute(
        "UPDATE folders SET unseen = unseen + ?3 * ((SELECT is_seen FROM flagsets WHERE id = ?1) - (SELECT is_seen FROM flagsets WHERE id = ?2)),"
        " deleted = deleted - ?3 * ((SELECT is_deleted FROM flagsets WHERE id = ?1) - (SELECT is_deleted FROM flagsets WHERE id = ?2))"
        " WHERE id = ?4",
        (old, new, messages, folder),
    )


def count_vanished(database: sqlite3.Connection, folder: int, flagset: int, messages: int, octets: int) -> None:
    """So many messages with flag set ``flagset``, of ``octets`` together, are there no longer."""
    database.execute(
        "UPDATE folders SET messages = messages - ?2, octets = octets - ?3,"
        " unseen = unseen - ?2 * NOT (SELECT is_seen FROM flagsets WHERE id = ?1),"
        " deleted = deleted - ?2 * (SELECT is_deleted FROM flagsets WHERE id = ?1) WHERE id = ?4",
        (flagset, messages, octets, folder),
    )
