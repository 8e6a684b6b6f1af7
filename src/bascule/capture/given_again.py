"""Whether a folder's UIDs stand for other messages than they did, under the same UIDVALIDITY.

RFC 9051 §2.3.1.1 forbids it. A server that is restored from a backup does it all the same: it gives the UIDs again that it had given since,
and what comes under them would be taken for what is known, and never be read. So do servers whose UIDNEXT is the highest UID and one, once
the last message is gone. Such a folder is looked at as one with a new UIDVALIDITY.

A smaller UIDNEXT shows it, where the server tells one; but by the next run as many messages may have come as were lost. UIDs rise, so what
was given again is above what was not, and the dates and sizes of the last messages that are known tell. What they give reason to doubt is
read, and only other octets count. Where the first message of the folder has other octets as well, and the date that it had, and UIDNEXT
did not fall, the server writes its messages anew, and has given nothing again.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice

from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.messages import Identified
from bascule.sources import Reader, SourceMessage, Survey
from bascule.terms.instant import InternalDate

PROBED = 20
"""The last messages that are known, of which date and size are asked in each delta: a line of about 80 octets each. The very last may have come
again under the UID that it had."""
READ_AT_ONCE = 50
"""Messages that are read before their SHA-256 are looked at: where one is another, the rest need not be read for it."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """What is there under UIDs that are known. ``last``: from the highest down; ``others``: what else is to be compared; ``doubted``: to be
    read, whatever is told of them."""

    last: Sequence[Identified]
    others: Sequence[Identified]
    doubted: Sequence[Identified]


async def were_given_again(mailbox: Mailbox, reader: Reader, row: FolderRow, survey: Survey) -> bool:
    """Whether a UID of the folder, which is open, stands for another message than the catalogue has under it. Raises FolderError, SourceError."""
    if survey.state.uidvalidity != row.uidvalidity:
        return False
    present = set(survey.uids)
    probe = await mailbox.run(_probe, mailbox, row, survey, present)
    if not (probe.last or probe.others):
        return False
    suspects = {one.uid: one for one in (*probe.doubted, *await _differing(reader, probe))}
    from_above = sorted(suspects, reverse=True)
    for start in range(0, len(from_above), READ_AT_ONCE):
        read = [suspects[uid] for uid in from_above[start : start + READ_AT_ONCE]]
        if await _others(reader, read):
            return survey.uidnext_fell or not await _writes_anew(
                reader, await mailbox.run(_first, mailbox, row, present)
            )
    return False


def _probe(mailbox: Mailbox, row: FolderRow, survey: Survey, present: Set[int]) -> _Probe:
    """Blocks.

    Where UIDNEXT fell for the first time, all that is known is compared; where it is seen to do so again and again, as on a server that is merely
    odd, the last message is read. What had vanished and has its UID again is compared: its folder was renamed, and has its name back. From
    the lowest UIDNEXT on that was seen, it is read.
    """
    fell_before = mailbox.folders.uidnext_fell_to(row.id)
    falls_first = survey.uidnext_fell and fell_before is None
    back = list(_known(mailbox, row, present, vanished=True))
    there = list(islice(_known(mailbox, row, present, vanished=False), None if falls_first else PROBED))
    lowest = survey.state.uidnext if fell_before is None else min(fell_before, survey.state.uidnext)
    doubted = [one for one in back if one.uid >= lowest]
    if survey.uidnext_fell:
        doubted += there[: PROBED if falls_first else 1]
    return _Probe(there[:PROBED], [*there[PROBED:], *back], doubted)


def _known(mailbox: Mailbox, row: FolderRow, present: Set[int], *, vanished: bool) -> Iterator[Identified]:
    """From the highest UID down. Blocks."""
    known = mailbox.messages.identified(row.id, row.uidvalidity, vanished=vanished)
    return (one for one in known if one.uid in present)


def _first(mailbox: Mailbox, row: FolderRow, present: Set[int]) -> Identified:
    """That is there and known, of which there is one. Blocks."""
    known = [one for vanished in (False, True) for one in _known(mailbox, row, present, vanished=vanished)]
    return min(known, key=lambda one: one.uid)


async def _differing(reader: Reader, probe: _Probe) -> list[Identified]:
    """Those of which the source tells another date or size than was read. There are sources that only estimate sizes, or tell none: of the
    last ones, of which this is asked in each delta, one message is reason enough."""
    told = await reader.details(sorted(one.uid for one in (*probe.last, *probe.others)))
    sized_otherwise = [one for one in probe.last if not _has_size(one, told)]
    dated_otherwise = [one for one in probe.last if not _has_date(one, told)]
    others = [one for one in probe.others if not (_has_size(one, told) and _has_date(one, told))]
    return [*sized_otherwise[:1], *dated_otherwise, *others]


_Told = dict[int, tuple[InternalDate | None, int]]


def _has_size(one: Identified, told: _Told) -> bool:
    return one.uid in told and told[one.uid][1] == one.octets


def _has_date(one: Identified, told: _Told) -> bool:
    """Also where none is told: what was recorded then is another's."""
    date, _ = told.get(one.uid, (None, 0))
    return date is None or date.utc_seconds == one.date_utc


async def _others(reader: Reader, known: Iterable[Identified]) -> list[SourceMessage]:
    """What lies under these UIDs that has other octets than were read; their bodies are closed."""
    digests = {one.uid: one.sha256 for one in known}
    found: list[SourceMessage] = []
    async for group in reader.read(sorted(digests)):
        for message in group:
            if isinstance(message, SourceMessage):
                message.body.close()
                if message.body.sha256 != digests[message.uid]:
                    found.append(message)
    return found


async def _writes_anew(reader: Reader, first: Identified) -> bool:
    """Whether the folder's first message has other octets too, and is the one that it was by its date."""
    return any(m.date is not None and m.date.utc_seconds == first.date_utc for m in await _others(reader, [first]))
