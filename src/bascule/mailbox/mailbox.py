"""A mailbox on disk: making, opening, locking, closing; its rooms are ``folders``, ``messages`` and `ledger`."""

import asyncio
import contextlib
import fcntl
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from bascule.mailbox.bodies import BodyReader, BodyWriter
from bascule.mailbox.database import Connection, create_tables, open_database, require_version, transaction, unusable
from bascule.mailbox.flagsets import FlagSets
from bascule.mailbox.folders import Folders
from bascule.mailbox.format import (
    CATALOGUE,
    CATALOGUE_TABLES,
    LOCK,
    SEGMENT_OCTETS,
    MailboxError,
    MailboxInUse,
    segment_name,
)
from bascule.mailbox.ledger import Ledger
from bascule.mailbox.lock import in_use, take_lock
from bascule.mailbox.messages import Messages
from bascule.mailbox.numbers import require_numbers
from bascule.mailbox.upgrading import is_current, upgrade
from bascule.terms.body import Body

P = ParamSpec("P")
T = TypeVar("T")


class Mailbox:
    """Use `open`, `create` or `open_or_create`, then `close` (or ``with``).

    SQLite calls block: within asyncio they are made by `run`, one at a time on the mailbox's own thread.
    """

    def __init__(
        self,
        root: Path,
        database: Connection,
        lock: int | None,
        segment_octets: int,
        *,
        shared: bool = False,
    ) -> None:
        self.root = root
        self.database = database
        self._lock = lock
        self._thread: ThreadPoolExecutor | None = None
        self.keeps_bodies = self.meta("keeps_bodies") == "1"
        if not self.keeps_bodies and lock is not None:
            # What `copy` remembers may lose its last rows with the power: the target is then looked at again.
            database.execute("PRAGMA synchronous = NORMAL")
        self.flagsets = FlagSets(database)
        self.folders = Folders(database)
        closed = {number for (number,) in database.execute("SELECT number FROM segments")}
        writes_bodies = self.keeps_bodies and lock is not None
        self._writer = (
            BodyWriter(root, closed | _lost(database, root), segment_octets, shared=shared) if writes_bodies else None
        )
        self._reader = BodyReader(root) if self.keeps_bodies else None
        self.messages = Messages(database, self.flagsets, self._writer, self._reader)
        self.index: sqlite3.Connection | None = None
        """`bascule.mailbox.search` opens it."""
        self.texts: sqlite3.Connection | None = None
        """`bascule.mailbox.texts` opens it."""

    # -- making and opening -------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, root: Path, *, keeps_bodies: bool = True, segment_octets: int = SEGMENT_OCTETS) -> Self:
        """A new mailbox at ``root``, which must not exist or be empty. Raises MailboxError."""
        if root.exists() and not _is_free(root):
            raise MailboxError(f"{root} exists and is not a mailbox.", "Name a new folder, best ending in “.mailbox”.")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MailboxError(
                f"{root} can't be made: {error.strerror}.", "Name a folder where you may write."
            ) from error
        with contextlib.ExitStack() as opened:
            lock = take_lock(root)
            opened.callback(os.close, lock)
            if not _is_free(root):  # another process made it since
                raise in_use(root)
            try:
                database = opened.enter_context(contextlib.closing(open_database(root / CATALOGUE)))
                rows = f"('id', '{uuid.uuid4()}'), ('keeps_bodies', '{int(keeps_bodies)}')"
                create_tables(database, f"{CATALOGUE_TABLES} INSERT INTO meta VALUES {rows};")
                made = cls(root, database, lock, segment_octets)
            except sqlite3.Error as error:
                raise unusable(root / CATALOGUE, error) from error
            opened.pop_all()
        return made

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        read_only: bool = False,
        shared: bool = False,
        made_elsewhere: bool = False,
        segment_octets: int = SEGMENT_OCTETS,
    ) -> Self:
        """``shared``: others may open it so too, and write; all of them keep to the rules of a live mailbox (`bascule.mailbox.live`).
        ``made_elsewhere``: somebody else may have made it, and its catalogue may say what Bascule never writes (`bascule.mailbox.numbers`).

        Raises MailboxError: not there, not a mailbox, newer than this Bascule, in use (unless ``read_only``), damaged.
        """
        path = root / CATALOGUE
        if not path.is_file():
            what = "is not a mailbox: it has no catalogue" if root.exists() else "does not exist"
            raise MailboxError(f"{root} {what}.", "Name a folder that “bascule capture” or “bascule import” made.")
        with contextlib.ExitStack() as opened:
            lock = None if read_only else take_lock(root, shared=shared)
            if lock is not None:
                opened.callback(os.close, lock)
            try:
                database = opened.enter_context(contextlib.closing(open_database(path, read_only=read_only)))
                require_version(database, path)
                if lock is not None and not is_current(database):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    upgrade(database)
                    fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
                if made_elsewhere:
                    require_numbers(database, path)
                made = cls(root, database, lock, segment_octets, shared=shared)
            except sqlite3.Error as error:
                raise unusable(path, error) from error
            except BlockingIOError as error:
                raise in_use(root) from error
            opened.pop_all()
        return made

    @classmethod
    def open_or_create(cls, root: Path, *, keeps_bodies: bool = True, made_elsewhere: bool = False) -> Self:
        if not _is_made(root):
            try:
                return cls.create(root, keeps_bodies=keeps_bodies)
            except MailboxError:
                if not _is_made(root):  # by another process since
                    raise
        return cls.open(root, made_elsewhere=made_elsewhere)

    # -- use ----------------------------------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        row = self.database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def forget_meta(self, key: str) -> None:
        self.database.execute("DELETE FROM meta WHERE key = ?", (key,))

    def ledger(self, location: str) -> Ledger:
        """The ledger of one target."""
        return Ledger(self.database, location, flagsets=self.flagsets)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``call`` on the mailbox's thread, after those asked for before it; it is done also where the caller is stopped meanwhile. Raises
        MailboxError for SQLite's errors."""
        if not self.keeps_bodies:
            # No body is compressed and nothing is synced: a call takes about a millisecond, a change of threads costs more.
            try:
                return call(*args, **kwargs)
            except sqlite3.Error as error:
                raise unusable(self.root, error) from error
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise
        except sqlite3.Error as error:
            raise unusable(self.root, error) from error

    def read_body(self, segment: int, place: int) -> Body:
        """A body by its place, unverified (`Messages.body` verifies). Raises MailboxError."""
        if self._reader is None:
            raise MailboxError("This mailbox remembers messages and does not hold them.")
        return self._reader.read(segment, place)

    def octets(self, body: int, most: int | None = None) -> bytes:
        """The octets of the catalogue's body ``body``, or the first ``most`` of them, not compared with its SHA-256. Raises MailboxError."""
        if self._reader is None:
            raise MailboxError("This mailbox remembers messages and does not hold them.")
        row = self.database.execute("SELECT segment, place, octets FROM bodies WHERE id = ?", (body,)).fetchone()
        if row is None:
            raise MailboxError(f"Body {body} of {self.root} is missing.", "Run “bascule check”.")
        segment, place, octets = row
        found = self._reader.octets(segment, place, most)
        if len(found) != (octets if most is None else min(octets, most)):
            raise MailboxError(
                f"Body {body} of {self.root} is damaged: it had {octets} octets.", "Run “bascule check”."
            )
        return found

    def many_octets(self, bodies: Sequence[int], most: int | None = None) -> dict[int, bytes]:
        """`octets` of several bodies, read at once: of those that are small and sound. The others are to be asked for one by one."""
        if self._reader is None:
            return {}
        query = "SELECT segment, place, id, octets FROM bodies WHERE id IN (SELECT value FROM json_each(?)) ORDER BY segment, place"
        places = self.database.execute(query, (json.dumps(bodies),)).fetchall()
        found: dict[int, bytes] = {}
        for segment, group in groupby(places, key=itemgetter(0)):
            body_at = {place: (body, octets if most is None else min(octets, most)) for _, place, body, octets in group}
            with contextlib.suppress(MailboxError):  # a file that is missing
                for place, each in self._reader.many(segment, list(body_at), most).items():
                    body, octets = body_at[place]
                    if len(each) == octets:
                        found[body] = each
        return found

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return transaction(self.database)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        if self._writer is not None:
            self._writer.close()
        if self._reader is not None:
            self._reader.close()
        for each in (self.index, self.texts):
            if each is not None:
                each.close()
        self.database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_alone(root: Path, ask_for_way: Callable[[], None], wait_seconds: float) -> Mailbox:
    """The mailbox, which nobody else has open. ``ask_for_way``: asks who has it, and does nothing with it just now, to close it; again and again, for at
    most ``wait_seconds``. Raises MailboxError: MailboxInUse where that was not enough."""
    deadline = time.monotonic() + wait_seconds
    while True:
        ask_for_way()
        try:
            return Mailbox.open(root)
        except MailboxInUse:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


