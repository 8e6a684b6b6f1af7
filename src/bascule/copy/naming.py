"""What a report has to say of a message needs its subject: `copy` keeps none, and asks the old side for those that turned out to be no ordinary ones."""

import asyncio
import contextlib
import itertools

from bascule.mailbox import Mailbox
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.sources import Reader, Source, SourceFolder, SourceMessage
from bascule.sources.contract import FolderError, SourceError
from bascule.wire.errors import ConnectError

NAMED = 500
"""Messages of one run: a target that alters everything would have all read a second time."""
NAMED_OCTETS = 64 * 1024 * 1024
"""Of all that are read for it; the smallest are read first."""
_NAMELESS = """
SELECT m.folder, m.uidvalidity, m.uid, m.id, m.octets FROM outcomes o JOIN messages m ON m.id = o.message
WHERE o.target = ? AND o.code NOT IN ('delivered', 'already-there', 'left-out', 'removed') AND m.vanished_utc IS NULL
AND NOT EXISTS (SELECT 1 FROM headers h WHERE h.message = m.id) ORDER BY m.octets LIMIT ?
"""
NAMING_SECONDS = 30
"""For all of it: what was promised is done by then, and nobody waits for a server that throttles."""
_Wanted = dict[tuple[int, int], dict[int, int]]
"""(row of the folder, UIDVALIDITY) → UID → message."""


async def name_exceptions(source: Source, mailbox: Mailbox, target: int, folders: dict[int, SourceFolder]) -> None:
    """Record subject and sender of what is altered, missing or refused on the target with this number. ``folders``: by their row. What the
    source does not give any more stays without."""
    wanted = await mailbox.run(_nameless, mailbox, target)
    if not wanted:
        return
    with contextlib.suppress(SourceError, ConnectError, TimeoutError):
        async with asyncio.timeout(NAMING_SECONDS):
            reader = await source.reader()
            try:
                for (row, uidvalidity), messages in wanted.items():
                    if row in folders:
                        with contextlib.suppress(FolderError):
                            await reader.reopen(folders[row], uidvalidity)
                            await _name(reader, mailbox, messages)
            finally:
                await reader.close()


def _nameless(mailbox: Mailbox, target: int) -> _Wanted:
    """Blocks."""
    wanted: _Wanted = {}
    rows = mailbox.database.execute(_NAMELESS, (target, NAMED)).fetchall()
    sizes = itertools.accumulate(octets for *_, octets in rows)
    for (folder, uidvalidity, uid, message, _), so_far in zip(rows, sizes, strict=True):
        if so_far <= NAMED_OCTETS:
            wanted.setdefault((folder, uidvalidity), {})[uid] = message
    return wanted


async def _name(reader: Reader, mailbox: Mailbox, messages: dict[int, int]) -> None:
    async for group in reader.read(sorted(messages)):
        for message in group:
            if isinstance(message, SourceMessage):
                header = summarise(message.body.start(HEADER_OCTETS))
                message.body.close()
                await mailbox.run(mailbox.messages.record_header, messages[message.uid], header)
