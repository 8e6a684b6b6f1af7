"""One folder's delta: what is new on the source, what changed its flags, what vanished; and a new UIDVALIDITY."""

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace

from bascule.capture.given_again import were_given_again
from bascule.capture.selection import Selection
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.messages import Absence, Departed
from bascule.sources import Reader, SourceFolder, SourceMessage, SourceState, Survey, Unreadable
from bascule.terms.outcome import OutcomeCode
from bascule.terms.watch import SILENT, Watcher

_GIVEN_AGAIN = (
    "the old side gives UIDs again that stood for other messages, as after a backup was put back; all of it is read anew, and what is known"
    " is known again by its content"
)


def _none_of_them(rows: Sequence[int]) -> set[int]:
    return set()


@dataclass(frozen=True, slots=True)
class Sorted:
    """A message that the caller is to deal with. ``row``: its row in the catalogue, where it has one already; 0: none."""

    message: SourceMessage
    row: int = 0


@dataclass(slots=True)
class FolderDelta:
    """Made by `begin`. ``to_read``: UIDs whose messages are to be read. When all were dealt with, `complete`.

    What the survey says of the messages that are known is in the catalogue when `begin` returns, with the survey's state: a run that stops
    anywhere afterwards loses no flag change and no deletion.
    """

    mailbox: Mailbox
    folder: SourceFolder
    row: FolderRow
    survey: Survey
    to_read: list[int]
    left_out: set[int]
    _old: dict[bytes, list[int]]
    _departed: dict[bytes, list[Departed]]
    _absence: Absence
    _known: Set[int]
    """UIDs that have a row, also those that an earlier run could not deal with."""
    _kept: set[int] = field(default_factory=set)
    _came: set[int] = field(default_factory=set)

    @classmethod
    async def begin(
        cls,
        mailbox: Mailbox,
        reader: Reader,
        folder: SourceFolder,
        row: FolderRow,
        selection: Selection,
        watcher: Watcher = SILENT,
    ) -> "FolderDelta":
        """Survey the folder, and bring flags and deletions of what is known up to date.

        Raises FolderError when the source does not open it (FolderGone: it is not there), SourceError.
        """
        known = await mailbox.run(_known_state, mailbox, row)
        survey = await reader.open(folder, known)
        given_again = await were_given_again(mailbox, reader, row, survey)
        if given_again:
            watcher.note(f"{row.path}: {_GIVEN_AGAIN}")
        delta = await mailbox.run(_apply, mailbox, folder, row, survey, given_again)
        if selection.looks_at_messages and delta.to_read:
            await delta._leave_out(reader, selection)
        return delta

    async def _leave_out(self, reader: Reader, selection: Selection) -> None:
        left = await self.leave_out(reader, selection, self.to_read)
        await self.record_not_held([(uid, OutcomeCode.LEFT_OUT.value, reason) for uid, reason in left.items()])
        self.to_read = [uid for uid in self.to_read if uid not in left]

    async def leave_out(self, reader: Reader, selection: Selection, uids: Sequence[int]) -> dict[int, str]:
        """Those of ``uids`` that the user's choice does not take, each with the reason. Raises FolderError, SourceError."""
        details = await reader.details(uids)
        reasons = {uid: selection.reason_to_leave_out(date, octets) for uid, (date, octets) in details.items()}
        left = {uid: reason for uid, reason in reasons.items() if reason}
        self.left_out |= left.keys()
        return left

    @property
    def unless_left_out(self) -> list[int]:
        """Every UID of the folder that the user's choice takes, known or not: for `copy`, which asks its ledger."""
        return [uid for uid in self.survey.uids if uid not in self.left_out]

    async def sort_out(
        self,
        group: Sequence[SourceMessage | Unreadable],
        still_wanted: Callable[[Sequence[int]], set[int]] = _none_of_them,
    ) -> list[Sorted]:
        """The messages of a group that the caller is to deal with; the others are dealt with here.

        Unreadable ones become rows. Under a new UIDVALIDITY, a message that we hold under the old one is that message
        (equal content, copy by copy), and so is one that left the folder and came back to it: its row gets the new identity, and it is
        given only where its row is ``still_wanted``.
        """
        self._came.update(m.uid for m in group)
        unreadable = [m for m in group if isinstance(m, Unreadable)]
        if unreadable:
            code = OutcomeCode.UNREADABLE.value
            await self.record_not_held([(m.uid, code, m.reason) for m in unreadable])
        messages = [m for m in group if isinstance(m, SourceMessage)]
        if not (self._old or self._departed):
            return [Sorted(message) for message in messages]
        return await self.mailbox.run(self._recognise, messages, still_wanted)

    def _recognise(
        self, messages: Sequence[SourceMessage], still_wanted: Callable[[Sequence[int]], set[int]]
    ) -> list[Sorted]:
        found: list[Sorted] = []
        with self.mailbox.transaction():
            for message in messages:
                row = 0 if message.uid in self._known else self._row_before(message)
                if row:
                    self._kept.add(row)
                    self.mailbox.messages.revalidate(row, self.survey.state.uidvalidity, message.uid)
                    self.mailbox.messages.set_flags([(row, message.flags)])
                found.append(Sorted(message, row))
        wanted = still_wanted([one.row for one in found if one.row])
        for one in found:
            if one.row and one.row not in wanted:
                one.message.body.close()
        return [one for one in found if not one.row or one.row in wanted]

    def _row_before(self, message: SourceMessage) -> int:
        """The row of the message that this one was under another UIDVALIDITY, or before it left the folder; 0: it is another."""
        rows = self._old.get(message.body.sha256, [])
        while rows:
            row = rows.pop(0)
            if self.mailbox.messages.is_free(row):
                return row
        return self._came_back(message)

    def _came_back(self, message: SourceMessage) -> int:
        """The row of the message that this one was before it left the folder; 0: it is another."""
        absent = self._absence.delta(message.uid)
        for one in self._departed.get(message.body.sha256, ()):
            if absent in one.meanwhile and self.mailbox.messages.has_departed(one.row):
                self._departed[message.body.sha256].remove(one)
                return one.row
        return 0

    async def recognise(self, reader: Reader) -> None:
        """Under a new UIDVALIDITY: read everything, only to find again what is known, so that the rest is known to have vanished before any other
        folder is looked into. What is new is read once more by whoever deals with it. Raises FolderError, SourceError."""
        if not self._old:
            return
        async for group in reader.read(self.to_read):
            for one in await self.sort_out(group):
                one.message.body.close()
        await self.mailbox.run(self._forget_old)

    def _forget_old(self) -> None:
        with self.mailbox.transaction():
            self.mailbox.messages.set_vanished(self._not_recognised(), int(time.time()))
        self._old.clear()
        self._came.clear()
        known = self.mailbox.messages.known(self.row.id, self.survey.state.uidvalidity)
        self._known = known.keys()
        self.to_read = [uid for uid in self.to_read if uid not in known]

    def _not_recognised(self) -> list[int]:
        """Rows under an old UIDVALIDITY that are no message of the folder."""
        return [row for rows in self._old.values() for row in rows if row not in self._kept]

    async def record_not_held(self, rows: list[tuple[int, str, str]]) -> None:
        if rows:
            now = int(time.time())
            validity = self.survey.state.uidvalidity
            await self.mailbox.run(self.mailbox.messages.record_not_held, self.row.id, validity, rows, now)

    async def complete(self, asked: Sequence[int] = ()) -> None:
        """Everything in ``to_read`` was dealt with: what is left under an old UIDVALIDITY has vanished; where some were left out or not given, the
        run that reads these still knows it. Of ``asked``, the UIDs that the source
        was asked for to the end, those that it gave nothing of went away meanwhile, and do not count as found."""
        await self.mailbox.run(self._complete, set(asked) - self._came)

    def _complete(self, gone: set[int]) -> None:
        messages, folders = self.mailbox.messages, self.mailbox.folders
        left = self._not_recognised()
        if gone:  # an earlier run may have refused them
            known = messages.known(self.row.id, self.survey.state.uidvalidity)
            left += [known[uid].id for uid in gone & known.keys()]
        with self.mailbox.transaction():
            messages.set_vanished(left, int(time.time()))
            messages.advance(self.row.id, self.survey.state.uidnext)
            if gone:
                folders.note_moving()
                count_fewer(self.mailbox, self.row.id, len(gone))
            folders.completed(self.row.id)


