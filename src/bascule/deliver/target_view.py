"""One folder of the target as we know it: what it held before us, what is ours, and what nobody has looked at yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from bascule.deliver.arrivals import pair_by_details, pair_in_order
from bascule.deliver.doubled import surplus_copies
from bascule.deliver.expectation import DELETED, NO_LONGER_THERE, Expectation, absent, without_uid
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.likeness import likeness_of
from bascule.deliver.look import Found, read_contents, read_details, read_flags
from bascule.deliver.pool import FreeCopies
from bascule.deliver.recognition import keeps_its_uids
from bascule.deliver.removal import Ours, Removal, Removed
from bascule.deliver.renames import find_again
from bascule.deliver.session import TargetError, TargetSession
from bascule.deliver.shared_copies import Standing, standing_on
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Foreign, Ledger, TargetFolder
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.body import Body
from bascule.terms.flags import Flags
from bascule.terms.later_runs import Decision, New, Old, decide, knowledge
from bascule.terms.outcome import OutcomeCode
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import MailboxState

NOT_GIVEN = "it lists UID {} in the folder and does not give it; have its index repaired"


class FolderRenamed(Exception):
    """Another folder has the name by now. ``name``: the one that this one has, as the ledger knows since; empty: it is gone."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name


class TargetView:
    """`open` it first. ``row`` is what the ledger remembers of the folder; ``uidnext`` what the target said last; ``opened_uidnext``
    what it said when this run came: a UID from there on arrived meanwhile. ``is_new``: the UIDs that we knew mean nothing in it."""

    def __init__(self, session: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: MappedFolder) -> None:
        self._session = session
        self._mailbox = mailbox
        self._ledger = ledger
        self._folder = folder
        self._free = FreeCopies()
        self._stood_for: dict[int, list[int]] = defaultdict(list)
        self._removal = Removal()
        self._has_marked = False
        self.row = TargetFolder(folder.row.id, folder.name)
        self.uidnext = 1
        self.opened_uidnext = 1
        self.unwatched_from = 1
        """UIDs from here on may hold what came beside ours: nobody has looked since ours were sent, in this run or in one that stopped."""
        self.is_new = False

    async def open(self) -> None:
        """Select the folder. Nothing is looked at yet. Raises CommandRefused, TargetError, and FolderRenamed, where somebody renamed it since the folders were
        listed, and made another of its name."""
        self._state = state = await self._session.select(self._folder.name)
        known = await self._mailbox.run(self._ledger.folder, self.row.folder)
        if known and known.mailboxid and state.mailboxid not in (None, known.mailboxid):
            if known.name == self._folder.name:
                await find_again(self._session, self._mailbox, self._ledger, known)
                known = await self._mailbox.run(self._ledger.folder, self.row.folder)
            if known and known.name != self._folder.name:  # which may have been heard when another folder was opened
                raise FolderRenamed(known.name)
        same = known is not None and keeps_its_uids(known, state)
        is_another = known is not None and known.uidvalidity != 0 and not same
        self.is_new = is_another or await self._mailbox.run(self._ledger.unfinished.was_replaced, self.row.folder)
        looked = known.looked_uidnext if known and same else 1
        mailboxid = state.mailboxid or (known.mailboxid if known and same else None)
        self.row = TargetFolder(self.row.folder, self._folder.name, state.uidvalidity, looked, mailboxid)
        await self._mailbox.run(self._ledger.record_folder, self.row, is_another=is_another)
        self.uidnext = self.opened_uidnext = state.uidnext or looked
        since = await self._mailbox.run(self._ledger.unfinished.unwatched_since, self.row.folder)
        self.unwatched_from = self.opened_uidnext if since is None else min(self.opened_uidnext, since)

    async def open_and_look(self) -> None:
        """The same, and learn what it holds that we do not know, so that nothing is sent twice. Raises CommandRefused, FolderRenamed, TargetError."""
        await self.open()
        await self.recall_free()
        await self.look(self._state)
        if not self._state.uidnext:
            self.opened_uidnext = self.row.looked_uidnext
        await self._look_for_missing()
        await self.settle_unnamed()

    async def recall_free(self) -> None:
        """What an earlier run looked at, and no message of ours was known to lie in, as far as it is still there: one that was cut may have
        looked at what had been in doubt, and not have come to say so. Raises CommandRefused, TargetError."""
        await self._add_free(await self._mailbox.run(self._ledger.foreign, self.row.folder))
        if self._free:
            await self._forget_gone()

    async def _add_free(self, copies: Sequence[Foreign]) -> None:
        """Not those that another of our folders has equal ones in, where the target has one folder for both: they stand for these. Nor what is named as one
        copy too many, which somebody is asked to remove."""
        if not copies:
            return
        contents = {copy.uid: copy.sha256 for copy in copies}
        others = await self._standing_for_others(contents)
        taken = await self._mailbox.run(surplus_copies, self._mailbox, self._ledger.target, self.row.folder)
        for one in others:
            if one.is_present and one.sha256 == contents[one.uid]:
                taken.add(one.uid)
            elif not one.is_present:
                self._stood_for[one.uid].append(one.message)
        self._free.add(copy for copy in copies if copy.uid not in taken)

    async def _standing_for_others(self, uids: Iterable[int]) -> list[Standing]:
        """Messages of other folders of ours for which these copies stand."""
        here = self.row.folder
        found = await self._mailbox.run(partial(standing_on, but_for=here), self._mailbox, self._ledger, here, uids)
        apart = await self._others({one.name for one in found if not one.is_certain} - {b""})
        return [one for one in found if one.name not in apart]

    async def _others(self, names: Set[bytes]) -> set[bytes]:
        """Those of these that the target has with this one's UIDVALIDITY: folders beside it, as far as anybody can tell. Where it has none such any more, this is
        the one that had the name."""
        while names:
            try:
                states = await self._session.client.identities(sorted(names))
            except ConnectionLost as error:
                await self.renew(error)
            else:
                return {n for n, told in states.items() if told.items.get("UIDVALIDITY") == self.row.uidvalidity}
        return set()

    async def _forget_gone(self) -> None:
        """Copies that were free when we looked last, and that somebody has removed since, or marked as deleted."""
        while True:
            try:
                there = set(await self._session.client.uids_from())
                self._free.mark(await read_flags(self._session.client, self._free.uids() & there))
                break
            except ConnectionLost as error:
                await self.renew(error)
        gone = self._free.uids() - there
        for uid in gone:
            self._free.remove(uid)
        await self._mailbox.run(self._ledger.forget_foreign, self.row.folder, gone)

    async def renew(self, error: ConnectionLost) -> None:
        """Back into the folder on a new connection. Raises TargetError when it is another folder now."""
        await self._session.renew(error)
        await self.reselect()

    async def reselect(self) -> None:
        """Into the folder again: some targets show what was appended only then. Raises TargetError when it is another folder now."""
        state = await self._session.select(self._folder.name)
        if not (state.uids_last and self.row.is_still(state.uidvalidity, state.mailboxid)):
            raise TargetError(
                f"The target's folder {self._folder.display} was replaced, or gave other UIDs, while it was being filled.",
                "Run the same command again; it looks at the new folder first.",
            )
        self.uidnext = state.uidnext

    # -- looking ------------------------------------------------------------------------------------------------------

    async def look(self, state: MailboxState | None = None) -> None:
        """Read what the target holds and we do not know. Nothing may be in flight."""
        while True:
            try:
                await self._read_unknown(state)
                return
            except ConnectionLost as error:
                await self.renew(error)
                state = None

    async def _look_for_missing(self) -> None:
        """Where the target had told that a message lies which it did not show then: its UID may be below what was looked at since."""
        run, folder = self._mailbox.run, self.row.folder
        if not (told := await run(self._ledger.missing_uids, folder)):
            return
        known = {f.uid for f in await run(self._ledger.foreign, folder)} | await run(self._ledger.our_uids, folder)
        unseen = sorted(told - known)
        while True:
            try:
                await self._adopt(await self._read(unseen))
                return
            except ConnectionLost as error:
                await self.renew(error)

    async def look_anew(self) -> None:
        """The same for all that arrived since this run came: what was taken for ours may be another's."""
        self.row = replace(self.row, looked_uidnext=min(self.row.looked_uidnext, self.opened_uidnext))
        await self.look()

    async def _read_unknown(self, state: MailboxState | None) -> None:
        looked = self.row.looked_uidnext
        if state is not None and (state.exists == 0 or (state.exists and 0 < state.uidnext <= looked)):
            return
        unknown = await self._unknown_uids()
        if unknown:
            foreign = {f.uid for f in await self._mailbox.run(self._ledger.foreign, self.row.folder)}
            ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
            fresh = [uid for uid in unknown if uid not in ours and uid not in foreign]
            await self._adopt(await self._read(fresh))
            self.row = replace(self.row, looked_uidnext=unknown[-1] + 1)
            await self._mailbox.run(self._ledger.record_folder, self.row)

    async def _read(self, uids: Sequence[int]) -> list[Found]:
        """What these hold that are still there. Raises CommandRefused where one is listed and not given: it may be ours."""
        client = self._session.client
        found = await read_contents(client, uids)
        silent = set(uids) - {one.uid for one in found}
        if silent and (listed := silent & set(await client.uids_from(min(silent)))):
            raise CommandRefused("UID FETCH", "NO", None, NOT_GIVEN.format(min(listed)))
        return found

    async def look_at_strangers(self) -> None:
        """Read what is not ours and arrived since this run came. Where our UIDs follow one another nothing did before the last of them, and nothing is
        asked for: what came later finds ours there. Raises CommandRefused, ConnectionLost."""
        since = max(self.opened_uidnext, self.row.looked_uidnext)
        ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
        arrived = [uid for uid in ours if uid >= since]
        follow_one_another = bool(arrived) and max(arrived) - since + 1 == len(arrived)
        found = sorted(arrived) if follow_one_another else await self._session.client.uids_from(since)
        if set(found) - ours:
            await self._read_unknown(None)
        elif found and self.row.looked_uidnext >= self.opened_uidnext:
            self.row = replace(self.row, looked_uidnext=found[-1] + 1)
            await self._mailbox.run(self._ledger.record_folder, self.row)

    async def _unknown_uids(self) -> list[int]:
        return await self._session.client.uids_from(self.row.looked_uidnext)

    async def _adopt(self, found: Sequence[Found]) -> None:
        """Record messages that were read; those delivered without a UID find theirs among them first."""
        copies = [Foreign(f.uid, f.sha256, f.likeness, f.date_utc, f.flags) for f in found]
        await self._mailbox.run(self._ledger.record_foreign, self.row.folder, copies)
        await self._add_free(copies)
        await self._name_by_content()

    async def _name_by_content(self) -> None:
        unnamed = await self.unnamed()
        named = [(e, self._free.take(e.sha256, date_utc=e.date.utc_seconds, flags=e.flags)) for e in unnamed]
        await self._record_names({e.message: copy.uid for e, copy in named if copy is not None})

    # -- UIDs that the target did not tell ----------------------------------------------------------------------------

    async def unnamed(self) -> list[Expectation]:
        """What has a copy in the folder and no UID, in the order of sending."""
        return await self._mailbox.run(without_uid, self._mailbox, self._ledger.target, self.row.folder)

    async def name_unnamed(self) -> None:
        """Find the UIDs of what was delivered without one: by size and date where nothing else of these arrived, by content, and what arrived since
        this run came by its place. Raises CommandRefused, ConnectionLost."""
        await self.name_by_details()
        if left := await self.unnamed():
            await self.look()
            left = await self.unnamed()
            await self._name(pair_in_order(left, await self._arrived(self.opened_uidnext)))

    async def name_by_details(self) -> None:
        """The same as far as size and date tell. Raises CommandRefused, ConnectionLost."""
        if unnamed := await self.unnamed():
            arrived = await self._arrived(self.row.looked_uidnext)
            await self._name(pair_by_details(unnamed, arrived, only_if_certain=True))

    async def name_seen(self, seen: Mapping[int, MessageData]) -> None:
        """The same of what was seen when it had arrived, there or not by now: by size and date, where nothing else of these arrived."""
        ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
        arrived = {uid: data for uid, data in seen.items() if uid not in ours}
        await self._name(pair_by_details(await self.unnamed(), arrived, only_if_certain=True))

    async def settle_unnamed(self) -> None:
        """What has no UID from earlier runs, or has none any more (a new UIDVALIDITY): it is found; else it was removed where somebody had seen it
        there, and is missing where nobody ever did. What is a fault where it was never seen (`later_runs.decide`) stays one: the target altered
        it, perhaps beyond recognition."""
        if await self.unnamed():
            await self._find_unnamed()
        if self.is_new:
            await self._mailbox.run(self._ledger.unfinished.looked_into, self.row.folder)

    async def _find_unnamed(self) -> None:
        await self._add_free(
            await self._mailbox.run(self._ledger.foreign, self.row.folder)
        )  # an earlier run may have read it
        await self._name_by_content()
        while True:
            try:
                await self._session.client.noop()
                await self.name_unnamed()
                await self._name_altered()
                break
            except ConnectionLost as error:
                await self.renew(error)
        left = [(e, self._never_seen(e).record) for e in await self.unnamed()]
        gone = [e.message for e, record in left if record is OutcomeCode.REMOVED]
        await self._mailbox.run(self._ledger.removed, gone, NO_LONGER_THERE)
        missing = [absent(e) for e, record in left if record is OutcomeCode.MISSING]
        await self._mailbox.run(self._ledger.read_back, missing)

    def _never_seen(self, expected: Expectation) -> Decision:
        """What becomes of a message whose copy is found nowhere. Under another UIDVALIDITY its UID had been told."""
        was_seen = expected.is_read_back or self.is_new
        return decide(Old.SAME, New.NEVER_SEEN, knowledge(expected.code, is_read_back=was_seen))

    async def _name_altered(self) -> None:
        """What the target may have altered is found by no content: it is a copy of its size and date that stands for no message."""
        altered = [e for e in await self.unnamed() if e.code is not OutcomeCode.DELIVERED or e.traits.may_be_altered]
        if altered and (free := self._free.dated({e.date.utc_seconds for e in altered})):
            await self._name(pair_by_details(altered, await read_details(self._session.client, free)))

    async def _arrived(self, since: int) -> dict[int, MessageData]:
        """What lies from ``since`` on and is not known as ours."""
        ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
        found = await self._session.client.uids_from(since)
        return await read_details(self._session.client, [uid for uid in found if uid not in ours])

    async def _name(self, paired: Mapping[int, int]) -> None:
        for uid in self._free.uids() & set(paired.values()):
            self._free.remove(uid)
        await self._record_names(paired)

    async def _record_names(self, paired: Mapping[int, int]) -> None:
        if paired:
            await self._mailbox.run(self._ledger.named, self.row.folder, paired)

    # -- copies -------------------------------------------------------------------------------------------------------

    @property
    def has_free_copies(self) -> bool:
        return bool(self._free)

    def take(
        self, body: Body, date_utc: int, flags: Flags | None, *, above: int = 0, deleted: bool = True
    ) -> Foreign | None:
        """A copy that stands for no message yet, from UID ``above`` on; it does from now on. One of this date and with these flags comes first. ``deleted``: also
        one that is marked so."""
        alike = likeness_of(body) if body.traits.may_be_altered else None
        return self._free.take(body.sha256, alike, above=above, date_utc=date_utc, flags=flags, deleted=deleted)

    def has_dated(self, body: Body, date_utc: int) -> bool:
        """Whether a copy of this content and date stands for no message yet."""
        return self._free.has_dated(body.sha256, date_utc)

    def stood_for(self, uid: int) -> list[int]:
        """Messages of other folders of ours, gone from there on the old side, whose copy this is: the target has one folder for both."""
        return self._stood_for.get(uid, [])

    def take_digest(self, digest: bytes, alike: bytes | None = None, *, above: int = 0) -> Foreign | None:
        return self._free.take(digest, alike, above=above)

    def free_copies(self, digest: bytes, *, above: int) -> list[Foreign]:
        """The copies of this content, from UID ``above`` on, that stand for no message yet; some may be there no longer."""
        return self._free.of_content(digest, above)

    async def details_of(self, uids: Iterable[int]) -> dict[int, MessageData]:
        """Flags, date and size of those that are there now. Raises CommandRefused, ConnectionLost."""
        return await read_details(self._session.client, uids)

    @property
    def removes_single_messages(self) -> bool:
        """Whether it tells the UID of what it takes, and removes a message by its UID (UIDPLUS, RFC 4315)."""
        return self._session.client.has_uid_expunge and self._state.uids_last

    def take_uid(self, uid: int) -> None:
        """This one stands for a message of ours from now on."""
        self._free.remove(uid)

    async def remove(self, copies: Sequence[Ours]) -> Removed:
        """Remove copies of ours that nobody touched, and that stand for no message of another folder, on a target that `removes_single_messages`. Raises ConnectionLost; `take_back_marks` where
        it is not tried again."""
        kept = {one.uid for one in await self._standing_for_others([copy.uid for copy in copies])}
        own = [copy for copy in copies if copy.uid not in kept]
        if unmarked := [copy.uid for copy in own if DELETED.isdisjoint(copy.now)]:
            await self._mailbox.run(self._ledger.unfinished.about_to_mark, self.row.folder, unmarked)
            self._has_marked = True
        removed = await self._removal.remove(self._session.client, own)
        await self._mailbox.run(self._ledger.forget_foreign, self.row.folder, removed.gone)
        return replace(removed, refused=removed.refused | kept)

    def has_our_mark(self, uid: int) -> bool:
        r"""Whether we marked it ``\Deleted``, and did not hear what became of it."""
        return uid in self._removal.marked

    async def take_back_marks(self) -> None:
        r"""Our ``\Deleted`` goes from what is not removed after all. Raises ConnectionLost."""
        await self._removal.take_back(self._session.client)
        if self._has_marked and not self._removal.left:
            await self._mailbox.run(self._ledger.unfinished.marks_are_over, self.row.folder)
            self._has_marked = False
