"""`copy`: each worker has one connection to either side, and takes one folder after the other, the largest first."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bascule.capture import (
    FolderDelta,
    Selection,
    choose_folders,
    give_up,
    known_paths,
    note_views,
    record_folders,
    remember_owner,
    sight,
    unchanged_folders,
)
from bascule.copy.naming import name_exceptions
from bascule.copy.surveying import survey_first
from bascule.copy.work import Work, fresh_of, fresh_since, survey
from bascule.deliver import DeliverOptions, FolderDelivery, MappedFolder, Parcel, TargetRun, TargetSession
from bascule.deliver.session import OverQuota
from bascule.deliver.target_run import Connect, Refused, forget_refused
from bascule.mailbox import FolderRow, Mailbox
from bascule.sources import Reader, Source, SourceFolder, SourceMessage, SourceState, Unreadable
from bascule.sources.arrival import arrival_to_keep
from bascule.sources.contract import FolderError
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused
from bascule.wire.together import both, open_both, run_together

Group = list[SourceMessage | Unreadable]


@dataclass(frozen=True, slots=True)
class CopyOptions:
    selection: Selection = field(default_factory=Selection)
    deliver: DeliverOptions = field(default_factory=DeliverOptions)


@dataclass(slots=True)
class _Run:
    """What the workers of one run share."""

    source: Source
    target: TargetRun
    options: CopyOptions
    work: list[Work]
    """What is to be done, the largest first."""
    queue: deque[Work] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    """The rows of folders that this run is done with, copied or not."""

    @property
    def mailbox(self) -> Mailbox:
        return self.target.mailbox


async def copy(
    source: Source,
    location: str,
    connect: Connect,
    mailbox: Mailbox,
    options: CopyOptions,
    watcher: Watcher = SILENT,
    refused: Refused = forget_refused,
) -> list[MappedFolder]:
    """Copy what the source has and no earlier run settled on this target; the folder map, for the report.

    ``mailbox`` is what is remembered between runs. Raises SourceError, TargetError, ConnectError, MailboxError; the same call
    goes on from there.
    """
    source.watch(watcher)
    target = TargetRun(mailbox, location, connect, options.deliver, watcher, refused)
    listed, _ = await both(source.folders(), target.begin())
    try:
        there = [folder.path for folder in listed if folder.selectable]
        known = await mailbox.run(known_paths, mailbox)
        options.selection.require_folders(there, known, options.deliver.renames, watcher)
        await mailbox.run(remember_owner, mailbox, source.location)
        rows = await mailbox.run(record_folders, mailbox, listed)
        states = await sight(source, mailbox, rows)
        taken = await mailbox.run(choose_folders, mailbox, rows, options.selection)
        note_views([folder for folder, _ in taken], options.selection, watcher)
        late = {row.id for folder, row in taken if folder.name not in states}
        await target.map_folders([row for _, row in taken], late, _others(rows, states))
        target.tell_apart({row.id: folder.told_apart for folder, row in taken if folder.told_apart})
        work = await mailbox.run(_to_do, target, taken, states, options.selection)
        work = await survey_first(source, target, taken, work, options.selection)
        await target.review(await mailbox.run(fresh_since, target, work))
        watcher.expect(sum(item.messages for item in work))
        run = _Run(source, target, options, sorted(work, key=lambda item: -item.messages))
        folders = {row.id: folder for folder, row in taken}
        try:
            await target.deliver_while_there_is_room(partial(_copy_what_is_left, run))
            if again := await target.to_deliver_again():
                run.finished -= again
                run.work += [each for each in _untouched(run, taken) if each.row.id in again]
                await target.deliver_while_there_is_room(partial(_copy_what_is_left, run))
            await target.conclude()
        except OverQuota:  # the report names those that found no room
            await name_exceptions(source, mailbox, target.ledger.target, folders)
            raise
        await name_exceptions(source, mailbox, target.ledger.target, folders)
    finally:
        await target.close()
        await source.close()
    return target.mapped


def _others(listed: Sequence[tuple[SourceFolder, FolderRow]], states: dict[bytes, SourceState]) -> frozenset[int]:
    """Rows whose folder has another UIDVALIDITY than when it was surveyed last."""
    return frozenset(
        row.id
        for folder, row in listed
        if row.uidvalidity and folder.name in states and states[folder.name].uidvalidity not in (0, row.uidvalidity)
    )


def _to_do(
    target: TargetRun,
    taken: Sequence[tuple[SourceFolder, FolderRow]],
    states: dict[bytes, SourceState],
    selection: Selection,
) -> list[Work]:
    """Folders that may hold something new or left over. Blocks."""
    places = {folder.row.id: folder for folder in target.mapped}
    ledger, folders, messages = target.ledger, target.mailbox.folders, target.mailbox.messages
    to_open, unsettled = target.folders_to_open(), ledger.unsettled()
    unchanged = unchanged_folders(target.mailbox, taken, states)
    work = []
    for folder, row in taken:
        if not folder.selectable:
            continue
        state = states.get(folder.name)
        left = unsettled.get(row.id, 0)
        is_same = row.id in unchanged.rows and not (left or row.id in to_open or selection.looks_at_messages)
        if is_same and row.id not in unchanged.to_probe:
            continue
        settled = messages.count(row.id) - left
        expected = max(0, (state.messages if state else 0) - settled)
        work.append(Work(folder, row, places[row.id], expected, to_probe=is_same))
    folders.are_unchanged(unchanged.rows - unchanged.to_probe)
    return work


def _untouched(run: _Run, taken: Sequence[tuple[SourceFolder, FolderRow]]) -> list[Work]:
    """Work for the folders in which this run had nothing to do."""
    at_work, places = {item.row.id for item in run.work}, {folder.row.id: folder for folder in run.target.mapped}
    return [Work(folder, row, places[row.id], 1) for folder, row in taken if row.id in places and row.id not in at_work]


async def _copy_what_is_left(run: _Run) -> None:
    run.queue = deque(item for item in run.work if item.row.id not in run.finished)
    workers = min(run.options.deliver.connections, len(run.queue))
    await run_together([_work_through(run) for _ in range(workers)])


async def _work_through(run: _Run) -> None:
    reader, target = await open_both(run.source.reader(), run.target.session())
    worker = _Worker(run, reader, target)
    try:
        await worker.work()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(reader.close(), target.close())


@dataclass(slots=True)
class _Opened:
    """A folder that the source has opened, and whose first messages are on their way. ``fresh``: the UIDs to copy."""

    work: Work
    delta: FolderDelta
    fresh: list[int]
    groups: AsyncIterator[Group]
    first: asyncio.Future[Group | None]

    async def messages(self) -> AsyncIterator[Group]:
        """All of them, from the first group on."""
        group = await self.first
        while group is not None:
            yield group
            group = await anext(self.groups, None)

    async def close(self) -> None:
        """Stop reading; what has arrived and was not taken is given back."""
        self.first.cancel()
        await asyncio.gather(self.first, return_exceptions=True)
        if isinstance(self.groups, AsyncGenerator):
            await self.groups.aclose()


class _Worker:
    """One connection to either side. While the target's last answers for a folder are awaited and read back, the source's next
    folder is opened and begins to arrive."""

    def __init__(self, run: _Run, reader: Reader, target: TargetSession) -> None:
        self._run = run
        self._mailbox = run.mailbox
        self._reader = reader
        self._target = target
        self._upcoming: asyncio.Task[_Opened | None] | None = None

    async def work(self) -> None:
        """Take folders until none is left. Raises SourceError, TargetError, MailboxError."""
        done: list[FolderDelivery] = []
        try:
            while opened := await self._next():
                try:
                    done += await self._copy(opened)
                except FolderError as error:
                    await give_up(self._mailbox, opened.delta.row, error, self._run.target.watcher)
                finally:
                    await opened.close()
                self._run.finished.add(opened.work.row.id)
            for delivery in done:
                await delivery.look_again()
        finally:
            if self._upcoming is not None:
                self._upcoming.cancel()
                [left] = await asyncio.gather(self._upcoming, return_exceptions=True)
                if isinstance(left, _Opened):
                    await left.close()

    async def _next(self) -> _Opened | None:
        """The folder that is being opened already, or else the next."""
        upcoming, self._upcoming = self._upcoming, None
        return await (upcoming or self._open_next())

    async def _open_next(self) -> _Opened | None:
        """The next folder that the source opens; None when there is none left."""
        run = self._run
        while run.queue:
            work = run.queue.popleft()
            try:
                delta = await self._open(work)
            except FolderError as error:
                await give_up(self._mailbox, work.row, error, run.target.watcher)
                run.finished.add(work.row.id)
                continue
            fresh = await self._mailbox.run(fresh_of, run.target.ledger, delta)
            groups = self._reader.read([] if work.is_refused else fresh)
            return _Opened(work, delta, fresh, groups, asyncio.ensure_future(anext(groups, None)))
        return None

    async def _open(self, work: Work) -> FolderDelta:
        if work.delta is None:
            return await survey(self._run.target, self._reader, work, self._run.options.selection)
        await self._reader.reopen(work.folder, work.delta.row.uidvalidity)
        return work.delta

    async def _copy(self, opened: _Opened) -> list[FolderDelivery]:
        run, delta = self._run, opened.delta
        row, mapped = delta.row, opened.work.target
        try:
            place = await run.target.place(self._target, mapped, has_something=bool(opened.fresh))
            if place is None:
                await delta.complete()
                return []
            if place.refusal:
                return await self._refuse(opened, place.refusal)
            async with run.target.delivering(self._target, replace(place, row=row)) as delivery:
                await self._deliver(opened, delivery)
        except CommandRefused as error:  # the target's: the folder can be read again, and the others go on
            run.target.watcher.note(f"{row.path}: {error.reason}")
            return await self._refuse(opened, error.reason)
        return [delivery]

    async def _refuse(self, opened: _Opened, reason: str) -> list[FolderDelivery]:
        """The target makes no such folder, or does not go along with it: what it was not sent is refused, read already or not; nothing is delivered."""
        delta, row = opened.delta, opened.delta.row
        await self._run.target.refuse_folder(row, reason)
        known = await self._mailbox.run(self._mailbox.messages.known, row.id, row.uidvalidity)
        unread = [uid for uid in opened.fresh if uid not in known]
        await delta.record_not_held([(uid, OutcomeCode.REFUSED_FOLDER.value, reason) for uid in unread])
        return []

    async def _deliver(self, opened: _Opened, delivery: FolderDelivery) -> None:
        delta, ledger = opened.delta, self._run.target.ledger
        async for group in opened.messages():
            sorted_out = await delta.sort_out(group, lambda rows: set(rows) - ledger.are_settled(rows))
            now = int(time.time())
            parcels = [
                Parcel(m.uid, m.flags, arrival_to_keep(m, now), m.body, one.row, m.labels, remark="; ".join(m.remarks))
                for one in sorted_out
                if (m := one.message)
            ]
            await delivery.offer(parcels)
            self._run.target.watcher.done(len(group) - len(parcels), 0)
        self._upcoming = asyncio.ensure_future(self._open_next())
        await delivery.finish()
        await delta.complete(opened.fresh)
