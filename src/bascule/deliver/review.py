r"""Before anything is delivered: what became, on the new side, of what earlier runs delivered?

Only what this run has a reason to know is asked for: messages whose flags changed on the old side, those that vanished there and may be
what is delivered now under another folder, and what was never read back. `later_runs` says what each meeting means. Flags are followed
here (never ``\Deleted``, so that no deletion reaches the new side), and what somebody removed or took over is written down as theirs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bascule.deliver.agenda import Agenda, Reviewed, faulty_in, flagged_in, vanished_in
from bascule.deliver.doubled import Doubled, other_uid
from bascule.deliver.doubt import Doubt
from bascule.deliver.expectation import (
    DELETED,
    NO_LONGER_THERE,
    Expectation,
    copies_of,
    removed_with_uid,
    removed_with_what_moved,
    to_read_back,
)
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.following import Following, state_of
from bascule.deliver.look import read_details, read_flags
from bascule.deliver.moves import REMOVED_BEFORE, EarlierCopies, EarlierCopy, follow_after_all
from bascule.deliver.reading_back import VerifyLevel, read_suspects, sort_by_details, verdict
from bascule.deliver.recognition import read_ours
from bascule.deliver.removal import Removal
from bascule.deliver.renames import Listing, find_again
from bascule.deliver.session import TargetSession
from bascule.deliver.target_view import FolderRenamed, TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, ReadBack, TargetFolder
from bascule.protocols.imap.fetch import MessageData
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.terms.flags import Flags
from bascule.terms.later_runs import New, When, knowledge
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost


@dataclass(slots=True)
class Reviewer:
    """Reviews folders over one connection. ``earlier`` is filled with what vanished on the old side."""

    session: TargetSession
    mailbox: Mailbox
    ledger: Ledger
    level: VerifyLevel
    settle_seconds: float
    agenda: Agenda
    listing: Listing
    earlier: EarlierCopies
    watcher: Watcher

    async def review(self, folder: int) -> None:
        """One folder, by the name that the ledger knows. Raises TargetError."""
        row = await self.mailbox.run(self.mailbox.folders.get, folder)
        try:
            known = await self.listing.find(self.session, folder)
        except CommandRefused as error:
            await self._not_looked(MappedFolder(row, b"", str(row.path)), error)
            return
        if known is None:
            note_vanished(self.earlier, self.agenda.vanished.get(folder, []), {}, New.NOT_LOOKED)
        elif self.listing.has(known):
            await self._review_listed(MappedFolder(row, known.name, str(row.path)))
        else:
            await self._folder_gone(folder)

    async def _review_listed(self, place: MappedFolder) -> None:
        folder = place.row.id
        while True:
            try:
                view = TargetView(self.session, self.mailbox, self.ledger, place)
                await view.open()
            except FolderRenamed as renamed:
                if renamed.name:
                    place = replace(place, name=renamed.name)
                    continue
                await self._folder_gone(folder)
                return
            except CommandRefused as error:
                if meaning_of(error.code, error.reason) is Meaning.GONE:
                    gone = TargetFolder(folder, place.name)
                    if name := await find_again(self.session, self.mailbox, self.ledger, gone):
                        place = replace(place, name=name)
                        continue
                    if not await self.session.has_still(place.name):
                        await self._folder_gone(folder)
                        return
                await self._not_looked(place, error)
                return
            try:
                await self._review(view, folder)
                return
            except ConnectionLost as error:
                await self.session.renew(error)
            except CommandRefused as error:
                await self._not_looked(place, error)
                return

    @property
    def _following(self) -> Following:
        return Following(self.session, self.mailbox, self.ledger, self.watcher)

    async def _not_looked(self, place: MappedFolder, error: CommandRefused) -> None:
        """What became of what it holds is for the next run, and what can't follow is named; the other folders go on."""
        self.watcher.note(f"{place.display}: the target does not let us look into it now: {error.reason}")
        note_vanished(self.earlier, self.agenda.vanished.get(place.row.id, []), {}, New.NOT_LOOKED)
        flagged = await self.mailbox.run(flagged_in, self.mailbox, self.ledger.target, place.row.id)
        await self._following.name_behind(flagged.get(place.row.id, []), error.reason)

    async def _folder_gone(self, folder: int) -> None:
        """Somebody deleted the folder on the new side: what was in it is removed, and what was in doubt there, and is gone on the old side, lies nowhere."""
        flagged = await self.mailbox.run(flagged_in, self.mailbox, self.ledger.target, folder)
        faulty = await self.mailbox.run(faulty_in, self.mailbox, self.ledger.target, folder)
        vanished = self.agenda.vanished.get(folder, [])
        await self._gone([r for r in [*flagged.get(folder, []), *faulty, *vanished] if r.target_uid is not None])
        note_vanished(self.earlier, vanished, {}, New.FOLDER_GONE)
        await self.mailbox.run(self._end_doubt, folder)
        await self.mailbox.run(self.ledger.unfinished.went_away, folder)

    def _end_doubt(self, folder: int) -> None:
        """Of batches of which nothing is on the old side any more. Blocks."""
        has_vanished = self.mailbox.messages.has_vanished
        over = [intent.id for intent in self.ledger.intents(folder) if all(map(has_vanished, intent.given))]
        self.ledger.settle(folder, [], over)

    async def _review(self, view: TargetView, folder: int) -> None:
        """Raises CommandRefused where the target answers NO to what every server can do, ConnectionLost."""
        await self._take_back_marks(folder)
        if view.is_new:
            await view.look()
        await view.settle_unnamed()
        await self._following.settle_cut(folder)
        await self._resolve_vanished(view, folder)
        await self._find_removed(folder)
        await self._find_moved(folder)
        flagged = await self.mailbox.run(flagged_in, self.mailbox, self.ledger.target, folder)
        await self._gone(await self._following.follow(folder, flagged.get(folder, [])))
        await self._read_back(folder)
        await self._look_for_faulty(folder)
        if self.agenda.fresh_since is not None:
            await self._look_for_vanished(folder, self.agenda.fresh_since)

    async def _take_back_marks(self, folder: int) -> None:
        r"""Our ``\Deleted`` on what a run was about to remove when it was cut: a program that expunges would take with it what may be the last copy by now."""
        unfinished = self.ledger.unfinished
        if uids := await self.mailbox.run(unfinished.cut_marks, folder):
            there = await read_flags(self.session.client, uids)
            marked = {uid for uid, flags in there.items() if not DELETED.isdisjoint(flags)}
            await (removal := Removal(marked)).take_back(self.session.client)
            if not removal.left:
                await self.mailbox.run(unfinished.marks_are_over, folder)

    async def _find_removed(self, folder: int) -> None:
        """What was taken for removed, and is there under the UID that it had, equal in size and date, or in its octets: its server had lost the folder for
        a while, or did not list it. `later_runs` has it found then, and theirs where somebody marked it; what was a fault is that fault again."""
        removed = await self.mailbox.run(removed_with_uid, self.mailbox, self.ledger.target, folder)
        if not removed:
            return
        client = self.session.client
        there = set(await client.uids_from(min(e.target_uid for e in removed if e.target_uid is not None)))
        there -= await self.mailbox.run(self.ledger.our_uids, folder)
        back = {e.target_uid: e for e in removed if e.target_uid in there}
        found = (await read_ours(client, back.values())).ours
        for fault in [back[uid] for uid in found if back[uid].code.is_exception]:
            await self.mailbox.run(self.ledger.recode, [fault.message], fault.code, fault.detail)
        rows = [_again(back[uid], data) for uid, data in found.items() if not back[uid].code.is_exception]
        await self.mailbox.run(self.ledger.read_back, [row for row in rows if not row.outcome.code.is_exception])

    async def _find_moved(self, folder: int) -> None:
        """Where the folder was gone for a while: what moved out of it on the old side meanwhile, and was told as removed with it, is to be delivered after all."""
        if folder not in await self.mailbox.run(self.ledger.unfinished.folders_away):
            return
        removed = await self.mailbox.run(
            removed_with_what_moved, self.mailbox, self.ledger.target, folder, REMOVED_BEFORE
        )
        back = {e.target_uid: e for e in removed}
        for uid, data in (await read_ours(self.session.client, removed)).ours.items():
            await self.mailbox.run(self.ledger.read_back, [_again(back[uid], data)])
            again = await self.mailbox.run(follow_after_all, self.mailbox, self.ledger, back[uid].message)
            self.earlier.to_deliver_again |= again
        await self.mailbox.run(self.ledger.unfinished.is_back, folder)

    async def _look_for_faulty(self, folder: int) -> None:
        """A fault whose copy somebody removed is one that nobody can see any more; one of flags, or of a copy too many, may be over."""
        faulty = await self.mailbox.run(faulty_in, self.mailbox, self.ledger.target, folder)
        await self._gone(await self._following.recover([row for row in faulty if row.is_of_flags]))
        faulty = [row for row in faulty if not row.is_of_flags]
        others = {row.message: other_uid(row.code, row.detail) for row in faulty}
        known = [uid for uid in [*(row.target_uid for row in faulty), *others.values()] if uid is not None]
        if known:
            there = set(await self.session.client.uids_from(min(known)))
            await self._gone([r for r in faulty if r.target_uid not in there and others[r.message] not in there])
            await Doubled(self.session, self.mailbox, self.ledger, folder).settle(faulty, there)

    async def _look_for_vanished(self, folder: int, since: int) -> None:
        found = await self.mailbox.run(
            vanished_in,
            self.mailbox,
            self.ledger.target,
            self.agenda.stations,
            since,
            self.agenda.moved_in_doubt,
            folder,
        )
        vanished = found.get(folder, [])
        expected = await self.mailbox.run(
            copies_of, self.mailbox, self.ledger.target, [row.message for row in vanished]
        )
        ours = await read_ours(self.session.client, expected.values())
        await self._gone([r for r in vanished if r.target_uid is not None and ours.lacks(r.target_uid)])
        unclear = [row for row in vanished if row.target_uid in ours.unclear]
        note_vanished(self.earlier, unclear, {}, New.NOT_LOOKED)
        note_vanished(self.earlier, [row for row in vanished if row not in unclear], ours.flags, New.DELETED)

    async def _resolve_vanished(self, view: TargetView, folder: int) -> None:
        doubt = Doubt(view, self.mailbox, self.ledger, self.settle_seconds, mends=False)
        await doubt.open()
        await doubt.resolve_vanished(
            lambda seconds: self.watcher.note(f"waiting {seconds:.0f} s for a batch that was cut")
        )

    # -- reading back -------------------------------------------------------------------------------------------------

    async def _read_back(self, folder: int) -> None:
        """What earlier runs delivered and did not read back, or not as deeply as is asked for now."""
        if self.level is VerifyLevel.NONE:
            return
        expected = await self.mailbox.run(to_read_back, self.mailbox, self.ledger.target, folder, int(self.level))
        if not expected:
            return
        client = self.session.client
        details = await read_details(client, [e.target_uid for e in expected if e.target_uid is not None])
        found = sort_by_details(expected, details, self.level, When.LATER)
        await self.mailbox.run(self.ledger.read_back, found.rows)
        read = await read_suspects(client, found.suspects)
        await self.mailbox.run(self.ledger.read_back, read.rows.values())
        await self.mailbox.run(
            self.ledger.removed, [e.message for e in [*found.absent, *(s.expected for s in read.gone)]], NO_LONGER_THERE
        )

    # -- what vanished on the old side --------------------------------------------------------------------------------

    async def _gone(self, rows: Iterable[Reviewed]) -> None:
        await self.mailbox.run(self.ledger.removed, [row.message for row in rows], NO_LONGER_THERE)


def _again(expected: Expectation, found: MessageData) -> ReadBack:
    """The row of what was in order before it was taken for removed, and is found. What had been there before us is not ours for that."""
    row = verdict(expected, found, None, When.LATER)
    if expected.code is not OutcomeCode.ALREADY_THERE or row.outcome.code is not OutcomeCode.DELIVERED:
        return row
    return replace(row, outcome=replace(row.outcome, code=OutcomeCode.ALREADY_THERE))


def note_vanished(earlier: EarlierCopies, rows: Iterable[Reviewed], flags: Mapping[int, Flags], otherwise: New) -> None:
    """These may be what is delivered now under another folder. ``otherwise``: what became of the copies that are not in ``flags``; one
    whose UID is not known is not gone for all that."""
    for row in rows:
        now = flags.get(row.target_uid or 0)
        new = otherwise if now is None else state_of(now, row)
        if new is New.DELETED and row.target_uid is None and row.code is not OutcomeCode.REMOVED:
            new = New.NEVER_SEEN
        knows = knowledge(row.code, is_read_back=row.is_read_back)
        earlier.add(row.sha256, EarlierCopy(row.message, row.last_delta, row.gone_delta, row.date_utc, knows, new))
