"""A mailbox's files brought up to date in another place, while it is in use: what a backup is made of, and a restore.

The catalogue is read at one instant; then the bodies that are not there yet follow, which were all written before it. Only when they are synced
does the new catalogue take the old one's place. So the copy is whole at every instant, and a copying that was cut off is simply done again.

Who copies shares the source's lock (`bascule.mailbox.lock`): mail comes and goes meanwhile, and is purged, but no file is exchanged. The copy's lock
they have alone: of two that copy to one place the second is refused.

A body is known by its place, and is not copied again. So a copy is brought up to date with the mailbox that it is of, and with no other: one that
was made anew under the same name, or went on from an earlier state, has other bodies at the same places (`AnotherMailbox`).
"""

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from bascule.mailbox.bodies import segment_numbers
from bascule.mailbox.database import attach, create_tables, open_database, sync_file, unusable
from bascule.mailbox.format import CATALOGUE, SEGMENT_TABLES, MailboxError, segment_name
from bascule.mailbox.lock import alone, files_stay
from bascule.terms.errors import BasculeError

GENERATIONS = "catalogues"
"""The folder of earlier catalogues in a copy: ``INSTANT.sqlite.zst``. Bodies are only ever added, so each of them still holds."""
STAMP = "copied.json"
TICK_SECONDS = 0.1
"""More than there is between two times that a file system gives: what is written within one can't be told from what was written before."""
_PARTIAL = ".partial"


class AnotherMailbox(MailboxError):
    """What lies where a mailbox is to be copied to is a copy of another one; it is as it was."""


@dataclass(frozen=True, slots=True)
class Copied:
    """``octets``: written to the bodies' files."""

    is_new: bool
    octets: int


def copy_mailbox(
    source: Path, target: Path, *, instant: str | None = None, keep: int = 0, is_alone: bool = False
) -> Copied:
    """Bring ``target`` up to date with ``source``. ``instant``: keep this state beside the ``keep`` newest earlier ones. ``is_alone``: the caller has
    the source's lock. Raises BasculeError; MailboxInUse where somebody else has the source alone, or the target; AnotherMailbox."""
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.nullcontext() if is_alone else files_stay(source), alone(target):
            return _bring_up_to_date(source, target, instant, keep)
    except sqlite3.Error as error:
        raise unusable(source, error) from error
    except OSError as error:
        raise MailboxError(f"{target} can't be written: {error.strerror or error}.", "Nothing that was kept there is lost. Run it again.") from error  # fmt: skip


def _bring_up_to_date(source: Path, target: Path, instant: str | None, keep: int) -> Copied:
    stamp, is_certain = _stamp(source)
    told = target / STAMP
    if (target / CATALOGUE).exists() and told.exists() and told.read_text("utf-8") == stamp:
        return Copied(False, 0)
    partial = target / f"{CATALOGUE}{_PARTIAL}"
    partial.unlink(missing_ok=True)
    copy_database(source / CATALOGUE, partial)
    _require_same(source, partial, target)
    octets = sum(
        _copy_closed(source, target, number) if is_closed else _copy_rows(source, target, number)
        for number, is_closed in _segments(source, partial)
    )
    if instant is not None:
        _keep_generation(partial, target / GENERATIONS, instant, keep)
    for leftover in (f"{CATALOGUE}-wal", f"{CATALOGUE}-shm"):
        (target / leftover).unlink(missing_ok=True)
    os.replace(partial, target / CATALOGUE)
    sync_file(target)
    if is_certain:
        told.write_text(stamp, "utf-8")  # last: it says that all of the above is on the disk
    else:
        told.unlink(missing_ok=True)
    return Copied(True, octets)


def _stamp(source: Path) -> tuple[str, bool]:
    """Changes whenever the catalogue does. Whether that is certain: not of one that was written to in this very moment, and may be so again."""
    found, latest = {}, time.time() - TICK_SECONDS
    is_certain = True
    for name in (CATALOGUE, f"{CATALOGUE}-wal"):
        with contextlib.suppress(FileNotFoundError):
            status = (source / name).stat()
            found[name] = [status.st_size, status.st_mtime_ns]
            is_certain &= status.st_mtime < latest
    return json.dumps(found), is_certain


def _require_same(source: Path, catalogue: Path, target: Path) -> None:
    """``catalogue``: the source's. A catalogue in ``target`` that can't be read says nothing. Raises AnotherMailbox."""
    with contextlib.suppress(MailboxError, sqlite3.Error):
        if (target / CATALOGUE).exists() and _id_of(target / CATALOGUE) != _id_of(catalogue):
            raise AnotherMailbox(f"{target} holds a copy of another mailbox.", "Name another folder, or move that one away.")  # fmt: skip
    for number, is_closed in _segments(source, catalogue):
        name = segment_name(number)
        if not is_closed and (target / name).exists() and not _goes_on(source / name, target / name):
            raise AnotherMailbox(f"{target} holds octets that {source} never had.", "Name another folder, or move that one away.")  # fmt: skip


def _id_of(catalogue: Path) -> str:
    with contextlib.closing(open_database(catalogue, read_only=True)) as database:
        found = database.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()
    return str(found)


