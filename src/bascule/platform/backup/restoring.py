"""What comes back from a backup: the whole installation on an empty machine, or messages into a mailbox that is in use."""

import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from bascule.mailbox.copying import copy_database, copy_mailbox
from bascule.mailbox.database import sync_file
from bascule.mailbox.format import CATALOGUE, MailboxError, MailboxInUse
from bascule.mailbox.live import Arriving, LiveFolder, LiveMailbox, LiveRow
from bascule.mailbox.live.restored import step_past
from bascule.platform.backup.backing_up import DATABASES, FILES, THE_TRACE, VERSION
from bascule.platform.trace import FILE as TRACE
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError, without_advice
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate

GROUP = 100
FREE_OCTETS = 16 * 1024 * 1024
"""With less room on the disk, what fails is the disk's fault."""
HOLDS_ACCOUNTS = ("accounts.sqlite", "portal.sqlite")
"""Where one of these is, there is an installation; they are written last."""
UNDER_WAY = "restoring"
"""A file in the data folder, as long as the restore that made everything else there is not over."""


@dataclass(slots=True)
class RestoredAll:
    """``mailboxes``: how many are back; ``failed``: account → why its mailbox is not, or `THE_TRACE`."""

    mailboxes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """A message that was missing, and is back (or would be). ``problem``: why it can't be read in the backup; then it is not."""

    path: FolderPath
    subject: str
    message_id: str
    octets: int
    problem: str = ""


