"""The format on disk: file names, versions, tables. Prose in `docs/formats/mailbox.md`; the two change together."""

from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.own_files import APPLICATION_ID as APPLICATION_ID
from bascule.terms.own_files import CATALOGUE as CATALOGUE

FORMAT_VERSION = 3
SEARCH = "search.sqlite"
TEXTS = "texts.sqlite"
LOCK = "lock"
SEGMENT_OCTETS = 1_000_000_000
"""A bodies file is closed at about this size and never touched again, so that a backup copies it once."""


class MailboxError(BasculeError):
    """The mailbox can't be used as asked; nothing was changed."""

    def __init__(self, message: str, advice: str = "", status: ExitStatus = ExitStatus.USAGE) -> None:
        super().__init__(message, advice, status)


class MailboxInUse(MailboxError):
    """Somebody has it alone just now."""


class MailboxElsewhere(MailboxError):
    """Another node is its home: it is not opened, or made, here."""


class NotLive(MailboxError):
    """It is an archive, or a live mailbox whose making was cut off."""


def segment_name(number: int) -> str:
    return f"bodies-{number:04d}.sqlite"


CATALOGUE_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,                     -- JSON array of names, root first
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    uidnext INTEGER NOT NULL DEFAULT 1,     -- above every UID ever given out or seen here
    modseq INTEGER NOT NULL DEFAULT 1,      -- the highest modification sequence of this folder
    special_use TEXT,
    subscribed INTEGER NOT NULL DEFAULT 0,
    selectable INTEGER NOT NULL DEFAULT 1,
    gone_utc INTEGER,                       -- when the source stopped listing it; NULL: it is there
    source_name BLOB,                       -- as the source writes it
    source_state TEXT,                      -- JSON: what the source said at the last survey that is in this catalogue
    error TEXT,                             -- why the last delta could not read it; NULL: it could
    delta INTEGER NOT NULL DEFAULT 0,       -- the delta of that survey, or the last one that found it unchanged
    complete INTEGER NOT NULL DEFAULT 0     -- whether every message of that survey was dealt with
);
CREATE UNIQUE INDEX folders_path ON folders (path) WHERE gone_utc IS NULL;

CREATE TABLE deltas (id INTEGER PRIMARY KEY, started_utc INTEGER NOT NULL);

CREATE TABLE sightings (                    -- UIDNEXT of a folder in a delta: a UID from it on was not there then
    folder INTEGER NOT NULL REFERENCES folders, delta INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,           -- 0: the folder was not there at all
    uidnext INTEGER NOT NULL,
    PRIMARY KEY (folder, delta)
) WITHOUT ROWID;

CREATE TABLE flagsets (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);  -- space-separated, sorted

CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    octets INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    place INTEGER NOT NULL                  -- bodies.id in that segment
);

CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,                -- of the file, when it was closed
    sha256 BLOB NOT NULL                    -- of the file, when it was closed
);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL REFERENCES folders,
    uidvalidity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    modseq INTEGER NOT NULL DEFAULT 1,
    sha256 BLOB NOT NULL,
    octets INTEGER NOT NULL,
    traits INTEGER NOT NULL DEFAULT 0,      -- 1: LF without CR; 2: NUL, CR without LF or 8-bit header octets; 4: no line end at its end, or no body
    body INTEGER REFERENCES bodies,         -- NULL only where meta.keeps_bodies is 0
    date_utc INTEGER NOT NULL,              -- INTERNALDATE
    zone_minutes INTEGER NOT NULL DEFAULT 0,
    flagset INTEGER NOT NULL REFERENCES flagsets,
    labels TEXT,                            -- JSON array: Gmail's X-GM-LABELS or Takeout's; NULL: the source has none
    after_delta INTEGER NOT NULL DEFAULT 0, -- the last delta in which it provably was not in its folder yet
    vanished_utc INTEGER,                   -- when a delta no longer found it; NULL: it is there
    last_delta INTEGER,                     -- where it vanished: the last delta whose survey still found it
    remark TEXT NOT NULL DEFAULT '',        -- what the source gave of it that could not be kept as it was, in words
    UNIQUE (folder, uidvalidity, uid)
);
CREATE INDEX messages_body ON messages (body);
CREATE INDEX messages_date ON messages (folder, date_utc);

CREATE TABLE headers (
    message INTEGER PRIMARY KEY REFERENCES messages,
    date_utc INTEGER, subject TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    message_id TEXT NOT NULL, in_reply_to TEXT NOT NULL, refs TEXT NOT NULL, has_attachments INTEGER NOT NULL
);

