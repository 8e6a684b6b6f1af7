"""Reading back: is what the target now holds what was sent?

``delivered``: size, date and flags of every message, and every octet of those that servers are known to alter (`Traits.fragile`) or whose
size differs. ``full``: every octet of every one. What this run delivered is read back batch by batch, before anybody can have
touched it; what was not read back then is judged as what the member may have had in hand meanwhile (`bascule.terms.later_runs.judge`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from bascule.deliver.expectation import NO_LONGER_THERE, Expectation, absent, difference, is_dated
from bascule.deliver.look import Found, read_contents, start_details, windows
from bascule.mailbox.ledger import ReadBack
from bascule.protocols.imap.commands import from_uid
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.later_runs import Finding, Told, When, judge
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.wire.imap import ImapClient
from bascule.wire.imap.connection import Pending


class VerifyLevel(IntEnum):
    NONE = 0
    DELIVERED = 1
    FULL = 2


@dataclass(slots=True)
class Reading:
    """Some messages whose details were asked for, and not answered yet. ``details``: one for all readings of a folder, since a server may
    answer several questions in front of the first one's OK (Dovecot)."""

    expected: Sequence[Expectation]
    details: dict[int, MessageData]
    pendings: list[Pending] = field(default_factory=list)

    async def ask(self, client: ImapClient) -> None:
        """Ask for the details of all, each of which has its UID. Raises ConnectionLost."""
        for window in windows(e.target_uid for e in self.expected if e.target_uid is not None):
            self.pendings.append(await start_details(client, window, self.details))

    @property
    def is_answered(self) -> bool:
        return all(pending.done.done() for pending in self.pendings)

    async def answered(self) -> dict[int, MessageData]:
        """The details of those that are there, which others need no more. Raises CommandRefused, ConnectionLost."""
        for pending in self.pendings:
            await pending.ok()
        asked = {e.target_uid for e in self.expected if e.target_uid is not None}
        return {uid: self.details.pop(uid) for uid in asked & self.details.keys()}


@dataclass(slots=True)
class Arrivals:
    """The details of what lies from UID ``since`` on, asked for behind the OK of messages whose UIDs were not told. ``details``: as in `Reading`;
    ``is_late``: some of it was answered before the connection ended once."""

    since: int
    details: dict[int, MessageData]
    is_late: bool
    pending: Pending

    @classmethod
    async def ask(cls, client: ImapClient, since: int, details: dict[int, MessageData], *, is_late: bool) -> "Arrivals":
        """Raises ConnectionLost."""
        return cls(since, details, is_late, await start_details(client, from_uid(since), details))

    @property
    def is_answered(self) -> bool:
        return self.pending.done.done()

    async def answered(self) -> dict[int, MessageData]:
        """Of ``n:*`` a server tells the last message in any case (RFC 9051 §9); one below ``since`` is left. Of a target that refuses to tell nothing is
        known yet. Raises ConnectionLost."""
        await self.pending.answer()
        return {uid: self.details.pop(uid) for uid in sorted(self.details) if uid >= self.since}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A message whose octets must be read, and what was told of it."""

    expected: Expectation
    there: MessageData
    when: When

    @property
    def was_there(self) -> bool:
        """Whether its size and date were those of what was sent: what is gone since had arrived."""
        return self.there.octets == self.expected.octets and (
            self.there.date is None or is_dated(self.there, self.expected.date.utc_seconds)
        )


@dataclass(slots=True)
class Sorted:
    """What the details tell: rows that are decided, those whose octets must be read, and those that are not there."""

    rows: list[ReadBack] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    absent: list[Expectation] = field(default_factory=list)
    other_dates: int = 0
    """How many of the suspects are so for their date alone."""


def sort_by_details(
    expected: Sequence[Expectation],
    details: Mapping[int, MessageData],
    level: VerifyLevel,
    when: When,
    *,
    dates_are_suspect: bool = False,
) -> Sorted:
    """``dates_are_suspect``: of a message with another date than it was sent with, the octets are read too: its UID may be another's."""
    found = Sorted()
    for e in expected:
        there = details.get(e.target_uid or 0)
        if there is None:
            found.absent.append(e)
        elif level is VerifyLevel.FULL or e.traits.fragile or there.octets != e.octets:
            found.suspects.append(Suspect(e, there, when))
        elif dates_are_suspect and there.date is not None and not is_dated(there, e.date.utc_seconds):
            found.suspects.append(Suspect(e, there, when))
            found.other_dates += 1
        else:
            found.rows.append(verdict(e, there, None, when))
    return found


@dataclass(slots=True)
class Contents:
    """What the octets tell: a row for each message, by its number; those that are gone; and those whose UID holds ``other`` octets than were
    sent, which have a row too."""

    rows: dict[int, ReadBack] = field(default_factory=dict)
    gone: list[Suspect] = field(default_factory=list)
    other: list[Expectation] = field(default_factory=list)


async def read_suspects(client: ImapClient, suspects: Sequence[Suspect]) -> Contents:
    """Read every octet of these. Raises CommandRefused, ConnectionLost."""
    uids = [s.expected.target_uid for s in suspects if s.expected.target_uid is not None]
    contents = {f.uid: f for f in await read_contents(client, uids, with_likeness=False)}
    read = Contents()
    for suspect in suspects:
        e = suspect.expected
        content = contents.get(e.target_uid or 0)
        if content is None:
            read.gone.append(suspect)
            continue
        if content.sha256 != e.sha256:
            read.other.append(e)
        read.rows[e.message] = verdict(e, suspect.there, content, suspect.when)
    return read


def verdict(expected: Expectation, there: MessageData, content: Found | None, when: When) -> ReadBack:
    """One message's row. ``content`` None: its octets were not read."""
    finding, told = difference(expected, there)
    if content is not None and content.sha256 != expected.sha256:
        finding = Finding.OTHER_OCTETS
        told = "; ".join(text for text in (_alteration(expected, content), told) if text)
    decision = judge(finding, when)
    code, theirs = decision.record or OutcomeCode.DELIVERED, decision.told is Told.THEIRS
    if expected.altered:
        code, told = OutcomeCode.ALTERED, expected.altered
    detail = told if code is OutcomeCode.ALTERED else ""
    outcome = Outcome(code, detail, expected.target_uid, expected.sent_as, theirs=theirs)
    # What the target made of the flags by itself is what its copy has; what somebody else made of them is theirs.
    flags = there.flags if when is not When.LATER and not theirs and finding is not Finding.EQUAL else None
    is_as_recorded = finding is Finding.EQUAL and code is expected.code and detail == expected.altered and not theirs
    return ReadBack(expected.message, outcome, 1 if content is None else 2, flags, is_as_recorded)


def gone_since(suspect: Suspect) -> ReadBack:
    """The row of a message that this run saw after it had delivered it, and that is there no longer."""
    e, when = suspect.expected, suspect.when
    if not suspect.was_there:
        return absent(e)
    decision = judge(Finding.GONE, when)
    assert decision.record is not None
    return ReadBack(e.message, Outcome(decision.record, NO_LONGER_THERE, e.target_uid), 1)


def _alteration(expected: Expectation, content: Found) -> str:
    if content.octets != expected.octets:
        return f"altered by the target: {expected.octets} octets became {content.octets}"
    return "altered by the target: other octets of the same size"
