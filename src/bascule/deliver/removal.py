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
    """What became of each UID: it is ``gone``, which was looked at; somebody ``touched`` it, and it stays; or the target ``refused``, whatever it said, or
    can't remove one message (without UIDPLUS, RFC 4315 §2.1)."""

    gone: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()


@dataclass(slots=True)
class Removal:
    r"""In one folder, which is selected at each call. ``marked``: what has our ``\Deleted``, and may be there still after a lost connection; ``left``: what
    the target did not take it off."""

    marked: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)

    async def remove(self, client: ImapClient, copies: Sequence[Ours]) -> Removed:
        """Remove these, and only these, where nobody touched them. Raises ConnectionLost: `take_back` what is ``marked`` then, or
        remove it again."""
        given = {copy.uid: copy.given for copy in copies}
        if not client.has_uid_expunge:
            return Removed(refused=frozenset(given))
        try:
            await self.mark(client, [copy.uid for copy in copies if DELETED.isdisjoint(copy.now)])
        except CommandRefused:
            await self.take_back(client)
            return Removed(refused=frozenset(given))
        there = await read_flags(client, given)
        touched = {uid for uid in there.keys() & given.keys() if is_touched(there[uid], given[uid])}
        unmarked = {uid for uid in there.keys() & given.keys() - touched if DELETED.isdisjoint(there[uid])}
        gone: set[int] = set()
        with contextlib.suppress(CommandRefused):
            await self._expunge(client, given.keys() - touched - unmarked, gone)
        await self.take_back(client, given.keys() - gone)
        return Removed(frozenset(gone), frozenset(touched), frozenset(given.keys() - touched - gone))

    async def mark(self, client: ImapClient, uids: Collection[int]) -> None:
        r"""Our ``\Deleted`` on these. Raises CommandRefused, ConnectionLost."""
        for portion in portions(uids):
            self.marked |= set(portion)
            await client.store(sequence_set(portion), DELETED, How.ADD)

    async def _expunge(self, client: ImapClient, uids: Collection[int], gone: set[int]) -> None:
        """What is there still after an OK was not removed: a server may pass over what the user has no right to, and say nothing (RFC 4314 §4)."""
        for portion in portions(uids):
            await client.uid_expunge(sequence_set(portion))
            left = await read_flags(client, portion)
            gone |= set(portion) - left.keys()
            self.marked -= set(portion) - left.keys()

    async def take_back(self, client: ImapClient, among: Collection[int] | None = None) -> None:
        r"""Take our ``\Deleted`` off what has it, of ``among`` or all; not off what the member marked so. Raises ConnectionLost."""
        for portion in portions(self.marked if among is None else self.marked.intersection(among)):
            try:
                await client.store(sequence_set(portion), DELETED, How.REMOVE)
            except CommandRefused:  # nothing else can be tried now
                self.left |= set(portion)
            self.marked -= set(portion)