def require_backup(backup: Path) -> None:
    """Raises BasculeError."""
    try:
        told = json.loads((backup / "backup.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BasculeError(f"{backup} is no backup.", "Name a folder that “bascule backup” made.") from error
    if told.get("bascule_backup", 0) > VERSION:
        raise BasculeError(f"{backup} was made by a newer Bascule.", "Install that one, then try again.")


def restore_installation(backup: Path, data: Path, progress: Callable[[int, int], None]) -> RestoredAll:
    """Everything, into an empty data folder. What waits in the queue is held: it may have been sent since. A mailbox that is damaged in the backup keeps no
    other from coming back; its account has none then, and gets an empty one with its next mail.

    Cut off, it can be begun again: what is there already is brought up to date. Raises BasculeError.
    """
    require_backup(backup)
    _require_nothing_to_lose(data)
    done = RestoredAll()
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (data / UNDER_WAY).touch()
        sync_file(data)
        # One that could never be read is an empty folder in the backup.
        boxes = sorted(path.parent for path in (backup / "mailboxes").glob(f"*.mailbox/{CATALOGUE}"))
        for place, box in enumerate(boxes):
            progress(place, len(boxes))
            _restore_one(box, data / "mailboxes" / box.name, done)
        progress(len(boxes), len(boxes))
        for name in FILES:
            if (backup / name).exists():
                (data / name).parent.mkdir(exist_ok=True, mode=0o700)
                shutil.copy2(backup / name, data / name)
        _restore_trace(backup / TRACE, data / TRACE, done)
        shutil.copytree(backup / "queue", data / "queue", dirs_exist_ok=True)
        os.sync()  # what the accounts, and the queue's rows, say is there
        for name in reversed(DATABASES):  # the accounts last: with them the installation is there
            if (backup / name).exists():
                partial = data / f"{name}.partial"
                partial.unlink(missing_ok=True)
                copy_database(backup / name, partial)
                if name == "queue.sqlite":
                    _hold_all(partial)
                    sync_file(partial)
                partial.replace(data / name)
        sync_file(data)
        (data / UNDER_WAY).unlink()
    except (OSError, sqlite3.Error) as error:
        raise BasculeError(f"The installation could not be restored: {error}.", "The backup is as it was. Mend this, and run it again.") from error  # fmt: skip
    return done


def _require_nothing_to_lose(data: Path) -> None:
    """What a restore that was cut off left may be written over; mail that is there otherwise may be newer than the backup. Raises BasculeError."""
    holds_accounts = any((data / name).exists() for name in HOLDS_ACCOUNTS)
    holds_mail = (data / "queue.sqlite").exists() or any((data / "mailboxes").glob(f"*.mailbox/{CATALOGUE}"))
    if holds_accounts or (holds_mail and not (data / UNDER_WAY).exists()):
        what = "an installation" if holds_accounts else "mail, which may be newer than the backup,"
        raise BasculeError(f"{data} holds {what} already.", "Restore into an empty folder; or one mailbox, with --account.")  # fmt: skip


def _restore_one(box: Path, target: Path, done: RestoredAll) -> None:
    try:
        copy_mailbox(box, target)
        step_past(target, int(time.time()))
    except MailboxInUse:
        raise
    except BasculeError as error:
        if shutil.disk_usage(target.parent.parent).free < FREE_OCTETS:
            raise  # it is not this mailbox's fault, and the next one fares no better
        done.failed[box.name.removesuffix(".mailbox")] = error.message
        shutil.rmtree(target, ignore_errors=True)
        return
    (target / "copied.json").unlink(missing_ok=True)
    done.mailboxes += 1


def _restore_trace(kept: Path, target: Path, done: RestoredAll) -> None:
    """Where it is damaged in the backup, a new one begins."""
    if not kept.exists():
        return
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        copy_database(kept, partial)
        partial.replace(target)
    except (BasculeError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        if shutil.disk_usage(target.parent).free < FREE_OCTETS:
            raise
        done.failed[THE_TRACE] = without_advice(error)


def _hold_all(queue: Path) -> None:
    with closing(sqlite3.connect(queue)) as database, database:
        database.execute("UPDATE recipients SET state = 'held'")


def restore_messages(
    backup: LiveMailbox, live: LiveMailbox, now_utc: int, *, folder: FolderPath | None = None, message_id: str | None = None, dry_run: bool = False,
) -> Iterator[Restored]:  # fmt: skip
    """What the backup has and the live mailbox lacks, folder by folder: back into the same folders, with flags and dates. Copies count:
    where there were three and one is left, two come back. Nothing that is there is touched; one that can't be read keeps none of the others away.
    Raises MailboxError, sqlite3.Error."""
    for wanted in backup.folders.all():
        if folder is not None and wanted.path != folder:
            continue
        missing = list(_missing(backup, live, wanted, message_id))
        outcomes = {} if dry_run else _append(backup, live, wanted, [row for row, _ in missing], now_utc)
        for row, restored in missing:
            problem = outcomes.get(row, "")
            if problem is not None:
                yield replace(restored, problem=problem)


def _missing(
    backup: LiveMailbox, live: LiveMailbox, folder: LiveFolder, message_id: str | None
) -> Iterator[tuple[int, Restored]]:
    """(Row of the backup's catalogue, what it is)."""
    there: Counter[bytes] = Counter()
    if (now := live.folders.find(folder.path)) is not None:
        there.update(digest for _, digest in _digests(live, now.id))
    headers = backup.reading.headers(folder.id)
    octets = {row.id: row.octets for row in backup.reading.rows(folder.id, 1, folder.uidnext, limit=-1)}
    for row, digest in _digests(backup, folder.id):
        if there[digest] > 0:
            there[digest] -= 1
            continue
        header = headers.get(row)
        if message_id is None or (header is not None and header.message_id == message_id):
            yield (
                row,
                Restored(
                    folder.path, header.subject if header else "", header.message_id if header else "", octets[row]
                ),
            )


def _digests(box: LiveMailbox, folder: int) -> list[tuple[int, bytes]]:
    """(Row, SHA-256) of each message that is there, by UID."""
    query = (
        "SELECT id, sha256 FROM messages WHERE folder = ? AND vanished_utc IS NULL"
        " AND uidvalidity = (SELECT uidvalidity FROM folders WHERE id = folder) ORDER BY uid"
    )
    return box.mailbox.database.execute(query, (folder,)).fetchall()


def _append(
    backup: LiveMailbox, live: LiveMailbox, wanted: LiveFolder, rows: list[int], now_utc: int
) -> dict[int, str | None]:
    """Row → why it can't be read, of those that are not back; None: somebody else brought it back meanwhile."""
    target = live.folders.find_or_create(wanted.path, now_utc, wanted.special_use)
    copies = Counter(digest for _, digest in _digests(backup, wanted.id))
    numbers = set(rows)
    there = [row for row in backup.reading.rows(wanted.id, 1, wanted.uidnext, limit=-1) if row.id in numbers]
    outcomes: dict[int, str | None] = {}
    for place in range(0, len(there), GROUP):
        group: list[tuple[int, Arriving]] = []
        for row in there[place : place + GROUP]:
            try:
                group.append((row.id, _arriving(backup, row)))
            except MailboxError as error:
                outcomes[row.id] = error.message
        arriving = [new for _, new in group]
        written = live.messages.restore(target.id, arriving, [copies[new.body.sha256] for new in arriving])
        outcomes |= {row: None for (row, _), is_written in zip(group, written, strict=True) if not is_written}
    return outcomes


def _arriving(backup: LiveMailbox, row: LiveRow) -> Arriving:
    """Raises MailboxError where its octets are missing, or no longer those that arrived."""
    body = HeldBody(backup.reading.octets(row.body))
    if body.sha256 != backup.reading.sha256(row.body):
        raise MailboxError("Its octets in the backup no longer have their SHA-256.")
    return Arriving(body, backup.reading.flags(row.flagset), InternalDate(row.date_utc, row.zone_minutes))
