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

_TO_3 = """
ALTER TABLE folders ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;
UPDATE folders SET complete = 1 WHERE source_state IS NOT NULL;
CREATE TABLE sightings (
    folder INTEGER NOT NULL REFERENCES folders, delta INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL,
    PRIMARY KEY (folder, delta)
) WITHOUT ROWID;
INSERT INTO sightings SELECT id, delta, uidvalidity, uidnext FROM folders WHERE delta > 0;
ALTER TABLE messages ADD COLUMN remark TEXT NOT NULL DEFAULT '';
ALTER TABLE target_folders DROP COLUMN verified_state;
ALTER TABLE target_folders ADD COLUMN mailboxid TEXT;
ALTER TABLE target_messages ADD COLUMN date_utc INTEGER;
ALTER TABLE target_messages ADD COLUMN flagset INTEGER;
CREATE TABLE moves (
    target INTEGER NOT NULL, earlier INTEGER NOT NULL, later INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (target, earlier)
) WITHOUT ROWID;
INSERT OR IGNORE INTO moves SELECT target, replaces, message, 1 FROM outcomes WHERE replaces IS NOT NULL;
CREATE TABLE upgraded (
    target INTEGER NOT NULL, message INTEGER NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '', target_uid INTEGER,
    sent_sha256 BLOB, sent_octets INTEGER,
    flagset INTEGER,
    source_flagset INTEGER,
    theirs INTEGER NOT NULL DEFAULT 0,
    verified INTEGER NOT NULL DEFAULT 0,
    verified_utc INTEGER,
    PRIMARY KEY (target, message)
) WITHOUT ROWID;
INSERT INTO upgraded (target, message, code, detail, target_uid, sent_sha256, sent_octets, flagset, source_flagset, verified)
    SELECT target, message, code, detail, target_uid, sent_sha256, sent_octets, flagset,
        coalesce(flagset, (SELECT flagset FROM messages WHERE id = message)), verified FROM outcomes;
DROP TABLE outcomes;
ALTER TABLE upgraded RENAME TO outcomes;
CREATE INDEX outcomes_uid ON outcomes (target, message) WHERE target_uid IS NULL;
UPDATE intents SET messages = (SELECT json_group_array(json_array(value, NULL)) FROM json_each(messages));
"""
"""What later runs go by (docs/later-runs.md). A mailbox that was filled before has no sighting but its last survey, and no time of
its reading back."""

STEPS = {1: _TO_2, 2: _TO_3}


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
