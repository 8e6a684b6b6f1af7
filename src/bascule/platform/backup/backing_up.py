"""Brings a backup up to date, while the servers run.

Of what others write meanwhile, what a database names is whole: a message of the queue is synced before its row is there, and a mailbox's octets before
theirs. So each database is copied first, and then what it names. Of two backups to one folder the second is refused.
"""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bascule.mailbox.copying import AnotherMailbox, copy_database, copy_mailbox
from bascule.mailbox.database import sync_file
from bascule.mailbox.format import LOCK
from bascule.mailbox.lock import alone
from bascule.platform.node import FILE as NODE
from bascule.platform.trace import FILE as TRACE
from bascule.platform.trace import copy_trace
from bascule.terms.errors import BasculeError, ExitStatus, without_advice

VERSION = 1
DATABASES = ("accounts.sqlite", "portal.sqlite", "accounts-notes.sqlite", "queue.sqlite")
FILES = ("dkim.pem", "keys/portal.json", NODE)
THE_TRACE = "the trace"
INSTANT = "%Y-%m-%dT%H%M%SZ"


@dataclass(slots=True)
class BackedUp:
    """``failed``: mailbox, or `THE_TRACE` → why it is as it was before; ``set_aside``: mailbox → where the copy of the one that was there before lies
    now; ``octets``: of bodies, before compression."""

    instant: str
    mailboxes: int = 0
    changed: int = 0
    octets: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)


def back_up(
    data: Path, config: Path, backup: Path, now_utc: float, *, keep: int, progress: Callable[[int, int], None]
) -> BackedUp:
    """Everything of the installation. One mailbox that can't be read stops none of the others. Raises BasculeError where the backup's folder
    is another's, or can't be written."""
    instant = datetime.fromtimestamp(now_utc, UTC).strftime(INSTANT)
    done = BackedUp(instant)
    try:
        _require_ours(data, backup)
        with alone(backup):
            _claim(backup)
            _copy_files(data, config, backup)
            _back_up_trace(data / TRACE, backup / TRACE, done, now_utc)
            boxes = sorted((data / "mailboxes").glob("*.mailbox"))
            for place, box in enumerate(boxes):
                progress(place, len(boxes))
                _back_up_one(box, backup / "mailboxes" / box.name, done, keep)
            progress(len(boxes), len(boxes))
            _write(backup / "backup.json", json.dumps({"bascule_backup": VERSION, "instant": instant}))
    except (OSError, sqlite3.Error) as error:
        raise BasculeError(f"The backup in {backup} could not be finished: {error}.", "What it held before is still there. Run it again.") from error  # fmt: skip
    return done


def _back_up_one(box: Path, target: Path, done: BackedUp, keep: int) -> None:
    done.mailboxes += 1
    try:
        try:
            copied = copy_mailbox(box, target, instant=done.instant, keep=keep)
        except AnotherMailbox:  # it was made anew since: what is kept of the one before stays, beside it
            aside = target.with_name(f"{target.name}.{done.instant}")
            target.rename(aside)
            done.set_aside[box.name.removesuffix(".mailbox")] = str(aside)
            copied = copy_mailbox(box, target, instant=done.instant, keep=keep)
    except BasculeError as error:
        done.failed[box.name.removesuffix(".mailbox")] = error.message
        return
    done.changed += copied.is_new
    done.octets += copied.octets


def _back_up_trace(source: Path, target: Path, done: BackedUp, now_utc: float) -> None:
    """A diary that can't be read stops nothing else."""
    if not source.exists():
        return
    try:
        copy_trace(source, target, now_utc)
    except (BasculeError, sqlite3.Error) as error:
        done.failed[THE_TRACE] = without_advice(error)


def _copy_files(data: Path, config: Path, backup: Path) -> None:
    """All but the mailboxes."""
    for name in DATABASES:
        if (data / name).exists():
            _copy_whole(data / name, backup / name, copy_database)
    for name, source in [*((name, data / name) for name in FILES), ("bascule.toml", config)]:
        if source.exists():
            (backup / name).parent.mkdir(exist_ok=True, mode=0o700)
            _copy_whole(source, backup / name, shutil.copyfile)
    _copy_queue(data / "queue", backup / "queue", _queued(backup / "queue.sqlite"))


def _require_ours(data: Path, backup: Path) -> None:
    """Raises BasculeError where the folder holds something else, lies within the data folder, or can't be a folder; then nothing is made."""
    if backup.resolve().is_relative_to(data.resolve()):
        raise BasculeError(
            f"{backup} lies within the data folder, and would be lost with it.",
            "Name a folder elsewhere, on another disk or machine.", ExitStatus.USAGE,
        )  # fmt: skip
    try:
        backup.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        what = "is no folder" if is_file else f"can't be made: {error.strerror}"
        raise BasculeError(f"{backup} {what}.", "Nothing was backed up. Name a folder that this user may write to.", ExitStatus.USAGE) from error  # fmt: skip
    if not (backup / "backup.json").exists() and any(each.name != LOCK for each in backup.iterdir()):
        raise BasculeError(
            f"{backup} holds something else.", "Name an empty folder, or one that “bascule backup” made."
        )


def _claim(backup: Path) -> None:
    if not (backup / "backup.json").exists():
        _write(backup / "backup.json", json.dumps({"bascule_backup": VERSION, "instant": None}))
    (backup / "mailboxes").mkdir(exist_ok=True, mode=0o700)


def _copy_whole(source: Path, target: Path, copy: Callable[[Path, Path], object]) -> None:
    """Its owner's alone, whatever the source's mode is."""
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    try:
        copy(source, partial)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_file(partial)
    os.replace(partial, target)


def _queued(queue: Path) -> dict[str, int]:
    """The messages that a copy of the queue names, and their octets."""
    if not queue.exists():
        return {}
    with contextlib.closing(sqlite3.connect(f"{queue.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT id, octets FROM messages").fetchall())


def _copy_queue(source: Path, target: Path, queued: Mapping[str, int]) -> None:
    """The messages that wait; one that is sent meanwhile is not missed, and one that is just being written is not acknowledged yet."""
    target.mkdir(exist_ok=True, mode=0o700)
    there = {path.name: path.stat().st_size for path in target.iterdir()}
    for name, octets in queued.items():
        if there.get(name) != octets:
            with contextlib.suppress(FileNotFoundError):
                _copy_whole(source / name, target / name, shutil.copyfile)
    for name in there.keys() - queued.keys():
        (target / name).unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
