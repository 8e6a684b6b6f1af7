"""Reading back: is what the target now holds what was sent?

``delivered``: size, date and flags of every message, and every octet of those that servers are known to alter (`Traits.fragile`) or whose
size differs. ``full``: every octet of every one. What this run delivered is read back batch by batch, before anybody can have
touched it; what an earlier run delivered and did not read back is judged as what the member may have had in hand meanwhile
(`bascule.terms.later_runs.judge`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from bascule.deliver.expectation import Expectation, difference
from bascule.deliver.look import Found, read_contents, start_details, windows
from bascule.mailbox.ledger import ReadBack
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.later_runs import Finding, Told, judge
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
class Sorted:
    """What the details tell: rows that are decided, those whose octets must be read, and those that are not there."""

    rows: list[ReadBack] = field(default_factory=list)
    suspects: list[Expectation] = field(default_factory=list)
    absent: list[Expectation] = field(default_factory=list)
    other_dates: int = 0
    """How many of the suspects are so for their date alone."""


def sort_by_details(
    expected: Sequence[Expectation],
    details: Mapping[int, MessageData],
    level: VerifyLevel,
    *,
    in_this_run: bool,
    dates_are_suspect: bool = False,
) -> Sorted:
    """``dates_are_suspect``: of a message with another date than it was sent with, the octets are read too: its UID may be another's."""
    found = Sorted()
    for e in expected:
        there = details.get(e.target_uid or 0)
        if there is None:
            found.absent.append(e)
        elif level is VerifyLevel.FULL or e.traits.fragile or there.octets != e.octets:
            found.suspects.append(e)
        elif dates_are_suspect and there.date is not None and there.date.utc_seconds != e.date.utc_seconds:
            found.suspects.append(e)
            found.other_dates += 1
        else:
            found.rows.append(verdict(e, there, None, in_this_run=in_this_run))
    return found


@dataclass(slots=True)
class Contents:
    """What the octets tell: a row for each message, by its number; those that are gone; and those whose UID holds ``other`` octets than were
    sent, which have a row too."""

    rows: dict[int, ReadBack] = field(default_factory=dict)
    gone: list[Expectation] = field(default_factory=list)
    other: list[Expectation] = field(default_factory=list)


async def read_suspects(
    client: ImapClient, suspects: Sequence[Expectation], details: Mapping[int, MessageData], *, in_this_run: bool
) -> Contents:
    """Read every octet of these. Raises CommandRefused, ConnectionLost."""
    uids = [e.target_uid for e in suspects if e.target_uid is not None]
    contents = {f.uid: f for f in await read_contents(client, uids, with_likeness=False)}
    read = Contents()
    for e in suspects:
        content = contents.get(e.target_uid or 0)
        if content is None:
            read.gone.append(e)
            continue
        if content.sha256 != e.sha256:
            read.other.append(e)
        read.rows[e.message] = verdict(e, details[content.uid], content, in_this_run=in_this_run)
    return read


def verdict(expected: Expectation, there: MessageData, content: Found | None, *, in_this_run: bool) -> ReadBack:
    """One message's row. ``content`` None: its octets were not read."""
    finding, told = difference(expected, there)
    if content is not None and content.sha256 != expected.sha256:
        finding = Finding.OTHER_OCTETS
        told = "; ".join(text for text in (_alteration(expected, content), told) if text)
    decision = judge(finding, in_this_run=in_this_run)
    code, theirs = decision.record or OutcomeCode.DELIVERED, decision.told is Told.THEIRS
    if expected.altered:
        code, told = OutcomeCode.ALTERED, expected.altered
    detail = told if code is OutcomeCode.ALTERED else ""
    outcome = Outcome(code, detail, expected.target_uid, expected.sent_as, theirs=theirs)
    # What the target made of the flags by itself is what its copy has; what somebody else made of them is theirs.
    flags = there.flags if in_this_run and finding is not Finding.EQUAL else None
    return ReadBack(expected.message, outcome, 1 if content is None else 2, flags)


def absent(expected: Expectation) -> ReadBack:
    """The row of a message that this run delivered, and that the target does not have moments later. The UID that it told is kept: a
    later run looks there first. Nothing was read back of it."""
    decision = judge(Finding.ABSENT, in_this_run=True)
    assert decision.record is not None
    outcome = Outcome(decision.record, "the target said OK, and does not have it", expected.target_uid)
    return ReadBack(expected.message, outcome, 0)


def _alteration(expected: Expectation, content: Found) -> str:
    if content.octets != expected.octets:
        return f"altered by the target: {expected.octets} octets became {content.octets}"
    return "altered by the target: other octets of the same size"
