"""Reading the messages of one IMAP folder after another: streaming FETCH, and what to do when a connection ends."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from bascule.protocols.imap.commands import sequence_set, uid_key
from bascule.protocols.imap.fetch import DETAILS, UIDS, Fetch
from bascule.protocols.imap.responses import Condition
from bascule.sources.contract import (
    FolderError,
    SourceError,
    SourceFolder,
    SourceMessage,
    SourceState,
    Survey,
    Unreadable,
)
from bascule.sources.imap_alone import has_labels, read_alone, whole_message
from bascule.sources.imap_joining import Joining
from bascule.sources.imap_stream import Group, Stream
from bascule.sources.imap_survey import folder_error, open_again, take_survey
from bascule.sources.limits import DETAILS_WINDOW, LOST_AT_A_FOLDER, LOST_AT_A_WINDOW, WINDOW_MESSAGES
from bascule.sources.narrowing import Narrowing
from bascule.sources.patience import Patience
from bascule.terms.instant import InternalDate
from bascule.wire.backoff import Backoff, Throttle
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import ImapClient, reconnect
from bascule.wire.imap.connection import Pending

_ENDED = "the connection ended each time it was asked for"


class ImapReader:
    """See `Reader`."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[ImapClient]],
        client: ImapClient,
        throttle: Throttle,
        backoff: Backoff | None = None,
    ) -> None:
        self._connect = connect
        self._client = client
        self._throttle = throttle
        self._folder: SourceFolder | None = None
        self._uidvalidity = 0
        self._measure: tuple[int, int] | None = None
        self._backoff = backoff or Backoff()
        self._patience = Patience(self._backoff)

    async def open(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        ends = 0
        patience = self._patience.with_one()
        while True:
            try:
                survey = await self._survey(folder, known, patience)
            except ConnectionLost as error:
                ends += 1
                await self._reconnect(error)
                if ends >= LOST_AT_A_FOLDER:
                    raise FolderError(f"the connection ended each time it was opened: {error}") from error
            else:
                self._folder, self._uidvalidity = folder, survey.state.uidvalidity
                return survey

    async def _survey(self, folder: SourceFolder, known: SourceState | None, patience: Backoff) -> Survey:
        """Raises FolderError, ConnectionLost."""
        while True:
            try:
                return await take_survey(self._client, folder, known)
            except CommandRefused as error:
                if not await self._patience.wait(error.code, error.reason, patience):
                    raise await folder_error(self._client, folder, error) from error

    async def details(self, uids: Sequence[int]) -> dict[int, tuple[InternalDate | None, int]]:
        dates: dict[int, InternalDate] = {}
        sizes: dict[int, int] = {}

        def take(reply: Fetch) -> None:
            data = reply.data
            if data.uid is not None and data.date is not None:
                dates[data.uid] = data.date
            if data.uid is not None and data.octets is not None:
                sizes[data.uid] = data.octets

        patience = self._patience.with_one()
        for start in range(0, len(uids), DETAILS_WINDOW):
            window = sequence_set(uids[start : start + DETAILS_WINDOW])
            while True:
                try:
                    condition = await (await self._client.fetch(window, DETAILS, take)).answer()
                    if condition.status == "OK" or not await self._waited_for(condition, patience):
                        break  # of what is refused for good nothing is told
                except ConnectionLost as error:
                    await self._come_back(error)
        return {uid: (dates.get(uid), octets) for uid, octets in sizes.items()}

    async def read(self, uids: Sequence[int]) -> AsyncIterator[Group]:
        left = dict.fromkeys(uids)
        narrowing = Narrowing(WINDOW_MESSAGES, WINDOW_MESSAGES)
        self._measure = None
        while left:
            try:
                async for group in self._stream(list(left), narrowing):
                    for message in group:
                        left.pop(message.uid, None)
                        if isinstance(message, SourceMessage) and message.body.octets:
                            self._measure = message.uid, message.body.octets
                    if any(isinstance(message, SourceMessage) for message in group):
                        self._patience.given()
                    narrowing.arrived()
                    await self._throttle.passed(len(group), sum(_size(message) for message in group))
                    yield group
                break
            except ConnectionLost as error:
                # A server that asks us to come later means the run, and not the message that was its turn.
                if not error.asks_to_wait and narrowing.lost():
                    uid = next(iter(left))
                    del left[uid]
                    yield [Unreadable(uid, f"{_ENDED}: {error}")]
                if narrowing.is_hopeless:
                    raise FolderError(f"the connection ends at whatever is asked for: {error}") from error
                if narrowing.window < WINDOW_MESSAGES:
                    self._backoff.progress()  # it comes to an end by itself, and tells at which message
                await self._come_back(error)
        for start in range(0, len(left), WINDOW_MESSAGES):
            async for group in self._look_for(list(left)[start : start + WINDOW_MESSAGES]):
                yield group

    # -- streaming ----------------------------------------------------------------------------------------------------

    async def _stream(self, uids: list[int], narrowing: Narrowing) -> AsyncIterator[Group]:
        """Windows of UIDs, two in flight; messages are given on as they arrive. Raises ConnectionLost."""
        items = whole_message(self._client)
        joining = Joining(labels=has_labels(self._client))
        stream = Stream(self._client.connection, joining)
        patience = self._patience.with_one()
        waiting = deque(uids)
        running: deque[tuple[list[int], Pending]] = deque()
        try:
            while waiting or running:
                while waiting and len(running) < narrowing.in_flight:
                    window = [waiting.popleft() for _ in range(min(narrowing.window, len(waiting)))]
                    joining.expect(window)
                    fetch = self._client.fetch(sequence_set(window), items, stream.take, on_removal=joining.renumbered)
                    running.append((window, await fetch))
                window, pending = running[0]
                async for group in stream.until(pending):
                    yield group
                running.popleft()
                condition = await pending.answer()
                given, missed = joining.rest(window)
                if given:
                    yield list(given)
                if condition.status == "OK":
                    narrowing.answered()
                    patience.progress()
                elif await self._waited_for(condition, patience):
                    waiting.extendleft(reversed(missed))
                else:
                    for _, other in running:
                        async for group in stream.until(other):
                            yield group
                    async for group in self._one_by_one(missed):
                        yield group
        finally:
            stream.close()

    async def _one_by_one(self, uids: Sequence[int]) -> AsyncIterator[Group]:
        """The server refused a window: give all that it does not refuse, and the reason for the others. Raises ConnectionLost."""
        for uid in uids:
            if (found := await self._alone(uid)) is not None:
                yield [found]

    async def _look_for(self, uids: list[int]) -> AsyncIterator[Group]:
        """The server said OK and left these out: they vanished, or it can't give them (it must say which)."""
        ends: dict[int, int] = {}
        there: set[int] | None = None
        while uids:
            try:
                if there is None:
                    there = await self._which_are_there(uids)
                uid = uids[0]
                if uid in there:
                    found = await self._alone(uid)
                    self._backoff.progress()
                    yield [found or Unreadable(uid, "the server lists it and does not give it")]
                uids = uids[1:]
            except ConnectionLost as error:
                ends[uids[0]] = ends.get(uids[0], 0) + 1
                if there is not None and ends[uids[0]] >= LOST_AT_A_WINDOW:
                    yield [Unreadable(uids[0], f"{_ENDED}: {error}")]
                    uids = uids[1:]
                await self._come_back(error)

    async def _alone(self, uid: int) -> SourceMessage | Unreadable | None:
        """See `read_alone`. Raises ConnectionLost."""
        patience = self._patience.with_one()
        while True:
            try:
                return await read_alone(self._client, uid, self._measure)
            except CommandRefused as error:
                if not await self._patience.wait(error.code, error.reason, patience):
                    self._patience.given_up()
                    return Unreadable(uid, error.reason)

    async def _which_are_there(self, uids: Sequence[int]) -> set[int]:
        """Those that FETCH or SEARCH lists: there are servers where one of them leaves out what is there. All, where neither answers."""
        replies: list[Fetch] = []
        listing = await (await self._client.fetch(sequence_set(uids), UIDS, replies.append)).answer()
        there = {reply.data.uid for reply in replies if reply.data.uid is not None}
        try:
            return there | set(await self._client.search_uids(uid_key(sequence_set(uids))))
        except CommandRefused:
            return there if listing.status == "OK" else set(uids)

    async def _waited_for(self, refusal: Condition, patience: Backoff) -> bool:
        """Whether the server asked us to come later, and we did."""
        return await self._patience.wait(refusal.code.name if refusal.code else None, refusal.reason, patience)

    # -- connections --------------------------------------------------------------------------------------------------

    async def _come_back(self, error: ConnectionLost) -> None:
        """A new connection, and the folder open on it. Raises SourceError; FolderError when it is another folder now."""
        assert self._folder is not None
        for _ in range(LOST_AT_A_FOLDER):
            await self._reconnect(error)
            try:
                return await self._open_again(self._folder, self._uidvalidity)
            except ConnectionLost as again:
                error = again
        raise FolderError(f"the connection ended each time it was opened again: {error}") from error

    async def _reconnect(self, error: ConnectionLost) -> None:
        await self._client.connection.close()
        try:
            self._client = await reconnect(self._connect, self._backoff, error)
        except ConnectionLost as last:
            raise SourceError(
                f"{self._client.name} ends the connection again and again: {last}.",
                "What was read is kept; run the same command again to go on.",
            ) from last

    async def reopen(self, folder: SourceFolder, uidvalidity: int) -> None:
        self._folder, self._uidvalidity = folder, uidvalidity
        try:
            await self._open_again(folder, uidvalidity)
        except ConnectionLost as error:
            await self._come_back(error)

    async def _open_again(self, folder: SourceFolder, uidvalidity: int) -> None:
        patience = self._patience.with_one()
        while True:
            try:
                return await open_again(self._client, folder, uidvalidity)
            except CommandRefused as error:
                if not await self._patience.wait(error.code, error.reason, patience):
                    raise await folder_error(self._client, folder, error) from error

    async def close(self) -> None:
        await self._client.logout()


def _size(message: SourceMessage | Unreadable) -> int:
    return message.body.octets if isinstance(message, SourceMessage) else 0
