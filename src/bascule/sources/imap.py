"""An IMAP server as a source: LIST, EXAMINE, UID SEARCH, UID FETCH with BODY.PEEK, and nothing else."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.protocols.imap.responses import NO_NAMESPACE, Listing
from bascule.sources.contract import SourceError, SourceFolder, SourceState
from bascule.sources.imap_folders import INBOX_NAME, NameForm, folders_of, lists_inbox, of_others
from bascule.sources.imap_reader import ImapReader
from bascule.sources.limits import NAME_CHARACTERS, NAMES_TOLD
from bascule.terms.printable import printable
from bascule.terms.watch import Watcher
from bascule.wire.backoff import Throttle
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import Connections, ImapClient, reconnect

T = TypeVar("T")
Connect = Callable[[], Awaitable[ImapClient]]


class ImapSource:
    """``connect`` gives a new client that is signed in. ``throttle`` is shared by all readers."""

    def __init__(self, location: str, connect: Connect, throttle: Throttle | None = None) -> None:
        self.location = location
        self._connections = Connections(connect, location)
        self._throttle = throttle or Throttle()
        self._client: ImapClient | None = None
        self._told_of_others = False

    def watch(self, watcher: Watcher) -> None:
        self._connections.watcher = watcher

    async def _ask(self, question: Callable[[ImapClient], Awaitable[object]]) -> object:
        """Put a question to the server on a connection kept for that; again on a new one when it was lost. Raises SourceError, ConnectError."""
        backoff = self._connections.backoff()
        if self._client is None:
            self._client = await self._connections.one_more()
        while True:
            client = self._client
            try:
                return await question(client)
            except ConnectionLost as error:
                self._client = None
                await client.connection.close()
                try:
                    self._client = await reconnect(self._connections, backoff, error)
                except ConnectionLost as last:
                    raise SourceError(
                        f"{self.location} keeps ending the connection: {last}.", "Try again later."
                    ) from last

    async def folders(self) -> list[SourceFolder]:
        """See `folders_of`. INBOX is asked for where LIST leaves it out: it is always there (RFC 9051 §5.1) unless the server says no."""
        found: list[SourceFolder] = []

        async def question(client: ImapClient) -> None:
            namespace = await client.namespace() or NO_NAMESPACE
            listings = await client.list_all()
            subscribed: list[Listing] = []
            if not client.has("LIST-EXTENDED"):
                subscribed = await _unless_refused(client.list_subscribed()) or []
            if not lists_inbox(listings) and await _has_inbox(client):
                listings.append(Listing("LIST", frozenset(), None, INBOX_NAME))
            form = NameForm(client.decode, client.encode)
            found[:] = folders_of(listings, namespace, form, frozenset(entry.name for entry in subscribed))
            self._tell_of_others(of_others(listings, namespace, form))

        try:
            await self._ask(question)
        except CommandRefused as error:
            raise SourceError(
                f"{self.location} does not list its folders: {error.reason}.", "Try again later, or ask who runs it."
            ) from error
        return found

    def _tell_of_others(self, names: Sequence[str]) -> None:
        """Once: a server may call a person's folders everybody's."""
        if not names or self._told_of_others:
            return
        self._told_of_others = True
        shown = ", ".join(f"“{printable(name, NAME_CHARACTERS)}”" for name in names[:NAMES_TOLD])
        more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
        self._connections.watcher.note(
            f"{self.location} calls {shown}{more} other people's or everybody's (NAMESPACE): not read. They are moved from where they are at home."
        )

    async def states(self, folders: Sequence[SourceFolder]) -> dict[bytes, SourceState]:
        names = [folder.name for folder in folders if folder.selectable]
        items: dict[bytes, dict[str, int]] = {}

        async def question(client: ImapClient) -> None:
            items.update(await client.status_all(names))

        await self._ask(question)
        return {
            name: SourceState(s["UIDVALIDITY"], s["UIDNEXT"], s["MESSAGES"], s.get("HIGHESTMODSEQ", 0))
            for name, s in items.items()
            if {"UIDVALIDITY", "UIDNEXT", "MESSAGES"} <= s.keys()
        }

    async def reader(self) -> ImapReader:
        """A reader; the first takes over the connection that the questions were put on."""
        client, self._client = self._client, None
        client = client or await self._connections.one_more()
        return ImapReader(self._connections, client, self._throttle, self._connections.backoff())

    async def close(self) -> None:
        if self._client is not None:
            await self._client.logout()


async def _has_inbox(client: ImapClient) -> bool:
    """An INBOX that the server does not open just now is there all the same, and is named where it is opened in vain."""
    try:
        await client.select(INBOX_NAME, read_only=True)
    except CommandRefused as error:
        return meaning_of(error.code, error.reason) is not Meaning.GONE
    return True


async def _unless_refused(asked: Awaitable[T]) -> T | None:
    """The answer to a question that a run can do without."""
    try:
        return await asked
    except CommandRefused:
        return None
