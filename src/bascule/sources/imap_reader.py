"""Reading the messages of one IMAP folder after another: surveys, streaming FETCH, and what to do when a connection ends."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from bascule.protocols.imap.fetch import DETAILS, FLAGS, GMAIL_LABELS, WHOLE_MESSAGE, Fetch, MessageData
from bascule.protocols.imap.sequence import format_set
from bascule.sources.contract import (
    FolderError,
    SourceError,
    SourceFolder,
    SourceMessage,
    SourceState,
    Survey,
    Unreadable,
)
from bascule.terms.body import Body, HeldBody, SpooledBody
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate
from bascule.wire.backoff import Backoff, Throttle
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import ImapClient, MailboxState, reconnect
from bascule.wire.imap.connection import Pending

WINDOW_MESSAGES = 500
"""UIDs asked for in one FETCH. Two are in flight, so a window hides a round trip of as long as it takes to read."""
DETAILS_WINDOW = 5000
"""UIDs in one FETCH of dates and sizes: a line of about 80 octets each."""
QUEUE_OCTETS = 4 * 1024 * 1024
"""What may lie between the connection and the consumer before we stop reading from the socket."""
GROUP_MESSAGES = 50
GROUP_OCTETS = 512 * 1024
"""A group is given on once it has either: each costs the consumer a transaction."""
_SLOW_DOWN = re.compile(r"throttl|too many|rate limit|slow down|try again", re.IGNORECASE)


class ImapReader:
    """See `Reader`."""

    def __init__(self, connect: Callable[[], Awaitable[ImapClient]], client: ImapClient, throttle: Throttle) -> None:
        self._connect = connect
        self._client = client
        self._throttle = throttle
        self._folder: SourceFolder | None = None
        self._uidvalidity = 0
        self._backoff = Backoff()

    async def open(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        while True:
            try:
                return await self._survey(folder, known)
            except ConnectionLost as error:
                await self._reconnect(error)
            except CommandRefused as error:
                if not _SLOW_DOWN.search(error.reason) or not await self._backoff.wait():
                    raise FolderError(error.reason) from error

    async def _survey(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        client = self._client
        qresync = known is not None and known.modseq > 0 and "QRESYNC" in client.enabled
        resync = (known.uidvalidity, known.modseq) if known and qresync else None
        # Both are sent before either is answered: a folder costs one round trip less.
        selecting = asyncio.ensure_future(client.select(folder.name, read_only=True, known=resync))
        await asyncio.sleep(0)
        searching = asyncio.ensure_future(client.search_uids())
        await asyncio.gather(selecting, searching, return_exceptions=True)
        selected, uids = selecting.result(), searching.result()
        self._folder, self._uidvalidity = folder, selected.uidvalidity
        flags: dict[int, Flags] = {}
        complete = False
        same = known is not None and known.uidvalidity == selected.uidvalidity
        if resync and same:
            flags = _flags(selected.changed)
        elif same and uids:
            # Without QRESYNC: CHANGEDSINCE where there is a MODSEQ (RFC 7162 §3.1.4.1), else every message's flags.
            since = known.modseq if known and selected.highestmodseq else 0
            changed: list[Fetch] = []
            modifier = b"(CHANGEDSINCE %d)" % since if since else b""
            await (await client.fetch(b"1:*", FLAGS, changed.append, modifier)).ok()
            flags, complete = _flags(changed), not since
        return Survey(_state(selected, len(uids), uids), uids, flags, complete)

    async def reopen(self, folder: SourceFolder, uidvalidity: int) -> None:
        self._folder, self._uidvalidity = folder, uidvalidity
        while True:
            try:
                await self._reopen()
                return
            except ConnectionLost as error:
                await self._reconnect(error)

    async def details(self, uids: Sequence[int]) -> dict[int, tuple[InternalDate, int]]:
        found: dict[int, tuple[InternalDate, int]] = {}

        def take(reply: Fetch) -> None:
            data = reply.data
            if data.uid is not None and data.date is not None and data.octets is not None:
                found[data.uid] = (data.date, data.octets)

        for start in range(0, len(uids), DETAILS_WINDOW):
            window = format_set(uids[start : start + DETAILS_WINDOW])
            while True:
                try:
                    await (await self._client.fetch(window, DETAILS, take)).ok()
                    break
                except ConnectionLost as error:
                    await self._reconnect(error)
                    await self._reopen()
        return found

    async def read(self, uids: Sequence[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        wanted = dict.fromkeys(uids)
        while wanted:
            try:
                async for group in self._stream(list(wanted)):
                    for message in group:
                        wanted.pop(message.uid, None)
                    self._backoff.progress()
                    await self._throttle.passed(len(group), sum(_size(message) for message in group))
                    yield group
                break
            except ConnectionLost as error:
                await self._reconnect(error)
                await self._reopen()
        if wanted:
            async for group in self._look_for(list(wanted)):
                yield group

    # -- streaming ----------------------------------------------------------------------------------------------------

    async def _stream(self, uids: list[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        """Windows of UIDs, two in flight; messages are given on as they arrive."""
        stream = _Stream(self._client)
        windows = deque(uids[i : i + WINDOW_MESSAGES] for i in range(0, len(uids), WINDOW_MESSAGES))
        running: deque[tuple[list[int], Pending]] = deque()
        try:
            while windows or running:
                while windows and len(running) < 2:
                    window = windows.popleft()
                    running.append((window, await self._fetch(window, stream)))
                window, pending = running[0]
                async for group in stream.until(pending):
                    yield group
                running.popleft()
                condition = await pending.answer()
                if condition.status != "OK":
                    if _SLOW_DOWN.search(condition.reason) and await self._backoff.wait():
                        windows.appendleft([uid for uid in window if uid not in stream.seen])
                    else:
                        async for group in self._one_by_one(window, stream, condition.reason, running):
                            yield group
        finally:
            stream.close()

    async def _fetch(self, window: list[int], stream: "_Stream") -> Pending:
        items = WHOLE_MESSAGE
        if "X-GM-EXT-1" in self._client.capabilities:
            items = items[:-1] + b" " + GMAIL_LABELS + b")"
        return await self._client.fetch(format_set(window), items, stream.take)

    async def _one_by_one(
        self, window: list[int], stream: "_Stream", reason: str, running: deque[tuple[list[int], Pending]]
    ) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        """The server refused a window: find the messages at fault, and give all the others."""
        for _, pending in running:
            async for group in stream.until(pending):
                yield group
        for uid in window:
            if uid in stream.seen:
                continue
            pending = await self._fetch([uid], stream)
            async for group in stream.until(pending):
                yield group
            condition = await pending.answer()
            if uid not in stream.seen and condition.status != "OK":
                stream.seen.add(uid)
                yield [Unreadable(uid, condition.reason or reason)]

    async def _look_for(self, uids: list[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        """The server said OK and left these out: they vanished, or it can't read them (it must say which)."""
        for uid in uids:
            found: list[SourceMessage | Unreadable] = []
            try:
                there = await self._client.search_uids(b"UID %d" % uid)
                if uid not in there:
                    continue
                stream = _Stream(self._client)
                pending = await self._client.fetch(
                    b"%d" % uid, WHOLE_MESSAGE.replace(b"(", b"(RFC822.SIZE "), stream.take
                )
                async for group in stream.until(pending):
                    found += group
                condition = await pending.answer()
                reason = condition.reason if condition.status != "OK" else "the server lists it and does not give it"
                yield found or [Unreadable(uid, reason)]
            except ConnectionLost as error:
                yield [Unreadable(uid, f"the connection ended each time it was asked for: {error}")]
                await self._reconnect(error)
                await self._reopen()

    # -- connections --------------------------------------------------------------------------------------------------

    async def _reconnect(self, error: ConnectionLost) -> None:
        await self._client.connection.close()
        try:
            self._client = await reconnect(self._connect, self._backoff, error)
        except ConnectionLost as last:
            raise SourceError(
                f"{self._client.name} ends the connection again and again: {last}.",
                "What was read is kept; run the same command again to go on.",
            ) from last

    async def _reopen(self) -> None:
        """Back into the folder. Raises FolderError when it is another one now."""
        assert self._folder is not None
        try:
            selected = await self._client.select(self._folder.name, read_only=True)
        except CommandRefused as error:
            raise FolderError(error.reason) from error
        if selected.uidvalidity != self._uidvalidity:
            raise FolderError("its UIDVALIDITY changed while it was read; the next run reads it again")

    async def close(self) -> None:
        await self._client.logout()


