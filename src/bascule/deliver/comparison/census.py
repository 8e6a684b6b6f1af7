"""One side, read in full: what is in each folder, message by message."""

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bascule.deliver.likeness import likeness_of
from bascule.deliver.parcel import with_crlf
from bascule.deliver.proof import lack_of
from bascule.mailbox import FolderRow, Mailbox
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.sources import Reader, SourceFolder, SourceMessage
from bascule.sources.arrival import arrival_of
from bascule.sources.contract import FolderError, FolderGone
from bascule.terms.body import Body
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.watch import Watcher
from bascule.wire.together import run_together


@dataclass(frozen=True, slots=True)
class Fact:
    """What is seen of one message. ``title``: its subject, else its Message-ID, for people. ``wire``: the SHA-256 of what is sent of it, with CRLF
    for each LF alone; ``likeness`` None: not known. ``row``: its row in the catalogue, of a mailbox on disk; 0: none."""

    uid: int
    sha256: bytes
    octets: int
    flags: Flags
    utc_seconds: int | None
    title: str = ""
    wire: bytes = b""
    likeness: bytes | None = None
    row: int = 0


@dataclass(slots=True)
class FolderCensus:
    """What is in one folder. ``unreadable``: UID → why it is not given. ``withdrawn``: listed, and no longer there when asked for, moments
    later. ``error``: why the folder can't be opened, or not read to the end. ``unlisted``: how many more its server counts than it lists. ``unread``
    and ``reached``: see `Lack`. ``uidnext`` and ``mailboxid`` (RFC 8474): of a folder of the new side, where its server tells them; 0 and empty: it
    does not."""

    path: FolderPath
    name: bytes
    uidvalidity: int = 0
    facts: list[Fact] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    withdrawn: frozenset[int] = frozenset()
    error: str = ""
    unlisted: int = 0
    unread: int = 0
    reached: bool = True
    uidnext: int = 0
    mailboxid: str = ""


async def take_census(
    open_reader: Callable[[], Awaitable[Reader]], folders: Sequence[SourceFolder], connections: int, watcher: Watcher
) -> list[FolderCensus]:
    """Every message of these folders, over at most so many connections. One that went away meanwhile is absent. Raises SourceError, ConnectError."""
    queue = deque(folders)
    taken: list[FolderCensus] = []

    async def work() -> None:
        reader = await open_reader()
        try:
            while queue:
                folder = queue.popleft()
                census = FolderCensus(folder.path, folder.name)
                try:
                    await _take_folder(reader, folder, census, watcher)
                except FolderGone:
                    continue
                except FolderError as error:
                    census.error = str(error)
                taken.append(census)
        finally:
            await reader.close()

    await run_together([work() for _ in range(min(connections, len(queue)))])
    return sorted(taken, key=lambda census: (not census.path.is_inbox, census.path))


async def _take_folder(reader: Reader, folder: SourceFolder, census: FolderCensus, watcher: Watcher) -> None:
    survey = await reader.open(folder, None)
    census.uidvalidity, census.unlisted = survey.state.uidvalidity, survey.unlisted
    listed = set(survey.uids)
    async for group in reader.read(survey.uids):
        listed -= {message.uid for message in group}
        for message in group:
            if isinstance(message, SourceMessage):
                census.facts.append(_fact(message))
            else:
                census.unreadable[message.uid] = message.reason
        watcher.done(len(group), sum(m.body.octets for m in group if isinstance(m, SourceMessage)))
    census.withdrawn = frozenset(listed)


def _fact(message: SourceMessage) -> Fact:
    body, date = message.body, arrival_of(message)
    header = summarise(body.start(HEADER_OCTETS))
    fact = Fact(
        message.uid, body.sha256, body.octets, message.flags, date.utc_seconds if date else None,
        header.subject or header.message_id, wire_digest(body), likeness_of(body),
    )  # fmt: skip
    body.close()
    return fact


def wire_digest(body: Body) -> bytes:
    """The SHA-256 of what is sent of it."""
    if not body.traits.bare_lf:
        return body.sha256
    digest = hashlib.sha256()
    for piece in with_crlf(body.chunks()):
        digest.update(piece)
    return digest.digest()


def census_of_mailbox(
    mailbox: Mailbox, folders: Sequence[FolderRow], is_stopped: Callable[[], bool]
) -> list[FolderCensus]:
    """The default view of a mailbox on disk, and what it knows that it lacks. Bodies that servers are known to alter are read. ``is_stopped`` is asked before each message; what is
    returned then is not all. Blocks; raises MailboxError."""
    found: list[FolderCensus] = []
    for folder in folders:
        census = _with_what_it_lacks(mailbox, folder)
        for row in mailbox.messages.list(folder.id):
            if is_stopped():
                return found
            alike, wire = None, row.sha256
            if row.traits.may_be_altered or row.traits.bare_lf:
                body = mailbox.messages.body(row)
                alike, wire = likeness_of(body), wire_digest(body)
                body.close()
            header = mailbox.messages.header(row.id)
            title = (header.subject or header.message_id) if header else ""
            census.facts.append(
                Fact(row.uid, row.sha256, row.octets, row.flags, row.date.utc_seconds, title, wire, alike, row.id)
            )
        found.append(census)
    return found


def _with_what_it_lacks(mailbox: Mailbox, folder: FolderRow) -> FolderCensus:
    lack = lack_of(mailbox, folder)
    return FolderCensus(
        folder.path, folder.source_name, folder.uidvalidity, unreadable=dict(lack.unreadable), error=lack.error,
        unlisted=lack.unlisted, unread=lack.unread, reached=lack.reached,
    )  # fmt: skip
