"""What lies under a UID of ours is taken for ours only where it is what we put there, or may be what the target made of it."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Self, cast

import pytest

from bascule.deliver.expectation import Expectation
from bascule.deliver.recognition import Recognised, fits, keeps_its_uids, read_ours, resembles
from bascule.mailbox.ledger import TargetFolder
from bascule.protocols.imap.commands import Argument
from bascule.protocols.imap.fetch import WHOLE_MESSAGE, Fetch, MessageData
from bascule.protocols.imap.sequence import expand, parse_ranges
from bascule.terms.body import NO_TRAITS, Traits
from bascule.terms.flags import Flags
from bascule.terms.instant import LAST_SECOND, InternalDate
from bascule.terms.outcome import OutcomeCode
from bascule.wire.imap import ImapClient, MailboxState

NONE: Flags = frozenset()
SEEN = frozenset({"\\Seen"})
DATE = InternalDate(1_580_000_000, 60)
HUGE = 2**32 - 1
"""The highest UID and UIDVALIDITY that there is."""
TEXT = b"Subject: a\r\n\r\nb\r\n"
SENT = Expectation(1, 10, hashlib.sha256(TEXT).digest(), len(TEXT), NONE, DATE, NO_TRAITS, None, is_read_back=True)
ANOTHER = b"Subject: another\r\n\r\nc\r\n"


# -- the folder -------------------------------------------------------------------------------------------------------

KNOWN = TargetFolder(1, b"A", 7, 100, "id-1")
NOW = MailboxState(exists=99, uidvalidity=7, mailboxid="id-1", uidnext=100)


@pytest.mark.parametrize(
    ("known", "now", "keeps"),
    [
        (KNOWN, NOW, True),
        (KNOWN, replace(NOW, uidnext=HUGE), True),
        (KNOWN, replace(NOW, mailboxid=""), True),
        (replace(KNOWN, mailboxid=None), NOW, True),
        (replace(KNOWN, uidvalidity=HUGE), replace(NOW, uidvalidity=HUGE), True),
        (replace(KNOWN, looked_uidnext=1), replace(NOW, exists=0, uidnext=1), True),
        (KNOWN, replace(NOW, uidvalidity=8), False),
        (KNOWN, replace(NOW, uidvalidity=0), False),
        (KNOWN, replace(NOW, mailboxid="id-2"), False),
        (KNOWN, replace(NOW, mailboxid="ID-1"), False),
        (KNOWN, replace(NOW, uids_last=False), False),
    ],
)
def test_uids_mean_what_they_meant_where_validity_and_mailboxid_are_the_same(
    known: TargetFolder, now: MailboxState, keeps: bool
) -> None:
    assert keeps_its_uids(known, now) is keeps


@pytest.mark.parametrize(
    ("uidnext", "exists", "went_back"),
    [
        (99, 98, True),
        (2, 1, True),
        (1, 0, True),
        (1, None, True),
        (1, 5, False),
        (0, 5, False),
        (0, 0, False),
        (0, None, False),
    ],
)
def test_a_lower_uidnext_is_that_of_a_server_that_went_back_unless_it_is_none(
    uidnext: int, exists: int | None, went_back: bool
) -> None:
    """A server that tells 0, or 1 in a folder that holds something, tells nothing by it."""
    assert keeps_its_uids(KNOWN, replace(NOW, uidnext=uidnext, exists=exists)) is not went_back


# -- one message, by size and date ------------------------------------------------------------------------------------


def shown(octets: int | None = len(TEXT), date: InternalDate | None = DATE) -> MessageData:
    return MessageData(uid=10, flags=NONE, date=date, octets=octets)


LARGER, LATER = shown(len(TEXT) + 1), shown(date=InternalDate(DATE.utc_seconds + 1))


@pytest.mark.parametrize(
    ("expected", "found", "fit"),
    [
        (SENT, shown(), True),
        (SENT, shown(date=InternalDate(DATE.utc_seconds, -300)), True),
        (SENT, LARGER, False),
        (SENT, LATER, False),
        (SENT, shown(octets=None), False),
        (SENT, shown(date=None), False),
        (replace(SENT, code=OutcomeCode.ALREADY_THERE), shown(), True),
        (replace(SENT, code=OutcomeCode.ALREADY_THERE, is_read_back=False), LARGER, False),
        (replace(SENT, code=OutcomeCode.DUPLICATE, is_read_back=False), LARGER, False),
        (replace(SENT, is_read_back=False), LARGER, True),
        (replace(SENT, is_read_back=False), LATER, False),
        (replace(SENT, traits=Traits(fragile=True)), LARGER, True),
        (replace(SENT, traits=Traits(bare_lf=True)), LARGER, False),
        (replace(SENT, code=OutcomeCode.ALTERED), LARGER, True),
        (replace(SENT, code=OutcomeCode.ALTERED), LATER, False),
        (replace(SENT, octets=0, date=InternalDate(0)), shown(0, InternalDate(0)), True),
        (replace(SENT, octets=2**40), shown(2**40), True),
    ],
)
def test_a_copy_has_the_date_that_was_sent_and_the_size_unless_the_target_may_have_made_another(
    expected: Expectation, found: MessageData, fit: bool
) -> None:
    assert fits(expected, found) is fit


def test_a_copy_of_which_it_is_known_that_its_date_is_another_has_that_one() -> None:
    told = "without $A; dated 2020-01-26T00:53:21Z instead of 2020-01-26T00:53:20Z"
    altered = replace(SENT, code=OutcomeCode.ALTERED, altered=told)
    assert fits(altered, LATER)
    assert fits(altered, shown())
    assert not fits(altered, shown(date=InternalDate(DATE.utc_seconds + 2)))


def test_a_date_that_none_can_write_is_that_of_the_copy_as_it_was_written() -> None:
    never = replace(SENT, date=InternalDate(LAST_SECOND + 1))
    assert fits(never, shown(date=InternalDate(LAST_SECOND - 86400)))
    assert not fits(never, shown(date=InternalDate(LAST_SECOND)))


@pytest.mark.parametrize(
    ("found", "alike"),
    [
        (shown(), True),
        (LARGER, True),
        (LATER, True),
        (shown(octets=None), True),
        (shown(date=None), True),
        (shown(len(TEXT) + 1, LATER.date), False),
        (shown(None, None), False),
    ],
)
def test_a_copy_resembles_what_was_sent_where_its_size_or_its_date_is_the_same(found: MessageData, alike: bool) -> None:
    assert resembles(SENT, found) is alike


# -- what is there ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answered:
    """A command to which the answer was OK."""

    async def ok(self) -> Self:
        return self


@dataclass(slots=True)
class Shown:
    """The selected folder: UID → the message's octets, and what else is told of it. All of it is told whatever is asked. ``read``: UIDs that were
    asked for in full."""

    messages: dict[int, tuple[bytes, MessageData]] = field(default_factory=dict)
    read: list[int] = field(default_factory=list)

    async def fetch(self, uids: Argument, items: Argument, take: Callable[[Fetch], None]) -> Answered:
        (octets,) = uids.segments
        assert isinstance(octets, bytes)
        asked = list(expand(parse_ranges(octets)))
        if items == WHOLE_MESSAGE:
            self.read += asked
        for number, (uid, (body, data)) in enumerate(self.messages.items(), 1):
            take(Fetch(number, replace(data, uid=uid, body=body if items == WHOLE_MESSAGE else None)))
        return Answered()

    def hold(self, uid: int, octets: bytes, date: InternalDate | None = DATE, flags: Flags | None = NONE) -> None:
        self.messages[uid] = octets, MessageData(flags=flags, date=date, octets=len(octets))


def recognised(folder: Shown, expected: Iterable[Expectation]) -> Recognised:
    return asyncio.run(read_ours(cast(ImapClient, folder), expected))


def test_copies_that_have_their_size_and_date_are_ours_and_not_one_is_read() -> None:
    folder = Shown()
    for uid in (10, 11, HUGE):
        folder.hold(uid, TEXT, flags=SEEN)
    found = recognised(folder, [replace(SENT, message=uid, target_uid=uid) for uid in (10, 11, HUGE)])
    assert found.flags == {10: SEEN, 11: SEEN, HUGE: SEEN}
    assert (found.unclear, folder.read) == (frozenset(), [])


def test_under_a_uid_that_was_given_again_lies_another_message_and_ours_is_gone() -> None:
    folder = Shown()
    folder.hold(10, ANOTHER)
    found = recognised(folder, [SENT])
    assert (found.ours, found.unclear, folder.read) == ({}, frozenset(), [10])
    assert found.lacks(10)


def test_a_copy_that_got_another_date_is_ours_by_its_octets() -> None:
    folder = Shown()
    folder.hold(10, TEXT, InternalDate(0))
    found = recognised(folder, [SENT])
    assert list(found.ours) == [10]
    assert not found.lacks(10)


@pytest.mark.parametrize(
    ("code", "is_read_back", "unclear"),
    [
        (OutcomeCode.DELIVERED, True, False),
        (OutcomeCode.DELIVERED, False, True),
        (OutcomeCode.ALREADY_THERE, False, False),
        (OutcomeCode.ALTERED, True, True),
        (OutcomeCode.DUPLICATE, True, True),
    ],
)
def test_other_octets_may_be_ours_where_nobody_saw_the_copy_as_it_was_sent(
    code: OutcomeCode, is_read_back: bool, unclear: bool
) -> None:
    folder = Shown()
    folder.hold(10, ANOTHER, InternalDate(0))
    found = recognised(folder, [replace(SENT, code=code, is_read_back=is_read_back)])
    assert found.ours == {}
    assert (found.unclear == {10}) is unclear
    assert found.lacks(10) is not unclear


def test_a_copy_whose_uid_was_not_told_is_not_looked_for() -> None:
    assert recognised(Shown(), [replace(SENT, target_uid=None)]) == Recognised({})
    assert recognised(Shown(), []) == Recognised({})


def test_a_copy_whose_flags_are_not_told_is_gone_as_far_as_anybody_knows() -> None:
    folder = Shown()
    folder.hold(10, TEXT, flags=None)
    assert recognised(folder, [SENT]).lacks(10)


def test_what_a_server_tells_without_being_asked_is_not_ours() -> None:
    folder = Shown()
    folder.hold(10, TEXT)
    folder.hold(11, TEXT)
    assert recognised(folder, [SENT]).ours.keys() == {10}


def test_a_message_without_a_uid_is_lacking() -> None:
    assert Recognised({10: shown()}).lacks(None)