def count_fewer(mailbox: Mailbox, folder: int, gone: int) -> None:
    """So many of the messages that the folder's survey counts went away since. Within the caller's transaction; blocks."""
    state = SourceState.from_json(mailbox.folders.get(folder).source_state)
    if state is not None:
        told = replace(state, messages=max(0, state.messages - gone))
        mailbox.folders.correct_survey(folder, told.to_json())


async def is_as_it_was(mailbox: Mailbox, reader: Reader, folder: SourceFolder, row: FolderRow) -> bool:
    """Whether a folder whose numbers prove it unchanged has the UIDs that the last survey saw, and its last messages are the same; then the catalogue
    says that this delta found it so. Raises FolderError, SourceError."""
    known = SourceState.from_json(row.source_state)
    survey = await reader.open(folder, known)
    if not survey.state.proves_unchanged(known) or survey.unlisted or survey.flags:
        return False
    held = await mailbox.run(mailbox.messages.uids, row.id, survey.state.uidvalidity)
    if held != [*survey.uids] or await were_given_again(mailbox, reader, row, survey):
        return False
    await mailbox.run(mailbox.folders.are_unchanged, [row.id])
    return True


def _known_state(mailbox: Mailbox, row: FolderRow) -> SourceState | None:
    """What the last survey said. Where that is not known and messages are, also of a folder that was away, all flags are to be read: a state without MODSEQ."""
    state = SourceState.from_json(row.source_state)
    if state is None and row.uidvalidity and mailbox.messages.were_ever_in(row.id):
        return SourceState(row.uidvalidity, 0, 0)
    return state