def _goes_on(source: Path, target: Path) -> bool:
    """Whether one bodies file is the other, as it was once: its last row is there still, which stays (`bascule.mailbox.live.purging`), and of those
    that both have the last is the same. Raises sqlite3.Error, MailboxError."""
    with contextlib.closing(sqlite3.connect(target.absolute().as_uri(), uri=True, isolation_level=None)) as copy:
        if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'bodies'").fetchone():
            return True  # its making was cut off
        attach(copy, source)
        if not copy.execute("SELECT 1 FROM source.sqlite_master WHERE name = 'bodies'").fetchone():
            return not copy.execute("SELECT 1 FROM main.bodies").fetchone()
        has = copy.execute("SELECT coalesce(max(id), 0) FROM source.bodies").fetchone()[0]
        had = copy.execute("SELECT coalesce(max(id), 0) FROM main.bodies").fetchone()[0]
        query = (
            "SELECT old.sha256 = new.sha256 FROM source.bodies old JOIN main.bodies new ON new.id = old.id WHERE old.id <= ?"
            " ORDER BY old.id DESC LIMIT 1"
        )
        last = copy.execute(query, (had,)).fetchone()
    return bool(has >= had and (last is None or last[0]))


def copy_database(source: Path, target: Path) -> None:
    """One SQLite file as it is at this instant, while others write to it; synced. Raises sqlite3.Error, MailboxError."""
    with (
        contextlib.closing(open_database(source, read_only=True)) as old,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")
    sync_file(target)


def _segments(source: Path, catalogue: Path) -> Iterator[tuple[int, bool]]:
    """Each bodies file of which the catalogue names something, and whether it is closed: never written to again, and known by its hash. One that is just
    being made may have no table yet."""
    with contextlib.closing(sqlite3.connect(f"{catalogue.absolute().as_uri()}?mode=ro", uri=True)) as database:
        closed = {number for (number,) in database.execute("SELECT number FROM segments")}
        named = {number for (number,) in database.execute("SELECT DISTINCT segment FROM bodies")}
    for number in segment_numbers(source):
        if number in closed | named:
            yield number, number in closed


def _copy_closed(source: Path, target: Path, number: int) -> int:
    name = segment_name(number)
    old, new = source / name, target / name
    if new.exists() and new.stat().st_size == old.stat().st_size and new.stat().st_mtime_ns == old.stat().st_mtime_ns:
        return 0
    partial = target / f"{name}{_PARTIAL}"
    shutil.copy2(old, partial)
    sync_file(partial)
    os.replace(partial, new)
    return old.stat().st_size


def _copy_rows(source: Path, target: Path, number: int) -> int:
    """Bodies are only added, in the order of their numbers: those above the last that is there are missing."""
    path = target / segment_name(number)
    with contextlib.closing(sqlite3.connect(path.absolute().as_uri(), uri=True, isolation_level=None)) as new:
        new.execute("PRAGMA synchronous = FULL")
        if not new.execute("PRAGMA user_version").fetchone()[0]:
            create_tables(new, SEGMENT_TABLES, missing_only=True)
        attach(new, source / segment_name(number))
        new.execute("BEGIN IMMEDIATE")
        last = new.execute("SELECT coalesce(max(id), 0) FROM main.bodies").fetchone()[0]
        upto = new.execute("SELECT coalesce(max(id), 0) FROM source.bodies").fetchone()[0]
        new.execute("INSERT INTO main.bodies SELECT * FROM source.bodies WHERE id > ? AND id <= ?", (last, upto))
        new.execute("INSERT INTO main.parts SELECT * FROM source.parts WHERE body > ? AND body <= ?", (last, upto))
        octets = new.execute("SELECT coalesce(sum(octets), 0) FROM main.bodies WHERE id > ?", (last,)).fetchone()[0]
        new.execute("COMMIT")
    return int(octets)


def _keep_generation(catalogue: Path, folder: Path, instant: str, keep: int) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    made = folder / f"{instant}.sqlite.zst"
    partial = folder / f"{instant}{_PARTIAL}"
    with catalogue.open("rb") as old, partial.open("wb") as new:
        zstandard.ZstdCompressor(level=3).copy_stream(old, new)
    sync_file(partial)
    os.replace(partial, made)
    for old_one in sorted(folder.glob("*.sqlite.zst"))[: -keep or None]:
        old_one.unlink()


def generations(copy: Path) -> list[str]:
    """The instants that a copy can be looked at, oldest first."""
    return sorted(path.name.removesuffix(".sqlite.zst") for path in (copy / GENERATIONS).glob("*.sqlite.zst"))


def lay_out(copy: Path, folder: Path, instant: str | None = None) -> Path:
    """A mailbox in ``folder`` (empty) that can be opened without touching the copy: its catalogue, of ``instant`` or the newest, and its
    bodies linked. Raises BasculeError where there is no such state."""
    if not (copy / CATALOGUE).exists():
        raise MailboxError(f"{copy} holds no mailbox.", "Name a folder that “bascule backup” made.")
    place = folder / copy.name
    place.mkdir()
    if instant is None:
        shutil.copyfile(copy / CATALOGUE, place / CATALOGUE)
    else:
        kept = copy / GENERATIONS / f"{instant}.sqlite.zst"
        if not kept.exists():
            raise BasculeError(
                f"There is no state of {instant}.", f"There are: {', '.join(generations(copy)) or 'none'}."
            )
        with kept.open("rb") as old, (place / CATALOGUE).open("wb") as new:
            zstandard.ZstdDecompressor().copy_stream(old, new)
    for number in segment_numbers(copy):
        (place / segment_name(number)).symlink_to((copy / segment_name(number)).absolute())
    return place
