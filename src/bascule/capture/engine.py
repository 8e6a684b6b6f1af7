"""`capture`: every folder of a source into a mailbox, over several readers."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bascule.capture.delta import FolderDelta, is_as_it_was
from bascule.capture.folders import (
    choose_folders,
    give_up,
    known_paths,
    look_again,
    look_for_arrivals,
    note_views,
    record_folders,
    sight,
    unchanged_folders,
)
from bascule.capture.owner import remember_owner
from bascule.capture.selection import Selection
from bascule.mailbox import FolderRow, Mailbox, NewMessage
from bascule.sources import Reader, Source, SourceFolder, SourceMessage, SourceState
from bascule.sources.arrival import arrival_to_keep
from bascule.sources.contract import FolderError
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.together import run_together

GROUP_MESSAGES = 500
"""Messages in one durable group: two syncs (bodies, catalogue) cost about 2 ms, so a message's share is lost in its reading."""
GROUP_OCTETS = 8 * 1024 * 1024
"""Octets in one group: what is held in memory for each reader, and read again after a crash."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    connections: int = 3
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True)
class _Work:
    folder: SourceFolder
    row: FolderRow
    messages: int
    to_probe: bool


async def capture(source: Source, mailbox: Mailbox, options: CaptureOptions, watcher: Watcher = SILENT) -> None:
    """Bring the mailbox up to date with the source. What was kept before an error or an interruption stays kept.

    A folder that can't be opened gets the reason on its row (``FolderRow.error``); the others go on. Raises SourceError,
    MailboxError.
    """
    source.watch(watcher)
    try:
        listed = await source.folders()
        there = [folder.path for folder in listed if folder.selectable]
        options.selection.require_folders(there, await mailbox.run(known_paths, mailbox), watcher=watcher)
        await mailbox.run(remember_owner, mailbox, source.location)  # not before: who does not let us in is nobody's
        rows = await mailbox.run(record_folders, mailbox, listed)
        states = await sight(source, mailbox, rows)
        taken = await mailbox.run(choose_folders, mailbox, rows, options.selection)
        note_views([folder for folder, _ in taken], options.selection, watcher)
        work = await mailbox.run(_to_do, mailbox, taken, states, options.selection)
        watcher.expect(sum(item.messages for item in work))
        queue = deque(sorted(work, key=lambda item: -item.messages))
        workers = min(options.connections, len(queue))
        await run_together([_work_through(queue, source, mailbox, options, watcher) for _ in range(workers)])
        if work:
            await look_again(source, mailbox, taken)
        await look_for_arrivals(source, mailbox)
    finally:
        await source.close()


def _to_do(
    mailbox: Mailbox,
    taken: Sequence[tuple[SourceFolder, FolderRow]],
    states: dict[bytes, SourceState],
    selection: Selection,
) -> list[_Work]:
    """Folders that may hold something new. Blocks."""
    work = []
    unchanged = unchanged_folders(mailbox, taken, states)
    for folder, row in taken:
        state = states.get(folder.name)
        is_same = row.id in unchanged.rows and not selection.looks_at_messages
        if folder.selectable and (not is_same or row.id in unchanged.to_probe):
            known = SourceState.from_json(row.source_state)
            done = known.messages if known else 0
            work.append(_Work(folder, row, max(0, (state.messages if state else 0) - done), is_same))
    mailbox.folders.are_unchanged(unchanged.rows - {item.row.id for item in work})
    return work


async def _work_through(
    queue: deque[_Work], source: Source, mailbox: Mailbox, options: CaptureOptions, watcher: Watcher
) -> None:
    reader = await source.reader()
    try:
        while queue:
            work = queue.popleft()
            try:
                await _capture_folder(reader, work, mailbox, options, watcher)
            except FolderError as error:
                await give_up(mailbox, work.row, error, watcher)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await reader.close()


async def _capture_folder(
    reader: Reader, work: _Work, mailbox: Mailbox, options: CaptureOptions, watcher: Watcher
) -> None:
    if work.to_probe and await is_as_it_was(mailbox, reader, work.folder, work.row):
        return
    delta = await FolderDelta.begin(mailbox, reader, work.folder, work.row, options.selection, watcher)
    waiting: list[SourceMessage] = []
    octets = 0
    storing: asyncio.Future[None] | None = None
    async for group in reader.read(delta.to_read):
        for one in await delta.sort_out(group):
            waiting.append(one.message)
            octets += one.message.body.octets
        watcher.done(len(group), sum(m.body.octets for m in group if isinstance(m, SourceMessage)))
        if len(waiting) >= GROUP_MESSAGES or octets >= GROUP_OCTETS:
            if storing is not None:
                await storing
            storing = asyncio.ensure_future(_store(mailbox, delta, waiting))
            waiting, octets = [], 0
    if storing is not None:
        await storing
    if waiting:
        await _store(mailbox, delta, waiting)
    await delta.complete(delta.to_read)


async def _store(mailbox: Mailbox, delta: FolderDelta, messages: list[SourceMessage]) -> None:
    """Make a group durable while the next one is read."""
    now = int(time.time())
    new = [
        NewMessage(m.uid, m.flags, arrival_to_keep(m, now), m.body, m.labels, "; ".join(m.remarks)) for m in messages
    ]
    await mailbox.run(mailbox.messages.store, delta.row.id, delta.row.uidvalidity, new)
    for message in messages:
        message.body.close()
