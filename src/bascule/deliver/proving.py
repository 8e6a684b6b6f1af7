"""Reading back what this run delivers to one folder, batch by batch, while more is on its way."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bascule.deliver.expectation import Expectation, absent, expectation_of
from bascule.deliver.limits import LOOK_WINDOW, SHOWN_FIRST_SECONDS, SHOWN_TRIES
from bascule.deliver.look import read_details
from bascule.deliver.parcel import Parcel
from bascule.deliver.reading_back import (
    Arrivals,
    Reading,
    Suspect,
    VerifyLevel,
    gone_since,
    read_suspects,
    sort_by_details,
)
from bascule.deliver.session import TargetSession
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, ReadBack
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.later_runs import When
from bascule.terms.outcome import Outcome
from bascule.wire.errors import CommandRefused, ConnectionLost


class Proving:
    """`begin` with each batch that was answered, `finish` at the end of the folder.

    A batch's details are asked for right behind its answer, on the same connection: nobody else has had it in hand by then. Where the target told
    no UIDs, they are the details of all that arrived since the last time; which message is which is found out at the end, and holds also for one
    that is there no longer. Octets, which nobody can change, are read at the end. What is not there is asked for again after NOOP, after
    selecting the folder anew, and for some seconds, since there are targets that show what they took only then; what is not there even so is
    *missing*, whether or not anything is to be read back.
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
        self._arrivals: deque[Arrivals] = deque()
        self._told: dict[int, MessageData] = {}
        """UID → what the readings that are on their way were told."""
        self._seen: dict[int, MessageData] = {}
        """UID → what was told first, right behind an OK, of what arrived and may be one of those without a UID."""
        self._next_uid = 1
        """What arrived below it was told."""
        self._fresh: list[Expectation] = []
        """Whose UID was told just now."""
        self._unnamed: list[Expectation] = []
        """Whose UID is not known, in the order of sending."""
        self._asked = 0
        """How many of these there were when it was asked last what arrived."""
        self._was_interrupted = False
        """Since it was asked last what arrived."""
        self._waiting: list[Expectation] = []
        """Whose UID is known, and whose details were asked for in vain: they are asked for again at the end."""
        self._rows: list[ReadBack] = []
        """What was found batch by batch, and is not written yet."""
        self._suspects: list[Suspect] = []
        self._other_dates = 0
        """Messages with another date than they were sent with. A target that changes all dates shows at the first ones."""

    # -- batch by batch -----------------------------------------------------------------------------------------------

    def later(self, parcels: Sequence[Parcel], outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """These were delivered; they are read back with what `begin` asks for next, or in `finish`."""
        uids = {message: outcome.target_uid for message, outcome in outcomes}
        expected = [expectation_of(parcel, uids[parcel.message]) for parcel in parcels]
        self._unnamed += [e for e in expected if e.target_uid is None]
        if self._level is not VerifyLevel.NONE:
            self._fresh += [e for e in expected if e.target_uid is not None]

    def at_the_end(self, parcels: Sequence[Parcel], uids: Mapping[int, int]) -> None:
        """These were found on the target, under these UIDs by message; they are read back in `finish`."""
        if self._level is not VerifyLevel.NONE:
            self._waiting += [expectation_of(parcel, uids[parcel.message]) for parcel in parcels]

    async def begin(self) -> None:
        """Ask for the details of what was delivered just now, behind its answer. Raises ConnectionLost."""
        if self._level is VerifyLevel.NONE:
            return
        if len(self._unnamed) > self._asked:
            self._asked = len(self._unnamed)
            since = max(self._view.opened_uidnext, self._view.row.looked_uidnext, self._next_uid)
            is_late, self._was_interrupted = self._was_interrupted, False
            self._arrivals.append(await Arrivals.ask(self._session.client, since, self._told, is_late=is_late))
        if self._fresh:
            expected, self._fresh = self._fresh, []
            reading = Reading(expected, self._told)
            self._readings.append(reading)
            await reading.ask(self._session.client)
        await self._take_answered()

    async def _take_answered(self) -> None:
        while self._arrivals and self._arrivals[0].is_answered:
            await self._note_first()
        while self._readings and self._readings[0].is_answered:
            await self._take_first()

    async def _note_first(self) -> None:
        arrivals = self._arrivals[0]  # where the connection has ended, it stays what was asked for
        for uid, there in (await arrivals.answered()).items():
            if uid >= self._next_uid:
                self._next_uid = uid + 1
                if not arrivals.is_late:
                    self._seen[uid] = there
        self._arrivals.popleft()

    async def _take_first(self) -> None:
        """A target that refuses to answer it now is asked again at the end."""
        reading = self._readings[0]
        try:
            details = await reading.answered()
        except CommandRefused:
            self._waiting += self._readings.popleft().expected
            return
        self._readings.popleft()
        self._rows += self._sort(reading.expected, details, When.AT_ONCE)

    def take_rows(self) -> list[ReadBack]:
        """What was found batch by batch since the last time, for the caller to write with what it settles next. `finish` writes what nobody took."""
        rows, self._rows = self._rows, []
        return rows

    def _sort(self, expected: Sequence[Expectation], details: Mapping[int, MessageData], when: When) -> list[ReadBack]:
        """Rows of those that are decided; the others are kept for the end."""
        found = sort_by_details(expected, details, self._level, when, dates_are_suspect=self._other_dates < LOOK_WINDOW)
        self._other_dates += found.other_dates
        self._suspects += found.suspects
        self._waiting += found.absent
        return found.rows

    async def _record(self, rows: Sequence[ReadBack]) -> None:
        if rows:
            await self._mailbox.run(self._ledger.read_back, rows)

    def interrupted(self) -> None:
        """The connection ended: what was delivered and not read back until now is asked for in `finish`; somebody may have it in hand by then."""
        while self._readings:
            self._waiting += self._readings.popleft().expected
        self._waiting += self._fresh
        self._fresh = []
        self._arrivals.clear()
        self._was_interrupted = True
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
        await self.begin()  # what nothing came after
        while self._arrivals:
            await self._note_first()
        while self._readings:
            await self._take_first()
        await self._record(self.take_rows())
        if self._unnamed and self._seen:
            await self._view.name_seen(self._seen)
            await self._take_names()
        if self._waiting or self._unnamed:
            await self._ask_again()
        missing, self._waiting, self._unnamed = [*self._waiting, *self._unnamed], [], []
        try:
            await self._judge(missing)
        except ConnectionLost:
            self._waiting += [e for e in missing if e.target_uid is not None]
            self._unnamed += [e for e in missing if e.target_uid is None]
            raise

    async def _ask_again(self) -> None:
        """Whose UID is not known, or was not there: first after NOOP, which is what some targets wait for (Courier)."""
        for attempt in range(SHOWN_TRIES):
            if attempt == 0:
                await self._session.client.noop()
            else:
                await self._view.reselect()
            await self._look_once()
            if not (self._waiting or self._unnamed):
                return
            if attempt:
                await asyncio.sleep(min(SHOWN_FIRST_SECONDS * 2**attempt, self._settle_seconds))

    async def _take_names(self) -> None:
        """The UIDs that are known by now. Of what was seen when it arrived, that is what was read back of it."""
        uids = await self._mailbox.run(self._ledger.uids_of, [e.message for e in self._unnamed])
        named = [replace(e, target_uid=uids[e.message]) for e in self._unnamed if e.message in uids]
        self._unnamed = [e for e in self._unnamed if e.message not in uids]
        first = {uid: self._seen.pop(uid) for uid in uids.values() if uid in self._seen}
        if self._level is not VerifyLevel.NONE:
            self._waiting += [e for e in named if e.target_uid not in first]
            await self._record(self._sort([e for e in named if e.target_uid in first], first, When.AT_ONCE))

    async def _look_once(self) -> None:
        if self._unnamed:
            await self._view.name_unnamed()
            await self._take_names()
        expected, self._waiting = self._waiting, []
        wanted = [e.target_uid for e in expected if e.target_uid is not None]
        try:
            details = await read_details(self._session.client, wanted)
        except ConnectionLost:
            self._waiting = expected
            raise
        await self._record(self._sort(expected, details, When.AT_THE_END))

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

    async def _judge(self, missing: Sequence[Expectation]) -> None:
        """What is not there, and what is not as it was sent. Its UID may be another's: whether that is so shows at the first ones, so
        that a target that changes every message is not read a second time."""
        if self._level is VerifyLevel.NONE:  # nothing of it has a UID, and it was looked for
            await self._record([absent(e) for e in missing])
            return
        read = await read_suspects(self._session.client, self._suspects)
        self._suspects = []
        sample = [*missing, *read.other[:LOOK_WINDOW]]
        left = await self._not_elsewhere(sample) if sample else []
        if len(left) < len(sample):
            left += await self._not_elsewhere(read.other[LOOK_WINDOW:])
        displaced = {e.message for e in self._waiting}
        await self._record([row for message, row in read.rows.items() if message not in displaced])
        lost = {e.message for e in missing} - displaced
        await self._record([absent(e) for e in left if e.message in lost])
        await self._record([gone_since(suspect) for suspect in read.gone])
        if self._waiting:
            await self._look_once()
            found, self._waiting = self._waiting, []
            again = await read_suspects(self._session.client, self._suspects)
            self._suspects = []
            await self._record([*again.rows.values(), *map(absent, found), *map(gone_since, again.gone)])
