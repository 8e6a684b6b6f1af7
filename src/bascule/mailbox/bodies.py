"""The append-only files of message octets: ``bodies-0001.sqlite`` and on.

A body up to `PART_OCTETS` is one row; a larger one is cut into parts, so that neither writing nor reading it holds it
whole. Written in groups: `BodyWriter.add` … `BodyWriter.sync`; only after `sync` may the catalogue name the places.
"""

import contextlib
import hashlib
import json
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import zstandard

from bascule.mailbox.database import create_tables, open_database, require_version
from bascule.mailbox.format import SEGMENT_OCTETS, SEGMENT_TABLES, MailboxError, segment_name
from bascule.terms.body import Body, HeldBody, SpooledBody
from bascule.terms.errors import ExitStatus

PART_OCTETS = 1024 * 1024
ZSTD_LEVEL = 3
AS_IT_IS, ZSTD = 0, 1
READ_ONLY = 0o555
"""What is left of the mode of a bodies file that is closed: who could read it still can, and nobody else."""


class BodyWriter:
    """Writes to the newest segment; opens the next one when it is full, or ``closed``: never written to again, or missing.

    ``shared``: other processes write too. Each group is then one transaction of the segment, so that places are never given twice,
    and a full segment is left for the next one without being closed: who has the mailbox alone closes it (`unclosed`).
    """

    def __init__(
        self, root: Path, closed: set[int], segment_octets: int = SEGMENT_OCTETS, *, shared: bool = False
    ) -> None:
        self._root = root
        self._limit = segment_octets
        self.is_shared = shared
        numbers = [number for number in segment_numbers(root) if number not in closed]
        self.segment = max((*numbers, *(number + 1 for number in closed)), default=1)
        self._database: sqlite3.Connection | None = None
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self._size = 0
        self._page_octets = 0
        self._next = 1

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            path = self._root / segment_name(self.segment)
            fresh = not path.exists()
            self._database = open_database(path, cache_kib=1024)
            if fresh or not self._database.execute("PRAGMA user_version").fetchone()[0]:
                create_tables(self._database, SEGMENT_TABLES, missing_only=True)
            require_version(self._database, path)
            self._page_octets = self._database.execute("PRAGMA page_size").fetchone()[0]
        return self._database

    def _begin(self) -> sqlite3.Connection:
        """The segment within a transaction of ours, with what others wrote to it counted."""
        database = self._open()
        if database.in_transaction:
            return database
        database.execute("BEGIN IMMEDIATE")
        self._size = database.execute("PRAGMA page_count").fetchone()[0] * self._page_octets
        if self.is_shared and self.is_full:
            database.execute("ROLLBACK")
            self.close()
            self.segment += 1
            return self._begin()
        self._next = database.execute("SELECT coalesce(max(id), 0) + 1 FROM bodies").fetchone()[0]
        return database

    def add(self, body: Body) -> tuple[int, int]:
        """Write one body; its (segment, place). Not durable until `sync`. Raises sqlite3.Error (disk full)."""
        database = self._begin()
        place = self._next
        self._next += 1
        if body.octets <= PART_OCTETS:
            encoding, data = self._encode(body.whole())
            row = (place, body.sha256, body.octets, encoding, data)
            self._size += len(data) + 64
            database.execute("INSERT INTO bodies VALUES (?, ?, ?, ?, ?)", row)
        else:
            database.execute("INSERT INTO bodies VALUES (?, ?, ?, ?, NULL)", (place, body.sha256, body.octets, ZSTD))
            for number, part in enumerate(_parts(body)):
                data = self._compressor.compress(part)
                self._size += len(data) + 64
                database.execute("INSERT INTO parts VALUES (?, ?, ?)", (place, number, data))
        return self.segment, place

    def _encode(self, octets: bytes) -> tuple[int, bytes]:
        packed = self._compressor.compress(octets)
        return (ZSTD, packed) if len(packed) < len(octets) else (AS_IT_IS, octets)

    def sync(self) -> None:
        """Make every body added so far durable."""
        if self._database is not None and self._database.in_transaction:
            self._database.execute("COMMIT")

    def abandon(self) -> None:
        """Forget the bodies added since the last `sync`."""
        if self._database is not None and self._database.in_transaction:
            self._database.execute("ROLLBACK")

    @property
    def is_full(self) -> bool:
        return self._size >= self._limit

    def close_segment(self) -> tuple[int, int, bytes]:
        """Close the current file, after `sync`: (number, octets, SHA-256), for the catalogue to record; then `protect` it."""
        self.close()
        path = self._root / segment_name(self.segment)
        database = open_database(path)
        database.execute("PRAGMA journal_mode = DELETE")
        database.close()
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        closed = (self.segment, path.stat().st_size, digest.digest())
        self.segment += 1
        return closed

    def protect(self, segment: int) -> None:
        """Make a closed file read-only, once the catalogue says that it is closed: not before, or a crash between the two
        would leave a file that is neither written on nor closed."""
        path = self._root / segment_name(segment)
        path.chmod(stat.S_IMODE(path.stat().st_mode) & READ_ONLY)

    def close(self) -> None:
        self.sync()
        if self._database is not None:
            self._database.close()
            self._database = None