def _lost(database: Connection, root: Path) -> set[int]:
    """The bodies file that was written to last, where it is missing: it may be put back, so nothing else must ever lie at its places."""
    newest = database.execute("SELECT segment FROM bodies ORDER BY id DESC LIMIT 1").fetchone()
    return set() if newest is None or (root / segment_name(newest[0])).exists() else {newest[0]}


def _is_free(root: Path) -> bool:
    """Whether a mailbox can be made there: nothing but what a creation that was killed leaves behind."""
    if not root.is_dir():
        return False
    left = {LOCK, CATALOGUE, f"{CATALOGUE}-wal", f"{CATALOGUE}-shm", f"{CATALOGUE}-journal"}
    if set(os.listdir(root)) - left:
        return False
    return not (root / CATALOGUE).exists() or was_never_made(root / CATALOGUE)


def _is_made(root: Path) -> bool:
    return (root / CATALOGUE).exists() and not was_never_made(root / CATALOGUE)


def was_never_made(catalogue: Path) -> bool:
    """A file without a table: its making was killed before its one transaction."""
    try:
        with contextlib.closing(sqlite3.connect(f"{catalogue.absolute().as_uri()}?mode=rw", uri=True)) as database:
            return bool(database.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()[0])
    except sqlite3.Error:
        return False
