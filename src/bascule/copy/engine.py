"""`copy`: each worker has one connection to either side, and takes one folder after the other, the largest first."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from bascule.capture import FolderDelta, Selection, record_folders
from bascule.deliver import DeliverOptions, FolderDelivery, FolderMap, MappedFolder, Parcel, TargetSession
from bascule.deliver.engine import Connect, Refused, refuse_folders
from bascule.deliver.moves import follow_moves
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.sources import Reader, Source, SourceFolder, SourceMessage, SourceState, Unreadable
from bascule.sources.contract import FolderError
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient
from bascule.wire.together import run_together

Group = list[SourceMessage | Unreadable]


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

    @property
    def is_refused(self) -> bool:
        """The target makes no such folder: its messages need not be read."""
        return self.target is not None and bool(self.target.refusal)


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
    late: dict[int, MappedFolder]
    """Of folders whose status the source did not tell: made once the source has opened them."""
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
    everywhere = await folders.map(client, [row for _, row in taken])
    told = {row.id for folder, row in taken if folder.name in states}
    mapped = await folders.make_all(client, [each for each in everywhere if each.row.id in told])
    late = {each.row.id: each for each in everywhere if each.row.id not in told}
    await refuse_folders(mailbox, ledger, mapped)
    work = await mailbox.run(_to_do, mailbox, ledger, taken, mapped, states, options.selection)
    watcher.expect(sum(item.messages for item in work))
    queue = deque(sorted(work, key=lambda w: -w.messages))
    run = _Run(source, mailbox, ledger, options, watcher, refused, folders, mapped, late, queue)
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
    worker = _Worker(run, reader, target)
    try:
        await worker.work()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(reader.close(), target.close())


@dataclass(slots=True)
class _Opened:
    """A folder that the source has opened, and whose first messages are on their way. ``fresh``: the UIDs to copy."""

    work: _Work
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
        self._reader = reader
        self._target = target
        self._upcoming: asyncio.Task[_Opened | None] | None = None

    async def work(self) -> None:
        """Take folders until none is left. Raises SourceError, TargetError, MailboxError."""
        done: list[FolderDelivery] = []
        try:
            while opened := await self._next():
                try:
                    done.append(await self._copy(opened))
                except (FolderError, CommandRefused) as error:
                    await self._give_up(opened.work, error)
                finally:
                    await opened.close()
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
                delta = await FolderDelta.begin(run.mailbox, self._reader, work.folder, work.row, run.options.selection)
            except (FolderError, CommandRefused) as error:
                await self._give_up(work, error)
                continue
            settled = await run.mailbox.run(run.ledger.settled_uids, delta.row.id, delta.row.uidvalidity)
            fresh = [uid for uid in delta.unless_left_out if uid not in settled]
            groups = self._reader.read([] if work.is_refused else fresh)
            return _Opened(work, delta, fresh, groups, asyncio.ensure_future(anext(groups, None)))
        return None

    async def _give_up(self, work: _Work, error: FolderError | CommandRefused) -> None:
        """The folder's row gets the reason; the others go on."""
        reason = error.reason if isinstance(error, CommandRefused) else str(error)
        self._run.watcher.note(f"{work.folder.path}: {reason}")
        await self._run.mailbox.run(self._run.mailbox.folders.finish_delta, work.row.id, None, reason)

    async def _copy(self, opened: _Opened) -> FolderDelivery:
        run, delta = self._run, opened.delta
        row, mapped = delta.row, opened.work.target
        if mapped is None:
            mapped = await run.folders.make(self._target.client, run.late[row.id])
            run.mapped.append(mapped)
        delivery = FolderDelivery(
            self._target, run.mailbox, run.ledger, replace(mapped, row=row), run.options.deliver.delivery, run.watcher,
            lambda parcel, outcome: run.refused(row, parcel, outcome),
        )  # fmt: skip
        if mapped.refusal:
            await _refuse_all(delta, opened.fresh, mapped.refusal)
            return delivery
        await delivery.open()
        async for group in opened.messages():
            messages = await delta.sort_out(group)
            await delivery.offer([Parcel(m.uid, m.flags, m.date, m.body, labels=m.labels) for m in messages])
            run.watcher.done(len(group) - len(messages), 0)
        self._upcoming = asyncio.ensure_future(self._open_next())
        await delivery.finish()
        await delta.complete()
        return delivery


async def _refuse_all(delta: FolderDelta, uids: Sequence[int], reason: str) -> None:
    """The target makes no such folder: each message is a row with that reason, and is not read."""
    rows = [(uid, OutcomeCode.REFUSED_FOLDER.value, reason) for uid in uids]
    await delta.record_not_held(rows)
