"""An IMAP server as a source: LIST, EXAMINE, UID SEARCH, UID FETCH with BODY.PEEK, and nothing else."""

from collections.abc import Awaitable, Callable, Sequence

from bascule.protocols.imap.responses import NO_NAMESPACE, Listing
from bascule.sources.contract import SourceError, SourceFolder, SourceState
from bascule.sources.imap_reader import ImapReader
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.watch import Watcher
from bascule.wire.backoff import Throttle
from bascule.wire.errors import ConnectionLost
from bascule.wire.imap import Connections, ImapClient, reconnect

Connect = Callable[[], Awaitable[ImapClient]]


class ImapSource:
    """``connect`` gives a new client that is signed in. ``throttle`` is shared by all readers."""

    def __init__(self, location: str, connect: Connect, throttle: Throttle | None = None) -> None:
        self.location = location
        self._connections = Connections(connect, location)
        self._throttle = throttle or Throttle()
        self._client: ImapClient | None = None

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
        """The person's own; not those that other people share, or all (RFC 2342 §3): these are moved from where they are at home, once."""
        listings: list[tuple[Listing, str]] = []
        subscribed: set[bytes] = set()
        prefix = ""

        async def question(client: ImapClient) -> None:
            nonlocal prefix
            namespace = await client.namespace() or NO_NAMESPACE
            prefix = client.decode(namespace.personal[0][0]) if namespace.personal else ""
            entries = await client.list_all()
            listings[:] = [(entry, client.decode(entry.name)) for entry in entries if namespace.is_personal(entry.name)]
            if not client.has("LIST-EXTENDED"):
                subscribed.update(entry.name for entry in await client.list_subscribed())

        await self._ask(question)
        found: dict[FolderPath, SourceFolder] = {}
        for entry, name in listings:
            folder = _folder(entry, name.removeprefix(prefix), entry.has("\\Subscribed") or entry.name in subscribed)
            if folder is not None and folder.path not in found:
                found[folder.path] = folder
        return list(found.values())

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


def _folder(entry: Listing, name: str, subscribed: bool) -> SourceFolder | None:
    """``name``: decoded, without what the personal namespace puts before every name but INBOX (``INBOX.``), which is no folder of
    people's. A separator is ASCII: cutting the decoded name is cutting the raw one."""
    if not name.strip(entry.separator or ""):
        return None  # the root of a namespace, which holds folders and is none
    use = SpecialUse.among(entry.attributes)
    selectable = not (entry.has("\\Noselect") or entry.has("\\NonExistent"))
    return SourceFolder(FolderPath.split(name, entry.separator), entry.name, use, subscribed, selectable)
