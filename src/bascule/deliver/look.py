"""Looking at the target's folder: which messages does it hold that we do not know, and what is in them?"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bascule.deliver.likeness import likeness
from bascule.deliver.limits import LIKENESS_OCTETS, LOOK_WINDOW, SET_MEMBERS
from bascule.protocols.imap.fetch import DETAILS, FLAGS, WHOLE_MESSAGE, Fetch, MessageData
from bascule.protocols.imap.sequence import format_set
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


async def read_contents(client: ImapClient, uids: Sequence[int], *, with_likeness: bool = True) -> list[Found]:
    """Read these messages of the selected folder in full. A UID that is gone is absent. Raises CommandRefused, ConnectionLost."""
    found: list[Found] = []
    for start in range(0, len(uids), LOOK_WINDOW):
        window = format_set(uids[start : start + LOOK_WINDOW])
        await (await client.fetch(window, WHOLE_MESSAGE, _reader(found, with_likeness))).ok()
    return found


def _reader(found: list[Found], with_likeness: bool) -> Callable[[Fetch], None]:
    def take(reply: Fetch) -> None:
        data = reply.data
        if data.uid is None or data.body is None:
            return
        date = data.date.utc_seconds if data.date is not None else None
        if isinstance(data.body, SpooledBody):
            body = data.body
            alike = likeness(body.whole()) if with_likeness and body.octets <= LIKENESS_OCTETS else None
            found.append(Found(data.uid, body.sha256, body.octets, alike, date, data.flags))
            body.close()
        elif isinstance(data.body, bytes):
            octets = data.body
            alike = likeness(octets) if with_likeness else None
            digest = hashlib.sha256(octets).digest()
            found.append(Found(data.uid, digest, len(octets), alike, date, data.flags))

    return take


def windows(uids: Iterable[int]) -> list[bytes]:
    """The UIDs as sets that are no longer than a server's longest line."""
    ordered = sorted(uids)
    return [format_set(ordered[start : start + SET_MEMBERS]) for start in range(0, len(ordered), SET_MEMBERS)]


async def read_details(client: ImapClient, uids: Iterable[int]) -> dict[int, MessageData]:
    """UID → flags, date and size, of those that are in the selected folder. Raises CommandRefused, ConnectionLost."""
    details: dict[int, MessageData] = {}
    for window in windows(uids):
        await (await start_details(client, window, details)).ok()
    return details


async def start_details(client: ImapClient, uids: bytes, into: dict[int, MessageData]) -> Pending:
    """Ask for the same without waiting: ``into`` is filled by the time that the answer has come."""

    def take(reply: Fetch) -> None:
        data = reply.data
        if data.uid is not None and data.octets is not None:
            into[data.uid] = data

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