class _Stream:
    """Between the connection, which calls `take`, and a consumer, which takes groups: bounded by holding the socket."""

    def __init__(self, client: ImapClient) -> None:
        self._connection = client.connection
        self._queue: list[SourceMessage | Unreadable] = []
        self._octets = 0
        self._holding = False
        self._ready = asyncio.Event()
        self.seen: set[int] = set()

    def take(self, reply: Fetch) -> None:
        data = reply.data
        message = _message(data) if data.body is not None else None
        if message is None or message.uid in self.seen:
            return  # a flag change that the server tells on its own; the next delta reads it
        self.seen.add(message.uid)
        self._queue.append(message)
        self._octets += message.body.octets if isinstance(message.body, HeldBody) else 0
        if len(self._queue) >= GROUP_MESSAGES or self._octets >= GROUP_OCTETS:
            self._ready.set()
        if self._octets > QUEUE_OCTETS and not self._holding:
            self._holding = True
            self._connection.hold()

    def _drain(self) -> list[SourceMessage | Unreadable]:
        group, self._queue, self._octets = self._queue, [], 0
        self._ready.clear()
        if self._holding:
            self._holding = False
            self._connection.release()
        return group

    async def until(self, pending: Pending) -> AsyncIterator[list[SourceMessage | Unreadable]]:
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


def _message(data: MessageData) -> SourceMessage | None:
    if data.uid is None or data.body is None:
        return None
    body: Body = HeldBody(data.body) if isinstance(data.body, bytes) else _spooled(data.body)
    return SourceMessage(data.uid, data.flags or frozenset(), data.date or InternalDate(0), body, data.labels)


def _spooled(sink: object) -> Body:
    assert isinstance(sink, SpooledBody)  # `connect` gives this sink to every large literal
    return sink


def _size(message: SourceMessage | Unreadable) -> int:
    return message.body.octets if isinstance(message, SourceMessage) else 0


def _flags(replies: Sequence[Fetch]) -> dict[int, Flags]:
    found = (reply.data for reply in replies)
    return {data.uid: data.flags for data in found if data.uid is not None and data.flags is not None}


def _state(selected: MailboxState, messages: int, uids: Sequence[int]) -> SourceState:
    uidnext = selected.uidnext or (uids[-1] + 1 if uids else 1)
    return SourceState(selected.uidvalidity, uidnext, messages, selected.highestmodseq)
