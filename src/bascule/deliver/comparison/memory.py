"""What earlier runs remember of one target: of each message what became of it, and which copy on the target is its own."""

import contextlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bascule.mailbox import Mailbox
from bascule.mailbox.database import unusable
from bascule.mailbox.flagsets import FlagSets
from bascule.mailbox.ledger import TargetFolder
from bascule.mailbox.upgrading import is_current, upgrade
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.later_runs import Knows, knowledge
from bascule.terms.outcome import OutcomeCode

Identity = tuple[FolderPath, int, int]
"""Folder, UIDVALIDITY and UID on the old side."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """One message. ``given``: the flags of its copy as it got them from us, ``given_for`` those of the message then; None: not known.
    ``is_theirs``: somebody changed its copy before. ``date_utc``: what its copy was dated. ``verified``: 0 not read back, 1 by its
    details, 2 in every octet, at ``verified_utc``."""

    message: int
    folder: int
    path: FolderPath
    uidvalidity: int
    uid: int
    sha256: bytes
    sent_sha256: bytes
    date_utc: int
    is_there: bool
    code: OutcomeCode | None
    detail: str
    target_uid: int | None
    given: Flags | None
    given_for: Flags | None
    is_theirs: bool
    verified: int
    verified_utc: int | None
    is_in_doubt: bool

    @property
    def knows(self) -> Knows:
        return knowledge(self.code, is_read_back=self.verified > 0, is_in_doubt=self.is_in_doubt)


@dataclass(slots=True)
class Memory:
    """``places``: the folder of the target that each of the old side's went to, by its row; ``followed``: messages that moved on the old
    side, and whose move an earlier run dealt with; ``left_out``: what the user left out, and why."""

    by_message: dict[int, Remembered] = field(default_factory=dict)
    by_identity: dict[Identity, Remembered] = field(default_factory=dict)
    by_path: dict[FolderPath, list[Remembered]] = field(default_factory=lambda: defaultdict(list))
    places: dict[int, TargetFolder] = field(default_factory=dict)
    folders: dict[FolderPath, int] = field(default_factory=dict)
    followed: set[int] = field(default_factory=set)
    left_out: dict[Identity, str] = field(default_factory=dict)

    def place_of(self, path: FolderPath) -> TargetFolder | None:
        """The target's folder that this one went to in earlier runs."""
        return self.places.get(self.folders.get(path, 0))

    def names(self) -> dict[FolderPath, bytes]:
        """Folder → the name of the target's folder that earlier runs used."""
        return {path: place.name for path in self.folders if (place := self.place_of(path)) is not None}

    def under_another_validity(self, path: FolderPath, uidvalidity: int) -> dict[bytes, list[Remembered]]:
        """SHA-256 → messages of the folder that are known under another UIDVALIDITY than it has now."""
        found: dict[bytes, list[Remembered]] = defaultdict(list)
        for one in self.by_path.get(path, ()):
            if one.uidvalidity != uidvalidity and one.is_there:
                found[one.sha256].append(one)
        return found


def remember(mailbox: Mailbox, location: str) -> Memory | None:
    """What the mailbox's ledger knows of the target; None where nothing was ever delivered to it. Nothing is written. Blocks; raises MailboxError."""
    try:
        with _current(mailbox.database) as database, _one_instant(database):
            query = "SELECT id FROM targets WHERE location = ?"
            row = database.execute(query, (location,)).fetchone()
            return _load(database, row[0]) if row else None
    except sqlite3.Error as error:
        raise unusable(mailbox.root, error) from error


@contextlib.contextmanager
def _one_instant(database: sqlite3.Connection) -> Iterator[None]:
    """All that is read within is of one instant."""
    database.execute("BEGIN")
    try:
        yield
    finally:
        database.execute("ROLLBACK")


@contextlib.contextmanager
def _current(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """The catalogue, in the format of this Bascule: one of an earlier version is brought up to date in memory, and stays as it is on disk."""
    if is_current(database):
        yield database
        return
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as copied:
        database.backup(copied)
        upgrade(copied)
        yield copied


_MESSAGES = """
SELECT m.id, m.folder, m.uidvalidity, m.uid, m.sha256, coalesce(o.sent_sha256, m.sha256), m.date_utc, m.vanished_utc IS NULL, o.code,
       coalesce(o.detail, ''), o.target_uid, o.flagset, o.source_flagset, coalesce(o.theirs, 0), coalesce(o.verified, 0), o.verified_utc
FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?
"""


def _load(database: sqlite3.Connection, target: int) -> Memory:
    memory = Memory()
    paths: dict[int, FolderPath] = {}
    for identity, path, gone in database.execute("SELECT id, path, gone_utc IS NOT NULL FROM folders"):
        paths[identity] = FolderPath.from_json(path)
        if not gone:
            memory.folders[paths[identity]] = identity
    query = "SELECT folder, name, uidvalidity, looked_uidnext, mailboxid FROM target_folders WHERE target = ?"
    memory.places = {row[0]: TargetFolder(*row) for row in database.execute(query, (target,))}
    batches = database.execute("SELECT messages FROM intents WHERE target = ?", (target,))
    doubtful = {one[0] for (text,) in batches for one in json.loads(text)}
    flagsets = FlagSets(database)
    for values in database.execute(_MESSAGES, (target,)):
        one = _remembered(values, paths, flagsets, doubtful)
        memory.by_message[one.message] = one
        memory.by_path[one.path].append(one)
        memory.by_identity[one.path, one.uidvalidity, one.uid] = one
    query = "SELECT earlier FROM moves WHERE target = ?"
    memory.followed = {earlier for (earlier,) in database.execute(query, (target,))}
    query = "SELECT folder, uidvalidity, uid, detail FROM not_held WHERE code = ?"
    for folder, validity, uid, detail in database.execute(query, (OutcomeCode.LEFT_OUT.value,)):
        memory.left_out[paths[folder], validity, uid] = detail
    return memory


def _remembered(
    values: tuple[
        int,
        int,
        int,
        int,
        bytes,
        bytes,
        int,
        int,
        str | None,
        str,
        int | None,
        int | None,
        int | None,
        int,
        int,
        int | None,
    ],
    paths: dict[int, FolderPath],
    flagsets: FlagSets,
    doubtful: set[int],
) -> Remembered:
    (
        message,
        folder,
        validity,
        uid,
        digest,
        sent,
        date,
        there,
        code,
        detail,
        copy,
        given,
        given_for,
        theirs,
        verified,
        at,
    ) = values
    return Remembered(
        message, folder, paths[folder], validity, uid, digest, sent, date, bool(there), OutcomeCode(code) if code else None, detail,
        copy, None if given is None else flagsets.flags_of(given), None if given_for is None else flagsets.flags_of(given_for),
        bool(theirs), verified, at, message in doubtful,
    )  # fmt: skip
