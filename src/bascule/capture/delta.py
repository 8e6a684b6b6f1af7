"""One folder's delta: what is new on the source, what changed its flags, what vanished; and a new UIDVALIDITY."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bascule.capture.selection import Selection
from bascule.mailbox import FolderRow, Mailbox
from bascule.sources import Reader, SourceFolder, SourceMessage, SourceState, Survey, Unreadable
from bascule.terms.outcome import OutcomeCode


@dataclass(slots=True)
class FolderDelta:
    """Made by `begin`. ``to_read``: UIDs whose messages are to be read. When all were dealt with, `complete`."""

    mailbox: Mailbox
    row: FolderRow
    survey: Survey
    to_read: list[int]
    left_out: set[int]
    _old: dict[bytes, list[int]]
    _kept: set[int]

    @classmethod
    async def begin(
        cls, mailbox: Mailbox, reader: Reader, folder: SourceFolder, row: FolderRow, selection: Selection
    ) -> "FolderDelta":
        """Survey the folder, and bring flags and deletions of what is known up to date.

        Raises FolderError when the source does not open it, SourceError.
        """
        known_state = SourceState.from_json(row.source_state)
        survey = await reader.open(folder, known_state)
        delta = await mailbox.run(_apply, mailbox, row, survey)
        if selection.looks_at_messages and delta.to_read:
            await delta._leave_out(reader, selection)
        return delta

    async def _leave_out(self, reader: Reader, selection: Selection) -> None:
        details = await reader.details(self.to_read)
        left: list[tuple[int, str, str]] = []
        for uid, (date, octets) in details.items():
            reason = selection.reason_to_leave_out(date, octets)
            if reason:
                left.append((uid, OutcomeCode.LEFT_OUT.value, reason))
        await self.record_not_held(left)
        chosen = {uid for uid, _, _ in left}
        self.left_out = chosen
        self.to_read = [uid for uid in self.to_read if uid not in chosen]

    @property
    def unless_left_out(self) -> list[int]:
        """Every UID of the folder that the user's choice takes, known or not: for `copy`, which asks its ledger."""
        return [uid for uid in self.survey.uids if uid not in self.left_out]

    async def sort_out(self, group: Sequence[SourceMessage | Unreadable]) -> list[SourceMessage]:
        """The messages of a group that are new to the mailbox; the others are dealt with here.

        Unreadable ones become rows. Under a new UIDVALIDITY, a message that we hold under the old one is that message
        (equal content, copy by copy): its row gets the new identity, and it is not new.
        """
        unreadable = [m for m in group if isinstance(m, Unreadable)]
        if unreadable:
            code = OutcomeCode.UNREADABLE.value
            await self.record_not_held([(m.uid, code, m.reason) for m in unreadable])
        messages = [m for m in group if isinstance(m, SourceMessage)]
        if not self._old:
            return messages
        return await self.mailbox.run(self._recognise, messages)

    def _recognise(self, messages: Iterable[SourceMessage]) -> list[SourceMessage]:
        fresh = []
        with self.mailbox.transaction():
            for message in messages:
                rows = self._old.get(message.body.sha256)
                if not rows:
                    fresh.append(message)
                    continue
                row = rows.pop(0)
                self._kept.add(row)
                self.mailbox.messages.revalidate(row, self.survey.state.uidvalidity, message.uid)
                self.mailbox.messages.set_flags_within([(row, message.flags)])
                message.body.close()
        return fresh

    async def record_not_held(self, rows: list[tuple[int, str, str]]) -> None:
        if rows:
            now = int(time.time())
            validity = self.survey.state.uidvalidity
            await self.mailbox.run(self.mailbox.messages.record_not_held, self.row.id, validity, rows, now)

    async def complete(self) -> None:
        """Everything in ``to_read`` was dealt with: what is left under an old UIDVALIDITY has vanished."""
        await self.mailbox.run(self._complete)

    def _complete(self) -> None:
        messages, folders = self.mailbox.messages, self.mailbox.folders
        left = [row for rows in self._old.values() for row in rows if row not in self._kept]
        if left:
            messages.set_vanished(left, int(time.time()))
        messages.advance(self.row.id, self.survey.state.uidnext)
        folders.finish_delta(self.row.id, self.survey.state.to_json(), None)


def _apply(mailbox: Mailbox, row: FolderRow, survey: Survey) -> FolderDelta:
    """Compare the survey with the catalogue; blocks. The state of the last delta is void until this one is complete."""
    validity, now = survey.state.uidvalidity, int(time.time())
    messages = mailbox.messages
    mailbox.folders.finish_delta(row.id, None, None)
    messages.forget_not_held(row.id)
    if validity != row.uidvalidity:
        mailbox.folders.set_uidvalidity(row.id, validity)
        row = replace(row, uidvalidity=validity)
    # UIDNEXT first: a row must never have a UID that is not below it (check, 7).
    messages.advance(row.id, max([survey.state.uidnext, *(uid + 1 for uid in survey.uids[-1:])]))
    known = messages.known(row.id, validity)
    present = set(survey.uids)
    vanished = [k.id for k in known.values() if k.uid not in present and not k.vanished]
    if vanished:
        messages.set_vanished(vanished, now)
    returned = [k.id for k in known.values() if k.uid in present and k.vanished]
    if returned:
        messages.set_vanished(returned, None)
    changed = [
        (k.id, flags) for uid, flags in survey.flags.items() if (k := known.get(uid)) is not None and k.flags != flags
    ]
    if changed:
        messages.set_flags(changed)
    old = messages.of_other_validity(row.id, validity)
    return FolderDelta(mailbox, row, survey, [uid for uid in survey.uids if uid not in known], set(), old, set())
