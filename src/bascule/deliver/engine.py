"""`deliver_mailbox`: a mailbox on disk into a target, over several connections."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from functools import partial

from bascule.deliver.folder_delivery import FolderDelivery
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.parcel import Parcel
from bascule.deliver.target_run import Connect, DeliverOptions, Refused, TargetRun, forget_refused
from bascule.mailbox import FolderRow, Mailbox, MessageRow
from bascule.mailbox.ledger import settled_codes
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused
from bascule.wire.together import run_together

READ_MESSAGES = 100
"""Messages read from the mailbox at once, on its thread, while the ones before are on the wire."""
READ_OCTETS = 4 * 1024 * 1024


async def deliver_mailbox(
    mailbox: Mailbox,
    location: str,
    connect: Connect,
    options: DeliverOptions,
    watcher: Watcher = SILENT,
    refused: Refused = forget_refused,
) -> list[MappedFolder]:
    """Deliver what is in the mailbox's default view and no earlier run settled; the folder map, for the report.

    Raises TargetError, OverQuota, ConnectError, MailboxError; what was delivered before is in the ledger, and the same call
    goes on from there.
    """
    run = TargetRun(mailbox, location, connect, options, watcher, refused)
    await run.begin()
    try:
        await run.map_folders([row for row in await mailbox.run(mailbox.folders.all) if options.takes_folder(row.path)])
        await run.place_others()
        await run.review(await mailbox.run(_fresh_since, run))
        watcher.expect(sum(left for _, left in await mailbox.run(_to_do, run)))
        await run.deliver_while_there_is_room(partial(_deliver_what_is_left, run))
        if await run.to_deliver_again():
            await run.deliver_while_there_is_room(partial(_deliver_what_is_left, run))
        await run.conclude()
    finally:
        await run.close()
    return run.mapped


def _fresh_since(run: TargetRun) -> int | None:
    """The earliest delta in which something that is to be delivered was not in its folder yet. Blocks."""
    query = (
        "SELECT min(m.after_delta) FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?"
        f" WHERE m.vanished_utc IS NULL AND (o.code IS NULL OR o.code NOT IN {settled_codes()})"
    )
    found = run.mailbox.database.execute(query, (run.ledger.target,)).fetchone()[0]
    return None if found is None else int(found)


def _to_do(run: TargetRun) -> list[tuple[MappedFolder, int]]:
    """Folders with something left to deliver, the largest first. Blocks."""
    to_open = run.folders_to_open()
    unsettled = run.ledger.unsettled()
    found = [(f, unsettled.get(f.row.id, 0)) for f in run.mapped if not f.refusal]
    return sorted(((f, left) for f, left in found if left or f.row.id in to_open), key=lambda item: -item[1])


async def _deliver_what_is_left(run: TargetRun) -> None:
    queue = deque(await run.mailbox.run(_to_do, run))
    workers = min(run.options.connections, len(queue))
    await run_together([_work_through(run, queue) for _ in range(workers)])


async def _work_through(run: TargetRun, queue: deque[tuple[MappedFolder, int]]) -> None:
    target = await run.session()
    done: list[FolderDelivery] = []
    try:
        while queue:
            folder, left = queue.popleft()
            try:
                place = await run.place(target, folder, has_something=left > 0)
                if place is None or place.refusal:
                    await run.refuse_folder(folder.row, place.refusal if place else "")
                    continue
                async with run.delivering(target, place) as delivery:
                    async for parcels in _parcels(run, folder.row):
                        await delivery.offer(parcels)
                    await delivery.finish()
                done.append(delivery)
            except CommandRefused as error:
                run.watcher.note(f"{folder.display}: {error.reason}")
                await run.refuse_folder(folder.row, error.reason)
        for delivery in done:
            await delivery.look_again()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await target.close()


async def _parcels(run: TargetRun, row: FolderRow) -> AsyncIterator[list[Parcel]]:
    """Groups of what is left to deliver; the next is read from disk while the last one is sent."""
    mailbox = run.mailbox
    rows = iter(
        await mailbox.run(list, mailbox.messages.undelivered(row.id, run.ledger.target, run.ledger.missing_since()))
    )
    remarks = await mailbox.run(mailbox.messages.remarks, row.id)
    upcoming = asyncio.ensure_future(mailbox.run(_load, mailbox, rows, remarks))
    while group := await upcoming:
        upcoming = asyncio.ensure_future(mailbox.run(_load, mailbox, rows, remarks))
        yield group


def _load(mailbox: Mailbox, rows: Iterator[MessageRow], remarks: dict[int, str]) -> list[Parcel]:
    group: list[Parcel] = []
    octets = 0
    for row in rows:
        body = mailbox.messages.body(row)
        group.append(Parcel(row.uid, row.flags, row.date, body, row.id, row.labels, remark=remarks.get(row.id, "")))
        octets += body.octets
        if len(group) >= READ_MESSAGES or octets >= READ_OCTETS:
            break
    return group
