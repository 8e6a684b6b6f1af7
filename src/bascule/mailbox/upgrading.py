"""Bringing a mailbox of an earlier version up to date, in place: each step is one transaction of the catalogue.

A step that is cut off leaves the mailbox as it was. A mailbox that is opened to be read stays of its version.
"""

import sqlite3

from bascule.mailbox.format import FORMAT_VERSION

_TO_2 = """
CREATE TABLE upgraded (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    uidnext INTEGER NOT NULL DEFAULT 1,
    modseq INTEGER NOT NULL DEFAULT 1,
    special_use TEXT,
    subscribed INTEGER NOT NULL DEFAULT 0,
    selectable INTEGER NOT NULL DEFAULT 1,
    gone_utc INTEGER,
    source_name BLOB,
    source_state TEXT,
    error TEXT,
    delta INTEGER NOT NULL DEFAULT 0
);
INSERT INTO upgraded SELECT id, path, uidvalidity, uidnext, modseq, special_use, subscribed, selectable, gone_utc, source_name,
    source_state, error, delta FROM folders;
DROP TABLE folders;
ALTER TABLE upgraded RENAME TO folders;
CREATE UNIQUE INDEX folders_path ON folders (path) WHERE gone_utc IS NULL;
"""
"""A path may be of several folders of which one at most is there: a deleted folder keeps its name until it is purged."""

STEPS = {1: _TO_2}


def is_current(database: sqlite3.Connection) -> bool:
    return int(database.execute("PRAGMA user_version").fetchone()[0]) == FORMAT_VERSION


def upgrade(database: sqlite3.Connection) -> None:
    """Bring the catalogue to `FORMAT_VERSION`. The caller holds the mailbox's lock. Raises sqlite3.Error."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    for step in range(version, FORMAT_VERSION):
        try:
            database.executescript(f"BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