CREATE TABLE not_held (                     -- listed by the source; not given by it, or left out by choice
    folder INTEGER NOT NULL REFERENCES folders, uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL, at_utc INTEGER NOT NULL,
    PRIMARY KEY (folder, uidvalidity, uid)
) WITHOUT ROWID;

-- The ledger: what became of each message on each target.
CREATE TABLE targets (id INTEGER PRIMARY KEY, location TEXT NOT NULL UNIQUE);
CREATE TABLE target_folders (
    target INTEGER NOT NULL REFERENCES targets, folder INTEGER NOT NULL REFERENCES folders,
    name BLOB NOT NULL,                     -- as the target writes it
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    looked_uidnext INTEGER NOT NULL DEFAULT 1,  -- every UID below is ours or in target_messages
    mailboxid TEXT,                         -- RFC 8474: stays when the folder is renamed; NULL: the target tells none
    PRIMARY KEY (target, folder)
) WITHOUT ROWID;
CREATE TABLE target_messages (              -- what the target held that we did not write
    target INTEGER NOT NULL, folder INTEGER NOT NULL, uid INTEGER NOT NULL, sha256 BLOB NOT NULL,
    likeness BLOB,                          -- SHA-256 after the alterations that servers are known for
    date_utc INTEGER, flagset INTEGER,      -- when it was looked at; NULL: not known
    PRIMARY KEY (target, folder, uid)
) WITHOUT ROWID;
CREATE TABLE outcomes (
    target INTEGER NOT NULL, message INTEGER NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '',
    target_uid INTEGER,                     -- of its copy; of one that is missing or removed: where the target had told that it lies
    sent_sha256 BLOB, sent_octets INTEGER,  -- where what was sent is not the message's own octets (LF made CRLF)
    flagset INTEGER,                        -- the flags of its copy as we gave or last saw them; NULL: not known
    source_flagset INTEGER,                 -- the flags of the message then
    theirs INTEGER NOT NULL DEFAULT 0,      -- somebody changed its copy on the new side: it is neither followed nor removed
    verified INTEGER NOT NULL DEFAULT 0,    -- 0 not yet, 1 size, date and flags, 2 every octet
    verified_utc INTEGER,                   -- when it was read back last; of one that is missing: when it was looked for
    PRIMARY KEY (target, message)
) WITHOUT ROWID;
CREATE INDEX outcomes_uid ON outcomes (target, message) WHERE target_uid IS NULL;
CREATE TABLE moves (                        -- a message that moved on the source after it was delivered
    target INTEGER NOT NULL, earlier INTEGER NOT NULL, later INTEGER NOT NULL, -- messages
    done INTEGER NOT NULL DEFAULT 0,        -- the earlier one's copy made way, or is theirs
    PRIMARY KEY (target, earlier)
) WITHOUT ROWID;
CREATE TABLE intents (                      -- a batch that is about to be sent, or whose answer we did not hear
    id INTEGER PRIMARY KEY, target INTEGER NOT NULL, folder INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, at_utc REAL NOT NULL,
    messages TEXT NOT NULL                  -- JSON: [message, flagset that it is sent with or null] of each; where its own SHA-256
                                            -- may not be what the target has, also [SHA-256, octets] of what is sent or null, likeness or null
);
"""

IN_BULK = "EXISTS (SELECT 1 FROM meta WHERE key = 'bulk')"
"""Whoever changes many messages counts them itself (`bascule.mailbox.live.counting`): it writes this row, and takes it away within the same
transaction, so that nobody else ever sees it."""
COUNTING = {
    "message_flagged": f"""
CREATE TRIGGER message_flagged AFTER UPDATE OF flagset ON messages
WHEN NOT {IN_BULK} AND new.vanished_utc IS NULL AND old.vanished_utc IS NULL AND new.flagset <> old.flagset BEGIN
    UPDATE folders SET
        unseen = unseen + (SELECT is_seen FROM flagsets WHERE id = old.flagset) - (SELECT is_seen FROM flagsets WHERE id = new.flagset),
        deleted = deleted - (SELECT is_deleted FROM flagsets WHERE id = old.flagset)
            + (SELECT is_deleted FROM flagsets WHERE id = new.flagset)
    WHERE id = new.folder;
END
""",
    "message_vanished": f"""
