r"""Removing messages of ours from the target: a copy too many, or one that moved on the old side. Nothing else ever is.

IMAP removes in two steps, and a member may mark a copy before either. So what was marked ``\Deleted`` is looked at once more, and is
removed only where it still has the flags that we gave it; the mark is taken off what somebody touched. What they do between that look
and UID EXPUNGE, one answer later, is lost with the copy; the copy that stands for the message stays.
"""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bascule.deliver.expectation import DELETED, is_touched
from bascule.deliver.look import portions, read_flags
from bascule.protocols.imap.commands import How, sequence_set
from bascule.terms.flags import Flags
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient


@dataclass(frozen=True, slots=True)
class Ours:
    """A copy of ours: the flags that it was ``given``, and those that it has ``now``."""

    uid: int
    given: Flags
    now: Flags


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of each UID: it is ``gone``; somebody ``touched`` it, and it stays; or the target ``refused``, or can't remove one message
    (without UIDPLUS, RFC 4315 §2.1)."""

    gone: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()


@dataclass(slots=True)
class Removal:
    r"""In one folder, which is selected at each call. ``marked``: what has our ``\Deleted``, and may be there still after a lost connection."""

    marked: set[int] = field(default_factory=set)

    async def remove(self, client: ImapClient, copies: Sequence[Ours]) -> Removed:
        """Remove these, and only these, where nobody touched them. Raises ConnectionLost: `take_back` what is ``marked`` then, or
        remove it again."""
        given = {copy.uid: copy.given for copy in copies}
        if not client.has_uid_expunge:
            return Removed(refused=frozenset(given))
        try:
            await self._mark(client, [copy.uid for copy in copies if DELETED.isdisjoint(copy.now)])
        except CommandRefused:
            await self.take_back(client)
            return Removed(refused=frozenset(given))
        there = await read_flags(client, given)
        touched = {uid for uid in there.keys() & given.keys() if is_touched(there[uid], given[uid])}
        await self.take_back(client, touched)
        gone: set[int] = set()
        try:
            await self._expunge(client, given.keys() - touched, gone)
        except CommandRefused:
            await self.take_back(client)
        return Removed(frozenset(gone), frozenset(touched), frozenset(given.keys() - touched - gone))

    async def _mark(self, client: ImapClient, uids: Collection[int]) -> None:
        for portion in portions(uids):
            self.marked |= set(portion)
            await client.store(sequence_set(portion), DELETED, How.ADD)

    async def _expunge(self, client: ImapClient, uids: Collection[int], gone: set[int]) -> None:
        for portion in portions(uids):
            await client.uid_expunge(sequence_set(portion))
            gone |= set(portion)
            self.marked -= set(portion)

    async def take_back(self, client: ImapClient, among: Collection[int] | None = None) -> None:
        r"""Take our ``\Deleted`` off what has it, of ``among`` or all; not off what the member marked so. Raises ConnectionLost."""
        for portion in portions(self.marked if among is None else self.marked.intersection(among)):
            with contextlib.suppress(
                CommandRefused
            ):  # a server that sets a flag and does not take it off: nothing else can be tried
                await client.store(sequence_set(portion), DELETED, How.REMOVE)
            self.marked -= set(portion)
