"""A folder of the source that is another one than it was, and goes elsewhere on a target: what was delivered from the former one is kept apart.

The catalogue has one row for each path, and the ledger one place for each row. Where what comes next is to lie in another folder of the target than what was
delivered, two rows are needed: a *former* one, gone, which has the place and all that lies there, and the row of the path, which has none yet. What is
still in the folder on the source has moved there from the former one, as far as the target is concerned.
"""

import sqlite3
import time

from bascule.mailbox.database import transaction
from bascule.mailbox.deltas import within_the_last
from bascule.mailbox.ledger import Ledger, settled_codes

_FORMER = """
    INSERT INTO folders (path, uidvalidity, uidnext, special_use, subscribed, selectable, gone_utc, source_name, delta)
    SELECT path, uidvalidity, uidnext, special_use, subscribed, selectable, ?2, source_name, delta FROM folders WHERE id = ?1
"""
_PRESENT = f"""
    SELECT m.id FROM messages m WHERE m.folder = ?1 AND m.vanished_utc IS NULL
    AND (EXISTS (SELECT 1 FROM outcomes o WHERE o.message = m.id AND o.code IN {settled_codes()})
    OR m.id IN (SELECT json_extract(one.value, '$[0]') FROM intents i, json_each(i.messages) one WHERE i.folder = ?1))
"""
"""Delivered, or sent: what became of it is not known."""
_AS_IT_WAS = """
    INSERT INTO messages (folder, uidvalidity, uid, modseq, sha256, octets, traits, body, date_utc, zone_minutes, flagset, labels, after_delta,
        vanished_utc, last_delta, remark)
    SELECT ?2, -uidvalidity - (1 << 33), uid, modseq, sha256, octets, traits, body, date_utc, zone_minutes, flagset, labels, after_delta, ?3, ?4, remark
    FROM messages WHERE id = ?1
"""
"""Under a UIDVALIDITY that no source has: it is of 32 bits."""

_HAND_ON = f"UPDATE outcomes SET message = ? WHERE message = ? AND code IN {settled_codes()}"


def set_apart(database: sqlite3.Connection, ledger: Ledger, folder: int) -> int:
    """All that was delivered from the folder belongs to a former one from now on, which has its place on every target, and the folder has none on this
    one; the former one's row. Of messages that are in the folder still the outcome, and what is in doubt of them, goes to one that vanished there in the last
    delta, and they are to be delivered. One transaction; blocks."""
    with transaction(database):
        now = within_the_last(database, int(time.time()))
        former = database.execute(_FORMER, (folder, now)).lastrowid or 0
        before = database.execute("SELECT coalesce(max(id), 1) - 1 FROM deltas").fetchone()[0]
        as_it_was: dict[int, int] = {}
        for (message,) in database.execute(_PRESENT, (folder,)).fetchall():
            was = database.execute(_AS_IT_WAS, (message, former, now, before)).lastrowid or 0
            as_it_was[message] = was
            database.execute(_HAND_ON, (was, message))
            database.execute("UPDATE moves SET later = ? WHERE later = ?", (was, message))
            database.execute("UPDATE messages SET after_delta = max(after_delta, ?) WHERE id = ?", (before, message))
        query = "UPDATE messages SET folder = ? WHERE folder = ? AND vanished_utc IS NOT NULL"
        database.execute(query, (former, folder))
        ledger.hand_on(folder, former, as_it_was)
        return former
