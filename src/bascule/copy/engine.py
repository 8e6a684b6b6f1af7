"""`copy`: each worker has one connection to either side, and takes one folder after the other, the largest first."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from bascule.capture import FolderDelta, Selection, record_folders
from bascule.deliver import DeliverOptions, FolderDelivery, FolderMap, MappedFolder, Parcel, TargetSession
from bascule.deliver.engine import Connect, Refused, refuse_folders
from bascule.deliver.moves import follow_moves
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.sources import Reader, Source, SourceFolder, SourceState
from bascule.sources.contract import FolderError
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient
from bascule.wire.together import run_together


@dataclass(frozen=True, slots=True)
class CopyOptions:
    selection: Selection = field(default_factory=Selection)
    deliver: DeliverOptions = field(default_factory=DeliverOptions)


@dataclass(frozen=True, slots=True)
class _Work:
    folder: SourceFolder
    row: FolderRow
    target: MappedFolder | None
    """None: the source did not tell the folder's status; it is mapped once the source has opened it."""
    messages: int


@dataclass(slots=True)
class _Run:
    """What the workers of one run share."""

    source: Source
    mailbox: Mailbox
    ledger: Ledger
    options: CopyOptions
    watcher: Watcher
    refused: Refused
    folders: FolderMap
    mapped: list[MappedFolder]
    queue: deque[_Work]


async def copy(
    source: Source,
    location: str,
    connect: Connect,
    mailbox: Mailbox,
    options: CopyOptions,
    watcher: Watcher = SILENT,
    refused: Refused = lambda row, parcel, outcome: None,
) -> list[MappedFolder]:
    """Copy what the source has and no earlier run settled on this target; the folder map, for the report.

    ``mailbox`` is what is remembered between runs. Raises SourceError, TargetError, ConnectError, MailboxError; the same call
    goes on from there.
    """
    listed, client = await asyncio.gather(source.folders(), connect())
    taken = await mailbox.run(record_folders, mailbox, listed, options.selection)
    states = await source.states([folder for folder, _ in taken])
    ledger = await mailbox.run(mailbox.ledger, location)
    folders = FolderMap(options.deliver.prefix, options.deliver.renames)
    mapped = await folders.prepare(client, [row for folder, row in taken if folder.name in states])
    await refuse_folders(mailbox, ledger, mapped)
    work = await mailbox.run(_to_do, mailbox, ledger, taken, mapped, states, options.selection)
    watcher.expect(sum(item.messages for item in work))
    queue = deque(sorted(work, key=lambda w: -w.messages))
    run = _Run(source, mailbox, ledger, options, watcher, refused, folders, mapped, queue)
    first: list[ImapClient] = [client]

    async def session() -> TargetSession:
        return TargetSession(connect, first.pop() if first else await connect())

    workers = min(options.deliver.connections, len(work))
    await run_together([_work_through(run, session) for _ in range(workers)])
    await follow_moves(session, mailbox, ledger, watcher)
    for unused in first:
        await unused.logout()
    return mapped


def _to_do(
    mailbox: Mailbox,
    ledger: Ledger,
    taken: Sequence[tuple[SourceFolder, FolderRow]],
    mapped: Sequence[MappedFolder],
    states: dict[bytes, SourceState],
    selection: Selection,
) -> list[_Work]:
    """Folders that may hold something new or left over. Blocks."""
    places = {folder.row.id: folder for folder in mapped}
    work = []
    same: list[int] = []
    for folder, row in taken:
        if not folder.selectable:
            continue
        state = states.get(folder.name)
        unchanged = state is not None and state.proves_unchanged(SourceState.from_json(row.source_state))
        if unchanged:
            same.append(row.id)
        left = ledger.unsettled(row.id)
        if unchanged and not left and not ledger.has_open_ends(row.id) and not selection.looks_at_messages:
            continue
        known = ledger.settled_count(row.id)
        work.append(_Work(folder, row, places.get(row.id), max(0, (state.messages if state else 0) - known)))
    mailbox.folders.are_unchanged(same)
    return work


async def _work_through(run: _Run, session: Callable[[], Awaitable[TargetSession]]) -> None:
    reader, target = await asyncio.gather(run.source.reader(), session())
    done: list[FolderDelivery] = []
    try:
        while run.queue:
            work = run.queue.popleft()
            try:
                done.append(await _copy_folder(run, reader, target, work))
            except FolderError as error:
                run.watcher.note(f"{work.folder.path}: {error}")
                await run.mailbox.run(run.mailbox.folders.finish_delta, work.row.id, None, str(error))
            except CommandRefused as error:
                run.watcher.note(f"{work.folder.path}: {error.reason}")
                await run.mailbox.run(run.mailbox.folders.finish_delta, work.row.id, None, error.reason)
        for delivery in done:
            await delivery.look_again()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(reader.close(), target.close())


async def _copy_folder(run: _Run, reader: Reader, target: TargetSession, work: _Work) -> FolderDelivery:
    delta = await FolderDelta.begin(run.mailbox, reader, work.folder, work.row, run.options.selection)
    row = delta.row
    settled = await run.mailbox.run(run.ledger.settled_uids, row.id, row.uidvalidity)
    fresh = [uid for uid in delta.unless_left_out if uid not in settled]
    mapped = work.target
    if mapped is None:
        mapped = await run.folders.prepare_late(target.client, row)
        run.mapped.append(mapped)
    place = replace(mapped, row=row)
    delivery = FolderDelivery(
        target, run.mailbox, run.ledger, place, run.options.deliver.delivery, run.watcher,
        lambda parcel, outcome: run.refused(row, parcel, outcome),
    )  # fmt: skip
    if mapped.refusal:
        await _refuse_all(delta, fresh, mapped.refusal)
        return delivery
    await delivery.open()
    async for group in reader.read(fresh):
        messages = await delta.sort_out(group)
        await delivery.offer([Parcel(m.uid, m.flags, m.date, m.body, labels=m.labels) for m in messages])
        run.watcher.done(len(group) - len(messages), 0)
    await delivery.finish()
    await delta.complete()
    return delivery


async def _refuse_all(delta: FolderDelta, uids: Sequence[int], reason: str) -> None:
    """The target makes no such folder: each message is a row with that reason, and is not read."""
    rows = [(uid, OutcomeCode.REFUSED_FOLDER.value, reason) for uid in uids]
    await delta.record_not_held(rows)