def _apply(mailbox: Mailbox, folder: SourceFolder, row: FolderRow, survey: Survey, given_again: bool) -> FolderDelta:
    """Compare the survey with the catalogue, and write what it says of known messages together with its state; blocks. ``given_again``: UIDs stand
    for other messages than they did, and what is known under them is none of these."""
    validity, now = survey.state.uidvalidity, int(time.time())
    messages, folders = mailbox.messages, mailbox.folders
    present = set(survey.uids)
    surveyed = folders.last_whole_survey(row.id)
    with mailbox.transaction():
        messages.forget_not_held(row.id)
        if given_again:
            folders.retire_uids(row.id, validity)
        elif survey.uidnext_fell:
            folders.note_uidnext_fell(row.id, survey.state.uidnext)
        if validity != row.uidvalidity:
            folders.set_uidvalidity(row.id, validity)
            row = replace(row, uidvalidity=validity)
        folders.sight([(row.id, validity, survey.state.uidnext)])
        # UIDNEXT first: a row must never have a UID that is not below it (check, 7).
        messages.advance(row.id, max([survey.state.uidnext, *(uid + 1 for uid in survey.uids[-1:])]))
        known = messages.known(row.id, validity)
        if not survey.unlisted:  # else what is not in the list may be there all the same
            messages.set_vanished([k.id for k in known.values() if k.uid not in present and not k.vanished], now)
        # Nobody knows what there is of a copy that a killed run was removing: the message is as one that moved back, and that copy makes way for its own.
        leaving = messages.on_their_way_out([k.id for k in known.values() if k.uid in present and k.vanished])
        if leaving:
            messages.retire(row.id, leaving)
            known = {uid: k for uid, k in known.items() if k.id not in leaving}
        absence = messages.absence(row.id, validity)
        back = [(k.id, absence.delta(k.uid)) for k in known.values() if k.uid in present and k.vanished]
        messages.set_there_again(back)
        flags_of = mailbox.flagsets.flags_of
        messages.set_flags(
            [
                (k.id, flags)
                for uid, flags in survey.flags.items()
                if (k := known.get(uid)) and flags_of(k.flagset) != flags
            ]
        )
        folders.surveyed(row.id, survey.state.to_json())
        folders.count_unlisted(row.id, survey.unlisted)
    old = messages.of_other_validity(row.id, validity)
    to_read = [uid for uid in survey.uids if uid not in known]
    absence = replace(absence, surveyed=surveyed)
    departed = messages.departed(row.id, min(map(absence.delta, to_read))) if to_read else {}
    return FolderDelta(mailbox, folder, row, survey, to_read, set(), old, departed, absence, known.keys())