def _parts(body: Body) -> Iterator[bytes]:
    held = bytearray()
    for piece in body.chunks():
        held += piece
        while len(held) >= PART_OCTETS:
            yield bytes(held[:PART_OCTETS])
            del held[:PART_OCTETS]
    if held:
        yield bytes(held)


class _WrongSize(ValueError):
    """What was read is not as large as it was when it was stored."""


def _of_size(octets: bytes, recorded: int) -> bytes:
    """Raises _WrongSize."""
    if len(octets) != recorded:
        raise _WrongSize(f"it has {len(octets)} octets instead of {recorded}")
    return octets


def _require_size(data: bytes, octets: int) -> None:
    """A frame says how large its contents are, and zstandard takes that much memory before it looks at them (RFC 8878 §3.1.1.1.4): a damaged one may say
    anything. Raises ZstdError where it is not what the row says, or more than a row holds."""
    if zstandard.frame_content_size(data) not in (octets, -1) or octets > PART_OCTETS:  # -1: it does not say
        raise zstandard.ZstdError("it claims to be of another size than it is")


_DAMAGED = (sqlite3.Error, zstandard.ZstdError, _WrongSize, TypeError)
"""What reading a row of a damaged file raises."""


class BodyReader:
    """Reads bodies of any segment; keeps the files open. For one thread at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._databases: dict[int, sqlite3.Connection] = {}
        self._decompressor = zstandard.ZstdDecompressor()

    def _database(self, segment: int) -> sqlite3.Connection:
        if segment not in self._databases:
            path = self._root / segment_name(segment)
            if not path.exists():
                raise MailboxError(
                    f"{path} is missing.", "Restore it from a backup, then run “bascule check”.", ExitStatus.MISSING
                )
            self._databases[segment] = open_database(path, read_only=True, cache_kib=1024)
        return self._databases[segment]

    def read(self, segment: int, place: int) -> Body:
        """The body, with the SHA-256 of what was really read (the caller compares). Raises MailboxError when it is damaged."""
        path = self._root / segment_name(segment)
        try:
            row = (
                self._database(segment)
                .execute("SELECT octets, encoding, data FROM bodies WHERE id = ?", (place,))
                .fetchone()
            )
            if row is None:
                raise MailboxError(f"Body {place} is missing in {path}.", "Run “bascule check”.", ExitStatus.MISSING)
            octets, encoding, data = row
            if data is not None:
                return HeldBody(self._whole(data, octets) if encoding == ZSTD else _of_size(data, octets))
            return self._read_parts(segment, place, octets)
        except _DAMAGED as error:
            raise MailboxError(
                f"Body {place} in {path} is damaged: {error}.", "Restore the file from a backup.", ExitStatus.MISSING
            ) from error

    def octets(self, segment: int, place: int, most: int | None = None) -> bytes:
        """The octets as they lie there, or the first ``most`` of them: as many as were stored, not compared with any SHA-256. Raises MailboxError when
        they are missing or damaged."""
        database = self._database(segment)
        try:
            row = database.execute("SELECT octets, encoding, data FROM bodies WHERE id = ?", (place,)).fetchone()
            if row is not None and row[2] is not None:
                octets, encoding, data = row
                return self._unpacked(data, encoding, octets, octets if most is None else min(most, octets))
            if row is not None and most is not None and most <= PART_OCTETS:
                query = "SELECT data FROM parts WHERE body = ? ORDER BY part LIMIT 1"
                first = min(row[0], PART_OCTETS)
                return self._unpacked(database.execute(query, (place,)).fetchone()[0], ZSTD, first, min(most, first))
        except _DAMAGED as error:
            path = self._root / segment_name(segment)
            raise MailboxError(f"Body {place} in {path} is damaged: {error}.", "Restore it from a backup.") from error
        return self.read(segment, place).whole()

    def many(self, segment: int, places: Sequence[int], most: int | None = None) -> dict[int, bytes]:
        """By place, as `octets` gives them, but read at once: those up to `PART_OCTETS` that are sound. The others are to be asked for one by one, which
        tells what is wrong with them."""
        found: dict[int, bytes] = {}
        with contextlib.suppress(sqlite3.Error):
            low, high = min(places), max(places)
            lie_together = high - low == len(places) - 1
            condition = "id BETWEEN ? AND ?" if lie_together else "id IN (SELECT value FROM json_each(?))"
            values: tuple[int | str, ...] = (low, high) if lie_together else (json.dumps(places),)
            query = f"SELECT id, octets, encoding, data FROM bodies WHERE {condition} AND data IS NOT NULL"
            for place, octets, encoding, data in self._database(segment).execute(query, values).fetchall():
                with contextlib.suppress(*_DAMAGED):
                    found[place] = self._unpacked(data, encoding, octets, octets if most is None else min(most, octets))
        return found

    def _unpacked(self, data: bytes, encoding: int, octets: int, wanted: int) -> bytes:
        """The first ``wanted`` of ``octets`` octets at most."""
        if encoding == AS_IT_IS:
            return _of_size(data, octets)[:wanted]
        _require_size(data, octets)
        if wanted < octets:
            with self._decompressor.stream_reader(data) as reader:
                return _of_size(reader.read(wanted), wanted)
        return self._whole(data, octets)

    def _whole(self, data: bytes, octets: int) -> bytes:
        _require_size(data, octets)
        return _of_size(self._decompressor.decompress(data, max_output_size=octets), octets)

    def _read_parts(self, segment: int, place: int, octets: int) -> Body:
        """Raises ZstdError or _WrongSize where any is missing, too many, or not as large as it was."""
        left = octets
        with contextlib.ExitStack() as on_error:
            spooled = SpooledBody()
            on_error.callback(spooled.close)
            query = "SELECT data FROM parts WHERE body = ? ORDER BY part"
            for (data,) in self._database(segment).execute(query, (place,)):
                if left <= 0:
                    raise _WrongSize("it has more parts than it had")
                spooled.write(self._whole(data, min(left, PART_OCTETS)))
                left -= PART_OCTETS
            if left > 0:
                raise _WrongSize(f"its last {left} octets are missing")
            on_error.pop_all()
        return spooled

    def close(self) -> None:
        for database in self._databases.values():
            database.close()
        self._databases.clear()


def segment_numbers(root: Path) -> list[int]:
    """The numbers of the segments that lie in ``root``, ascending."""
    return sorted(int(path.stem[7:]) for path in root.glob("bodies-[0-9]*.sqlite") if path.stem[7:].isdigit())
