"""In a later run every folder that changed is surveyed before anything is delivered.

What vanished from one folder may be what is new in another: whether it comes back, moves or stays is decided by what became of its
copy on the new side, and that is only known when all of them were looked at. A folder with a new UIDVALIDITY is read for it: which of
its messages it still has, only their octets tell. The first run has nothing to compare, and surveys each folder as it comes to it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from bascule.capture import Selection, give_up, is_as_it_was, look_again, look_for_arrivals
from bascule.copy.work import Work, fresh_of, survey
from bascule.deliver import TargetRun
from bascule.mailbox import FolderRow
from bascule.sources import Source, SourceFolder
from bascule.sources.contract import FolderError
from bascule.wire.together import run_together


async def survey_first(
    source: Source,
    target: TargetRun,
    taken: Sequence[tuple[SourceFolder, FolderRow]],
    work: list[Work],
    selection: Selection,
) -> list[Work]:
    """Survey all of ``work`` where an earlier run left messages in the catalogue; what is left to do. ``taken``: all folders that are copied, changed
    or not. Raises SourceError, MailboxError."""
    mailbox = target.mailbox
    if not work or not await mailbox.run(mailbox.messages.any):
        await look_for_arrivals(source, mailbox)
        await target.place_others()
        return work
    queue = deque(work)
    surveyed: list[Work] = []

    async def work_through() -> None:
        reader = await source.reader()
        try:
            while queue:
                item = queue.popleft()
                try:
                    if item.to_probe and await is_as_it_was(mailbox, reader, item.folder, item.row):
                        continue
                    delta = await survey(target, reader, item, selection)
                    await delta.recognise(reader)
                except FolderError as error:
                    await give_up(mailbox, item.row, error, target.watcher)
                else:
                    surveyed.append(replace(item, delta=delta))
        finally:
            await reader.close()

    await run_together([work_through() for _ in range(min(target.options.connections, len(work)))])
    if any(item.delta and item.delta.to_read for item in surveyed):
        await look_again(source, mailbox, taken)
    await look_for_arrivals(source, mailbox)
    await target.place_others()
    return [item for item in surveyed if not await _is_done(target, item)]


async def _is_done(target: TargetRun, item: Work) -> bool:
    """Whether the survey was all that there was to do: nothing is to be copied, and no earlier run left the target's folder in doubt or in the middle."""
    assert item.delta is not None
    fresh = await target.mailbox.run(fresh_of, target.ledger, item.delta)
    if fresh or item.row.id in await target.mailbox.run(target.folders_to_open):
        return False
    await item.delta.complete()
    return True
