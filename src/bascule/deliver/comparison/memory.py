"""What earlier runs remember of one target: of each message what became of it, and which copy on the target is its own."""

import contextlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bascule.deliver.comparison.census import FolderCensus
from bascule.deliver.comparison.old_side import OldSide, read_old_side
from bascule.mailbox import Mailbox
from bascule.mailbox.database import Connection, unusable
from bascule.mailbox.deltas import Deltas
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
    details, 2 in every octet, at ``verified_utc``. ``meanwhile``: where it is in its folder no longer, the deltas of which any may be the last in
    which its move was not there yet."""

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
    meanwhile: range

    @property
    def knows(self) -> Knows:
        return knowledge(self.code, is_read_back=self.verified > 0, is_in_doubt=self.is_in_doubt)


@dataclass(slots=True)
class Memory:
    """``places``: the folder of the target that each of the old side's went to, by its row; ``foreign``: by the same row, the
    UIDs there of what was somebody else's; ``followed``: messages that moved on the old
    side, and whose move an earlier run dealt with; ``left_out``: what the user left out, and why; ``old_side``: what runs saw of its folders."""

    by_message: dict[int, Remembered] = field(default_factory=dict)
    by_identity: dict[Identity, Remembered] = field(default_factory=dict)
    by_path: dict[FolderPath, list[Remembered]] = field(default_factory=lambda: defaultdict(list))
    places: dict[int, TargetFolder] = field(default_factory=dict)
    foreign: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    folders: dict[FolderPath, int] = field(default_factory=dict)
    followed: set[int] = field(default_factory=set)
    left_out: dict[Identity, str] = field(default_factory=dict)
    old_side: OldSide = field(default_factory=OldSide)

    def place_of(self, path: FolderPath) -> TargetFolder | None:
        """The target's folder that this one went to in earlier runs."""
        return self.places.get(self.folders.get(path, 0))

    def other_than_known(self, path: FolderPath, uidvalidity: int) -> int | None:
        """The row of the old side's folder, where it has another UIDVALIDITY than at its last survey; None: it has not, or none is known."""
        known = self.old_side.folders.get(path)
        is_other = known is not None and known.uidvalidity and uidvalidity not in (0, known.uidvalidity)
        return self.folders.get(path) if is_other else None

    def names(self) -> dict[FolderPath, bytes]:
        """Folder → the name of the target's folder that earlier runs used."""
        return {path: place.name for path in self.folders if (place := self.place_of(path)) is not None}

    def under_other_uids(self, census: FolderCensus) -> dict[bytes, list[Remembered]]:
        """SHA-256 → messages of the folder that are known under another UIDVALIDITY than it has now; where a UID stands for another message than
        it did, so that the old side gave UIDs again, also those that are not under theirs."""
        now = {fact.uid: fact.sha256 for fact in census.facts}
        known = [one for one in self.by_path.get(census.path, ()) if one.is_there]
        here = [one for one in known if one.uidvalidity == census.uidvalidity]
        given_again = any(now.get(one.uid, one.sha256) != one.sha256 for one in here)
        found: dict[bytes, list[Remembered]] = defaultdict(list)
        for one in known:
            if one.uidvalidity != census.uidvalidity or (given_again and now.get(one.uid) != one.sha256):
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
        if database.in_transaction:  # an error of the disk has ended it
            database.execute("ROLLBACK")


@contextlib.contextmanager
def _current(database: Connection) -> Iterator[Connection]:
    """The catalogue, in the format of this Bascule: one of an earlier version is brought up to date in memory, and stays as it is on disk."""
    if is_current(database):
        yield database
        return
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None, factory=Connection)) as copied:
        database.backup(copied)
        upgrade(copied)
        yield copied


