"""One run against one target: what `deliver` and `copy` do alike, around the delivery of each folder."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bascule.deliver.folder_delivery import DeliveryOptions, FolderDelivery
from bascule.deliver.folder_map import FolderMap, MappedFolder
from bascule.deliver.moves import EarlierCopies, follow_moves
from bascule.deliver.parcel import Parcel
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.renames import find_renamed
from bascule.deliver.review import Agenda, Reviewer, agenda_of, note_vanished
from bascule.deliver.session import TargetSession
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.folder import FolderPath
from bascule.terms.later_runs import New
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.imap import ImapClient
from bascule.wire.together import run_together

Connect = Callable[[], Awaitable[ImapClient]]
Refused = Callable[[FolderRow, Parcel, Outcome], None]


def forget_refused(row: FolderRow, parcel: Parcel, outcome: Outcome) -> None:
    """For callers that keep no copy of what the target refuses."""


@dataclass(frozen=True, slots=True)
class DeliverOptions:
    """``prefix``: put every folder below this name. ``renames``: folders that go elsewhere, by the user's choice."""

    connections: int = 3
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    prefix: str = ""
    renames: Mapping[FolderPath, FolderPath] = field(default_factory=dict)
    takes_folder: Callable[[FolderPath], bool] = lambda path: True


class TargetRun:
    """`begin`, `map_folders`, `review`, then a `delivery` for each folder that has something to deliver, then `conclude`."""

    def __init__(
        self,
        mailbox: Mailbox,
        location: str,
        connect: Connect,
        options: DeliverOptions,
        watcher: Watcher = SILENT,
        refused: Refused = forget_refused,
    ) -> None:
        self.mailbox = mailbox
        self.ledger: Ledger = mailbox.ledger(location)
        self.options = options
        self.watcher = watcher
        self.mapped: list[MappedFolder] = []
        self._connect = connect
        self._refused = refused
        self._folders = FolderMap(options.prefix, options.renames)
        self._earlier = EarlierCopies()
        self._listed: frozenset[bytes] = frozenset()
        self._idle: list[ImapClient] = []

    async def begin(self) -> None:
        """Connect. Raises ConnectError."""
        self._idle.append(await self._connect())

    async def session(self) -> TargetSession:
        """A connection of the caller's own, to be closed. Raises ConnectError."""
        return TargetSession(self._connect, self._idle.pop() if self._idle else await self._connect())

    async def _client(self) -> ImapClient:
        if not self._idle:
            self._idle.append(await self._connect())
        return self._idle[0]

    # -- folders ------------------------------------------------------------------------------------------------------

    async def map_folders(self, rows: Sequence[FolderRow]) -> None:
        """Which folder of the target takes which of ours; those that are missing are made. Messages of a folder that the target
        refuses get their outcome."""
        client = await self._client()
        self._listed = await find_renamed(client, self.mailbox, self.ledger)
        self.mapped = await self._folders.prepare(client, rows)
        for folder in self.mapped:
            if folder.refusal:
                await self.refuse_folder(folder.row, folder.refusal)

    async def map_late(self, session: TargetSession, row: FolderRow) -> MappedFolder:
        """One more folder, of which it was not known whether it can be opened on the old side."""
        mapped = await self._folders.prepare_late(session.client, row)
        self.mapped.append(mapped)
        return mapped

    async def refuse_folder(self, row: FolderRow, reason: str) -> None:
        """An outcome for each message of a folder that the target does not make or open."""
        outcome = Outcome(OutcomeCode.REFUSED_FOLDER, reason)
        rows = await self.mailbox.run(list, self.mailbox.messages.undelivered(row.id, self.ledger.target))
        await self.mailbox.run(self.ledger.settle, row.id, [(message.id, outcome) for message in rows])

    # -- the run ------------------------------------------------------------------------------------------------------

    async def review(self, fresh_since: int | None) -> None:
        """Learn what became of what earlier runs delivered (`bascule.deliver.review`). Raises TargetError, ConnectError."""
        level = self.options.delivery.verify
        await self._review(await self.mailbox.run(agenda_of, self.mailbox, self.ledger, level, fresh_since), level)

    async def _review(self, agenda: Agenda, level: VerifyLevel) -> None:
        for folder, rows in agenda.vanished.items():
            if folder not in agenda.folders:
                note_vanished(self._earlier, rows, {}, New.NOT_LOOKED)
        queue = deque(sorted(agenda.folders))

        async def work() -> None:
            session = await self.session()
            reviewer = Reviewer(
                session, self.mailbox, self.ledger, level, self.options.delivery.settle_seconds, agenda, self._listed,
                self._earlier, self.watcher,
            )  # fmt: skip
            try:
                while queue:
                    await reviewer.review(queue.popleft())
            finally:
                await self._give_back(session)

        await run_together([work() for _ in range(min(self.options.connections, len(queue)))])

    async def _give_back(self, session: TargetSession) -> None:
        """Kept for the next who wants one."""
        if session.client.connection.is_open:
            self._idle.append(session.client)

    def delivery(self, session: TargetSession, folder: MappedFolder) -> FolderDelivery:
        """For one folder, over the session's connection."""
        return FolderDelivery(
            session, self.mailbox, self.ledger, folder, self.options.delivery, self.watcher,
            partial(self._refused, folder.row), self._earlier,
        )  # fmt: skip

    async def conclude(self) -> None:
        """What turned out to be there already gets its flags, what moved on the old side makes way; connections are closed. Raises
        TargetError, ConnectionLost."""
        none = VerifyLevel.NONE
        await self._review(await self.mailbox.run(agenda_of, self.mailbox, self.ledger, none, None), none)
        await follow_moves(self.session, self.mailbox, self.ledger, self.watcher)
        await self.close()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().logout()
