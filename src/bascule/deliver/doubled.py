"""Messages of which one copy too many was named: is it there still?

The report names the surplus copy by its UID and asks that one of the two be removed by hand. Whichever that was, the one that is left stands for the
message, and nothing is at fault any more.
"""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from bascule.deliver.agenda import Reviewed
from bascule.deliver.expectation import NO_LONGER_THERE, is_touched
from bascule.deliver.look import read_flags
from bascule.deliver.session import TargetSession
from bascule.deliver.shared_copies import standing_on
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.outcome import OutcomeCode

_OTHER = re.compile(r"\bUID (\d+)\)?$")
"""How the detail of a duplicate ends that names the copy beside ours."""


def other_uid(code: OutcomeCode | None, detail: str) -> int | None:
    """The UID of the copy that lies beside the message's own, in the same folder; None where that is not named."""
    found = _OTHER.search(detail) if code is OutcomeCode.DUPLICATE else None
    return int(found[1]) if found else None


def surplus_copies(mailbox: Mailbox, target: int, folder: int) -> set[int]:
    """The UIDs of copies in the folder that are named as one too many: no message that comes later stands on one, else it would be none too many. Blocks."""
    query = "SELECT o.detail FROM messages m CROSS JOIN outcomes o ON o.message = m.id WHERE m.folder = ? AND o.target = ? AND o.code = 'duplicate'"
    told = (other_uid(OutcomeCode.DUPLICATE, detail) for (detail,) in mailbox.database.execute(query, (folder, target)))
    return {uid for uid in told if uid is not None}


@dataclass(slots=True)
class Doubled:
    """In the folder that is open on ``session``, by its row in the catalogue."""

    session: TargetSession
    mailbox: Mailbox
    ledger: Ledger
    folder: int

    async def settle(self, rows: Sequence[Reviewed], there: Container[int]) -> None:
        """Those of which one copy is left are in order, and those whose surplus copy stands for another message since. ``there``: the UIDs that the folder holds. Raises CommandRefused, ConnectionLost."""
        run, ledger = self.mailbox.run, self.ledger
        for row in rows:
            other = other_uid(row.code, row.detail)
            if other is None or row.target_uid is None:
                continue
            is_there, is_taken = row.target_uid in there, await self._is_another_messages(row, other)
            if is_there == (other in there) and not is_taken:
                continue
            if is_there:
                if not is_taken:
                    await run(ledger.forget_foreign, self.folder, [other])
                await run(ledger.recode, [row.message], OutcomeCode.DELIVERED)
            elif is_taken:
                await run(ledger.removed, [row.message], NO_LONGER_THERE)
            else:
                await run(ledger.named, self.folder, {row.message: other})
                await run(ledger.recode, [row.message], OutcomeCode.ALREADY_THERE)
                await self._look_whose(row, other)

    async def _is_another_messages(self, row: Reviewed, other: int) -> bool:
        """Whether an equal message that came since stands on the surplus copy: then none is too many."""
        found = await self.mailbox.run(standing_on, self.mailbox, self.ledger, self.folder, [other])
        return any(one.message != row.message and one.is_certain for one in found)

    async def _look_whose(self, row: Reviewed, other: int) -> None:
        """The copy that is left was not ours: somebody may have marked it."""
        now = (await read_flags(self.session.client, [other])).get(other)
        if now is not None and is_touched(now, row.wanted if row.given is None else row.given):
            await self.mailbox.run(self.ledger.taken_over, [row.message])