CREATE TRIGGER message_vanished AFTER UPDATE OF vanished_utc ON messages
WHEN NOT {IN_BULK} AND (new.vanished_utc IS NULL) <> (old.vanished_utc IS NULL) BEGIN
    UPDATE folders SET messages = messages + iif(new.vanished_utc IS NULL, 1, -1),
        octets = octets + iif(new.vanished_utc IS NULL, new.octets, -old.octets),
        unseen = unseen + iif(new.vanished_utc IS NULL, NOT (SELECT is_seen FROM flagsets WHERE id = new.flagset),
            - NOT (SELECT is_seen FROM flagsets WHERE id = old.flagset)),
        deleted = deleted + iif(new.vanished_utc IS NULL, (SELECT is_deleted FROM flagsets WHERE id = new.flagset),
            - (SELECT is_deleted FROM flagsets WHERE id = old.flagset))
    WHERE id = new.folder;
END
""",
}

LIVE_TABLES = r"""
-- A live mailbox: people's programs and arriving mail change it. What a folder holds is counted, not looked through.
ALTER TABLE folders ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;     -- flagged \Deleted
ALTER TABLE folders ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN recent_uid INTEGER NOT NULL DEFAULT 1;  -- no session was told of this UID or those above
ALTER TABLE folders ADD COLUMN purged_modseq INTEGER NOT NULL DEFAULT 0; -- of the newest message that vanished and was then purged
ALTER TABLE flagsets ADD COLUMN is_seen INTEGER GENERATED ALWAYS AS (instr(' ' || names || ' ', ' \Seen ') > 0) VIRTUAL;
ALTER TABLE flagsets ADD COLUMN is_deleted INTEGER GENERATED ALWAYS AS (instr(' ' || names || ' ', ' \Deleted ') > 0) VIRTUAL;
CREATE INDEX messages_modseq ON messages (folder, modseq);
CREATE INDEX messages_vanished ON messages (vanished_utc) WHERE vanished_utc IS NOT NULL;

CREATE TRIGGER message_added AFTER INSERT ON messages WHEN new.vanished_utc IS NULL BEGIN
    UPDATE folders SET messages = messages + 1, octets = octets + new.octets,
        unseen = unseen + NOT (SELECT is_seen FROM flagsets WHERE id = new.flagset),
        deleted = deleted + (SELECT is_deleted FROM flagsets WHERE id = new.flagset)
    WHERE id = new.folder;
END;
CREATE TABLE descriptions (                 -- what IMAP says of a body, computed once: RFC 9051 §7.5.2
    body INTEGER PRIMARY KEY REFERENCES bodies, envelope BLOB NOT NULL, structure BLOB NOT NULL, preview TEXT
);
CREATE TABLE subscriptions (name TEXT PRIMARY KEY) WITHOUT ROWID; -- of mailboxes that are no folder here: deleted, or another person's
CREATE TABLE rights (                       -- who else may do what (RFC 4314); identifier: an address, or anyone
    folder INTEGER NOT NULL REFERENCES folders, identifier TEXT NOT NULL, rights TEXT NOT NULL, PRIMARY KEY (folder, identifier)
) WITHOUT ROWID;
CREATE TABLE readers (id INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE); -- who else has read here
CREATE TABLE seen_by (                      -- \Seen of those; \Seen among a message's flags is the owner's
    reader INTEGER NOT NULL REFERENCES readers, message INTEGER NOT NULL REFERENCES messages, PRIMARY KEY (reader, message)
) WITHOUT ROWID;
CREATE INDEX seen_by_message ON seen_by (message);
CREATE TABLE deliveries (                   -- what the server's own queue brought: tried again after a crash, it is not brought twice
    id TEXT PRIMARY KEY, at_utc INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_at ON deliveries (at_utc);
""" + "".join(f"{trigger};" for trigger in COUNTING.values())

SEGMENT_TABLES = """
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL,
    octets INTEGER NOT NULL,
    encoding INTEGER NOT NULL,              -- 0 as it is, 1 zstd
    data BLOB                               -- NULL: in parts
);
CREATE TABLE parts (body INTEGER NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (body, part));
"""

TEXTS_TABLES = """
CREATE TABLE IF NOT EXISTS texts (
    body INTEGER PRIMARY KEY, repeats INTEGER NOT NULL, header BLOB NOT NULL, rest BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS texts_repeats ON texts (body) WHERE repeats;
CREATE TABLE IF NOT EXISTS progress (indexed_body INTEGER NOT NULL);   -- texts up to this one are in grams
INSERT INTO progress SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM progress);
CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5(text, content='', detail=none, tokenize='trigram');
"""
SEARCH_TABLES = """
CREATE TABLE IF NOT EXISTS progress (indexed_body INTEGER NOT NULL);
INSERT INTO progress SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM progress);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    subject, people, text, attachments,
    content='', tokenize="unicode61 remove_diacritics 2"
);
"""
