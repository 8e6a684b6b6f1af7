"""The target as `verify` reads it: its folders with EXAMINE and its messages with PEEK, over as many connections as it takes."""

from collections.abc import Mapping, Sequence

from bascule.deliver.comparison.census import FolderCensus, take_census
from bascule.deliver.comparison.copies import key_of
from bascule.deliver.folder_map import FolderMap, MappedFolder
from bascule.deliver.session import ask_target
from bascule.mailbox import FolderRow
from bascule.protocols.imap.responses import NO_NAMESPACE
from bascule.sources import SourceFolder
from bascule.sources.imap_folders import INBOX_NAME, NameForm, folders_of
from bascule.sources.imap_reader import ImapReader
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.watch import Watcher
from bascule.wire.backoff import Throttle
from bascule.wire.imap import Connections, ImapClient


class TargetSide:
    """`map` first, then `read`."""

    def __init__(self, connections: Connections, prefix: str, renames: Mapping[FolderPath, FolderPath]) -> None:
        self._connections = connections
        self._prefix = prefix
        self._renames = renames
        self._listed: list[SourceFolder] = []
        self._states: dict[bytes, dict[str, int]] = {}
        self._mailboxids: dict[bytes, str] = {}
        self._idle: list[ImapClient] = []

    async def map(self, rows: Sequence[FolderRow], known: Mapping[FolderPath, bytes]) -> dict[FolderPath, bytes]:
        """Folder → the raw name of the target's folder that takes it, there or not; ``known``: those of earlier runs. Raises ConnectError,
        TargetError."""
        names = {row.id: known[row.path] for row in rows if row.path in known}

        async def question(client: ImapClient) -> list[MappedFolder]:
            self._listed = await _folders(client)
            listed = [folder.name for folder in self._listed]
            self._states = await client.status_all(listed)
            if client.tells_mailboxid:
                told = await client.identities(listed)
                self._mailboxids = {name: status.mailboxid for name, status in told.items()}
            return await FolderMap(self._prefix, self._renames).map(client, rows, names)

        client, mapped = await ask_target(self._connections, question)
        self._idle.append(client)
        return {folder.row.path: folder.name for folder in mapped}

    async def read(self, connections: int, watcher: Watcher) -> list[FolderCensus]:
        """Every message of the person's own folders. Raises SourceError, ConnectError."""
        try:
            watcher.expect(sum(state.get("MESSAGES", 0) for state in self._states.values()))
            taken = await take_census(self._reader, self._listed, connections, watcher)
        finally:
            while self._idle:
                await self._idle.pop().logout()
        for census in taken:
            state = self._states.get(census.name, {})
            census.uidvalidity = census.uidvalidity or state.get("UIDVALIDITY", 0)  # of one that does not open
            census.uidnext, census.mailboxid = state.get("UIDNEXT", 0), self._mailboxids.get(census.name, "")
        return taken

    async def _reader(self) -> ImapReader:
        client = self._idle.pop() if self._idle else await self._connections.one_more()
        return ImapReader(self._connections, client, Throttle(), self._connections.backoff())


async def _folders(client: ImapClient) -> list[SourceFolder]:
    """Those that hold messages; INBOX is there whether or not LIST says so (RFC 9051 §5.1)."""
    namespace = await client.namespace() or NO_NAMESPACE
    form = NameForm(client.decode, client.encode)
    found = [f for f in folders_of(await client.list_all(), namespace, form) if f.selectable]
    if all(key_of(folder.name) != INBOX_NAME for folder in found):
        found.append(SourceFolder(INBOX, INBOX_NAME))
    return found
