"""Reading back what this run delivers to one folder, batch by batch, while more is on its way."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from bascule.deliver.expectation import Expectation, expectation_of
from bascule.deliver.limits import LOOK_WINDOW, SHOWN_FIRST_SECONDS, SHOWN_TRIES
from bascule.deliver.look import read_details
from bascule.deliver.parcel import Parcel
from bascule.deliver.reading_back import Reading, VerifyLevel, absent, read_suspects, sort_by_details
from bascule.deliver.session import TargetSession
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, ReadBack
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.outcome import Outcome
from bascule.wire.errors import ConnectionLost


class Proving:
    """`begin` with each batch that was answered, `finish` at the end of the folder.

    A batch's details are asked for right behind its answer, on the same connection: nobody else has had it in hand by then. Octets, which
    nobody can change, are read at the end. What is not there is asked for again after NOOP, after selecting the folder anew, and for
    some seconds, since there are targets that show what they took only then; what is not there even so is *missing*.
    """

    def __init__(
        self,
        session: TargetSession,
        view: TargetView,
        mailbox: Mailbox,
        ledger: Ledger,
        level: VerifyLevel,
        settle_seconds: float,
    ) -> None:
        self._session = session
        self._view = view
        self._mailbox = mailbox
        self._ledger = ledger
        self._level = level
        self._settle_seconds = settle_seconds
        self._readings: deque[Reading] = deque()
        self._told: dict[int, MessageData] = {}
        """UID → what the readings that are on their way were told."""
        self._waiting: list[Expectation] = []
        """Whose details are not known yet, for one reason or the other."""
        self._suspects: list[Expectation] = []
        self._details: dict[int, MessageData] = {}
        self._other_dates = 0
        """Messages with another date than they were sent with. A target that changes all dates shows at the first ones."""

    # -- batch by batch -----------------------------------------------------------------------------------------------

    def later(self, parcels: Sequence[Parcel], outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """These were delivered; they are read back in `finish`."""
        uids = {message: outcome.target_uid for message, outcome in outcomes}
        expected = [expectation_of(parcel, uids[parcel.message]) for parcel in parcels]
        self._waiting += [e for e in expected if self._level is not VerifyLevel.NONE or e.target_uid is None]

    async def begin(self, parcels: Sequence[Parcel], outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """These were delivered just now: ask for their details behind their answer. Raises ConnectionLost."""
        self.later(parcels, outcomes)
        if self._level is VerifyLevel.NONE or any(e.target_uid is None for e in self._waiting):
            return
        expected, self._waiting = self._waiting, []
        reading = Reading(expected, self._told)
        self._readings.append(reading)
        await reading.ask(self._session.client)
        while self._readings and self._readings[0].is_answered:
            await self._take(self._readings.popleft())

    async def _take(self, reading: Reading) -> None:
        await self._sort(reading.expected, await reading.answered())

    async def _sort(self, expected: Sequence[Expectation], details: dict[int, MessageData]) -> None:
        found = sort_by_details(
            expected, details, self._level, in_this_run=True, dates_are_suspect=self._other_dates < LOOK_WINDOW
        )
        self._other_dates += found.other_dates
        self._suspects += found.suspects
        self._details.update({e.target_uid: details[e.target_uid] for e in found.suspects if e.target_uid})
        self._waiting += found.absent
        await self._record(found.rows)

    async def _record(self, rows: Sequence[ReadBack]) -> None:
        if rows:
            await self._mailbox.run(self._ledger.read_back, rows)

    def interrupted(self) -> None:
        """The connection ended: what was asked for is asked for again in `finish`."""
        while self._readings:
            self._waiting += self._readings.popleft().expected
        self._told.clear()

    # -- the end of the folder ----------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Read back everything that is left. Raises CommandRefused, TargetError."""
        while True:
            try:
                await self._finish()
                return
            except ConnectionLost as error:
                self.interrupted()
                await self._view.renew(error)

    async def _finish(self) -> None:
        while self._readings:
            reading = self._readings[0]
            details = await reading.answered()
            self._readings.popleft()
            await self._sort(reading.expected, details)
        if self._waiting:
            await self._ask_again()
        missing, self._waiting = self._waiting, []
        if self._level is not VerifyLevel.NONE and (missing or self._suspects):
            await self._judge(missing)

    async def _ask_again(self) -> None:
        """Whose UID is not known, or was not there: first after NOOP, which is what some targets wait for (Courier)."""
        for attempt in range(SHOWN_TRIES):
            if attempt == 0:
                await self._session.client.noop()
            else:
                await self._view.reselect()
            await self._look_once()
            if not self._waiting:
                return
            if attempt:
                await asyncio.sleep(min(SHOWN_FIRST_SECONDS * 2**attempt, self._settle_seconds))

    async def _not_elsewhere(self, expected: Sequence[Expectation]) -> list[Expectation]:
        """Those that lie under no other UID: some targets tell a wrong one. What is found waits to be read back."""
        told = {e.message: e.target_uid for e in expected}
        run, ledger = self._mailbox.run, self._ledger
        await run(ledger.named, self._view.row.folder, dict.fromkeys(told))
        await self._view.look_anew()
        uids = await run(ledger.uids_of, list(told))
        self._waiting += [replace(e, target_uid=uids[e.message]) for e in expected if e.message in uids]
        left = [e for e in expected if e.message not in uids]
        ours = await run(ledger.our_uids, self._view.row.folder)
        back = {e.message: e.target_uid for e in left if e.target_uid is not None and e.target_uid not in ours}
        await run(ledger.named, self._view.row.folder, back)
        return left

    async def _look_once(self) -> None:
        if any(e.target_uid is None for e in self._waiting):
            await self._view.name_unnamed()
            uids = await self._mailbox.run(self._ledger.uids_of, [e.message for e in self._waiting])
            self._waiting = [replace(e, target_uid=uids.get(e.message)) for e in self._waiting]
        if self._level is VerifyLevel.NONE:
            self._waiting = [e for e in self._waiting if e.target_uid is None]
            return
        expected, self._waiting = self._waiting, []
        wanted = [e.target_uid for e in expected if e.target_uid is not None]
        try:
            details = await read_details(self._session.client, wanted)
        except ConnectionLost:
            self._waiting = expected
            raise
        await self._sort(expected, details)

    async def _judge(self, missing: Sequence[Expectation]) -> None:
        """What is not there, and what is not as it was sent. Its UID may be another's: whether that is so shows at the first ones, so
        that a target that changes every message is not read a second time."""
        read = await read_suspects(self._session.client, self._suspects, self._details, in_this_run=True)
        self._suspects, self._details = [], {}
        sample = [*missing, *read.other[:LOOK_WINDOW]]
        left = await self._not_elsewhere(sample) if sample else []
        if len(left) < len(sample):
            left += await self._not_elsewhere(read.other[LOOK_WINDOW:])
        displaced = {e.message for e in self._waiting}
        await self._record([row for message, row in read.rows.items() if message not in displaced])
        lost = {e.message for e in missing} - displaced
        await self._record([absent(e) for e in [*read.gone, *(e for e in left if e.message in lost)]])
        if self._waiting:
            await self._look_once()
            found, self._waiting = self._waiting, []
            again = await read_suspects(self._session.client, self._suspects, self._details, in_this_run=True)
            self._suspects, self._details = [], {}
            await self._record([*again.rows.values(), *(absent(e) for e in [*found, *again.gone])])
