"""What lies between a connection that is read as fast as the server sends, and a consumer that takes its time."""

import asyncio
from collections.abc import AsyncIterator

from bascule.protocols.imap.fetch import Fetch
from bascule.sources.contract import SourceMessage, Unreadable
from bascule.sources.imap_joining import Joining
from bascule.sources.limits import GROUP_MESSAGES, GROUP_OCTETS, QUEUE_OCTETS
from bascule.terms.body import HeldBody
from bascule.wire.imap.connection import Connection, Pending

Group = list[SourceMessage | Unreadable]


class Stream:
    """Between the connection, which calls `take`, and a consumer, which takes groups: bounded by holding the socket."""

    def __init__(self, connection: Connection, joining: Joining) -> None:
        self._connection = connection
        self._joining = joining
        self._queue: Group = []
        self._octets = 0
        self._holding = False
        self._ready = asyncio.Event()

    def take(self, reply: Fetch) -> None:
        message = self._joining.take(reply)
        if message is None:
            return
        self._queue.append(message)
        self._octets += message.body.octets if isinstance(message.body, HeldBody) else 0
        if len(self._queue) >= GROUP_MESSAGES or self._octets >= GROUP_OCTETS:
            self._ready.set()
        if self._octets > QUEUE_OCTETS and not self._holding:
            self._holding = True
            self._connection.hold()

    def _drain(self) -> Group:
        group, self._queue, self._octets = self._queue, [], 0
        self._ready.clear()
        if self._holding:
            self._holding = False
            self._connection.release()
        return group

    async def until(self, pending: Pending) -> AsyncIterator[Group]:
        """Groups of what arrives until ``pending`` is answered. Raises ConnectionLost."""
        pending.done.add_done_callback(lambda done: self._ready.set())
        while True:
            await self._ready.wait()
            over = pending.done.done()
            if group := self._drain():
                yield group
            if over:  # what came since then is the next command's
                pending.done.result()
                return

    def close(self) -> None:
        for message in self._drain():
            if isinstance(message, SourceMessage):
                message.body.close()
