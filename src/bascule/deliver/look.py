"""Looking at the target's folder: which messages does it hold that we do not know, and what is in them?"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

from bascule.deliver.likeness import likeness, likeness_of
from bascule.deliver.limits import LOOK_WINDOW, SET_MEMBERS
from bascule.protocols.imap.commands import Argument, sequence_set
from bascule.protocols.imap.fetch import DETAILS, FLAGS, WHOLE_MESSAGE, Fetch, MessageData
from bascule.terms.body import SpooledBody
from bascule.terms.flags import Flags
from bascule.wire.imap import ImapClient
from bascule.wire.imap.connection import Pending


@dataclass(frozen=True, slots=True)
class Found:
    """A message on the target. ``likeness`` is None where it was not asked for; ``flags`` and ``date_utc`` where the target told none."""

    uid: int
    sha256: bytes
    octets: int
    likeness: bytes | None
    date_utc: int | None = None
    flags: Flags | None = None


@dataclass(slots=True)
class Answers:
    """What FETCH told of each message, by UID; some servers tell it in several responses, of which some name the number alone."""

    by_uid: dict[int, MessageData] = field(default_factory=dict)
    _by_number: dict[int, MessageData] = field(default_factory=dict)

    def take(self, reply: Fetch) -> MessageData:
        """All that is told of the message so far."""
        known = self._by_number.get(reply.number)
        data = reply.data
        if known is not None and (None in (data.uid, known.uid) or data.uid == known.uid):
            data = _joined(known, data)
        self._by_number[reply.number] = data
        if data.uid is not None:
            self.by_uid[data.uid] = data
        return data


def _joined(one: MessageData, other: MessageData) -> MessageData:
    """Both answers of one message; what the later one tells holds."""
    told = {f.name: value for f in fields(other) if (value := getattr(other, f.name)) is not None}
    return replace(one, **told)


async def read_contents(client: ImapClient, uids: Sequence[int], *, with_likeness: bool = True) -> list[Found]:
    """Read these messages of the selected folder in full. A UID that is gone is absent. Raises CommandRefused, ConnectionLost."""
    found: list[Found] = []
    for start in range(0, len(uids), LOOK_WINDOW):
        window = sequence_set(uids[start : start + LOOK_WINDOW])
        answers = Answers()
        await (await client.fetch(window, WHOLE_MESSAGE, _reader(answers, found, with_likeness))).ok()
    asked = set(uids)
    return [
        one for one in found if one.uid in asked
    ]  # a server may tell of others, and is not believed of what it was not asked


def _reader(answers: Answers, found: list[Found], with_likeness: bool) -> Callable[[Fetch], None]:
    """A message's octets are given up as soon as they are told; flags and date that come later are added."""
    places: dict[int, int] = {}

    def take(reply: Fetch) -> None:
        data = answers.take(reply)
        if data.uid is None:
            return
        date = data.date.utc_seconds if data.date is not None else None
        if data.uid in places:
            place = places[data.uid]
            found[place] = replace(found[place], date_utc=date, flags=data.flags)
        elif data.body is not None:
            places[data.uid] = len(found)
            found.append(_found(data.uid, data.body, with_likeness, date, data.flags))
            data.body = None

    return take


def _found(uid: int, literal: object, with_likeness: bool, date: int | None, flags: Flags | None) -> Found:
    if isinstance(literal, bytes):
        alike = likeness(literal) if with_likeness else None
        return Found(uid, hashlib.sha256(literal).digest(), len(literal), alike, date, flags)
    assert isinstance(literal, SpooledBody)  # the sink of every connection that `connect` opens
    alike = likeness_of(literal) if with_likeness else None
    literal.close()
    return Found(uid, literal.sha256, literal.octets, alike, date, flags)


def portions(uids: Iterable[int]) -> list[list[int]]:
    """The UIDs, so many at a time that a set of them is no longer than a server's longest line."""
    ordered = sorted(uids)
    return [ordered[start : start + SET_MEMBERS] for start in range(0, len(ordered), SET_MEMBERS)]


def windows(uids: Iterable[int]) -> list[Argument]:
    """The same as sets."""
    return [sequence_set(portion) for portion in portions(uids)]


async def read_details(client: ImapClient, uids: Iterable[int]) -> dict[int, MessageData]:
    """UID → flags, date and size, of those that are in the selected folder. Raises CommandRefused, ConnectionLost."""
    details: dict[int, MessageData] = {}
    for window in windows(uids):
        await (await start_details(client, window, details)).ok()
    return details


async def start_details(client: ImapClient, uids: Argument, into: dict[int, MessageData]) -> Pending:
    """Ask for the same without waiting: ``into`` is filled by the time that the answer has come. What it holds already stays as it was told then: a server
    may tell meanwhile that somebody changed it."""
    answers = Answers()
    mine: set[int] = set()

    def take(reply: Fetch) -> None:
        uid = (data := answers.take(reply)).uid
        if uid is not None and (uid in mine or uid not in into):
            mine.add(uid)
            into[uid] = data

    return await client.fetch(uids, DETAILS, take)


async def read_flags(client: ImapClient, uids: Iterable[int]) -> dict[int, Flags]:
    """UID → flags of those that are there. Raises CommandRefused, ConnectionLost."""
    there: dict[int, Flags] = {}

    def take(reply: Fetch) -> None:
        if reply.data.uid is not None and reply.data.flags is not None:
            there[reply.data.uid] = reply.data.flags

    for window in windows(uids):
        await (await client.fetch(window, FLAGS, take)).ok()
    return there