class _Row(NamedTuple):
    """As `_MESSAGES` gives it. ``given``, ``given_for``: numbers of flag sets; ``last_delta``: the last one that saw it in its folder."""

    message: int
    folder: int
    uidvalidity: int
    uid: int
    sha256: bytes
    sent_sha256: bytes
    date_utc: int
    vanished_utc: int | None
    last_delta: int
    code: str | None
    detail: str
    target_uid: int | None
    given: int | None
    given_for: int | None
    is_theirs: int
    verified: int
    verified_utc: int | None


_MESSAGES = """
SELECT m.id, m.folder, m.uidvalidity, m.uid, m.sha256, coalesce(o.sent_sha256, m.sha256), m.date_utc, m.vanished_utc,
       coalesce(m.last_delta, iif(m.vanished_utc IS NULL, f.delta, 0)), o.code, coalesce(o.detail, ''), o.target_uid, o.flagset,
       o.source_flagset, coalesce(o.theirs, 0), coalesce(o.verified, 0), o.verified_utc
FROM messages m JOIN folders f ON f.id = m.folder LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?
"""


def _load(database: Connection, target: int) -> Memory:
    memory = Memory(old_side=read_old_side(database))
    paths: dict[int, FolderPath] = {}
    for identity, path, gone in database.execute("SELECT id, path, gone_utc IS NOT NULL FROM folders"):
        paths[identity] = FolderPath.from_json(path)
        if not gone:
            memory.folders[paths[identity]] = identity
    query = "SELECT folder, name, uidvalidity, looked_uidnext, mailboxid FROM target_folders WHERE target = ?"
    memory.places = {row[0]: TargetFolder(*row) for row in database.execute(query, (target,))}
    for row, uid in database.execute("SELECT folder, uid FROM target_messages WHERE target = ?", (target,)):
        memory.foreign[row].add(uid)
    batches = database.execute("SELECT messages FROM intents WHERE target = ?", (target,))
    doubtful = {one[0] for (text,) in batches for one in json.loads(text)}
    flagsets, deltas = FlagSets(database), memory.old_side.deltas(database)
    for row in map(_Row._make, database.execute(_MESSAGES, (target,))):
        meanwhile = _meanwhile(row, memory.old_side, deltas)
        one = _remembered(row, paths[row.folder], flagsets, row.message in doubtful, meanwhile)
        memory.by_message[one.message] = one
        memory.by_path[one.path].append(one)
        memory.by_identity[one.path, one.uidvalidity, one.uid] = one
    query = "SELECT earlier FROM moves WHERE target = ?"
    memory.followed = {earlier for (earlier,) in database.execute(query, (target,))}
    query = "SELECT folder, uidvalidity, uid, detail FROM not_held WHERE code = ?"
    for folder, validity, uid, detail in database.execute(query, (OutcomeCode.LEFT_OUT.value,)):
        memory.left_out[paths[folder], validity, uid] = detail
    return memory


def _meanwhile(row: _Row, old_side: OldSide, deltas: Deltas) -> range:
    """One that the last run saw, or would have, may have moved since."""
    gone = old_side.delta + 1 if row.vanished_utc is None else deltas.gone_in(row.last_delta, row.vanished_utc)
    return range(row.last_delta, gone)


def _remembered(row: _Row, path: FolderPath, flagsets: FlagSets, is_in_doubt: bool, meanwhile: range) -> Remembered:
    return Remembered(
        message=row.message,
        folder=row.folder,
        path=path,
        uidvalidity=row.uidvalidity,
        uid=row.uid,
        sha256=row.sha256,
        sent_sha256=row.sent_sha256,
        date_utc=row.date_utc,
        is_there=row.vanished_utc is None,
        code=OutcomeCode(row.code) if row.code else None,
        detail=row.detail,
        target_uid=row.target_uid,
        given=None if row.given is None else flagsets.flags_of(row.given),
        given_for=None if row.given_for is None else flagsets.flags_of(row.given_for),
        is_theirs=bool(row.is_theirs),
        verified=row.verified,
        verified_utc=row.verified_utc,
        is_in_doubt=is_in_doubt,
        meanwhile=meanwhile,
    )
