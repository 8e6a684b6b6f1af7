"""`deliver_mailbox`: a mailbox on disk into a target, over several connections."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bascule.deliver.folder_delivery import DeliveryOptions, FolderDelivery
from bascule.deliver.folder_map import FolderMap, MappedFolder
from bascule.deliver.moves import follow_moves
from bascule.deliver.parcel import Parcel
from bascule.deliver.session import TargetSession
from bascule.mailbox import FolderRow, Mailbox, MessageRow
from bascule.mailbox.ledger import Ledger
from bascule.terms.folder import FolderPath
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient
from bascule.wire.together import run_together

READ_MESSAGES = 100
"""Messages read from the mailbox at once, on its thread, while the ones before are on the wire."""
READ_OCTETS = 4 * 1024 * 1024

Connect = Callable[[], Awaitable[ImapClient]]
Refused = Callable[[FolderRow, Parcel, Outcome], None]


def _forget_refused(row: FolderRow, parcel: Parcel, outcome: Outcome) -> None:
    """For callers that keep no copy of what the target refuses."""


@dataclass(frozen=True, slots=True)
class DeliverOptions:
    """``prefix``: put every folder below this name. ``renames``: folders that go elsewhere, by the user's choice."""

    connections: int = 3
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    prefix: str = ""
    renames: Mapping[FolderPath, FolderPath] = field(default_factory=dict)
    takes_folder: Callable[[FolderPath], bool] = lambda path: True


async def deliver_mailbox(
    mailbox: Mailbox,
    location: str,
    connect: Connect,
    options: DeliverOptions,
    watcher: Watcher = SILENT,
    refused: Refused = _forget_refused,
) -> list[MappedFolder]:
    """Deliver what is in the mailbox's default view and no earlier run settled; the folder map, for the report.

    Raises TargetError, OverQuota, ConnectError, MailboxError; what was delivered before is in the ledger, and the same call
    goes on from there.
    """
    ledger = await mailbox.run(mailbox.ledger, location)
    client = await connect()
    rows = [row for row in await mailbox.run(mailbox.folders.all) if options.takes_folder(row.path)]
    folders = FolderMap(options.prefix, options.renames)
    mapped = await folders.make_all(client, await folders.map(client, rows))
    await refuse_folders(mailbox, ledger, mapped)
    queue = deque(await _to_do(mailbox, ledger, mapped, watcher))
    first: list[ImapClient] = [client]

    async def session() -> TargetSession:
        return TargetSession(connect, first.pop() if first else await connect())

    workers = [
        _work_through(queue, session, mailbox, ledger, options, watcher, refused)
        for _ in range(max(1, min(options.connections, len(queue))))
    ]
    await run_together(workers)
    await follow_moves(session, mailbox, ledger, watcher)
    return mapped


async def refuse_folders(mailbox: Mailbox, ledger: Ledger, mapped: Sequence[MappedFolder]) -> None:
    """An outcome for each message of a folder that the target does not make."""
    for folder in mapped:
        if folder.refusal:
            outcome = Outcome(OutcomeCode.REFUSED_FOLDER, folder.refusal)
            rows = await mailbox.run(list, mailbox.messages.undelivered(folder.row.id, ledger.target))
            await mailbox.run(ledger.settle, folder.row.id, [(row.id, outcome) for row in rows])


async def _to_do(
    mailbox: Mailbox, ledger: Ledger, mapped: Sequence[MappedFolder], watcher: Watcher
) -> list[tuple[MappedFolder, int]]:
    """Folders with something left to do, the largest first."""
    found: list[tuple[MappedFolder, int]] = []
    for folder in mapped:
        if not folder.refusal:
            left = await mailbox.run(ledger.unsettled, folder.row.id)
            if left or await mailbox.run(ledger.has_open_ends, folder.row.id):
                found.append((folder, left))
    watcher.expect(sum(left for _, left in found))
    return sorted(found, key=lambda item: -item[1])


async def _work_through(
    queue: deque[tuple[MappedFolder, int]],
    session: Callable[[], Awaitable[TargetSession]],
    mailbox: Mailbox,
    ledger: Ledger,
    options: DeliverOptions,
    watcher: Watcher,
    refused: Refused,
) -> None:
    target = await session()
    done: list[FolderDelivery] = []
    try:
        while queue:
            folder, _ = queue.popleft()
            delivery = FolderDelivery(
                target,
                mailbox,
                ledger,
                folder,
                options.delivery,
                watcher,
                partial(refused, folder.row),
            )
            try:
                await delivery.open()
                async for parcels in _parcels(mailbox, ledger, folder.row):
                    await delivery.offer(parcels)
                await delivery.finish()
                done.append(delivery)
            except CommandRefused as error:
                watcher.note(f"{folder.display}: {error.reason}")
                rows = await mailbox.run(list, mailbox.messages.undelivered(folder.row.id, ledger.target))
                outcome = Outcome(OutcomeCode.REFUSED_FOLDER, error.reason)
                await mailbox.run(ledger.settle, folder.row.id, [(row.id, outcome) for row in rows])
        for delivery in done:
            await delivery.look_again()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await target.close()


async def _parcels(mailbox: Mailbox, ledger: Ledger, row: FolderRow) -> AsyncIterator[list[Parcel]]:
    """Groups of what is left to deliver; the next is read from disk while the last one is sent."""
    rows = iter(await mailbox.run(list, mailbox.messages.undelivered(row.id, ledger.target)))
    upcoming = asyncio.ensure_future(mailbox.run(_load, mailbox, rows))
    while group := await upcoming:
        upcoming = asyncio.ensure_future(mailbox.run(_load, mailbox, rows))
        yield group


def _load(mailbox: Mailbox, rows: Iterator[MessageRow]) -> list[Parcel]:
    group: list[Parcel] = []
    octets = 0
    for row in rows:
        body = mailbox.messages.body(row)
        group.append(Parcel(row.uid, row.flags, row.date, body, row.id, row.labels))
        octets += body.octets
        if len(group) >= READ_MESSAGES or octets >= READ_OCTETS:
            break
    return group
