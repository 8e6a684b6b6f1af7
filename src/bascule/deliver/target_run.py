"""One run against one target: what `deliver` and `copy` do alike, around the delivery of each folder."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from bascule.deliver.agenda import Agenda, agenda_of
from bascule.deliver.folder_delivery import DeliveryOptions, FolderDelivery
from bascule.deliver.folder_map import Beside, FolderMap, MappedFolder
from bascule.deliver.limits import QUOTA_ROUNDS
from bascule.deliver.making_way import follow_moves
from bascule.deliver.moves import EarlierCopies, claim_delivered_moves, mend_moves
from bascule.deliver.parcel import Parcel
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.renames import Listing, find_again, holds_what_was_delivered, replaced_folders
from bascule.deliver.review import Reviewer, note_vanished
from bascule.deliver.session import OverQuota, TargetSession
from bascule.deliver.target_view import FolderRenamed
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.mailbox.setting_apart import set_apart
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.protocols.imap.responses import Status
from bascule.terms.errors import BasculeError
from bascule.terms.folder import FolderPath
from bascule.terms.later_runs import FolderAction, New, NewFolder, OldFolder, decide_folder
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.terms.watch import SILENT, Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import Connections, ImapClient
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
        self._connections = Connections(connect, location, watcher)
        self._refused = refused
        self._folders = FolderMap(options.prefix, options.renames)
        self._earlier = EarlierCopies()
        self._listing = Listing(mailbox, self.ledger)
        self._known: dict[int, TargetFolder] = {}
        self._idle: list[ImapClient] = []
        self._delivered_to: set[int] = set()
        self._to_deliver_again: set[int] = set()
        self._others: Set[int] = frozenset()

    async def begin(self) -> None:
        """Connect. Raises ConnectError."""
        self._idle.append(await self._connections.one_more())

    async def session(self) -> TargetSession:
        """A connection of the caller's own, to be closed. Raises ConnectError; NoPlace where the target takes no further one beside
        those there are."""
        client = self._idle.pop() if self._idle else await self._connections.one_more()
        return TargetSession(self._connections, client)

    # -- folders ------------------------------------------------------------------------------------------------------

    async def map_folders(
        self, rows: Sequence[FolderRow], late: Container[int] = (), others: Set[int] = frozenset()
    ) -> None:
        """Which folder of the target takes which of ours; those that no run has made yet are made. Not ``late`` ones, of which the old
        side did not say that they can be opened, nor those that somebody deleted on the new side since: they are made when something is to
        be put in (`place`). ``others``: those that are known to be another folder than when earlier runs delivered from it, also of those that are
        not in this run. Messages of a folder that the target refuses get their outcome. Raises CommandRefused, TargetError."""
        others |= await self.mailbox.run(self._perhaps_others)
        self._others = others & {row.id for row in rows}
        session = await self.session()
        try:
            await _though_it_ends(session, lambda: self._map(session.client, rows, late, others))
        finally:
            await self._give_back(session)

    def _perhaps_others(self) -> set[int]:
        """Rows whose folder on the old side is another one than it was, or got another UIDVALIDITY since they were placed. Blocks."""
        placed, revalidated = self.ledger.placed(), self.mailbox.folders.revalidated()
        perhaps = {folder for folder, delta in revalidated.items() if delta > placed.get(folder, 0)}
        return perhaps | replaced_folders(self.mailbox, self.ledger)

    async def place_others(self) -> None:
        """Once it is known what is still in the folders that `map_folders` was told to be others, and before anything is reviewed: what was delivered from those
        that leave their folder of the target stays there, as what a former folder of the old side had (`set_apart`). One in which something is there still
        does not leave where nobody else has its place; one that can't be read tonight is left to the next run. Raises CommandRefused, TargetError."""
        leaving = [folder for folder in self.mapped if folder.row.id in self._folders.leaving]
        surveyed = await self.mailbox.run(self._perhaps_others)
        for folder in leaving:
            place = self._known[folder.row.id].name
            is_anothers = self._folders.is_anothers(folder, place)
            is_same = await self.mailbox.run(holds_what_was_delivered, self.mailbox, self.ledger, folder.row.id)
            if folder.row.id in surveyed and (is_anothers or not is_same):
                await self.mailbox.run(set_apart, self.mailbox.database, self.ledger, folder.row.id)
                del self._known[folder.row.id]
            elif not is_anothers:
                stays = self._folders.stay(folder, place)
                self.mapped = [stays if each is folder else each for each in self.mapped]
        if self._others:
            await self.mailbox.run(self.ledger.note_placed, self._others)
        if apart := [folder for folder in leaving if folder.row.id not in self._known]:
            self._to_deliver_again |= {folder.row.id for folder in apart}
            self._folders.leaving -= self._to_deliver_again
            session = await self.session()
            try:
                there = [folder for folder in apart if folder.there]
                await _though_it_ends(session, lambda: self._make(session.client, there))
            finally:
                await self._give_back(session)

    def _beside(self, rows: Set[int], others: Container[int]) -> Beside:
        """The folders that are not in this run: those that the old side has, and those that have a name on the target by the user's choice, and may be back.
        Blocks."""
        away = [row for row in self.mailbox.folders.all(gone=True) if row.id not in rows]
        known = [row for row in away if row.id in self._known and row.id not in others]
        return Beside(
            frozenset(self._known[row.id].name for row in known if not row.gone or row.path in self.options.renames),
            frozenset(row.path for row in away if not row.gone and row.selectable),
        )

    async def _map(
        self, client: ImapClient, rows: Sequence[FolderRow], late: Container[int], others: Container[int]
    ) -> None:
        await self._listing.ask(client, others)
        self._known = await self.mailbox.run(self.ledger.folders)
        names = {folder: known.name for folder, known in self._known.items()}
        beside = await self.mailbox.run(self._beside, {row.id for row in rows}, others)
        self.mapped = await self._folders.map(client, rows, names, others, beside)
        wanted = [f for f in self.mapped if f.row.id not in late and self._is_wanted(f, has_something=False)]
        await self._make(client, wanted)
        for folder in self.mapped:
            if folder.refusal:
                await self.refuse_folder(folder.row, folder.refusal)

    def _is_wanted(self, folder: MappedFolder, *, has_something: bool) -> bool:
        if folder.there:
            return True
        new = NewFolder.GONE if folder.row.id in self._known else NewFolder.NEVER_MADE
        return decide_folder(OldFolder.SAME, new, has_something_to_deliver=has_something) is FolderAction.MAKE

    async def _make(self, client: ImapClient, folders: Sequence[MappedFolder]) -> None:
        """Make what is not there; `mapped` has what came of it, and the ledger that they are used."""
        made = {f.row.id: f for f in await self._folders.make_all(client, folders)}
        self.mapped = [made.get(f.row.id, f) for f in self.mapped]
        for sentence in self._folders.notes:
            self.watcher.note(sentence)
        self._folders.notes.clear()
        was_there = {f.row.id for f in folders if f.there}
        fresh = [
            f
            for f in made.values()
            if f.there and f.row.id not in self._folders.leaving and not (f.row.id in was_there and self._is_known(f))
        ]
        if fresh:
            try:
                states = await client.identities([f.name for f in fresh])
            except ConnectionLost:
                await self.mailbox.run(self._record_made, fresh, {})  # what was made is known, if not by what
                raise
            await self.mailbox.run(self._record_made, fresh, states)

    def _is_known(self, folder: MappedFolder) -> bool:
        known = self._known.get(folder.row.id)
        return known is not None and known.name == folder.name

    def _record_made(self, folders: Sequence[MappedFolder], states: Mapping[bytes, Status]) -> None:
        """By what each is known again, if somebody renames it before anything is delivered to it."""
        for folder in folders:
            status = states.get(folder.name, Status(folder.name, {}))
            validity = status.items.get("UIDVALIDITY", 0)
            self.ledger.record_folder(
                TargetFolder(folder.row.id, folder.name, validity, mailboxid=status.mailboxid or None)
            )

    def tell_apart(self, reasons: Mapping[int, str]) -> None:
        """By row: why the old side's own name was not kept. The report says so where it says what the folder is called on the target."""
        self.mapped = [
            replace(f, renamed="; ".join(r for r in (reasons[f.row.id], f.renamed) if r)) if f.row.id in reasons else f
            for f in self.mapped
        ]

    async def place(self, session: TargetSession, folder: MappedFolder, *, has_something: bool) -> MappedFolder | None:
        """The folder, made now where it is not there yet; None where nothing is to be put in and somebody deleted it. Raises CommandRefused,
        TargetError."""
        folder = self._now(folder)
        if not folder.there and not folder.refusal:
            if not self._is_wanted(folder, has_something=has_something):
                return None
            if folder.row.id in self._known:  # it was there once, and was perhaps renamed since the folders were listed
                return await self._there_again(session, folder)
            await _though_it_ends(session, lambda: self._make(session.client, [folder]))
        return self._now(folder)

    def folders_to_open(self) -> set[int]:
        """Of `Ledger.folders_in_doubt` those that the target has: of one that somebody deleted nothing can be learnt. Blocks."""
        return self.ledger.folders_in_doubt() & {f.row.id for f in self.mapped if f.there}

    def _now(self, folder: MappedFolder) -> MappedFolder:
        return next(f for f in self.mapped if f.row.id == folder.row.id)

    async def refuse_folder(self, row: FolderRow, reason: str) -> None:
        """An outcome for each message of a folder that the target does not make or open, or no longer. One whose batch was sent, and not answered,
        stays in doubt: the target may have it."""
        outcome = Outcome(OutcomeCode.REFUSED_FOLDER, reason)
        rows = await self.mailbox.run(self._never_sent, row)
        await self.mailbox.run(self.ledger.settle, row.id, [(message, outcome) for message in rows])

    def _never_sent(self, row: FolderRow) -> list[int]:
        """The folder's messages that are still to be delivered, and are in no batch of which the answer was not heard. Blocks."""
        in_doubt = {message for intent in self.ledger.intents(row.id) for message in intent.given}
        left = self.mailbox.messages.undelivered(row.id, self.ledger.target, self.ledger.missing_since())
        return [message.id for message in left if message.id not in in_doubt]

    # -- the run ------------------------------------------------------------------------------------------------------

    async def review(self, fresh_since: int | None) -> None:
        """Learn what became of what earlier runs delivered (`bascule.deliver.review`). Raises TargetError, ConnectError."""
        level = self.options.delivery.verify
        await self.mailbox.run(self.ledger.release)
        self._earlier.in_doubt = await self.mailbox.run(self.ledger.moves_in_doubt)
        agenda = await self.mailbox.run(agenda_of, self.mailbox, self.ledger, level, fresh_since)
        agenda.folders |= await self.mailbox.run(self._back_again)
        await self._review(agenda, level)
        if self._earlier.in_doubt:
            await self.mailbox.run(self.ledger.release)
            self._earlier.settle_doubts(await self.mailbox.run(self.ledger.moves_in_doubt))
        if self._earlier:
            claimed = await self.mailbox.run(claim_delivered_moves, self.mailbox, self.ledger, to_what_vanished=True)
            self._earlier.forget(claimed)

    def _back_again(self) -> set[int]:
        """The rows of folders that had been gone, and that the target lists again. Blocks."""
        away = self.ledger.unfinished.folders_away()
        return {row for row, known in self.ledger.folders().items() if row in away and self._listing.has(known)}

    async def _review(self, agenda: Agenda, level: VerifyLevel) -> None:
        for folder, rows in agenda.vanished.items():
            if folder not in agenda.folders:
                note_vanished(self._earlier, rows, {}, New.NOT_LOOKED)
        queue = deque(sorted(agenda.folders))

        async def work() -> None:
            session = await self.session()
            reviewer = Reviewer(
                session, self.mailbox, self.ledger, level, self.options.delivery.settle_seconds, agenda, self._listing,
                self._earlier, self.watcher,
            )  # fmt: skip
            try:
                while queue:
                    await reviewer.review(queue.popleft())
                await self._follow_renamed(session.client)
            finally:
                await self._give_back(session)

        await run_together([work() for _ in range(min(self.options.connections, len(queue)))])

    async def _follow_renamed(self, client: ImapClient) -> None:
        """`mapped` has the names that folders were found under since it was made."""
        used = await self.mailbox.run(self.ledger.folders)
        self.mapped = [
            self._folders.follow(client, f, now.name) if (now := used.get(f.row.id)) and self._is_renamed(f, now) else f
            for f in self.mapped
        ]

    def _is_renamed(self, folder: MappedFolder, now: TargetFolder) -> bool:
        return now.name not in (folder.name, b"") and (
            folder.there or (self._listing.has(now) and all(f.name != now.name for f in self.mapped))
        )

    async def _give_back(self, session: TargetSession) -> None:
        """Kept for the next who wants one."""
        if session.client.connection.is_open:
            self._idle.append(session.client)

    @asynccontextmanager
    async def delivering(self, session: TargetSession, folder: MappedFolder) -> AsyncIterator[FolderDelivery]:
        """For one folder, which is `there`, over the session's connection. One that somebody renamed since the folders were listed is found under its
        new name, and one that somebody deleted is made again, as something is to be put in. However the work within ends, what is in flight is
        heard. Raises CommandRefused, TargetError."""
        delivery = await self._open(session, folder)
        try:
            yield delivery
        except BaseException:
            await delivery.hear_out()
            raise

    async def _open(self, session: TargetSession, folder: MappedFolder) -> FolderDelivery:
        delivery = self._delivery(session, folder)
        try:
            await delivery.open()
            return delivery
        except FolderRenamed:
            pass
        except CommandRefused as error:
            if meaning_of(error.code, error.reason) is not Meaning.GONE or await session.has_still(folder.name):
                raise
        delivery = self._delivery(session, await self._there_again(session, folder))
        await delivery.open()
        return delivery

    async def _there_again(self, session: TargetSession, folder: MappedFolder) -> MappedFolder:
        known = self._known.get(folder.row.id)
        before = TargetFolder(folder.row.id, known.name if known else folder.name)
        name = await find_again(session, self.mailbox, self.ledger, before)
        if name is None:
            lost = self._folders.anew(folder)
            await _though_it_ends(session, lambda: self._make(session.client, [lost]))
            again = self._now(folder)
        else:
            again = self._folders.follow(session.client, folder, name)
            self.mapped = [again if f.row.id == folder.row.id else f for f in self.mapped]
        return replace(again, row=folder.row)

    def _delivery(self, session: TargetSession, folder: MappedFolder) -> FolderDelivery:
        self._delivered_to.add(folder.row.id)
        return FolderDelivery(
            session, self.mailbox, self.ledger, folder, self.options.delivery, self.watcher,
            partial(self._refused, folder.row), self._earlier,
        )  # fmt: skip

    async def deliver_while_there_is_room(self, work: Callable[[], Awaitable[None]]) -> None:
        """``work`` delivers all that is left. Where the target has no room for it, the earlier copies of what moved make way at once, and as long as
        that makes room the work goes on. Raises OverQuota, and what ``work`` raises."""
        rounds = 0
        while True:
            try:
                await work()
                return
            except OverQuota:
                if not await self._make_room() or rounds == QUOTA_ROUNDS:
                    raise
                rounds += 1
                self.watcher.note("what moved on the old side made room on the target; going on")

    async def _make_room(self) -> bool:
        try:
            return await follow_moves(self.session, self.mailbox, self.ledger, self.watcher) > 0
        except (BasculeError, ConnectionLost):  # why the run stops is that there is no room
            return False

    async def to_deliver_again(self) -> set[int]:
        """The rows of folders in which there is something to deliver after all, once all was looked at (`place_others`, `mend_moves`)."""
        again = await self.mailbox.run(mend_moves, self.mailbox, self.ledger, {f.row.id for f in self.mapped})
        return again | self._to_deliver_again | self._earlier.to_deliver_again

    async def conclude(self) -> None:
        """What turned out to be there already gets its flags, what moved on the old side makes way; connections are closed. Raises
        TargetError, ConnectionLost."""
        none = VerifyLevel.NONE
        agenda = await self.mailbox.run(agenda_of, self.mailbox, self.ledger, none, None, frozenset(self._delivered_to))
        await self._review(agenda, none)
        await self.mailbox.run(self.ledger.release)  # of what was in doubt at the beginning, and was not there
        await follow_moves(self.session, self.mailbox, self.ledger, self.watcher)
        await self.close()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().logout()


async def _though_it_ends(session: TargetSession, work: Callable[[], Awaitable[None]]) -> None:
    """Work that goes on from where it was, on another connection where one ends. Raises TargetError where that happens again and again."""
    while True:
        try:
            return await work()
        except ConnectionLost as error:
            await session.renew(error)
