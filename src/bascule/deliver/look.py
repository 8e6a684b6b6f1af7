"""Looking at the target's folder: which messages does it hold that we do not know, and what is in them?"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bascule.deliver.likeness import likeness
from bascule.deliver.limits import LIKENESS_OCTETS, LOOK_WINDOW
from bascule.protocols.imap.fetch import BODY, DETAILS, Fetch, MessageData
from bascule.protocols.imap.sequence import format_set
from bascule.terms.body import SpooledBody
from bascule.wire.imap import ImapClient


@dataclass(frozen=True, slots=True)
class Found:
    """A message on the target. ``likeness`` is None where it was not asked for."""

    uid: int
    sha256: bytes
    octets: int
    likeness: bytes | None


async def read_contents(client: ImapClient, uids: Sequence[int], *, with_likeness: bool = True) -> list[Found]:
    """Read these messages of the selected folder in full. A UID that is gone is absent. Raises CommandRefused, ConnectionLost."""
    found: list[Found] = []
    for start in range(0, len(uids), LOOK_WINDOW):
        window = format_set(uids[start : start + LOOK_WINDOW])
        await (await client.fetch(window, BODY, _reader(found, with_likeness))).ok()
    return found


def _reader(found: list[Found], with_likeness: bool) -> Callable[[Fetch], None]:
    def take(reply: Fetch) -> None:
        data = reply.data
        if data.uid is None or data.body is None:
            return
        if isinstance(data.body, SpooledBody):
            body = data.body
            alike = likeness(body.whole()) if with_likeness and body.octets <= LIKENESS_OCTETS else None
            found.append(Found(data.uid, body.sha256, body.octets, alike))
            body.close()
        elif isinstance(data.body, bytes):
            octets = data.body
            alike = likeness(octets) if with_likeness else None
            digest = hashlib.sha256(octets).digest()
            found.append(Found(data.uid, digest, len(octets), alike))

    return take


async def read_details(client: ImapClient, uids: bytes) -> dict[int, MessageData]:
    """UID → flags, date and size, of the selected folder. Raises CommandRefused, ConnectionLost."""
    details: dict[int, MessageData] = {}

    def take(reply: Fetch) -> None:
        data = reply.data
        if data.uid is not None and data.octets is not None:
            details[data.uid] = data

    await (await client.fetch(uids, DETAILS, take)).ok()
    return details
